// In: a contraction described. Out: its kernel, the head above places.cu, operands.cu, a result and
// contraction.cu or contraction_fma.cu.
#include "emit/cuda/contraction.h"
#include "emit/cuda/plan.h"
#include <inttypes.h>

enum { LANES = 2 };                // neighbouring columns that a thread has

const Node *contraction_output(const Group *g) { return g->nodes[g->count - 1]; }

const Node *contraction_update(const Group *g)
{
    const Node *last = g->nodes[g->count - 1];
    return op_has(last->op, OP_UPDATE) ? last : NULL;
}

bool contraction_can_update(const Group *g)
{
    const Node *update = contraction_update(g);
    return g->count == 2 && update && layout_equal(&g->root->layout, &update->in[0]->layout);
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

// Bytes that cross memory at least.
static double unique_bytes(const Kern *k)
{
    double sum = 0;
    for (int i = 0; i < k->arg_count; i++)
        if (!k->is_state[i])
            sum += bytes_of(k->args[i]) * (op_has(k->group->nodes[k->group->count - 1]->op, OP_UPDATE)
                                           && i >= k->arg_count - k->writes ? 2 : 1);
    return sum;
}

static CudaChoice choose(const Emit *e, const Kern *k, const Contraction *c, bool *from_plan)
{
    CudaProblem p = c->problem;
    p.unique_bytes = unique_bytes(k);
    p.epilogue_bytes = (p.unique_bytes - bytes_of(c->a) - bytes_of(c->b))
                     / ((double)p.m * (double)p.n * p.groups);
    return plan_choose(e->plan, e->target, &p, from_plan);
}

// --- the head -----------------------------------------------------------------------------------

static void add_arguments(Kern *k, const Contraction *c, int *a, int *b)
{
    const Node *update = contraction_update(k->group);
    *a = kern_read(k, c->a);
    *b = kern_read(k, c->b);
    if (c->result == RESULT_UPDATE) {
        kern_read_state(k);
        kern_write_param(k, update->in[0]);
        kern_write_velocity(k, update->in[0]);
        return;
    }
    kern_read_operands(k);
    kern_write_outputs(k);
}

static bool rounds(const Emit *e, const Node *operand)
{
    return e->target->matrix == ELEMENT_TF32 && operand->layout.element == ELEMENT_FLOAT;
}

static void print_tile(Emit *e, const Contraction *c, const CudaTile *t, int a, int b)
{
    const CudaProblem *p = &c->problem;
    head_constant(e, "GROUPS", p->groups / c->classes);
    head_constant(e, "TILE_M", t->m);
    head_constant(e, "TILE_N", t->n);
    head_constant(e, "TILE_K", t->k);
    head_constant(e, "WARP_M", t->warp_m);
    head_constant(e, "WARP_N", t->warp_n);
    head_constant(e, "STAGES", t->stages);
    head_constant(e, "SPLIT", t->split);
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
    head_constant(e, "N", p->n);
}

static bool print_result(Emit *e, const Kern *k, const Contraction *c)
{
    const Node *update = contraction_update(k->group), *out = contraction_output(k->group);
    switch (c->result) {
    case RESULT_MAP:
        cuda_tensor(e, "Y", kern_find(k, out), out);
        return head_epilogue(e, k, LANES_CHANNELS) && head_body(e, "cuda/result_map.cu");
    case RESULT_WEIGHTS:
        cuda_tensor(e, "W", kern_find(k, out), out);
        head_constant(e, "RUN", c->run);
        head_constant(e, "RUN_USED", c->run_used);
        return head_body(e, "cuda/result_weights.cu");
    case RESULT_UPDATE:
        break;
    }
    head_constant(e, "STATE", kern_find_state(k));
    head_constant(e, "W", kern_find(k, update->in[0]));
    head_constant(e, "VELOCITY", k->arg_count - 1);
    head_constant(e, "PARAM", update->attr.update.param);
    return head_body(e, "cuda/result_update.cu");
}

static const char *tile_text(const Emit *e, const CudaPrice *price)
{
    const CudaTile *t = &price->tile;
    return arena_printf(e->arena, "tile %d x %d x %d, warps %d x %d, %d stages, split %d: %.1f us", t->m,
                        t->n, t->k, t->warp_m, t->warp_n, t->stages, t->split, price->seconds * 1e6);
}

// Why this tile: its price and limiter, and what comes next.
static void explain(const Emit *e, Kern *k, const CudaProblem *p, const CudaChoice *c, bool from_plan)
{
    k->seconds = c->best.seconds;
    k->limiter = cuda_limiter_name(c->best.limiter);
    k->plan = plan_row(e->arena, e->target, p, &c->best.tile);
    k->reason = arena_printf(e->arena, "%s, limited by %s; %s %s", tile_text(e, &c->best), k->limiter,
                             from_plan ? "as the plan says, the model would take" : "then",
                             tile_text(e, &c->second));
}

bool contraction_emit(Emit *e, Kern *k, const Contraction *c)
{
    int a, b;
    add_arguments(k, c, &a, &b);
    bool from_plan;
    CudaChoice choice = choose(e, k, c, &from_plan);
    const CudaTile *t = &choice.best.tile;
    const CudaProblem *p = &c->problem;
    bool is_float = e->target->matrix == ELEMENT_FLOAT;
    int64_t tiles = (p->m + t->m - 1) / t->m * ((p->n + t->n - 1) / t->n) * (p->groups / c->classes);
    cuda_launch(k, tiles, 1, t->split * c->classes, tile_threads(t), tile_shared_bytes(e->target, p, t));
    k->bytes = (int64_t)unique_bytes(k);
    explain(e, k, p, &choice, from_plan);
    const char *block = arena_printf(e->arena, "%d x %d of %" PRId64 " x %" PRId64 " %s", t->m, t->n, p->m,
                                     p->n, c->what);
    cuda_open(e, k, LANES, block, "pairs of neighbouring columns");
    print_tile(e, c, t, a, b);
    head_define(e, "BITS", "u%d", c->bits);
    if (!head_body(e, "cuda/places.cu"))
        return false;
    c->maps(e, c->of);
    return print_result(e, k, c) && head_body(e, "cuda/operands.cu")
        && head_body(e, is_float ? "cuda/contraction_fma.cu" : "cuda/contraction.cu");
}
