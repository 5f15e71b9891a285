// The contractions of the CUDA target: which body takes which shape, texts that ptxas keeps in registers, and
// numbers, whole and in parts, on the virtual GPU.
#include "pass/pass.h"
#include "reference/cuda_case.h"
#include "reference/small_net.h"
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

// A net of a 1x1 convolution to `between` maps (0: none), the convolution at hand, a fully connected layer.
typedef struct {
    int batch, c, size, between, filters, kernel, stride, pad, dilation, groups;
    const char *body, *body_bf16;  // of the convolution and its input gradient; NULL: the same
} Case;

static const Case cases[] = {
    { 2, 8, 9, 8, 16, 3, 1, 1, 1, 1, "conv", NULL },
    { 2, 3, 19, 0, 40, 11, 4, 0, 1, 1, "conv", NULL },                     // an image read in runs
    { 2, 1, 12, 0, 20, 5, 1, 0, 1, 1, "conv", NULL },
    { 2, 8, 11, 20, 16, 3, 2, 1, 1, 1, "conv", NULL },                     // classes of the stride
    { 1, 8, 17, 16, 16, 3, 3, 2, 2, 1, "conv", NULL },
    { 2, 8, 9, 10, 17, 3, 1, 1, 1, 1, "conv", NULL },                      // channels that fill no vectors
    { 2, 8, 7, 16, 32, 3, 1, 1, 1, 2, "conv", NULL },
    { 2, 8, 7, 16, 32, 3, 1, 1, 1, 4, "conv", "contraction_any" },         // groups of half a vector
    { 2, 8, 6, 10, 15, 3, 1, 1, 1, 5, "contraction_any", NULL },
    { 1, 8, 34, 8, 8, 17, 1, 8, 1, 1, "conv", NULL },                      // 64 bits of taps
    { 1, 8, 40, 8, 8, 34, 1, 3, 1, 1, "contraction_any", NULL },           // too many
};
enum { CASES = sizeof cases / sizeof *cases };

static void build(SmallNet *s, const Case *c)
{
    Window w = small_window(c->kernel, c->stride, c->pad);
    w.dilation_h = w.dilation_w = c->dilation;
    Node *x = small_input(s, c->c, c->size, c->size);
    if (c->between) {
        x = small_bias(s, small_conv(s, x, c->between, 1, small_window(1, 1, 0)));
        x = small_op1(s, OP_RELU, NULL, x);
    }
    x = small_op1(s, OP_RELU, NULL, small_bias(s, small_conv(s, x, c->filters, c->groups, w)));
    small_loss(s, small_bias(s, small_fc(s, x, 10)));
}

typedef void Visit(SmallNet *s, const Case *c, Group *g, const Target *t, void *with);

// Calls `visit` with every contraction of the case's training graph.
static void each_contraction(const Case *c, const Target *t, bool fuse_update, Visit *visit, void *with)
{
    SmallNet s = { 0 };
    if (setjmp(s.exhausted))
        fail_msg("out of memory");
    arena_open(&s.arena, 0, &s.exhausted);
    diag_open(&s.diag, &s.arena);
    s.g = graph_new(&s.arena, &s.diag, "small", GRAPH_TRAIN, c->batch);
    graph_device(s.g, "gpu0");
    build(&s, c);
    s.g->rule = (SolverRule)(c->batch % SOLVER_RULES);
    if (!pass_run(s.g, &(PassOptions){ t, true, fuse_update, true, 1, NULL }, NULL)) {
        diag_print(&s.diag, stderr, false);
        fail_msg("%s: refused", t->name);
    }
    for (int i = 0; i < s.g->group_count; i++)
        if (op_has(s.g->groups[i]->root->op, OP_CONTRACTION))
            visit(&s, c, s.g->groups[i], t, with);
    arena_close(&s.arena);
}

// --- which body ---------------------------------------------------------------------------------

static bool is_conv_at_hand(const Case *c, const Node *n)
{
    return (n->op == OP_CONV || n->op == OP_CONV_DX) && n->attr.conv.window.kernel_h == c->kernel;
}

