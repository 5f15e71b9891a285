// Whatever orders the devices of a net, or moves its values, is needed: every wait and copy of the program,
// and every event wait, record and part of a message that the runtime makes of them, is left out once in
// three training steps on virtual GPUs. The virtual GPUs report it or the numbers are others, else a test
// fails and says what nobody missed.
//
//     test_schedule_mutants --all     every one of them, in more ways (./check --full); otherwise a sample
#include "reference/folder.h"
#include "reference/left_out.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
enum { EVERY = 40 };                   // a fork of a sanitized process is slow
#else
enum { EVERY = 10 };
#endif

static const char columns[] =
    "net two : 3x8x8 -> 10 {\n"
    "  split(gpu0, gpu1) {\n"
    "    conv(16, 3, stride = 2, pad = 1) -> relu -> lrn(n = 3) -> all\n"
    "    -> conv(16, 3, pad = 1) -> relu -> pool(2) -> fc(12) -> relu -> dropout(0.5)\n"
    "    -> all -> fc(12) -> relu\n"
    "  }\n"
    "  -> fc(10) -> softmax\n"
    "}\n"
    "data d { train = random(10, 3x8x8, 1) }\n"
    "train two on d { loss = cross_entropy  batch = 2  epochs = 1  solver = sgd(lr = 0.1) }\n";

// Convolutions share out images, fully connected layers channels: weights cross, too.
static const char weights[] =
    "net mixed : 3x8x8 -> 10 {\n"
    "  replicate(gpu0, gpu1) { conv(8, 3, pad = 1) -> relu -> pool(2) }\n"
    "  -> split(gpu0, gpu1) { fc(16) -> relu -> all -> fc(16) -> relu } -> fc(10) -> softmax\n"
    "}\n"
    "data d { train = random(10, 3x8x8, 1) }\n"
    "train mixed on d { loss = cross_entropy  batch = 4  epochs = 1  solver = sgd(lr = 0.1) }\n";

static bool all;

// --- a net ----------------------------------------------------------------------------------------

typedef struct { const char *name; int devices, chunks; bool no_peers; } Way;

static const char *write_net(const char *text)
{
    const char *path = in_folder("net.net");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void print_sum(const LeftOut *sum, const char *name)
{
    static const char *const kinds[LEFT_KINDS] = { "waits", "copies", "event waits", "records", "packings",
                                                   "messages", "unpackings" };
    int made = 0;
    for (int i = 0; i < LEFT_KINDS; i++)
        made += sum->made[i];
    print_message("%s: %d mutants (", name, made);
    for (int i = 0; i < LEFT_KINDS; i++)
        print_message("%s%d %s", i ? ", " : "", sum->made[i], kinds[i]);
    print_message("): %d reported, %d with other numbers, %d refused; %d unnoticed, %d in a later order\n",
                  sum->by[NOTICED_BY_REPORT], sum->by[NOTICED_BY_NUMBERS], sum->by[NOTICED_BY_REFUSAL],
                  sum->unnoticed, sum->later);
}

static void add(LeftOut *to, const LeftOut *more)
{
    for (int i = 0; i < LEFT_KINDS; i++)
        to->made[i] += more->made[i];
    for (int i = 0; i < NOTICED_WAYS; i++)
        to->by[i] += more->by[i];
    to->later += more->later;
    to->unnoticed += more->unnoticed;
}

static LeftOut whole;

static void check(const char *text, const Way *way)
{
    char why[SESSION_ERROR];
    LeftOut sum = { .unnoticed = 0 };
    if (!gpu_run_possible())
        skip();
    const GpuRun run = { .path = write_net(text), .target = "sm_80:fp32", .devices = way->devices,
                         .chunks = way->chunks, .options.no_peers = way->no_peers };
    if (!left_out_try(&run, all ? 1 : EVERY, &sum, why))
        fail_msg("%s: %s", way->name, why);
    print_sum(&sum, way->name);
    if (sum.unnoticed)
        fail_msg("%s: of what was left out, this was not missed:\n%s", way->name, sum.survivors);
    add(&whole, &sum);
}

// --- tests ----------------------------------------------------------------------------------------

static void two_columns(void **state)
{
    (void)state;
    check(columns, &(Way){ "two columns", 2, 1, false });
    check(columns, &(Way){ "two columns in 2 runs, through the host", 2, 2, true });
    if (!all)
        return;
    check(columns, &(Way){ "two columns on one GPU", 1, 1, false });
}

static void weights_that_cross(void **state)
{
    (void)state;
    check(weights, &(Way){ "weights that cross", 2, 1, false });
}

static int say_whole(void **state)
{
    print_sum(&whole, "all");
    return folder_remove(state);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_columns),
        cmocka_unit_test(weights_that_cross),
    };
    all = argc == 2 && !strcmp(argv[1], "--all");
    return cmocka_run_group_tests_name("left out", tests, folder_make, say_whole);
}
