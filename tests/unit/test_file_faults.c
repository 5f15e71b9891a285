// Every call by which a checkpoint, the log, the lock or the kernel cache reaches the disk fails once: EIO,
// ENOSPC, EINTR, half a write. What was there before stays, nothing is left over, who called is told.
// The linker puts the functions below in the place of the system's (-Wl,--wrap).
#include "reference/folder.h"
#include "reference/training.h"
#include "runtime/cache.h"
#include "runtime/durable.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

// --- calls that fail -----------------------------------------------------------------------------

typedef enum { OPEN, WRITE, SYNC, RENAME, CLOSE, TRUNCATE, MAKE, FOLDER, CALLS } CallKind;

enum { HALF = -1, NO_FAULT = 0 };
static const int faults[] = { EIO, ENOSPC, EINTR, HALF };

// The `number`-th call of a kind fails; `lasting`: and all behind it.
static struct {
    pthread_mutex_t lock;
    CallKind call;
    int  number, fault, seen;
    bool lasting, hit;
} armed = { .lock = PTHREAD_MUTEX_INITIALIZER };

static char trace[64];                             // of calls, a letter each
static int  gate;                                  // a sync waits until so many steps are told
static _Atomic int steps_told, faults_made;

static void arm(CallKind call, int number, int fault, bool lasting)
{
    pthread_mutex_lock(&armed.lock);
    armed.call = call;
    armed.number = number;
    armed.fault = fault;
    armed.seen = 0;
    armed.lasting = lasting;
    armed.hit = false;
    pthread_mutex_unlock(&armed.lock);
}

// armed.hit stays: whether it has struck.
static void disarm(void)
{
    pthread_mutex_lock(&armed.lock);
    armed.call = CALLS;
    pthread_mutex_unlock(&armed.lock);
}

static int strikes(CallKind call, char letter)
{
    pthread_mutex_lock(&armed.lock);
    size_t length = strlen(trace);
    if (length + 1 < sizeof trace)
        trace[length] = letter;
    bool now = armed.call == call && (++armed.seen == armed.number || (armed.lasting && armed.hit));
    armed.hit |= now;
    faults_made += now;
    pthread_mutex_unlock(&armed.lock);
    if (!now)
        return NO_FAULT;
    errno = armed.fault == HALF ? 0 : armed.fault;
    return armed.fault;
}

#define WRAP(result, name, ...) \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return strikes(OPEN, flags & O_DIRECTORY ? 'O' : 'o') ? -1 : __real_open(path, flags, mode);
}

WRAP(ssize_t, write, int file, const void *bytes, size_t size)
{
    int fault = strikes(WRITE, 'w');
    return fault == NO_FAULT ? __real_write(file, bytes, size)
           : fault == HALF ? __real_write(file, bytes, size / 2 ? size / 2 : size) : -1;
}

// Nothing here looks at a disk that has lost its power, so nothing waits for one.
WRAP(int, fsync, int file)
{
    (void)file;
    time_t end = time(NULL) + 20;
    while (gate && steps_told < gate && time(NULL) < end)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    return strikes(SYNC, 's') ? -1 : 0;
}

WRAP(int, rename, const char *from, const char *to)
{
    return strikes(RENAME, 'r') ? -1 : __real_rename(from, to);
}

// The file is closed all the same.
WRAP(int, close, int file)
{
    int fault = strikes(CLOSE, 'c');
    int why = errno, result = __real_close(file);
    errno = fault ? why : errno;
    return fault ? -1 : result;
}

WRAP(int, ftruncate, int file, off_t size)
{
    return strikes(TRUNCATE, 't') ? -1 : __real_ftruncate(file, size);
}

WRAP(int, mkostemp, char *path, int flags)
{
    return strikes(MAKE, 'm') ? -1 : __real_mkostemp(path, flags);
}

WRAP(int, mkdir, const char *path, mode_t mode)
{
    return strikes(FOLDER, 'f') ? -1 : __real_mkdir(path, mode);
}

// Runs a scenario for every fault of every call that it makes; it disarms when it begins to look. What the
// looking itself calls, within the C library, never fails.
typedef void Scenario(int fault);