// Every layer of the case has a bias, whose gradient the kernel of the weights' gradient makes.
static void check_sums(const Group *g)
{
    int sums = 0;
    for (int i = 0; i < g->count; i++)
        sums += g->nodes[i]->op == OP_BIAS_DW;
    assert_int_equal(sums, g->root->op == OP_CONV_DW || g->root->op == OP_FC_DW);
}

static void check_body(SmallNet *s, const Case *c, Group *g, const Target *t, void *with)
{
    Kern k;
    const char *body, *want = t->matrix == ELEMENT_BF16 && c->body_bf16 ? c->body_bf16 : c->body;
    const char *text = cuda_text(&s->arena, s->g, g, t, NULL, 0, &k, &body);
    int *count = with;
    (*count)++;
    check_sums(g);
    if (is_conv_at_hand(c, g->root))
        assert_string_equal(body, want);
    if (g->root->op == OP_FC || g->root->op == OP_FC_DX)
        assert_string_equal(body, "fc");
    bool matrix = strstr(text, "kernels/cuda/contraction.cu");
    bool fma = strstr(text, "kernels/cuda/contraction_fma.cu");
    assert_int_equal(matrix + fma, strstr(body, "_any") == NULL);
    assert_true(!(t->matrix == ELEMENT_FLOAT ? matrix : fma));
    assert_true(k.shared <= 227 << 10 && k.threads % 32 == 0);
}

static void shapes_find_their_body(void **state)
{
    (void)state;
    int count = 0;
    for (int i = 0; i < CASES * 3; i++)
        each_contraction(&cases[i / 3], target_with(target_find("sm_80"), (Element)(i % 3)), true, check_body,
                         &count);
    assert_true(count > CASES * 3 * 5);
}

// --- registers ----------------------------------------------------------------------------------

static void check_compiles(SmallNet *s, const Case *c, Group *g, const Target *t, void *with)
{
    (void)c;
    Kern k;
    const char *body, *text = cuda_text(&s->arena, s->g, g, t, NULL, 0, &k, &body);
    cuda_text_compiles(with, text, t, g->root->name);
}

// Sizes that get the largest tiles; together all operands, along k and across, and all results.
static void large_tiles_stay_in_registers(void **state)
{
    (void)state;
    static const Case large = { 128, 256, 13, 0, 384, 3, 1, 1, 1, 1, NULL, NULL };
    static const Case strided = { 32, 8, 28, 64, 64, 3, 2, 1, 1, 1, NULL, NULL };
    Nvrtc n;
    if (!cuda_open_nvrtc(&n))
        skip();
    for (int i = 0; i < 3; i++) {
        each_contraction(&large, target_with(target_find("sm_90a"), (Element)i), true, check_compiles, &n);
        each_contraction(&strided, target_with(target_find("sm_80"), (Element)i), false, check_compiles, &n);
    }
    each_contraction(&cases[8], target_find("sm_80"), false, check_compiles, &n);
}

// --- numbers ------------------------------------------------------------------------------------

typedef struct { Nvrtc *nvrtc; int kernels, sums, patches; bool split; } Numbers;

static CudaCase case_of(SmallNet *s, const Target *t, const Numbers *n)
{
    CudaCase c = { .arena = &s->arena, .graph = s->g, .target = t, .nvrtc = n->nvrtc };
    c.evaluator = evaluator_open(&s->arena, s->g);
    evaluator_fill(c.evaluator, 11);
    c.evaluator->frozen = true;
    evaluator_run(c.evaluator);
    return c;
}

// A plan of what this row is for, up to `word`, and what is to follow.
static const CudaPlan *plan_from(SmallNet *s, const char *row, const char *word, const char *rest)
{
    const char *end = strstr(row, word);
    assert_non_null(end);
    const char *text = arena_printf(&s->arena, PLAN_FIRST_LINE "%.*s%s\n", (int)(end - row), row, rest);
    const CudaPlan *plan = plan_read(&s->arena, &s->diag, "test.plan", text, (int)strlen(text));
    assert_non_null(plan);
    return plan;
}

