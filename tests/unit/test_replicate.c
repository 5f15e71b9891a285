// Batches cut by `replicate`: random nets with regions in regions, written out as text, give the same bits
// in parts on one device and on several, and within a tolerance those of the net without the replicate;
// what crosses, in bytes; what follows a convolution split by batch and layers split by channels.
#include "compile.h"
#include "evaluate/differences.h"
#include "look/comm.h"
#include "runtime/session.h"
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { BATCH = 12, NETS = 12, TRAINED_NETS = 4, STEPS = 5, ELEMENTS = 2 };

typedef enum {
    ON_DEVICES,                        // replicate(gpu0, gpu1) { ... }
    IN_PARTS,                          // replicate(2) { ... }
    PLAIN                              // { ... }; splits stay
} Form;

// --- random nets ---------------------------------------------------------------------------------

typedef struct {
    FILE    *text;
    uint64_t state;
    Form     form;
    bool     in_split;                 // where groups may not fit
    int      width, size;              // of the value at hand
} Writer;

static int draw(Writer *w, int below)
{
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    return (int)((w->state >> 33) % (uint64_t)below);
}

static void conv(Writer *w)
{
    bool grouped = draw(w, 3) == 0 && !w->in_split && w->width % 2 == 0;
    w->width = 12 * (1 + draw(w, 2));
    fprintf(w->text, " -> conv(%d, 3, pad = 1%s)", w->width, grouped ? ", groups = 2" : "");
}

static void stage(Writer *w)
{
    switch (draw(w, 8)) {
    case 0: fputs(" -> relu", w->text); break;
    case 1: fputs(" -> tanh", w->text); break;
    case 2: fputs(" -> lrn(n = 3, alpha = 0.1)", w->text); break;
    case 3: fputs(" -> dropout(0.3)", w->text); break;
    case 4: fprintf(w->text, " -> repeat(1) { x = in  conv(%d, 3, pad = 1) -> tanh -> add(x) }", w->width);
            break;
    case 5: fprintf(w->text, " -> branch { conv(%d, 3, pad = 1) -> relu  conv(%d, 1) }", w->width, w->width);
            w->width *= 2;
            break;
    case 6: if (w->size < 4)
                break;
            w->size /= 2;
            fputs(draw(w, 2) ? " -> pool(2)" : " -> mean_pool(2)", w->text);
            break;
    default: conv(w); break;
    }
}

static void stages(Writer *w)
{
    conv(w);
    for (int i = 1 + draw(w, 3); i > 0; i--)
        stage(w);
}

static void open_region(Writer *w, const char *word, int parts, bool is_outer)
{
    if (w->form == PLAIN && !strcmp(word, "replicate")) {
        fputs(" -> repeat(1) { in", w->text);
        return;
    }
    fprintf(w->text, " -> %s(", word);
    for (int i = 0; i < parts && is_outer && w->form == ON_DEVICES; i++)
        fprintf(w->text, "%sgpu%d", i ? ", " : "", i);
    if (!is_outer || w->form != ON_DEVICES)
        fprintf(w->text, "%d", parts);
    fputs(") { in", w->text);
}

// A region, maybe with another one inside; a split may gather its maps.
static void region(Writer *w, int depth, int most)
{
    static const char *const words[] = { "replicate", "split" };
    const char *word = words[draw(w, 3) == 0];
    bool is_split = word == words[1], outer = w->in_split;
    int parts = 2 + draw(w, most - 1);
    w->in_split = outer || is_split;
    open_region(w, word, parts, depth == 0);
    stages(w);
    if (depth == 0 && parts < 4 && draw(w, 2)) {
        region(w, depth + 1, parts == 2 ? 3 : 2);
        stages(w);
    }
    if (is_split && draw(w, 2)) {
        fputs(" -> all", w->text);
        stages(w);
    }
    fputs(" }\n ", w->text);
    w->in_split = outer;
}

