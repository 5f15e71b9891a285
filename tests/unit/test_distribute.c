// Other ways to compute AlexNet on two devices: what crosses, and what every device holds, in figures
// (docs/architecture.md names their source); what is not possible, and why.
#include "compile.h"
#include "look/comm.h"
#include "reference/nets.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCH = 4, CONVOLUTIONS = 2334080 };

static const char alexnet[] = SOURCE_DIR "/nets/alexnet.net", owt[] = SOURCE_DIR "/nets/alexnet_owt.net";

static bool compiled(Compilation *c, const char *path, Distribution way, int devices, int batch)
{
    CompileOptions o = { .front = { .batch = batch }, .modes = 1u << GRAPH_TRAIN, .stop_after = "simplify",
                         .distribution = way, .devices = devices };
    return compile_file(c, &o, path);
}

static Comm crossing(Compilation *c, const char *path, Distribution way, int devices)
{
    if (!compiled(c, path, way, devices, BATCH)) {
        diag_print(&c->diag, stderr, false);
        fail_msg("%s: %s", distribution_name(way), c->err);
    }
    return look_comm(c, &(About){ .kind = ABOUT_ALL });
}

static void check(const char *path, Distribution way, int64_t pass, int64_t weights, int64_t first,
                  int64_t second)
{
    Compilation c;
    Comm comm = crossing(&c, path, way, 2);
    assert_int_equal(comm.forward, pass);
    assert_int_equal(comm.backward, pass);
    assert_int_equal(comm.step, 2 * BATCH * pass + 8 * weights);
    assert_int_equal(net_params_on(c.graphs[GRAPH_TRAIN], 0), first);
    assert_int_equal(net_params_on(c.graphs[GRAPH_TRAIN], 1), second);
    compile_close(&c);
}

// Of the batch split only the scores of half of the images cross, 2,000 bytes an image, and all weights.
static void ways_of_alexnet(void **state)
{
    (void)state;
    check(alexnet, DISTRIBUTE_WRITTEN, 234496, 0, 32531112, 28434112);
    check(alexnet, DISTRIBUTE_CHANNELS, 234496, 0, 32531112, 28434112);
    check(alexnet, DISTRIBUTE_WHOLE, 0, 0, 60965224, 0);
    check(alexnet, DISTRIBUTE_IMAGES, 2000, 60965224, 60965224, 0);
    check(alexnet, DISTRIBUTE_MIXED, 61440, CONVOLUTIONS, 32531112 + CONVOLUTIONS / 2,
          28434112 - CONVOLUTIONS / 2);
}

// Without groups each part of the channel split reads all maps, and lrn is computed whole on both.
static void ways_of_one_weird_trick(void **state)
{
    (void)state;
    static const int64_t convolutions = 2469696, whole = 61100840, fc3 = 4097000;
    int64_t fully = (whole - convolutions - fc3) / 2;
    check(owt, DISTRIBUTE_MIXED, 61440, convolutions, convolutions + fully + fc3, fully);
    check(owt, DISTRIBUTE_WHOLE, 0, 0, whole, 0);
    check(owt, DISTRIBUTE_CHANNELS, 4 * (64 * 55 * 55 + 192 * 27 * 27 + 384 * 13 * 13 + 256 * 13 * 13
                                         + 256 * 6 * 6 + 4096 + 2048),
          0, (whole - fc3) / 2 + fc3, (whole - fc3) / 2);
}

// At a batch of 128 the trick sends 34.4 MB a step, the paper's split 60.0 MB.
static void steps_of_128_images(void **state)
{
    (void)state;
    static const struct { Distribution way; int64_t step; } want[] = {
        { DISTRIBUTE_CHANNELS, 60030976 }, { DISTRIBUTE_MIXED, 34401280 } };
    for (int i = 0; i < 2; i++) {
        Compilation c;
        assert_true(compiled(&c, alexnet, want[i].way, 2, 128));
        assert_int_equal(look_comm(&c, &(About){ .kind = ABOUT_ALL }).step, want[i].step);
        compile_close(&c);
    }
}

