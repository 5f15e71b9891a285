// One run that is killed again and again, or sent signals, at random moments, and goes on from its folder
// each time. No checkpoint is lost, none is damaged, the exit codes are right, and what every checkpoint
// holds is what the uninterrupted run's of that step does.
//
//     test_kills --kills N --signals N --seed N       N kills, N signals; ./check --full runs 200 of each
#include "reference/folder.h"
#include "runtime/train/newest.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { MOST_STEPS = 100000 };
static long     kills = 6, signals = 6;
static unsigned seed = 1;

static const char net_text[] =
    "net tiny : 1x6x6 -> 3 { conv(8, 3) -> relu -> dropout(0.5) -> fc(3) -> softmax }\n"
    "data made { train = random(3, 1x6x6, seed = 4, count = 40) -> scale(1 / 256) }\n"
    "train tiny on made {\n"
    "  loss = cross_entropy  batch = 8  epochs = 100000\n"
    "  solver = sgd(lr = 0.01, momentum = 0.9)\n"
    "  every step { save(\"at{step}.safetensors\", keep = 2) }\n"
    "}\n";

static double draw(void)                           // 0 to 1
{
    seed = seed * 1664525u + 1013904223u;
    return (double)(seed >> 8) / (1 << 24);
}

static void pause_for(double seconds)
{
    struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
    nanosleep(&t, NULL);
}

// --- the program ---------------------------------------------------------------------------------

// Runs cleave train; what it prints goes to out.txt in the folder. `steps` NULL: without end.
static pid_t start(const char *folder, const char *steps)
{
    char *const arguments[] = { "cleave", "train", (char *)in_folder("tiny.net"), "--out", (char *)folder,
                                "--resume", (char *)folder, "--threads", "1",
                                steps ? "--steps" : NULL, (char *)steps, NULL };
    const char *out = in_folder("out.txt");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(file, 1);
        dup2(file, 2);
        execv(CLEAVE, arguments);
        _exit(127);
    }
    return child;
}

// The exit code as a shell gives it.
static int code_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void fail_with_output(const char *what, long number)
{
    char line[1024] = "";
    FILE *in = fopen(in_folder("out.txt"), "r");
    while (in && fgets(line, sizeof line, in))
        fputs(line, stderr);
    if (in)
        fclose(in);
    fail_msg("%s (%ld)", what, number);
}

static void run_to(const char *folder, const char *steps)
{
    int code = code_of(start(folder, steps));
    if (code != 0)
        fail_with_output("the run does not end well", code);
}

// --- what it leaves ------------------------------------------------------------------------------

static void no_damage(void *context, const char *what)
{
    (void)context;
    fail_msg("%s", what);
}

// The step of the newest checkpoint; 0: there is none. A damaged one fails the test.
static long newest_step(const char *folder)
{
    char *path, err[CHECKPOINT_ERROR];
    Newest found = newest_checkpoint(folder, no_damage, NULL, &path, err);
    if (found == NEWEST_NONE)
        return 0;
    assert_int_equal(found, NEWEST_FOUND);
    Safetensors *f = safetensors_open(path, err);
    assert_non_null(f);
    long step = strtol(safetensors_meta(f, "step"), NULL, 10);
    safetensors_close(f);
    free(path);
    return step;
}

// hashes[step]: of the weights in the checkpoint of that step, as the log has it. The last step.
static long read_log(const char *folder, char (*hashes)[SAFETENSORS_HASH])
{
    char path[256], line[1024];
    long last = 0, epochs = 0;
    snprintf(path, sizeof path, "%s/run.jsonl", folder);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);                                // no half line
        const char *hash = json_string_value(json_object_get(o, "hash"));
        long step = (long)json_integer_value(json_object_get(o, "step"));
        const char *event = json_string_value(json_object_get(o, "event"));
        if (!strcmp(event, "epoch")) {                     // each once, in order
            assert_int_equal(json_integer_value(json_object_get(o, "epoch")), epochs + 1);
            epochs++;
        }
        if (hash) {
            assert_true(step > 0 && step < MOST_STEPS);
            if (*hashes[step])
                assert_string_equal(hashes[step], hash);
            strcpy(hashes[step], hash);
            last = step > last ? step : last;
        }
        json_decref(o);
    }
    fclose(in);
    return last;
}

