// Images prepared on a GPU: crops, mirrors, mean, scale and light by one kernel on the virtual GPU against
// feed_sample on the host, in fp32 bit by bit; and which pipelines a GPU cannot run.
#include "emit/cuda/input.h"
#include "pass/pass.h"
#include "reference/cuda_text.h"
#include "reference/small_net.h"
#include "runtime/data/prepare.h"
#include "runtime/vgpu/vgpu.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { IMAGES = 3, SIZE = 24, SEEN = 20, BYTES = 3 * SIZE * SIZE, VALUES = 3 * SEEN * SEEN };

static FeedStep crop(FeedStepKind kind, int size, CropAt at, uint32_t stage)
{
    return (FeedStep){ .kind = kind, .height = size, .width = size, .at = at, .stage = stage };
}

// The stages of the feed at hand: `kind` 0 nothing but a crop; 1 as AlexNet; 2 mirrors and crops, both
// before and behind the mean; 3 ten views.
static void open_feed(Feed *f, int kind, const float *mean)
{
    static _Atomic uint8_t done[IMAGES] = { 2, 2, 2 };
    static uint8_t bytes[IMAGES * BYTES];
    static int32_t labels[IMAGES];
    FeedStep mirror = { .kind = FEED_MIRROR, .p = 0.5, .stage = 7 }, floats = mirror, both = mirror;
    FeedStep center = { .kind = FEED_CENTER }, light = { .kind = FEED_LIGHT, .p = 0.1, .stage = 9 };
    floats.kind = both.kind = FEED_MIRROR_FLOATS;
    floats.stage = 8;
    both.both = true;
    for (int i = 0; i < IMAGES * BYTES; i++)
        bytes[i] = (uint8_t)(i * 7919 >> 3);
    *f = (Feed){ .count = IMAGES, .classes = 1, .by = 1.0 / 57, .add = -1.7, .fixed_channels = 3,
                 .fixed_height = SIZE, .fixed_width = SIZE, .image = { 1, 3, SEEN, SEEN }, .views = 1,
                 .mean = mean, .cache = { bytes, BYTES, done, labels } };
    f->colours[0][0] = f->colours[1][2] = 0.31;
    f->colours[0][1] = f->colours[2][2] = -0.17;
    const FeedStep steps[][5] = {
        { crop(FEED_CROP, SEEN, CROP_CENTER, 1) },
        { center, crop(FEED_CROP_FLOATS, SEEN, CROP_RANDOM, 1), floats, light },
        { mirror, crop(FEED_CROP, SIZE - 1, CROP_RANDOM, 1), center, floats,
          crop(FEED_CROP_FLOATS, SEEN, CROP_RANDOM, 2) },
        { center, crop(FEED_CROP_FLOATS, SEEN, CROP_CORNERS, 1), both },
    };
    static const int counts[] = { 1, 4, 5, 3 }, byte_steps[] = { 1, 0, 2, 0 };
    memcpy(f->steps, steps[kind], sizeof steps[kind]);
    f->step_count = counts[kind];
    f->byte_steps = byte_steps[kind];
}

// --- one kernel ---------------------------------------------------------------------------------

static const char *text_of(SmallNet *s, const Target *t, const Node *input, const InputStages *stages,
                           Kern *k)
{
    static Program none;
    char *text = NULL, err[PROGRAM_ERROR] = "";
    size_t size = 0;
    Emit e = { .arena = &s->arena, .program = &none, .target = t, .graph = s->g, .err = err, .index = "int" };
    e.text = open_memstream(&text, &size);
    *k = (Kern){ .title = "input", .what = "input" };
    snprintf(k->symbol, sizeof k->symbol, "k0_test");
    head_unit(&e);
    assert_true(cuda_input_emit(&e, k, input, stages));
    fclose(e.text);
    const char *kept = arena_copy(&s->arena, text, size);
    free(text);
    return kept;
}

static void launch(const VgpuModule *m, const Kern *k, const Feed *f, const InputDraw *draws, char *image,
                   size_t bytes)
{
    char err[VGPU_ERROR];
    uint8_t none[16];
    const void *at[] = { f->cache.bytes, draws, f->mean ? (const void *)f->mean : none, image };
    const size_t sizes[] = { IMAGES * BYTES, IMAGES * sizeof *draws, BYTES * sizeof(float), bytes };
    static const char *const names[] = { "bytes", "draws", "mean", "image" };
    const void *params[4];
    VgpuMemory *memory = vgpu_memory_open();
    for (int i = 0; i < 4; i++) {
        params[i] = &at[i];
        if (i != 2 || f->mean)
            assert_true(vgpu_memory_add(memory, (void *)(uintptr_t)at[i], sizes[i], names[i]));
    }
    VgpuLaunch l = { .grid = { (unsigned)k->grid.x, 1, 1 }, .block = { (unsigned)k->threads, 1, 1 },
                     .params = params, .check = true, .memory = memory };
    if (!vgpu_launch(m, k->symbol, &l, err))
        fail_msg("%s", err);
    vgpu_memory_close(memory);
}

