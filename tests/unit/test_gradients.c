// Every op's gradient against central differences in double, at ten shapes or more.
// L = sum of r * y for random r; dL/dx by the op's `grad` and the evaluator against
// (L(x + eps) - L(x - eps)) / 2 eps for every element of every input. Draws anew when a kink
// (the corner of a relu, two equal maxima) lies between the two.
#include "ir/gradient.h"
#include "reference/own_ops.h"
#include "reference/small_net.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

enum { INPUTS = 4, DRAWS = 40 };
#define EPSILON   1e-5
#define TOLERANCE 1e-6         // of the gradient, or of SMALL when it is smaller
#define SMALL     1e-2

typedef struct {
    Node  node;                // op and attr
    int   inputs;
    Shape in[INPUTS];
} Case;

// --- the cases -----------------------------------------------------------------------------------

#define WINDOW(kh, kw, sh, sw, dh, dw, top, left, bottom, right, up) \
    { kh, kw, sh, sw, dh, dw, top, left, bottom, right, up }
#define CONV(x, w, g, win) { { .op = OP_CONV, .attr.conv = { g, win } }, 2, { x, w } }
#define LOCAL(x, w, g, win) { { .op = OP_LOCAL, .attr.conv = { g, win } }, 2, { x, w } }
#define FC(x, w, g)        { { .op = OP_FC, .attr.conv = { .groups = g } }, 2, { x, w } }
#define POOL(kind, x, win) { { .op = OP_##kind##_POOL, .attr.pool = { win } }, 1, { x } }
#define LRN(kind, x, n, k, a, b, p) { { .op = OP_##kind, .attr.lrn = { n, k, a, b, p } }, 1, { x } }
#define S(n, c, h, w)      { n, c, h, w }
#define W1(k, s, p)        WINDOW(k, k, s, s, 1, 1, p, p, p, p, false)
#define UP(k, s, p)        WINDOW(k, k, s, s, 1, 1, p, p, p, p, true)