// The run is let go to a step behind all that it has come to, and compared with one that nobody disturbed.
static void compare_with_undisturbed(const char *folder)
{
    char (*chain)[SAFETENSORS_HASH] = calloc(MOST_STEPS, sizeof *chain);
    char (*whole)[SAFETENSORS_HASH] = calloc(MOST_STEPS, sizeof *whole);
    char steps[24];
    assert_true(chain && whole);
    snprintf(steps, sizeof steps, "%ld", newest_step(folder) + 3);
    run_to(folder, steps);
    run_to(in_folder("whole"), steps);
    long last = read_log(folder, chain), compared = 0;
    assert_int_equal(read_log(in_folder("whole"), whole), last);
    for (long step = 1; step <= last; step++) {
        if (!*chain[step])                                 // killed before the line was written
            continue;
        assert_string_equal(chain[step], whole[step]);
        compared++;
    }
    print_message("%ld steps, %ld checkpoints alike\n", last, compared);
    assert_true(compared >= 3 && strlen(chain[last]) == SAFETENSORS_HASH - 1);
    free(chain);
    free(whole);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// A folder with a net beside it; the kernels are compiled. Seconds that a run of three steps takes.
static double prepare(const char *folder)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s %s; mkdir %s %s", folder, in_folder("whole"), folder,
             in_folder("whole"));
    assert_int_equal(system(command), 0);
    FILE *out = fopen(in_folder("tiny.net"), "w");
    assert_non_null(out);
    fputs(net_text, out);
    fclose(out);
    run_to(folder, "2");
    double begin = now();
    run_to(folder, "5");
    return now() - begin;
}

// --- kills ---------------------------------------------------------------------------------------

static void test_killed_in_a_chain(void **state)
{
    (void)state;
    char folder[128];
    snprintf(folder, sizeof folder, "%s", in_folder("run"));
    double begin = now(), span = 1.4 * prepare(folder);
    long step = newest_step(folder), moved = 0;
    for (long i = 0; i < kills; i++) {
        pid_t child = start(folder, NULL);
        pause_for(draw() * span);
        kill(child, SIGKILL);
        if (code_of(child) != 128 + SIGKILL)
            fail_with_output("it ended by itself", i);
        long there = newest_step(folder);
        assert_true(there >= step);                        // nothing is lost
        moved += there > step;
        span *= there > step ? 0.9 : 1.4;                  // a machine may get busy while this runs
        step = there;
    }
    compare_with_undisturbed(folder);
    print_message("%ld kills, %ld of them behind new checkpoints, %.1f s\n", kills, moved, now() - begin);
    if (kills >= 50)                                       // few may all have come too early
        assert_true(moved * 8 >= kills);
}

// --- signals -------------------------------------------------------------------------------------

// SIGHUP is a wish for a checkpoint: it comes, and the run goes on until SIGTERM. Not so in the first
// moments, before the program has got to its first line: `born` says when that is over.
static int hang_up(pid_t child, const char *requested, const char *born, double until)
{
    unlink(requested);
    while (access(born, F_OK) != 0 && now() < until)
        pause_for(0.002);
    kill(child, SIGHUP);
    while (access(requested, R_OK) != 0 && now() < until)
        pause_for(0.002);
    if (access(requested, R_OK) != 0)
        fail_with_output("no checkpoint comes", SIGHUP);
    kill(child, SIGTERM);
    return code_of(child);
}

static void test_signals(void **state)
{
    (void)state;
    static const int sent[] = { SIGINT, SIGTERM, SIGHUP };
    char folder[128], requested[160], lock[160];
    snprintf(folder, sizeof folder, "%s", in_folder("run"));
    double begin = now(), span = 1.4 * prepare(folder);
    long step = newest_step(folder), saved = 0;
    snprintf(requested, sizeof requested, "%s/requested.safetensors", folder);
    snprintf(lock, sizeof lock, "%s/run.lock", folder);
    for (long i = 0; i < signals; i++) {
        int number = sent[i % 3];
        pid_t child = start(folder, NULL);
        pause_for(0.02 + draw() * span);
        if (number != SIGHUP)
            kill(child, number);
        int code = number == SIGHUP ? hang_up(child, requested, lock, now() + 20) : code_of(child);
        int want = number == SIGINT ? SIGINT : SIGTERM;
        if (code != 128 + want)
            fail_with_output("another exit code than 128 + n", code);
        long there = newest_step(folder);
        assert_true(there >= step);
        saved += there > step;
        step = there;
    }
    compare_with_undisturbed(folder);
    print_message("%ld signals, %ld of them behind new checkpoints, %.1f s\n", signals, saved, now() - begin);
}

static bool read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        long number = i + 1 < argc ? strtol(argv[i + 1], NULL, 10) : 0;
        if (number < 1)
            return false;
        if (!strcmp(argv[i], "--kills"))
            kills = number;
        else if (!strcmp(argv[i], "--signals"))
            signals = number;
        else if (!strcmp(argv[i], "--seed"))
            seed = (unsigned)number;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_in_a_chain),
        cmocka_unit_test(test_signals),
    };
    if (read_options(argc, argv))
        return cmocka_run_group_tests(tests, folder_make, folder_remove);
    fprintf(stderr, "usage: %s [--kills N] [--signals N] [--seed N]\n", argv[0]);
    return 2;
}
