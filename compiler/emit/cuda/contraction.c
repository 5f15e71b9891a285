// In: a contraction described. Out: its kernel, the head above places.cu, operands.cu, a result and
// contraction.cu or contraction_fma.cu; where its terms are split, a second one that adds up what the
// blocks of each part have left, places.cu, a result and reduce.cu.
#include "emit/cuda/contraction.h"
#include "emit/cuda/plan.h"
#include <inttypes.h>

enum {
    LANES = 2,                     // neighbouring columns that a thread has
    SUM_LANES = 4, SUM_THREADS = 128           // of the kernel that adds up partial sums
};

const Node *contraction_output(const Group *g)
{
    return g->pattern == PATTERN_CONTRACTION ? g->nodes[g->count - 1] : g->root;
}

const Node *contraction_update(const Group *g, const Node *gradient)
{
    for (int i = 0; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_UPDATE) && g->nodes[i]->in[1] == gradient)
            return g->nodes[i];
    return NULL;
}

const Node *contraction_sums(const Group *g)
{
    for (int i = 1; i < g->count; i++)
        if (op_has(g->nodes[i]->op, OP_REDUCTION))
            return g->nodes[i];
    return NULL;
}

bool contraction_reads(const Emit *e, const Node *operand)
{
    const Layout *l = &operand->layout;
    bool is_bf16 = l->element == ELEMENT_BF16;
    return l->kind == LAYOUT_NHWC && is_bf16 == (e->target->matrix == ELEMENT_BF16);
}

// --- what it costs ------------------------------------------------------------------------------

static double bytes_of(const Node *n)
{
    return (double)shape_count(n->shape) * element_bytes(n->layout.element);
}

// Bytes that a group reads and stores beside the two operands: what its epilogue needs; weights and
// velocity, there and back, of an update, and the copy.
static double result_bytes(const Group *g, const Contraction *c)
{
    const Node *update = contraction_update(g, g->root), *copy = update ? update->in[0]->rounded : NULL;
    double sum = update ? 3 * bytes_of(update->in[0]) + (copy ? bytes_of(copy) : 0) : 0;
    for (int i = 0; i < g->input_count; i++)
        if (g->inputs[i] != c->a && g->inputs[i] != c->b)
            sum += bytes_of(g->inputs[i]);
    for (int i = 0; i < g->output_count; i++)
        sum += bytes_of(g->outputs[i]);
    return sum;
}

static double outputs_of(const CudaProblem *p) { return (double)p->m * (double)p->n * p->groups; }

// Of all groups; 0: nobody wants them.
static int64_t sums_of(const Group *g, const Contraction *c)
{
    return contraction_sums(g) ? c->sum_rows * c->problem.groups : 0;
}

// Both kernels of a split contraction choose alike.
static CudaChoice choose(const Emit *e, const Group *g, const Contraction *c, bool *from_plan)
{
    CudaProblem p = c->problem;
    double result = result_bytes(g, c);
    p.unique_bytes = bytes_of(c->a) + bytes_of(c->b) + result;
    p.epilogue_bytes = result / outputs_of(&p);
    p.may_split = c->classes == 1;
    p.library = c->product.m > 0;
    CudaChoice choice = plan_choose(e->plan, e->target, &p, from_plan);
    if (!p.may_split || outputs_of(&p) * choice.best.tile.split > INT32_MAX)
        choice.best.tile.split = 1;
    return choice;
}

// --- the head -----------------------------------------------------------------------------------

// The gradient, or, where it is applied at once, the parameter and its velocity.
static void write_gradient(Kern *k, const Node *gradient)
{
    const Node *update = contraction_update(k->group, gradient);
    if (!update) {
        kern_write(k, gradient);
        return;
    }
    cuda_write_weights(k, update->in[0]);
}

void contraction_write_weights(Kern *k)
{
    const Node *root = k->group->root, *sums = contraction_sums(k->group);
    if (contraction_update(k->group, root))
        kern_read_state(k);
    write_gradient(k, root);
    if (sums)
        write_gradient(k, sums);
}

// What the epilogue reads, and what the result is stored in.
static void add_results(Kern *k, const Contraction *c)
{
    if (c->result == RESULT_MAP) {
        kern_read_operands(k);
        kern_write_outputs(k);
    } else {
        contraction_write_weights(k);
    }
}