static void write_net(Writer *w)
{
    w->width = 3;
    w->size = 4 + draw(w, 3);
    fprintf(w->text, "net small : 3x%dx%d -> 5 {\n  in", w->size, w->size);
    if (draw(w, 2))
        conv(w);
    for (int regions = 1 + draw(w, 2); regions > 0; regions--)
        region(w, 0, 4);
    if (draw(w, 2)) {
        open_region(w, "split", 2, true);
        fputs(" -> fc(12) -> relu -> all -> fc(12) -> tanh -> dropout(0.4) }", w->text);
    }
    if (draw(w, 2)) {                  // up to the scores
        open_region(w, "replicate", 3, true);
        fputs(" -> fc(8) -> relu -> fc(5) -> softmax }\n}\n", w->text);
    } else {
        fputs(" -> fc(5) -> softmax\n}\n", w->text);
    }
    fprintf(w->text, "data d { train = random(5, 3x%d%s, 1) }\n", 8, "x8");
    fprintf(w->text, "train small on d { loss = cross_entropy  batch = %d  epochs = 1  "
            "solver = sgd(lr = 0.05) }\n", BATCH);
}

static void compile(Compilation *c, const CompileOptions *o, const char *text)
{
    char path[] = "/tmp/replicate_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    bool made = compile_file(c, o, path);
    unlink(path);
    if (!made) {
        diag_print(&c->diag, stderr, false);
        fail_msg("%s of\n%s", c->err, text);
    }
}

static char *text_of(uint64_t seed, Form form)
{
    char *text;
    size_t size;
    Writer w = { .text = open_memstream(&text, &size), .state = seed * 7919, .form = form };
    assert_non_null(w.text);
    draw(&w, 2);
    write_net(&w);
    fclose(w.text);
    return text;
}

static void compile_random(Compilation *c, uint64_t seed, Form form, const char *stop_after)
{
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN, .stop_after = stop_after };
    char *text = text_of(seed, form);
    compile(c, &o, text);
    free(text);
}

// --- in double -----------------------------------------------------------------------------------

static Evaluator *evaluated(Compilation *c, uint64_t seed)
{
    Evaluator *e = evaluator_open(&c->arena, c->graphs[GRAPH_TRAIN]);
    evaluator_fill(e, seed);
    e->frozen = true;
    e->label[1] = -1;
    evaluator_run(e);
    return e;
}

// The largest difference of a gradient, relative to the largest gradient of its parameter.
static double compare(Compilation *a, const Evaluator *x, Compilation *b, const Evaluator *y)
{
    double worst = fabs(evaluator_loss(x) - evaluator_loss(y));
    const Graph *g = a->graphs[GRAPH_TRAIN];
    for (int i = 0; i < g->param_count; i++) {
        int64_t count = shape_count(g->params[i]->shape);
        double *p = ARENA_ARRAY(&a->arena, double, count), *q = ARENA_ARRAY(&b->arena, double, count);
        evaluator_gradient(x, g->params[i], p);
        evaluator_gradient(y, b->graphs[GRAPH_TRAIN]->params[i], q);
        double largest = 1e-3;
        for (int64_t k = 0; k < count; k++)
            largest = fmax(largest, fabs(p[k]));
        for (int64_t k = 0; k < count; k++)
            worst = fmax(worst, fabs(p[k] - q[k]) / largest);
    }
    return worst;
}

static int check_differences(uint64_t seed, Compilation *placed, const Evaluator *trained)
{
    Compilation logical;
    int checked = 0;
    compile_random(&logical, seed, ON_DEVICES, "shapes");
    Evaluator *loss = evaluated(&logical, seed);
    for (int i = 0; i < placed->graphs[GRAPH_TRAIN]->param_count; i++) {
        Differences d = differences_check(loss, trained, i, ELEMENTS, seed);
        if (!(d.worst <= DIFFERENCE_TOLERANCE))
            fail_msg("net %d, %s[%lld]: %.12g by differences, %.12g by the passes", (int)seed,
                     logical.graphs[GRAPH_TRAIN]->params[i]->name, (long long)d.at, d.by_differences,
                     d.by_graph);
        checked += d.checked;
    }
    compile_close(&logical);
    return checked;
}