static void with_every_fault(Scenario *run)
{
    for (int call = 0; call < CALLS; call++)
        for (size_t f = 0; f < sizeof faults / sizeof *faults; f++) {
            if (faults[f] == HALF && call != WRITE)
                continue;
            for (int number = 1;; number++) {
                arm((CallKind)call, number, faults[f], false);
                run(faults[f]);
                if (!armed.hit)
                    break;
            }
        }
}

// --- what is looked at ---------------------------------------------------------------------------

static char *contents(const char *path)
{
    FILE *in = fopen(path, "r");
    if (!in)
        return NULL;
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    text[fread(text, 1, (1 << 20) - 1, in)] = 0;
    fclose(in);
    return text;
}

static void assert_nothing_left_over(const char *folder, const char *with)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, with))
            fail_msg("%s is left over", e->d_name);
    closedir(d);
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

// --- one file ------------------------------------------------------------------------------------

static void write_one(int fault)
{
    char path[128], err[DURABLE_ERROR] = "";
    snprintf(path, sizeof path, "%s", in_folder("file"));
    put(path, "old");
    bool fine = durable_write(path, "the new one", 11, err);
    disarm();
    char *now = contents(path);
    // When only the folder's sync fails the new one is there: whole, but perhaps not for long.
    assert_true(!strcmp(now, "the new one") || (!fine && !strcmp(now, "old")));
    assert_int_equal(fine, !*err);
    if (!armed.hit || fault == EINTR || fault == HALF)
        assert_true(fine);
    free(now);
    assert_nothing_left_over(folder_path(), "tmp");
    assert_true(durable_write(path, "once more", 9, err));
}

static void test_one_file(void **state)
{
    (void)state;
    char err[DURABLE_ERROR];
    memset(trace, 0, sizeof trace);
    assert_true(durable_write(in_folder("file"), "bytes", 5, err));
    assert_string_equal(trace, "owscrOsc");                // bytes, sync, rename, sync of the folder
    with_every_fault(write_one);
    unlink(in_folder("file"));
}

// --- the log -------------------------------------------------------------------------------------

// Lines of the log; each must be whole.
static int count_lines(const char *path)
{
    char line[1024];
    int count = 0;
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    for (; fgets(line, sizeof line, in); count++) {
        json_t *o = json_loads(line, 0, NULL);
        assert_non_null(o);
        json_decref(o);
    }
    fclose(in);
    return count;
}

static void write_log(int fault)
{
    Program p = { .net = "tiny" };
    const char *why;
    char path[128], err[TRAIN_ERROR] = "";
    snprintf(path, sizeof path, "%s", in_folder("run.jsonl"));
    put(path, "{\"event\":\"start\",\"step\":0}\n{\"event\":\"epoch\",\"epoch\":1,\"step\":5}\n"
              "{\"event\":\"epoch\",\"epoch\":2,\"step\":9}\n");
    Log *l = log_open(folder_path(), 1, 5, &p, 1, "", err);
    for (int i = 0; i < 3; i++)
        log_save(l, "somewhere", "abc", 1, 6 + i);
    disarm();
    int lost = log_lost(l, &why), lines = count_lines(path);
    assert_int_equal(l == NULL, *err != 0);
    assert_int_equal(lost > 0, *why != 0);
    assert_int_equal(lines, l ? 6 - lost : 3);             // two of the old ones stay, four come
    if (l && (fault == EINTR || fault == HALF || !armed.hit))
        assert_int_equal(lost, 0);
    log_close(l);
}

static void test_log(void **state)
{
    (void)state;
    with_every_fault(write_log);
    unlink(in_folder("run.jsonl"));
}

// --- the kernel cache ----------------------------------------------------------------------------