// The float that an element is, of bf16 widened.
static float value_at(const char *image, int64_t at, Element e)
{
    uint32_t bits = 0;
    float value;
    if (e == ELEMENT_BF16)
        memcpy((char *)&bits + 2, image + 2 * at, 2);
    else
        memcpy(&bits, image + 4 * at, 4);
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Every element of `image` against what the host makes; what is left is zero.
static void compare(const Feed *f, const FeedKey *key, const Node *input, const char *image)
{
    const Layout *l = &input->layout;
    int64_t elements = layout_elements(l, input->shape), seen = 0;
    float *want = malloc(VALUES * sizeof *want);
    Reader r = { 0 };
    char err[DATA_ERROR];
    for (int64_t n = 0; n < IMAGES; n++) {
        int label;
        assert_true(feed_sample(f, &r, key, n, want, &label, err));
        for (int64_t i = 0; i < VALUES; i++) {
            int64_t c = i / (SEEN * SEEN), y = i / SEEN % SEEN, x = i % SEEN;
            float is = value_at(image, layout_address(l, input->shape, n, c, y, x), l->element);
            if (l->element == ELEMENT_FLOAT)
                assert_memory_equal(&is, &want[i], sizeof is);
            else
                assert_float_equal(is, want[i], 0x1p-8 * (want[i] < 0 ? -want[i] : want[i]));
            seen += want[i] != 0 && is != 0;
        }
    }
    for (int64_t i = 0; i < elements; i++)
        seen -= value_at(image, i, l->element) != 0;
    assert_int_equal(seen, 0);
    reader_free(&r);
    free(want);
}

typedef struct { const Target *target; int kind, view; const Nvrtc *nvrtc; } Case;

static const Node *input_of(const Graph *g)                  // passes make nodes anew
{
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_INPUT)
            return g->nodes[i];
    fail_msg("no input");
    return NULL;
}

static void check_case(SmallNet *s, const void *with)
{
    const Case *c = with;
    graph_device(s->g, "gpu0");
    Node *x = small_conv(s, small_input(s, 3, SEEN, SEEN), 8, 1, small_window(5, 2, 2));
    small_loss(s, small_fc(s, small_bias(s, x), 4));
    assert_true(pass_run(s->g, &(PassOptions){ c->target, true, false, true, 1, NULL }, NULL));
    const Node *input = input_of(s->g);
    float *mean = ARENA_ARRAY(&s->arena, float, BYTES);
    for (int i = 0; i < BYTES; i++)
        mean[i] = (float)(i % 97) * 0.0371f;
    Feed f;
    InputStages stages;
    InputDraw draws[IMAGES];
    FeedKey key = { .seed = 5, .epoch = 3, .view = c->view };
    open_feed(&f, c->kind, c->kind ? mean : NULL);
    assert_true(feed_prepares(&f, &stages));
    for (int i = 0; i < IMAGES; i++)
        feed_draw(&f, &key, i, &draws[i]);
    Kern k;
    NvrtcOutput out;
    char err[VGPU_ERROR];
    cuda_text_output(c->nvrtc, text_of(s, c->target, input, &stages, &k), c->target, "input", &out);
    VgpuModule *m = vgpu_module_load(out.ptx, err);
    assert_non_null(m);
    const Layout *l = &input->layout;
    size_t bytes = (size_t)(layout_elements(l, input->shape) * element_bytes(l->element));
    char *image = arena_alloc(&s->arena, bytes + 256);
    image += 256 - (uintptr_t)image % 256;
    memset(image, 0xff, bytes);
    launch(m, &k, &f, draws, image, bytes);
    compare(&f, &key, input, image);
    vgpu_module_close(m);
    nvrtc_output_close(&out);
}

static void kernels_make_what_the_host_makes(void **state)
{
    (void)state;
    Nvrtc nvrtc;
    if (!cuda_open_nvrtc(&nvrtc))
        skip();
    const Target *t = target_find("sm_80");
    for (int i = 0; i < 12; i++) {
        Case c = { target_with(t, (Element)(i % 3)), i / 3, i / 3 == 3 ? 4 + i % 3 : 0, &nvrtc };
        small_net(GRAPH_TRAIN, IMAGES, check_case, &c);
    }
}

// --- what stays on the host ---------------------------------------------------------------------

static void refuses(Feed *f, FeedStep first)
{
    InputStages s;
    memmove(f->steps + 1, f->steps, 4 * sizeof *f->steps);
    f->steps[0] = first;
    f->step_count++;
    f->byte_steps++;
    assert_false(feed_prepares(f, &s));
    f->fixed = 1;                                            // done on the host already
    assert_true(feed_prepares(f, &s) || first.kind == FEED_LIGHT);
}

static void some_steps_need_the_host(void **state)
{
    (void)state;
    static float mean[BYTES];
    Feed f;
    open_feed(&f, 1, mean);
    refuses(&f, (FeedStep){ .kind = FEED_RESIZE, .height = SIZE, .width = SIZE });
    open_feed(&f, 1, mean);
    refuses(&f, (FeedStep){ .kind = FEED_GREY });
    open_feed(&f, 1, mean);
    refuses(&f, (FeedStep){ .kind = FEED_LIGHT });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_make_what_the_host_makes),
        cmocka_unit_test(some_steps_need_the_host),
    };
    return cmocka_run_group_tests_name("prepare", tests, NULL, NULL);
}