static void gradients_are_those_of_the_plain_net(void **state)
{
    (void)state;
    int checked = 0;
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        Compilation forms[3];
        Evaluator *e[3];
        for (int f = 0; f < 3; f++) {
            compile_random(&forms[f], seed, (Form)f, "simplify");
            e[f] = evaluated(&forms[f], seed);
        }
        double apart = compare(&forms[0], e[0], &forms[1], e[1]);
        double plain = compare(&forms[0], e[0], &forms[2], e[2]);
        if (apart != 0 || !(plain < 1e-10))
            fail_msg("net %d: %g between devices and parts, %g to the plain net\n%s", (int)seed, apart, plain,
                     text_of(seed, ON_DEVICES));
        if (seed % 3 == 0)
            checked += check_differences(seed, &forms[0], e[0]);
        for (int f = 0; f < 3; f++)
            compile_close(&forms[f]);
    }
    assert_true(checked > NETS / 3 * ELEMENTS * 4);
}

// --- other distributions ---------------------------------------------------------------------------

// Of a net the ways that it admits; false: refused, and the reason is told.
static bool distributed(Compilation *c, uint64_t seed, Distribution way, int devices)
{
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN, .stop_after = "simplify", .distribution = way,
                         .devices = devices };
    char path[] = "/tmp/distribute_XXXXXX", *text = text_of(seed, ON_DEVICES);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    bool made = compile_file(c, &o, path);
    unlink(path);
    if (!made && (!c->refused || !*c->err || c->diag.errors)) {
        diag_print(&c->diag, stderr, false);
        fail_msg("%s, %d devices: %s\n%s", distribution_name(way), devices, c->err, text);
    }
    free(text);
    return made;
}

static int devices_used(const Graph *g)
{
    int last = 0;
    for (int i = 0; i < g->count; i++)
        last = g->nodes[i]->device > last ? g->nodes[i]->device : last;
    return last + 1;
}

static void other_distributions_compute_the_same(void **state)
{
    (void)state;
    int admitted[DISTRIBUTE_WAYS] = { 0 };
    for (uint64_t seed = 1; seed <= NETS; seed++) {
        Compilation written, other;
        compile_random(&written, seed, ON_DEVICES, "simplify");
        Evaluator *e = evaluated(&written, seed);
        for (Distribution way = DISTRIBUTE_WHOLE; way < DISTRIBUTE_WAYS; way++) {
            int devices = seed % 3 ? 2 : 3;
            if (distributed(&other, seed, way, devices)) {
                double worst = compare(&written, e, &other, evaluated(&other, seed));
                if (!(worst < 1e-10))
                    fail_msg("net %d, %s: %g\n%s", (int)seed, distribution_name(way), worst,
                             text_of(seed, ON_DEVICES));
                int used = way == DISTRIBUTE_WHOLE ? 1 : devices;
                assert_int_equal(devices_used(other.graphs[GRAPH_TRAIN]), used);
                admitted[way]++;
            }
            compile_close(&other);
        }
        compile_close(&written);
    }
    assert_int_equal(admitted[DISTRIBUTE_WHOLE], NETS);
    for (Distribution way = DISTRIBUTE_CHANNELS; way < DISTRIBUTE_WAYS; way++)
        assert_true(admitted[way] >= NETS / 3);
}

// --- trained -------------------------------------------------------------------------------------

typedef struct { float *params; int64_t count, copied, planned; double loss; } Run;