static void check_numbers(SmallNet *s, const Case *c, Group *g, const Target *t, void *with)
{
    (void)c;
    Numbers *n = with;
    CudaCase whole = case_of(s, t, n);
    const char *row = cuda_case_check(&whole, g);
    n->kernels += whole.kernels;
    if (!n->split || !row || (g->root->op == OP_CONV_DX && g->root->attr.conv.window.stride_h > 1))
        return;
    CudaCase parts = case_of(s, t, n);
    parts.plan = plan_from(s, row, "stages ", "stages 3 split 3");
    cuda_case_check(&parts, g);
    assert_int_equal(parts.kernels, 2);
    n->sums++;
}

// Convolutions whose windows go from pixel to pixel, with all pixels of a block in shared memory; tiles of
// several warps that end inside rows and images.
static const Case patches[] = {
    { 2, 8, 9, 16, 32, 3, 1, 1, 1, 1, NULL, NULL },
    { 3, 8, 7, 64, 128, 5, 1, 2, 1, 2, NULL, NULL },
    { 2, 8, 11, 32, 32, 3, 1, 0, 1, 1, NULL, NULL },        // rows of outputs are the shorter ones
    { 2, 8, 10, 32, 48, 3, 1, 2, 2, 1, NULL, NULL },
    { 2, 8, 6, 32, 64, 2, 1, 1, 1, 1, NULL, NULL },         // more outputs than pixels
    { 3, 3, 19, 0, 40, 11, 4, 0, 1, 1, NULL, NULL },        // an image read in runs
};

static void check_patch(SmallNet *s, const Case *c, Group *g, const Target *t, void *with)
{
    Numbers *n = with;
    if (!is_conv_at_hand(c, g->root))
        return;
    Kern k;
    const char *body, *rest = t->matrix == ELEMENT_BF16 ? "tile 64x64x32 warps 32x32 stages 3 split 1 patch"
                                                        : "tile 64x32x16 warps 16x32 stages 4 split 1 patch";
    cuda_text(&s->arena, s->g, g, t, NULL, 0, &k, &body);
    CudaCase of = case_of(s, t, n);
    of.plan = plan_from(s, k.plan, "tile ", rest);
    const char *row = cuda_case_check(&of, g);
    n->patches += strstr(row, "patch") != NULL;
    cuda_text(&s->arena, s->g, g, t, of.plan, 0, &k, &body);
    assert_int_equal(strstr(row, "patch") == NULL, strstr(k.reason, "cannot be made of this layer") != NULL);
}

static void patches_agree(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    if (!cuda_open_nvrtc(&nvrtc))
        skip();
    Numbers n = { .nvrtc = &nvrtc };
    const Target *tf32 = target_find("sm_80");
    for (int i = 0; i < 6; i++)
        each_contraction(&patches[i], tf32, true, check_patch, &n);
    assert_int_equal(n.patches, 9);                  // but where windows are more than pixels
    each_contraction(&patches[1], target_with(tf32, ELEMENT_BF16), true, check_patch, &n);
    each_contraction(&patches[5], target_with(tf32, ELEMENT_BF16), true, check_patch, &n);
    assert_int_equal(n.patches, 12);
}

static void numbers_agree(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    if (!cuda_open_nvrtc(&nvrtc))
        skip();
    Numbers n = { .nvrtc = &nvrtc };
    const Target *tf32 = target_find("sm_80");
    each_contraction(&cases[1], target_with(tf32, ELEMENT_BF16), true, check_numbers, &n);
    each_contraction(&cases[3], tf32, true, check_numbers, &n);
    each_contraction(&cases[4], target_with(tf32, ELEMENT_FLOAT), false, check_numbers, &n);
    each_contraction(&cases[8], tf32, false, check_numbers, &n);
    n.split = true;
    each_contraction(&cases[5], tf32, true, check_numbers, &n);
    each_contraction(&cases[6], target_with(tf32, ELEMENT_BF16), false, check_numbers, &n);
    assert_true(n.kernels > 35 && n.sums > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_find_their_body),
        cmocka_unit_test(large_tiles_stay_in_registers),
        cmocka_unit_test(numbers_agree),
        cmocka_unit_test(patches_agree),
    };
    return cmocka_run_group_tests_name("cuda contractions", tests, NULL, NULL);
}
