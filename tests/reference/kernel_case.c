// In: nodes made by hand. Out: their compiled kernel and its results.
#include "reference/kernel_case.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void unit_open(KernelUnitCase *u, Arena *arena, const Target *target)
{
    memset(u, 0, sizeof *u);
    u->arena = arena;
    u->target = target;
    u->emit = (Emit){ .arena = arena, .program = &u->program, .target = target, .err = u->err,
                      .index = "long", .lanes = target->vector };
    u->emit.text = open_memstream(&u->text, &u->text_size);
    head_unit(&u->emit);
}

// The command line of the compiler, up to what is to be made of which file.
static void compiler(const KernelUnitCase *u, char *to, size_t size)
{
    const char *cc = getenv("CC");
    snprintf(to, size, "%s -std=gnu11 -O2 -fno-tree-vectorize -fno-math-errno -fno-trapping-math "
             "-ffp-contract=fast -Wall -Wno-unused-function -Werror %s", cc ? cc : "cc",
             u->target->flags);
}

static bool write_text(const KernelUnitCase *u, const char *path)
{
    FILE *f = fopen(path, "w");
    bool done = f && fwrite(u->text, 1, u->text_size, f) == u->text_size;
    return f && !fclose(f) && done;
}

static bool compile_text(KernelUnitCase *u, const char *source, const char *object)
{
    char command[1024], with[512];
    compiler(u, with, sizeof with);
    snprintf(command, sizeof command, "%s -shared -fPIC -o %s %s", with, object, source);
    return write_text(u, source) && system(command) == 0;
}

static void finish_text(KernelUnitCase *u)
{
    if (u->emit.text)
        fclose(u->emit.text);
    u->emit.text = NULL;
}

FILE *unit_assembly(KernelUnitCase *u)
{
    char folder[] = "/tmp/cleave-case-XX" "XX" "XX", source[64], command[1024], with[512];
    finish_text(u);
    compiler(u, with, sizeof with);
    if (!mkdtemp(folder))
        return NULL;
    snprintf(source, sizeof source, "%s/unit.c", folder);
    snprintf(command, sizeof command, "%s -S -o - %s; rm -r %s", with, source, folder);
    return write_text(u, source) ? popen(command, "r") : NULL;
}

bool unit_compile(KernelUnitCase *u, const char *keep)
{
    char folder[] = "/tmp/cleave-case-XX" "XX" "XX", source[64], object[64];
    finish_text(u);
    if ((keep && !write_text(u, keep)) || !mkdtemp(folder))
        return false;
    snprintf(source, sizeof source, "%s/unit.c", folder);
    snprintf(object, sizeof object, "%s/unit.so", folder);
    if (compile_text(u, source, object))
        u->library = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    if (!u->library)
        snprintf(u->err, sizeof u->err, "cannot compile or load %s", source);
    for (int i = 0; u->library && i < u->count; i++)
        *(void **)&u->cases[i]->function = dlsym(u->library, u->cases[i]->kern.symbol);
    if (u->library) {
        unlink(source);
        unlink(object);
        rmdir(folder);
    }
    return u->library != NULL;
}

void unit_close(KernelUnitCase *u)
{
    for (int i = 0; i < u->count; i++)
        for (int k = 0; k < u->cases[i]->count; k++) {
            free(u->cases[i]->stored[k]);
            free(u->cases[i]->velocity[k]);
        }
    finish_text(u);
    if (u->library)
        dlclose(u->library);
    free(u->text);
}

KernelCase *case_new(KernelUnitCase *u)
{
    assert_true(u->count < CASE_KERNELS);
    KernelCase *c = ARENA_NEW(u->arena, KernelCase);
    u->cases[u->count] = c;
    snprintf(c->kern.symbol, sizeof c->kern.symbol, "k%d", u->count++);
    c->kern.title = "test";
    return c;
}

Node *case_node(KernelCase *c, Op op, Shape s, LayoutKind kind, int vector, Node *a, Node *b)
{
    Node *n = &c->nodes[c->count];
    *n = (Node){ .op = op, .id = c->count++, .shape = s, .parts = 1, .at = { -1, -1 } };
    n->name = op_table[op]->name;
    n->layout = (Layout){ .kind = kind, .vector = vector };
    n->layout.pieces = (Pieces){ .count = 1, .channels = { (int32_t)s.c } };
    n->layout.pieces_out = (Pieces){ .count = 1, .channels = { (int32_t)s.n } };
    n->in = c->inputs[n->id];
    n->in[0] = a;
    n->in[1] = b;
    n->inputs = b ? 2 : a ? 1 : 0;
    return n;
}

static const Body *body_named(const char *name)
{
    const Body *b = cpu_bodies;
    while (b->name && strcmp(b->name, name))
        b++;
    return b->name ? b : NULL;
}

// The pattern that pass_fuse gives to a group with this root.
static Pattern pattern_of(const Node *root, int count)
{
    switch (root->op) {
    case OP_CONV_DW: return PATTERN_WEIGHTS;
    case OP_FC_DW:   return count ? PATTERN_FC_UPDATE : PATTERN_FC_WEIGHTS;
    case OP_FLIP:    return PATTERN_RELAYOUT;
    default:         return PATTERN_CONTRACTION;
    }
}