static void fill(float *images, int64_t count, int32_t *labels, unsigned step)
{
    unsigned state = 12345 + step;
    for (int64_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        images[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
    for (int i = 0; i < BATCH; i++)
        labels[i] = i == 3 ? -1 : (int32_t)((step + (unsigned)i) % 5);
}

static void run_steps(Session *s, Run *run)
{
    const Program *p = session_program(s);
    int sequence = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    int64_t pixels = shape_count(p->sequences[sequence].inputs[0].shape);
    float *images = calloc((size_t)pixels, sizeof *images);
    const float *inputs[1] = { images };
    int32_t labels[BATCH];
    char err[SESSION_ERROR];
    for (unsigned step = 0; step < STEPS; step++) {
        SessionResult result;
        fill(images, pixels, labels, step);
        if (!session_run(s, sequence, inputs, labels, &result, err) || !session_check_guards(s, err))
            fail_msg("%s", err);
        run->loss = result.loss;
    }
    free(images);
}

// `spread`: logical devices by turns on two groups of threads; else all on one.
static Run train(const char *text, bool spread, int threads)
{
    Compilation c;
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN };
    char err[SESSION_ERROR];
    compile(&c, &o, text);
    char map[256] = "";
    for (int i = 0, length = 0; spread && i < c.program->device_count; i++)
        length += snprintf(map + length, sizeof map - (size_t)length, "%s%s=cpu:%d", i ? "," : "",
                           c.program->devices[i].name, i % 2);
    SessionOptions session = { .map = map, .threads = threads, .seed = 3 };
    Session *s = session_open(c.program, &session, err);
    if (!s)
        fail_msg("%s", err);
    ParamRates rates[64];
    for (int i = 0; i < 64; i++)
        rates[i] = (ParamRates){ 0.002f, 0.9f, 0.0005f, 0 };
    assert_true(c.program->param_count <= 64);
    session_set_rates(s, rates);
    session_poison(s, true);
    Run run = { .planned = STEPS * look_comm(&c, &(About){ .kind = ABOUT_ALL }).step };
    run_steps(s, &run);
    run.copied = session_copied_bytes(s);
    for (int i = 0; i < c.program->param_count; i++)
        run.count += shape_count(c.program->params[i].shape);
    run.params = calloc((size_t)run.count, sizeof *run.params);
    float *at = run.params;
    for (int i = 0; i < c.program->param_count; at += shape_count(c.program->params[i++].shape))
        assert_true(session_read_param(s, i, at, err));
    session_close(s);
    compile_close(&c);
    return run;
}

static void check_trained(const char *const text[3], int net)
{
    Run first = train(text[ON_DEVICES], false, 1), plain = train(text[PLAIN], false, 2);
    assert_int_equal(first.copied, first.planned);
    if (!isfinite(first.loss) || first.copied == 0)
        fail_msg("net %d: loss %g, %d bytes copied\n%s", net, first.loss, (int)first.copied,
                 text[ON_DEVICES]);
    for (int f = 0; f < 2; f++) {
        Run run = train(text[f], f == ON_DEVICES, 2);
        if (run.loss != first.loss ||
            memcmp(run.params, first.params, (size_t)run.count * sizeof *run.params) != 0)
            fail_msg("net %d, form %d: other bits\n%s", net, f, text[ON_DEVICES]);
        assert_int_equal(run.copied, f == ON_DEVICES ? first.copied : 0);
        free(run.params);
    }
    assert_true(fabs(first.loss - plain.loss) < 1e-4 * first.loss);
    for (int64_t i = 0; i < first.count; i++)
        if (fabsf(first.params[i] - plain.params[i]) > 1e-4f)
            fail_msg("net %d: a weight is %g, in the plain net %g", net, first.params[i], plain.params[i]);
    free(first.params);
    free(plain.params);
}

static void maps_of_random_nets_change_no_bit(void **state)
{
    (void)state;
    for (int net = 1; net <= TRAINED_NETS; net++) {
        char *text[3];
        for (int f = 0; f < 3; f++)
            text[f] = text_of((uint64_t)net + 100, (Form)f);
        check_trained((const char *const *)text, net);
        for (int f = 0; f < 3; f++)
            free(text[f]);
    }
}

// --- inputs ----------------------------------------------------------------------------------------

// An input that is read in every run on every device, by readers of which each begins on another device.
static char *many_readers(Form form)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    fputs("net many : 3x4x4 -> 5 {\n  x = in\n", f);
    for (int reader = 0; reader < 5; reader++) {
        fprintf(f, "  v%d = x -> %s(", reader, form == PLAIN ? "repeat" : "replicate");
        for (int i = 0; i < 6 && form == ON_DEVICES; i++)
            fprintf(f, "%sgpu%d", i ? ", " : "", (i + reader) % 6);
        if (form != ON_DEVICES)
            fprintf(f, "%d", form == PLAIN ? 1 : 6);
        fputs(") { in -> conv(4, 3) -> relu }\n", f);
    }
    fprintf(f, "  v0 -> add(v1, v2, v3, v4) -> fc(5) -> softmax\n}\ndata d { train = random(5, 3x4x4, 1) }\n"
            "train many on d { loss = cross_entropy  batch = %d  solver = sgd(lr = 0.05) }\n", BATCH);
    fclose(f);
    return text;
}

static void an_input_in_all_runs_on_all_devices(void **state)
{
    (void)state;
    char *text[3];
    for (int f = 0; f < 3; f++)
        text[f] = many_readers((Form)f);
    check_trained((const char *const *)text, 0);
    for (int f = 0; f < 3; f++)
        free(text[f]);
}