static bool rounds(const Emit *e, const Node *operand)
{
    return e->target->matrix == ELEMENT_TF32 && operand->layout.element == ELEMENT_FLOAT;
}

// How many blocks the registers of a multiprocessor must do for: those the model counts on, if a thread
// then has enough for what it holds: sums, operands, places. Left to itself ptxas aims at more blocks than
// shared memory has room for, and spills for their sake. Each quarter of a multiprocessor has its own
// registers for its warps.
static int blocks_for(const Emit *e, const Contraction *c, const CudaPrice *price)
{
    enum { QUARTER = 16384 / 32, FLOAT_TERMS = 4, SPARE = 64, FLOAT_SPARE = 92, UPDATE_SPARE = 16 };
    const CudaTile *t = &price->tile;
    bool is_float = e->target->matrix == ELEMENT_FLOAT;
    int64_t copies = (int64_t)t->m * t->k * element_bytes(e->target->matrix) / 16 / tile_threads(t);
    if (t->patch)
        copies = t->warp_m / 16;
    int64_t each = t->warp_m * t->warp_n / 32 + 2 * copies;
    each += is_float ? (t->warp_n / 8 + 2) * FLOAT_TERMS + FLOAT_SPARE
                     : t->warp_m / 4 + t->warp_n / 4 + SPARE;
    each += c->result == RESULT_UPDATE ? UPDATE_SPARE : 0;
    int blocks = c->classes > 1 ? 1 : price->blocks_a_sm, warps = tile_threads(t) / 32;
    while (blocks > 1 && (warps * blocks + 3) / 4 * each > QUARTER)
        blocks--;
    return blocks < 1 ? 1 : blocks;
}

static void print_tile(Emit *e, const Contraction *c, const CudaPrice *price, int a, int b)
{
    const CudaProblem *p = &c->problem;
    const CudaTile *t = &price->tile;
    head_constant(e, "BLOCKS", blocks_for(e, c, price));
    head_constant(e, "TILE_M", t->m);
    head_constant(e, "TILE_N", t->n);
    head_constant(e, "TILE_K", t->k);
    head_constant(e, "WARP_M", t->warp_m);
    head_constant(e, "WARP_N", t->warp_n);
    head_constant(e, "STAGES", t->stages);
    head_constant(e, "M_TILES", (p->m + t->m - 1) / t->m);
    head_constant(e, "N_TILES", (p->n + t->n - 1) / t->n);
    head_constant(e, "A", a);
    head_constant(e, "B", b);
    head_constant(e, "A_ALONG_K", p->a_along_k);
    head_constant(e, "B_ALONG_K", p->b_along_k);
    head_define(e, "ELEMENT", e->target->matrix == ELEMENT_BF16 ? "u16" : "float");
    head_constant(e, "ROUND_A", rounds(e, c->a));
    head_constant(e, "ROUND_B", rounds(e, c->b));
    head_constant(e, "SWIZZLE", e->target->matrix == ELEMENT_FLOAT);
}

// What both kernels need to know, and places.cu.
static bool print_problem(Emit *e, const Contraction *c, int split)
{
    head_constant(e, "GROUPS", c->problem.groups / c->classes);
    head_constant(e, "N", c->problem.n);
    head_constant(e, "SPLIT", split);
    head_define(e, "BITS", "u%d", c->bits);
    c->sizes(e, c->of);
    return head_body(e, "cuda/places.cu");
}

static bool print_result(Emit *e, const Kern *k, const Contraction *c)
{
    const Node *out = contraction_output(k->group), *update = contraction_update(k->group, out);
    if (c->result != RESULT_MAP) {
        head_constant(e, "RUN", c->run);
        head_constant(e, "RUN_USED", c->run_used);
    }
    switch (c->result) {
    case RESULT_MAP:
        cuda_tensor(e, "Y", kern_find(k, out), out);
        return head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cuda/result_map.cu");
    case RESULT_WEIGHTS:
        cuda_tensor(e, "W", kern_find(k, out), out);
        return head_body(e, "cuda/result_weights.cu");
    case RESULT_UPDATE:
        break;
    }
    cuda_weights(e, k, update);
    return head_body(e, "cuda/result_update.cu");
}