static void write_cache(int fault)
{
    static const char content[] = "what it was made from";
    Cache c;
    char key[CACHE_KEY], other[CACHE_KEY];
    size_t size;
    int entries;
    long long bytes;
    cache_key(content, sizeof content, key);
    cache_key("another", 8, other);
    cache_open(&c);
    bool stored = cache_write(&c, CACHE_CUDA, key, content, "made", 4);
    disarm();
    Cache again;
    cache_open(&again);
    assert_true(again.is_usable);
    char *there = cache_read(&again, CACHE_CUDA, key, content, &size);
    assert_true(there ? size == 4 && !memcmp(there, "made", 4) : armed.hit);
    if (!armed.hit || fault == HALF)
        assert_true(stored && there);
    free(there);
    assert_nothing_left_over(again.path, "made-");
    assert_nothing_left_over(again.path, ".entry");
    char *old = cache_read(&again, CACHE_CUDA, other, "another", &size);
    assert_non_null(old);                                  // nothing else has gone
    free(old);
    assert_true(cache_write(&again, CACHE_CUDA, key, content, "made", 4));
    cache_measure(&again, &entries, &bytes);
    assert_int_equal(entries, 2);
    char path[PATH_MAX + 64];                              // anew the next time
    snprintf(path, sizeof path, "%s/%s.cu", again.path, key);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/%s.kernels", again.path, key);
    assert_int_equal(unlink(path), 0);
}

static void test_cache(void **state)
{
    (void)state;
    char old[PATH_MAX], key[CACHE_KEY];
    const char *was = getenv("XDG_CACHE_HOME");
    snprintf(old, sizeof old, "%s", was ? was : "");
    setenv("XDG_CACHE_HOME", folder_path(), 1);
    Cache c;
    cache_open(&c);
    cache_key("another", 8, key);
    assert_true(cache_write(&c, CACHE_CUDA, key, "another", "old", 3));
    with_every_fault(write_cache);
    if (was)
        setenv("XDG_CACHE_HOME", old, 1);
    else
        unsetenv("XDG_CACHE_HOME");
}

// --- a run ---------------------------------------------------------------------------------------

// Five steps an epoch, a checkpoint behind each.
static const char net_text[] =
    "net tiny : 1x6x6 -> 3 { conv(8, 3) -> relu -> fc(3) -> softmax }\n"
    "data made { train = random(3, 1x6x6, seed = 4, count = 40) -> scale(1 / 256) }\n"
    "train tiny on made {\n"
    "  loss = cross_entropy  batch = 8  epochs = 6  solver = sgd(lr = 0.01, momentum = 0.9)\n"
    "  every epoch { save(\"at{epoch}.safetensors\", keep = 2) }\n"
    "}\n";

typedef struct { int saved, warned; char last[TRAIN_ERROR]; } Told;

static Training *training;
static float    *wanted;                           // the weights of fc1 that an undisturbed run ends with
static Told      told;

static void tell(void *context, const TrainReport *r)
{
    (void)context;
    told.saved += r->kind == TRAIN_SAVED;
    told.warned += r->kind == TRAIN_WARNED;
    steps_told += r->kind == TRAIN_STEP;
    if (r->kind == TRAIN_WARNED)
        snprintf(told.last, sizeof told.last, "%s", r->text);
}

static void open_training(void)
{
    put(in_folder("tiny.net"), net_text);
    training = training_open(in_folder("tiny.net"), NULL, 1);
    training->o.tell = tell;
    mkdir(in_folder("run"), 0777);
}

// From the beginning, in an empty folder.
static TrainEnd train_anew(void)
{
    static char out[128];
    char command[300];
    snprintf(out, sizeof out, "%s", in_folder("run"));
    snprintf(command, sizeof command, "rm -f %s/*", out);
    assert_int_equal(system(command), 0);
    training->o.out = out;
    session_set_step(training->s, 0);
    assert_true(session_initialise(training->s, 1, training->err));
    told = (Told){ 0 };
    steps_told = 0;
    return train_run(training->s, &training->o, training->err);
}

static float *read_weights(void)
{
    int param = session_find_param(training->s, "fc1.weights");
    float *values = malloc(4 * (size_t)shape_count(training->c.program->params[param].shape));
    assert_true(values && session_read_param(training->s, param, values, training->err));
    return values;
}