// What a forward pass leaves behind on a device, of an image: its input, what layers give (of a layer with a
// bias the sum, of relu nothing: it is computed in place), what was received.
static int64_t activations(const Graph *g, int device)
{
    int64_t sum = 0;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i];
        bool counts = n->op == OP_INPUT || n->op == OP_BIAS || n->op == OP_MAX_POOL || n->op == OP_DROPOUT
                      || op_has(n->op, OP_TRANSFER);
        if (n->device == device && n->role == ROLE_FORWARD)
            sum += (n->op == OP_LRN ? 2 : counts) * shape_count(n->shape);    // lrn: its denominators, too
    }
    return sum / g->batch;
}

static void memory_of_the_channel_split(void **state)
{
    (void)state;
    Compilation c;
    crossing(&c, alexnet, DISTRIBUTE_CHANNELS, 2);
    assert_int_equal(activations(c.graphs[GRAPH_TRAIN], 0) + 1000, 1054352);  // and the probabilities
    assert_int_equal(activations(c.graphs[GRAPH_TRAIN], 1), 1050304);
    compile_close(&c);
}

// --- what is not possible ---------------------------------------------------------------------------

static void refused(const char *net, Distribution way, int devices, int batch, const char *why)
{
    Compilation c;
    char path[] = "/tmp/distribute_XXXXXX", text[1024];
    int length = snprintf(text, sizeof text, "net n : %s\ndata d { train = random(4, 4x8x8) }\n"
                          "train n on d { loss = cross_entropy  batch = 8  epochs = 1  "
                          "solver = sgd(lr = 0.1) }\n", net);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, (size_t)length) == length);
    close(fd);
    assert_false(compiled(&c, path, way, devices, batch));
    unlink(path);
    assert_int_equal(c.diag.errors, 0);
    assert_true(c.refused);
    assert_string_equal(c.err, why);
    compile_close(&c);
}

static void reasons(void **state)
{
    (void)state;
    refused("4x8x8 -> 4 { conv(7, 3) -> relu -> fc(4) }", DISTRIBUTE_CHANNELS, 2, 8,
            "conv1 has 7 outputs, which 2 devices cannot share equally");
    refused("4x8x8 -> 4 { conv(6, 3) -> relu -> fc(4) }", DISTRIBUTE_IMAGES, 3, 8,
            "a batch of 8 is no multiple of 3");
    refused("4x8x8 -> 4 { conv(4, 3) -> relu -> mean_pool -> flatten }", DISTRIBUTE_MIXED, 2, 8,
            "there is no fully connected layer, so this is the batch split");
    refused("4x8x8 -> 4 { fc(6) -> relu -> fc(4) }", DISTRIBUTE_MIXED, 2, 8,
            "there is no layer before the fully connected ones, so this is the channel split");
    refused("4x8x8 -> 4 { split(2) { conv(6, 3) -> relu -> fc(6) } -> fc(4) }", DISTRIBUTE_MIXED, 2, 8,
            "fc1 reads the channels of its own part only: put `all` before it");
    refused("4x8x8 -> 4 { split(2) { conv(12, 3) -> conv(12, 3) } -> fc(4) }", DISTRIBUTE_CHANNELS, 3, 9,
            "split(2) has 2 parts, which 3 devices cannot share equally");
    refused("4x8x8 -> 4 { split(4) { conv(12, 3) -> conv(12, 3) } -> fc(4) }", DISTRIBUTE_IMAGES, 3, 9,
            "split(4) on each of 3 devices makes more than 8 parts");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_of_alexnet), cmocka_unit_test(ways_of_one_weird_trick),
        cmocka_unit_test(steps_of_128_images), cmocka_unit_test(memory_of_the_channel_split),
        cmocka_unit_test(reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