bool contraction_print_sums(Emit *e, const Kern *k)
{
    const Node *sums = contraction_sums(k->group), *update = contraction_update(k->group, sums);
    if (!update) {
        head_constant(e, "SUM", kern_find(k, sums));
        return head_body(e, "cuda/sum_store.cu");
    }
    head_constant(e, "STATE", kern_find_state(k));
    head_constant(e, "BIAS", kern_find(k, update->in[0]));
    head_constant(e, "BIAS_VELOCITY", kern_find_velocity(k, update->in[0]));
    head_constant(e, "BIAS_PARAM", update->attr.update.param);
    head_constant(e, "BIAS_RULE", update->attr.update.rule);
    return head_body(e, "cuda/sum_update.cu");
}

// What a kernel does about sums of rows: `file` behind put_sum.
static bool print_sums(Emit *e, const Kern *k, const Contraction *c, bool is_partial, const char *file)
{
    if (!contraction_sums(k->group))
        return head_body(e, "cuda/no_sums.cu");
    head_constant(e, "SUM_ROWS", c->sum_rows);
    bool printed = is_partial ? head_body(e, "cuda/sum_partial.cu") : contraction_print_sums(e, k);
    return printed && head_body(e, file);
}

static const char *tile_text(const Emit *e, const CudaPrice *price)
{
    const CudaTile *t = &price->tile;
    if (t->library)
        return arena_printf(e->arena, "cuBLAS: %.1f us", price->seconds * 1e6);
    return arena_printf(e->arena, "tile %d x %d x %d%s, warps %d x %d, %d stages, split %d: %.1f us", t->m,
                        t->n, t->k, t->patch ? " on a patch" : "", t->warp_m, t->warp_n, t->stages, t->split,
                        price->seconds * 1e6);
}

// Why this tile: its price and limiter, and what comes next.
static void explain(const Emit *e, Kern *k, const CudaProblem *p, const CudaChoice *c, bool from_plan)
{
    bool has_sums = c->best.tile.split > 1 || c->best.tile.library;
    double sums = has_sums ? outputs_of(p) * c->best.tile.split * 4 : 0;
    k->seconds = c->best.seconds - (sums > 0 ? cuda_seconds_of_bytes(e->target, sums) : 0);
    k->limiter = cuda_limiter_name(c->best.limiter);
    k->plan = plan_row(e->arena, e->target, p, &c->best.tile);
    bool is_ignored = !from_plan && plan_find(e->plan, e->target, p);
    k->reason = arena_printf(e->arena, "%s%s, limited by %s; %s %s",
                             is_ignored ? "what the plan says cannot be made of this layer; " : "",
                             tile_text(e, &c->best), k->limiter,
                             from_plan ? "as the plan says, the model would take" : "then",
                             tile_text(e, &c->second));
}

// --- the kernels --------------------------------------------------------------------------------

// The body that multiplies, behind what it stands on.
static bool print_products(Emit *e, const Kern *k, const Contraction *c, const CudaTile *t)
{
    if (!head_body(e, "cuda/operands.cu"))
        return false;
    const CudaPatch *p = &c->problem.patch;
    if (t->patch && p->is_run) {
        int64_t each = e->target->vector;
        head_constant(e, "RUN_CHUNKS", p->channels / each);
        head_constant(e, "RUNS", p->taps);
        head_constant(e, "SKEW", patch_conflicts(p, element_bytes(e->target->matrix)) - 1);
        head_constant(e, "PATCH_CHUNKS", (patch_lines(p, t->m) + each - 1) / each);
        return head_body(e, "cuda/products.cu") && head_body(e, "cuda/contraction_runs.cu");
    }
    if (t->patch) {
        head_constant(e, "TAPS", p->taps);
        head_constant(e, "CHANNELS", p->channels);
        head_constant(e, "PATCH_LINES", patch_lines(p, t->m));
        return head_body(e, "cuda/products.cu") && head_body(e, "cuda/contraction_patch.cu");
    }
    bool is_float = e->target->matrix == ELEMENT_FLOAT;
    return head_body(e, "cuda/stages.cu") && print_sums(e, k, c, t->split > 1, "cuda/row_sums.cu")
        && (is_float || head_body(e, "cuda/products.cu"))
        && head_body(e, is_float ? "cuda/contraction_fma.cu" : "cuda/contraction.cu");
}