static void assert_checkpoints_are_whole(void)
{
    DIR *d = opendir(in_folder("run"));
    char path[400], err[CHECKPOINT_ERROR];
    for (struct dirent *e; (e = readdir(d));) {
        if (!strstr(e->d_name, ".safetensors"))
            continue;
        snprintf(path, sizeof path, "%s/%s", in_folder("run"), e->d_name);
        CheckpointState at;
        if (!checkpoint_load(training->s, path, &at, err))
            fail_msg("%s", err);
        free(at.memory);
    }
    closedir(d);
}

static void train_disturbed(int fault)
{
    TrainEnd end = train_anew();
    disarm();
    bool began = session_step(training->s) > 0;
    assert_true(end == TRAIN_DONE || (end == TRAIN_UNSAVED && began) || (end == TRAIN_FAILED && !began));
    assert_int_equal(end != TRAIN_DONE, *training->err != 0);
    if (fault == HALF || (began && fault == EINTR) || !armed.hit)
        assert_int_equal(end, TRAIN_DONE);
    if (end == TRAIN_UNSAVED)
        assert_true(strstr(training->err, "could not be written") != NULL);
    assert_nothing_left_over(in_folder("run"), "tmp");
    assert_nothing_left_over(in_folder("run"), "lock");
    if (!began)
        return;
    size_t bytes = 4 * (size_t)shape_count(training->c.program->params[
                                           session_find_param(training->s, "fc1.weights")].shape);
    float *values = read_weights();
    assert_memory_equal(values, wanted, bytes);            // it went on as if nothing had been
    free(values);
    assert_true(count_lines(in_folder("run/run.jsonl")) >= 13);
    assert_checkpoints_are_whole();
    assert_in_range(told.saved, 5, 6);                     // the last one is tried once more
}

static void test_run(void **state)
{
    (void)state;
    static const RunFacts facts = { .version = "0" };
    training->o.facts = &facts;                            // the manifest is written, too
    assert_int_equal(train_anew(), TRAIN_DONE);
    wanted = read_weights();
    with_every_fault(train_disturbed);
    training->o.facts = NULL;
    print_message("%d faults\n", faults_made);
    assert_true(faults_made >= 300);
}

// What fails for good is tried three times.
static void test_three_in_a_row(void **state)
{
    (void)state;
    arm(SYNC, 1, EIO, true);
    assert_int_equal(train_anew(), TRAIN_UNSAVED);
    disarm();
    assert_in_range(session_step(training->s), 15, 30);    // it is told a little later
    assert_int_equal(told.saved, 0);
    assert_int_equal(told.warned, 3);
    assert_non_null(strstr(told.last, "the run ends: it was the third in a row"));
    assert_non_null(strstr(training->err, "3 checkpoints could not be written"));
    char *log = contents(in_folder("run/run.jsonl"));
    assert_non_null(strstr(log, "{\"event\":\"warning\""));
    assert_non_null(strstr(log, "Input/output error"));
    free(log);
}

// --- in the background ---------------------------------------------------------------------------

// The disk takes longer than three steps, and the run goes on; the files are those of a quick disk.
static void test_written_meanwhile(void **state)
{
    (void)state;
    static const char *const names[] = { "run/at5.safetensors", "run/at6.safetensors" };
    char *quick[2];
    assert_int_equal(train_anew(), TRAIN_DONE);
    for (int i = 0; i < 2; i++)
        quick[i] = contents(in_folder(names[i]));
    time_t begin = time(NULL);
    gate = 8;                                              // the first save is that of step 5
    assert_int_equal(train_anew(), TRAIN_DONE);
    gate = 0;
    assert_true(time(NULL) - begin < 10);                  // it was not the gate's patience that ended
    assert_int_equal(told.saved, 6);
    for (int i = 0; i < 2; i++) {
        struct stat info;
        char *slow = contents(in_folder(names[i]));
        assert_int_equal(stat(in_folder(names[i]), &info), 0);
        assert_memory_equal(slow, quick[i], (size_t)info.st_size);
        free(slow);
        free(quick[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_three_in_a_row),
        cmocka_unit_test(test_written_meanwhile),
    };
    if (folder_make(NULL))
        return 1;
    open_training();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    training_free(training);
    free(wanted);
    folder_remove(NULL);
    return failed;
}