static const Case cases[] = {
    CONV(S(1, 1, 4, 4), S(1, 1, 3, 3), 1, W1(3, 1, 0)),
    CONV(S(2, 3, 5, 6), S(4, 3, 3, 3), 1, W1(3, 1, 1)),
    CONV(S(2, 3, 9, 9), S(4, 3, 5, 5), 1, W1(5, 4, 0)),
    CONV(S(1, 3, 10, 10), S(2, 3, 5, 5), 1, UP(5, 4, 0)),                // as AlexNet's conv1
    CONV(S(2, 4, 5, 5), S(6, 2, 3, 3), 2, W1(3, 1, 1)),
    CONV(S(1, 6, 4, 4), S(6, 1, 3, 3), 6, W1(3, 2, 1)),
    CONV(S(1, 2, 7, 8), S(3, 2, 3, 2), 1, WINDOW(3, 2, 2, 3, 1, 1, 1, 0, 1, 0, false)),
    CONV(S(1, 2, 9, 9), S(2, 2, 3, 3), 1, WINDOW(3, 3, 1, 1, 2, 3, 2, 3, 2, 3, false)),
    CONV(S(1, 2, 8, 8), S(2, 2, 3, 3), 1, WINDOW(3, 3, 2, 2, 2, 2, 1, 1, 1, 1, true)),
    CONV(S(1, 3, 6, 6), S(4, 3, 3, 3), 1, WINDOW(3, 3, 2, 2, 1, 1, 0, 0, 1, 2, false)),
    CONV(S(3, 5, 3, 3), S(7, 5, 1, 1), 1, W1(1, 1, 0)),
    CONV(S(2, 4, 4, 4), S(4, 2, 4, 4), 2, W1(4, 1, 0)),                      // one output pixel
    CONV(S(1, 2, 5, 5), S(2, 2, 2, 2), 1, W1(2, 3, 0)),                      // skips pixels
    LOCAL(S(1, 1, 3, 3), S(1, 9, 1, 1), 1, W1(1, 1, 0)),
    LOCAL(S(2, 2, 3, 4), S(3, 24, 3, 3), 1, W1(3, 1, 1)),
    LOCAL(S(2, 3, 5, 5), S(2, 12, 3, 3), 1, W1(3, 2, 0)),
    LOCAL(S(1, 2, 6, 6), S(2, 18, 3, 3), 1, UP(3, 2, 0)),
    LOCAL(S(2, 4, 3, 3), S(4, 8, 2, 2), 2, W1(2, 1, 0)),
    LOCAL(S(1, 3, 4, 4), S(3, 4, 3, 3), 3, W1(3, 2, 1)),
    LOCAL(S(1, 2, 7, 8), S(3, 24, 3, 2), 1, WINDOW(3, 2, 2, 3, 1, 1, 1, 0, 1, 0, false)),
    LOCAL(S(1, 1, 6, 7), S(2, 42, 2, 2), 1, WINDOW(2, 2, 1, 1, 2, 3, 1, 2, 1, 1, false)),
    LOCAL(S(3, 5, 4, 4), S(7, 5, 4, 4), 1, W1(4, 1, 0)),                     // one place
    LOCAL(S(1, 2, 5, 5), S(2, 8, 2, 2), 1, W1(2, 3, 0)),                     // skips pixels
    LOCAL(S(4, 6, 1, 1), S(3, 6, 1, 1), 1, W1(1, 1, 0)),
    FC(S(1, 1, 1, 1), S(1, 1, 1, 1), 1),     FC(S(3, 7, 1, 1), S(5, 7, 1, 1), 1),
    FC(S(2, 16, 1, 1), S(17, 16, 1, 1), 1),  FC(S(5, 4, 1, 1), S(2, 4, 1, 1), 1),
    FC(S(2, 8, 1, 1), S(6, 4, 1, 1), 2),     FC(S(3, 9, 1, 1), S(6, 3, 1, 1), 3),
    FC(S(1, 33, 1, 1), S(2, 33, 1, 1), 1),   FC(S(4, 6, 1, 1), S(6, 1, 1, 1), 6),
    FC(S(8, 3, 1, 1), S(3, 3, 1, 1), 1),     FC(S(2, 20, 1, 1), S(10, 10, 1, 1), 2),
#define POOLS(kind)                                                                              \
    POOL(kind, S(1, 1, 4, 4), W1(2, 2, 0)),  POOL(kind, S(2, 3, 7, 7), W1(3, 2, 0)),             \
    POOL(kind, S(1, 2, 6, 6), UP(3, 2, 0)),  POOL(kind, S(1, 2, 8, 8), UP(3, 2, 0)),             \
    POOL(kind, S(1, 2, 5, 5), W1(3, 1, 1)),  POOL(kind, S(1, 2, 7, 7), UP(3, 3, 1)),             \
    POOL(kind, S(2, 2, 6, 6), W1(6, 1, 0)),  POOL(kind, S(1, 2, 5, 7), W1(2, 3, 0)),             \
    POOL(kind, S(1, 2, 6, 5), WINDOW(3, 2, 2, 1, 1, 1, 1, 0, 0, 1, false)),                      \
    POOL(kind, S(1, 1, 9, 9), W1(5, 2, 2)),  POOL(kind, S(3, 2, 3, 3), W1(1, 1, 0)),             \
    POOL(kind, S(1, 2, 4, 4), WINDOW(2, 4, 2, 1, 1, 1, 0, 0, 0, 0, true))
    POOLS(MAX), POOLS(MEAN),
    LRN(LRN, S(1, 7, 1, 1), 5, 2, 1, .75, 1),        LRN(LRN, S(2, 8, 3, 2), 5, 2, 1e-1, .75, 1),
    LRN(LRN, S(1, 3, 2, 2), 5, 1, .5, .75, 1),       LRN(LRN, S(1, 1, 3, 3), 3, 1, 1, .5, 1),
    LRN(LRN, S(1, 2, 3, 3), 9, 2, 1, .75, 1),        LRN(LRN, S(1, 12, 2, 2), 5, 2, 1, .75, 2),
    LRN(LRN, S(1, 6, 2, 1), 5, 2, 1, .75, 3),        LRN(LRN, S(1, 17, 1, 2), 3, 2, .2, 1, 1),
    LRN(LRN, S(2, 5, 2, 2), 1, 1, 1, .75, 1),        LRN(LRN, S(1, 4, 2, 2), 3, 2, 0, .75, 1),
    LRN(LRN, S(1, 10, 1, 1), 7, 1e-2, 1, .25, 2),    LRN(LRN, S(1, 9, 2, 2), 5, 2, 1, 0, 1),
    LRN(LRN_MAP, S(1, 1, 5, 5), 3, 1, 1, .75, 1),    LRN(LRN_MAP, S(2, 2, 4, 4), 5, 1, .5, .75, 1),
    LRN(LRN_MAP, S(1, 2, 1, 1), 5, 1, 1, .75, 1),    LRN(LRN_MAP, S(1, 1, 3, 6), 3, 2, 1, .5, 1),
    LRN(LRN_MAP, S(1, 3, 4, 2), 1, 1, 1, .75, 1),    LRN(LRN_MAP, S(1, 1, 2, 7), 7, 1, .1, .75, 1),
    LRN(LRN_MAP, S(1, 1, 6, 6), 5, 1, 4e-5, .75, 1), LRN(LRN_MAP, S(2, 1, 3, 3), 3, 1, 1, 1, 1),
    LRN(LRN_MAP, S(1, 2, 5, 3), 3, 1, 0, .75, 1),    LRN(LRN_MAP, S(1, 1, 4, 5), 9, 2, 1, .75, 1),
#define UNARY(name, ...)                                                                         \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(1, 1, 1, 1) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(2, 3, 1, 1) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(1, 17, 1, 1) } },                                 \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(3, 2, 2, 2) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(1, 3, 4, 5) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(5, 4, 1, 1) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(1, 1, 6, 1) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(2, 5, 1, 3) } },                                  \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(1, 16, 2, 2) } },                                 \
    { { .op = OP_##name, __VA_ARGS__ }, 1, { S(7, 1, 3, 3) } }
// The id says which of the own ops.
#define OWN1(which) UNARY(ELEMENTWISE, .id = which)
#define OWN(which, inputs, ...) { { .op = OP_ELEMENTWISE, .id = which }, inputs, { __VA_ARGS__ } }
    OWN1(0), OWN1(1), OWN1(2), OWN1(3), OWN1(4),
    OWN(5, 2, S(1, 1, 1, 1), S(1, 1, 1, 1)), OWN(5, 2, S(2, 3, 4, 1), S(2, 3, 4, 1)),
    OWN(6, 2, S(2, 17, 1, 1), S(2, 17, 1, 1)), OWN(6, 2, S(3, 2, 2, 3), S(3, 2, 2, 3)),
    OWN(7, 3, S(1, 5, 1, 1), S(1, 5, 1, 1), S(1, 5, 1, 1)),
    OWN(7, 3, S(2, 3, 3, 2), S(2, 3, 3, 2), S(2, 3, 3, 2)),
    UNARY(RELU, .id = 0),    UNARY(TANH, .id = 0), UNARY(SIGMOID, .id = 0),
    UNARY(SOFTMAX, .id = 0), UNARY(FLATTEN, .id = 0), UNARY(ALL, .id = 0), UNARY(JOIN, .id = 0),
    UNARY(SCALE, .attr.pointwise = { -1.5, .25 }),
    UNARY(DROPOUT, .attr.dropout = { .rate = .5, .key = 7 }),
    UNARY(DROPOUT, .attr.dropout = { .rate = .3, .scale_in_test = true, .key = 9,
                                     .first_channel = 2, .channels = 40, .first_image = 3 }),
#define BINARY(name, b)                                                                          \
    { { .op = OP_##name }, 2, { S(1, 1, 1, 1), b(1, 1, 1, 1) } },                                \
    { { .op = OP_##name }, 2, { S(2, 3, 1, 1), b(2, 3, 1, 1) } },                                \
    { { .op = OP_##name }, 2, { S(1, 17, 1, 1), b(1, 17, 1, 1) } },                              \
    { { .op = OP_##name }, 2, { S(3, 2, 2, 2), b(3, 2, 2, 2) } },                                \
    { { .op = OP_##name }, 2, { S(1, 3, 4, 5), b(1, 3, 4, 5) } },                                \
    { { .op = OP_##name }, 2, { S(5, 4, 1, 1), b(5, 4, 1, 1) } },                                \
    { { .op = OP_##name }, 2, { S(1, 1, 6, 1), b(1, 1, 6, 1) } },                                \
    { { .op = OP_##name }, 2, { S(2, 5, 1, 3), b(2, 5, 1, 3) } },                                \
    { { .op = OP_##name }, 2, { S(1, 16, 2, 2), b(1, 16, 2, 2) } },                              \
    { { .op = OP_##name }, 2, { S(7, 1, 3, 3), b(7, 1, 3, 3) } }
#define B(n, c, h, w) { 1, c, 1, 1 }
#define P(n, c, h, w) { 1, c, h, w }
    BINARY(ADD, S), BINARY(MUL, S), BINARY(BIAS, B), BINARY(PLACE_BIAS, P),
#define L(n, c, h, w) { n, 1, 1, 1 }
#define LOSS(n, c)    { { .op = OP_CROSS_ENTROPY }, 2, { S(n, c, 1, 1), L(n, c, 1, 1) } }
    LOSS(1, 1), LOSS(1, 2), LOSS(2, 3), LOSS(5, 10), LOSS(3, 17), LOSS(8, 4), LOSS(1, 100),
    LOSS(7, 7), LOSS(4, 33), LOSS(16, 2),
#define CONCAT(count, ...) { { .op = OP_CONCAT }, count, { __VA_ARGS__ } }
    CONCAT(1, S(1, 3, 2, 2)),                    CONCAT(2, S(1, 1, 1, 1), S(1, 1, 1, 1)),
    CONCAT(2, S(2, 3, 2, 2), S(2, 5, 2, 2)),
    CONCAT(3, S(2, 1, 3, 1), S(2, 2, 3, 1), S(2, 3, 3, 1)),
    CONCAT(4, S(1, 2, 1, 1), S(1, 2, 1, 1), S(1, 2, 1, 1), S(1, 2, 1, 1)),
    CONCAT(2, S(3, 17, 1, 1), S(3, 15, 1, 1)),   CONCAT(2, S(4, 1, 2, 3), S(4, 6, 2, 3)),
    CONCAT(3, S(1, 8, 2, 2), S(1, 8, 2, 2), S(1, 1, 2, 2)), CONCAT(2, S(5, 2, 1, 2), S(5, 2, 1, 2)),
    CONCAT(3, S(2, 4, 1, 1), S(2, 1, 1, 1), S(2, 4, 1, 1)),
#define SLICE(x, first, count) { { .op = OP_SLICE, .attr.slice = { first, count } }, 1, { x } }
    SLICE(S(1, 1, 1, 1), 0, 1), SLICE(S(2, 4, 2, 2), 0, 2), SLICE(S(2, 4, 2, 2), 2, 2),
    SLICE(S(1, 17, 1, 1), 16, 1), SLICE(S(3, 5, 1, 3), 1, 3), SLICE(S(1, 6, 2, 2), 0, 6),
    SLICE(S(2, 8, 1, 1), 3, 4), SLICE(S(1, 3, 4, 4), 1, 1), SLICE(S(4, 2, 1, 1), 1, 1),
    SLICE(S(1, 9, 3, 1), 2, 5),
#define IMAGES(count, ...) { { .op = OP_BATCH_CONCAT }, count, { __VA_ARGS__ } }
    IMAGES(1, S(3, 1, 2, 2)),                    IMAGES(2, S(1, 1, 1, 1), S(1, 1, 1, 1)),
    IMAGES(2, S(3, 2, 2, 2), S(5, 2, 2, 2)),
    IMAGES(3, S(1, 2, 3, 1), S(2, 2, 3, 1), S(3, 2, 3, 1)),
    IMAGES(4, S(2, 1, 1, 1), S(2, 1, 1, 1), S(2, 1, 1, 1), S(2, 1, 1, 1)),
    IMAGES(2, S(7, 3, 1, 1), S(1, 3, 1, 1)),     IMAGES(2, S(1, 4, 2, 3), S(6, 4, 2, 3)),
    IMAGES(3, S(8, 1, 2, 2), S(8, 1, 2, 2), S(1, 1, 2, 2)), IMAGES(2, S(2, 5, 1, 2), S(2, 5, 1, 2)),
    IMAGES(3, S(4, 2, 1, 1), S(1, 2, 1, 1), S(4, 2, 1, 1)),
#define IMAGES_OF(x, first, count) { { .op = OP_BATCH_SLICE, .attr.slice = { first, count } }, 1, { x } }
    IMAGES_OF(S(1, 1, 1, 1), 0, 1), IMAGES_OF(S(4, 2, 2, 2), 0, 2), IMAGES_OF(S(4, 2, 2, 2), 2, 2),
    IMAGES_OF(S(7, 1, 1, 1), 6, 1), IMAGES_OF(S(5, 3, 1, 3), 1, 3), IMAGES_OF(S(6, 1, 2, 2), 0, 6),
    IMAGES_OF(S(8, 2, 1, 1), 3, 4), IMAGES_OF(S(3, 1, 4, 4), 1, 1), IMAGES_OF(S(2, 17, 1, 1), 1, 1),
    IMAGES_OF(S(9, 1, 3, 1), 2, 5),
};
enum { CASES = sizeof cases / sizeof *cases };

// --- one case ------------------------------------------------------------------------------------

typedef struct {
    Arena     *arena;
    Graph     *g;
    Node      *in[INPUTS], *y, *weight;          // weight: r
    Node      *dx[INPUTS];                       // NULL: no gradient flows there
    Evaluator *e;
} Check;

// Inputs are parameters, so that any shape goes; labels are labels.
static void build_forward(SmallNet *s, Check *c, const Case *t)
{
    bool is_loss = t->node.op == OP_CROSS_ENTROPY;
    for (int i = 0; i < t->inputs; i++) {
        if (is_loss && i == 1) {
            c->in[i] = graph_add(c->g, OP_LABEL, "label", NO_SPAN, NULL, 0, NULL);
            assert_true(graph_infer(c->g, c->in[i]));
        } else {
            c->in[i] = small_values(s, "x", t->in[i]);
        }
    }
    c->y = graph_add(c->g, t->node.op, "y", NO_SPAN, NULL, t->inputs, c->in);
    memcpy(&c->y->attr, &t->node.attr, sizeof c->y->attr);
    if (t->node.op == OP_ELEMENTWISE)
        c->y->attr.elementwise.function = own_op_number(&s->arena, t->node.id);
    assert_true(graph_infer(c->g, c->y));
    c->weight = small_values(s, "r", c->y->shape);
    if (is_loss) {
        c->g->scores = c->in[0];
        c->g->loss = c->y;
    }
}

static void build_backward(Check *c, const Case *t)
{
    Graph *g = c->g;
    Gradients gradients = { .count = g->count, .wanted = ARENA_ARRAY(g->arena, bool, g->count),
                            .given = ARENA_ARRAY(g->arena, Contribution *, g->count), .parts = 1 };
    for (int i = 0; i < t->inputs; i++)
        gradients.wanted[c->in[i]->id] = c->in[i]->op == OP_PARAM;
    g->gradients = &gradients;
    op_table[t->node.op]->grad(g, c->y, t->node.op == OP_CROSS_ENTROPY ? NULL : c->weight);
    for (int i = 0; i < t->inputs; i++) {
        int part, parts;
        c->dx[i] = gradient_take(g, c->in[i], &part, &parts);
        if (gradients.wanted[c->in[i]->id])
            assert_non_null(c->dx[i]);
        if (c->dx[i])
            assert_true(shape_equal(c->dx[i]->shape, c->in[i]->shape));
    }
    g->gradients = NULL;
}

static double loss(const Check *c)
{
    evaluator_run(c->e);
    if (c->g->loss)
        return evaluator_loss(c->e);
    double sum = 0;
    for (int64_t i = 0; i < shape_count(c->y->shape); i++)
        sum += c->e->value[c->y->id][i] * c->e->value[c->weight->id][i];
    return sum;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) <= TOLERANCE * fmax(SMALL, fmax(fabs(a), fabs(b)));
}

// False when a kink is too near.
static bool check_element(const Check *c, int input, int64_t i, const double *analytic, int which)
{
    double *x = &c->e->value[c->in[input]->id][i], kept = *x;
    *x = kept + EPSILON;
    double above = loss(c);
    uint64_t decisions = c->e->decisions;
    *x = kept - EPSILON;
    double numeric = (above - loss(c)) / (2 * EPSILON);
    *x = kept;
    if (decisions != c->e->decisions)
        return false;
    if (!is_near(numeric, analytic[i]))
        fail_msg("case %d (%s), input %d, element %lld: %.12g by differences, %.12g by grad", which,
                 op_table[c->y->op]->name, input, (long long)i, numeric, analytic[i]);
    return true;
}

// `given` holds dL/d(in[input]): runs for differences write over the nodes' values.
static bool check_input(const Check *c, int input, int which)
{
    int64_t count = shape_count(c->in[input]->shape);
    double *analytic = ARENA_ARRAY(c->e->arena, double, count);
    loss(c);
    memcpy(analytic, c->e->value[c->dx[input]->id], (size_t)count * sizeof *analytic);
    for (int64_t i = 0; i < count; i++)
        if (!check_element(c, input, i, analytic, which))
            return false;
    return true;
}

static void check_case(SmallNet *s, const void *with)
{
    const Case *t = with;
    Check c = { .arena = &s->arena, .g = s->g };
    build_forward(s, &c, t);
    build_backward(&c, t);
    bool done = false;
    for (int draw = 0; draw < DRAWS && !done; draw++) {
        c.e = evaluator_open(c.arena, c.g);
        evaluator_fill(c.e, (uint64_t)draw + 1);
        if (c.g->batch > 2)
            c.e->label[1] = -1;                          // a place without a sample
        done = true;
        for (int i = 0; i < t->inputs && done; i++)
            done = !c.dx[i] || check_input(&c, i, (int)(t - cases));
    }
    assert_true(done);
}

static void gradients_agree_with_differences(void **state)
{
    (void)state;
    for (int i = 0; i < CASES; i++)
        small_net(GRAPH_TRAIN, (int)cases[i].in[0].n, check_case, &cases[i]);
}

static void every_gradient_is_checked_at_ten_shapes(void **state)
{
    (void)state;
    int checked[OP_COUNT] = { 0 };
    for (int i = 0; i < CASES; i++)
        checked[cases[i].node.op]++;
    for (int op = 0; op < OP_COUNT; op++)
        if (op_table[op]->grad && checked[op] < 10)
            fail_msg("%s: %d shapes", op_table[op]->name, checked[op]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_gradient_is_checked_at_ten_shapes),
        cmocka_unit_test(gradients_agree_with_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