static bool emit_products(Emit *e, Kern *k, const Contraction *c, const CudaPrice *price)
{
    const CudaProblem *p = &c->problem;
    const CudaTile *t = &price->tile;
    bool is_split = t->split > 1;
    int a = kern_read(k, c->a), b = kern_read(k, c->b), partial = 0;
    int64_t floats = (p->m * p->n * p->groups + sums_of(k->group, c)) * t->split;
    if (is_split)
        partial = kern_write_partial(k, floats);
    else
        add_results(k, c);
    double stored = is_split ? (double)floats * 4 : result_bytes(k->group, c);
    k->bytes = (int64_t)(bytes_of(c->a) + bytes_of(c->b) + stored);
    int64_t tiles = (p->m + t->m - 1) / t->m * ((p->n + t->n - 1) / t->n) * (p->groups / c->classes);
    cuda_launch(k, tiles, 1, t->split * c->classes, tile_threads(t), tile_shared_bytes(e->target, p, t));
    const char *block = arena_printf(e->arena, "%d x %d of %" PRId64 " x %" PRId64 " %s", t->m, t->n, p->m,
                                     p->n, c->what);
    cuda_open(e, k, LANES, block, "pairs of neighbouring columns");
    print_tile(e, c, price, a, b);
    if (!print_problem(e, c, t->split))
        return false;
    (t->patch ? c->patch_maps : c->maps)(e, c->of);
    head_constant(e, "PARTIAL", partial);
    bool printed = is_split ? head_body(e, "cuda/result_partial.cu") : print_result(e, k, c);
    return printed && print_products(e, k, c, t);
}

// A text that says what cuBLAS is asked for.
static bool emit_library(Emit *e, Kern *k, const Contraction *c)
{
    const LibraryProduct *p = &c->product;
    int a = kern_read(k, c->a), b = kern_read(k, c->b);
    int partial = kern_write_partial(k, c->problem.m * c->problem.n);
    k->product = *p;
    k->bytes = (int64_t)(bytes_of(c->a) + bytes_of(c->b)) + 4 * (int64_t)p->m * p->n;
    cuda_launch(k, 1, 1, 1, 32, 0);
    cuda_open(e, k, 1, "nothing", "nothing");
    head_constant(e, "A", a);
    head_constant(e, "B", b);
    head_constant(e, "D", partial);
    head_constant(e, "M", p->m);
    head_constant(e, "N", p->n);
    head_constant(e, "K", p->k);
    head_constant(e, "A_ROW", p->a_row);
    head_constant(e, "B_ROW", p->b_row);
    head_define(e, "B_IS", p->b_along_n ? "CUBLAS_OP_N" : "CUBLAS_OP_T");
    head_define(e, "ELEMENT", p->element == ELEMENT_BF16 ? "CUDA_R_16BF" : "CUDA_R_32F");
    head_define(e, "COMPUTE", "CUBLAS_COMPUTE_32F%s", p->element == ELEMENT_TF32 ? "_FAST_TF32" : "");
    return head_body(e, "cuda/library.cu");
}

static bool emit_sums(Emit *e, Kern *k, const Contraction *c, int split)
{
    const CudaProblem *p = &c->problem;
    int64_t threads = p->m * p->n * p->groups / SUM_LANES + sums_of(k->group, c);
    int partial = kern_read_partial(k);
    add_results(k, c);
    k->bytes = (int64_t)(outputs_of(p) * split * 4 + result_bytes(k->group, c));
    k->reason = arena_printf(e->arena, split > 1 ? "adds up the partial sums of %d blocks in their order"
                                                 : "finishes what cuBLAS has left", split);
    cuda_launch(k, cuda_blocks(threads, SUM_THREADS), 1, 1, SUM_THREADS, 0);
    cuda_open(e, k, SUM_LANES, "neighbouring results", "some neighbouring columns");
    head_constant(e, "PARTIAL", partial);
    return print_problem(e, c, split) && print_result(e, k, c)
        && print_sums(e, k, c, false, "cuda/sum_parts.cu") && head_body(e, "cuda/reduce.cu");
}

bool contraction_emit(Emit *e, Kern *k, const Contraction *c)
{
    bool from_plan;
    CudaChoice choice = choose(e, k->group, c, &from_plan);
    if (k->pass > 0)
        return emit_sums(e, k, c, choice.best.tile.split);
    k->passes = choice.best.tile.split > 1 || choice.best.tile.library ? 2 : 1;
    explain(e, k, &c->problem, &choice, from_plan);
    if (choice.best.tile.library)
        return emit_library(e, k, c);
    return emit_products(e, k, c, &choice.best);
}