bool case_emit(KernelUnitCase *u, KernelCase *c, Node *root, Node **epilogue, int count,
               const char *name)
{
    Group *g = &c->group;
    c->list[0] = root;
    for (int i = 0; i < count; i++)
        c->list[1 + i] = epilogue[i];
    c->outputs[0] = count ? epilogue[count - 1] : root;
    bool is_update = root->op == OP_FC_DW && count;
    *g = (Group){ .pattern = pattern_of(root, count), .root = root, .nodes = c->list,
                  .count = 1 + count, .epilogue = c->list + 1, .epilogue_count = is_update ? 0 : count,
                  .outputs = c->outputs, .output_count = !is_update };
    c->kern.group = g;
    const Body *body = name ? body_named(name) : body_for(&u->emit, g);
    if (!body || !body->takes(&u->emit, g)) {
        snprintf(u->err, sizeof u->err, "no body '%s' takes %s", name ? name : "", c->kern.symbol);
        return false;
    }
    c->body = body->name;
    bool done = body->emit(&u->emit, &c->kern);
    head_close(&u->emit);
    return done;
}

static float *zeros(int64_t elements)
{
    size_t bytes = (size_t)size_round_up(elements * 4, 64);
    float *p = aligned_alloc(64, bytes);
    memset(p, 0, bytes);
    return p;
}

float *case_stored(KernelUnitCase *u, KernelCase *c, Node *n)
{
    (void)u;
    float **p = &c->stored[n->id];
    if (!*p)
        *p = zeros(layout_elements(&n->layout, n->shape));
    return *p;
}

float *case_fill(KernelUnitCase *u, KernelCase *c, Node *n, unsigned seed)
{
    int64_t count = shape_count(n->shape);
    float *dense = ARENA_ARRAY(u->arena, float, count);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        dense[i] = (float)(seed >> 9) * (1.0f / 8388608.0f) - 0.5f;
    }
    layout_scatter(&n->layout, n->shape, dense, case_stored(u, c, n));
    return dense;
}

float *case_dense(KernelUnitCase *u, KernelCase *c, Node *n)
{
    float *dense = ARENA_ARRAY(u->arena, float, shape_count(n->shape));
    layout_gather(&n->layout, n->shape, case_stored(u, c, n), dense);
    return dense;
}

static void *argument(KernelUnitCase *u, KernelCase *c, int i)
{
    Node *n = (Node *)c->kern.args[i];
    if (c->kern.is_state[i])
        return u->state;
    if (!c->kern.is_velocity[i])
        return case_stored(u, c, n);
    float **p = &c->velocity[n->id];
    if (!*p)
        *p = zeros(layout_elements(&n->layout, n->shape));
    return *p;
}

void case_run_item(KernelUnitCase *u, KernelCase *c, long item, void *scratch)
{
    void *t[KERNEL_TENSORS];
    for (int i = 0; i < c->kern.arg_count; i++)
        t[i] = argument(u, c, i);
    c->function(t, item, scratch);
}

void case_run(KernelUnitCase *u, KernelCase *c, void *scratch)
{
    for (long i = 0; i < c->kern.items; i++)
        case_run_item(u, c, i, scratch);
}

double *case_zeros(KernelUnitCase *u, Shape s)
{
    return ARENA_ARRAY(u->arena, double, shape_count(s));
}

// Compares a tensor with what it should hold; everything beside logical elements must be zero.
void case_check(KernelUnitCase *u, KernelCase *c, Node *n, const double *want,
                const char *what)
{
    float *dense = case_dense(u, c, n);
    for (int64_t i = 0; i < shape_count(n->shape); i++)
        if (!(fabs((double)dense[i] - want[i]) <= 1e-4 + 1e-5 * fabs(want[i])))
            fail_msg("%s, %s by %s: element %lld is %g, not %g (%s)", u->target->name, what, c->body,
                     (long long)i, (double)dense[i], want[i], c->kern.symbol);
    int64_t count = layout_elements(&n->layout, n->shape);
    float *only = ARENA_ARRAY(u->arena, float, count + 16);
    layout_scatter(&n->layout, n->shape, dense, only);
    if (memcmp(only, case_stored(u, c, n), (size_t)count * sizeof *only))
        fail_msg("%s, %s by %s: padding was written (%s)", u->target->name, what, c->body,
                 c->kern.symbol);
}

void case_on_every_target(void (*run)(const Target *t, bool fallback), bool fallback)
{
    static const char *const names[] = { "avx512", "avx2", "sse2", "neon" };
    const Target *best = target_native();
    bool runs = false;
    for (int i = 0; i < 4; i++) {
        const Target *t = target_find(names[i]);
        runs = runs || t == best;
        bool other = !strcmp(best->name, "cpu:neon") != !strcmp(names[i], "neon");
        if (runs && !other && (!fallback || t == best))
            run(t, fallback);
    }
}