// --- one weird trick -----------------------------------------------------------------------------

// Batch-split convolutions under channel-split fully connected layers, over so many devices.
static const char trick[] =
    "net trick : 3x224x224 -> 1000 {\n"
    "  default pool(3, stride = 2)\n"
    "  replicate(%s) {\n"
    "    conv(96, 11, stride = 4, round = up) -> relu -> pool\n"
    "    -> conv(256, 5, pad = 2, groups = 2) -> relu -> pool\n"
    "    -> conv(384, 3, pad = 1) -> relu -> conv(384, 3, pad = 1, groups = 2) -> relu\n"
    "    -> conv(256, 3, pad = 1, groups = 2) -> relu -> pool is 256x6x6\n"
    "  }\n"
    "  -> split(%s) { fc(4096) -> relu -> dropout(0.5) -> all -> fc(4096) -> relu -> dropout(0.5) }\n"
    "  -> fc(1000) -> softmax\n"
    "}\n"
    "data d { train = random(5, 3x224x224, 1) }\n"
    "train trick on d { loss = cross_entropy  batch = %d  epochs = 1  solver = sgd(lr = 0.05) }\n";

static Comm trick_on(Compilation *c, int devices, int batch)
{
    static const char all[] = "gpu0, gpu1, gpu2, gpu3, gpu4, gpu5, gpu6, gpu7";
    char names[sizeof all], text[sizeof trick + 3 * sizeof all];
    snprintf(names, sizeof names, "%.*s", devices * 6 - 2, all);
    snprintf(text, sizeof text, trick, names, names, batch);
    CompileOptions o = { .modes = 1u << GRAPH_TRAIN, .stop_after = "simplify" };
    compile(c, &o, text);
    return look_comm(c, &(About){ .kind = ABOUT_ALL });
}

// Of n devices each gets what the others have: (n - 1) times pool5, fc6 and the halves that fc8 misses.
static void one_weird_trick_exchanges_what_it_should(void **state)
{
    (void)state;
    static const int64_t convolutions = 2334080;
    for (int devices = 2; devices <= 8; devices *= 2) {
        Compilation c;
        Comm comm = trick_on(&c, devices, 48);
        int64_t others = devices - 1;
        int64_t pass = 4 * (others * (9216 + 4096) + 4096 * others / (others + 1));
        assert_int_equal(comm.forward, pass);
        assert_int_equal(comm.backward, pass);
        assert_int_equal(comm.step, 2 * 48 * pass + 4 * 2 * others * convolutions);
        if (others == 1)
            assert_int_equal(pass, 61440);
        compile_close(&c);
    }
}

// Every weight lives once and is updated once; partial gradients are summed in the order of parts.
static void partial_gradients_are_summed_by_parts(void **state)
{
    (void)state;
    Compilation c;
    trick_on(&c, 4, 8);
    const Graph *g = c.graphs[GRAPH_TRAIN];
    int updates = 0, sums = 0;
    for (int i = 0; i < g->count; i++) {
        const Node *n = g->nodes[i], *dw = n->in[1];
        updates += n->role == ROLE_UPDATE;
        if (n->role != ROLE_UPDATE || strncmp(n->in[0]->name, "conv", 4) != 0)
            continue;
        for (int part = 3; part > 0; part--, dw = dw->in[0]) {
            assert_int_equal(dw->op, OP_ADD);
            assert_int_equal(dw->in[1]->op, OP_COPY);
            assert_int_equal(dw->in[1]->in[0]->part, part);
            sums++;
        }
        assert_int_equal(dw->part, 0);
    }
    assert_int_equal(updates, 2 * 5 + 2 * 2 * 4 + 2);
    assert_int_equal(sums, 2 * 5 * 3);
    compile_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_plain_net),
        cmocka_unit_test(other_distributions_compute_the_same),
        cmocka_unit_test(maps_of_random_nets_change_no_bit),
        cmocka_unit_test(an_input_in_all_runs_on_all_devices),
        cmocka_unit_test(one_weird_trick_exchanges_what_it_should),
        cmocka_unit_test(partial_gradients_are_summed_by_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
