// What every entry point does first and last; the environment; what is printed.
#include "runtime/vgpu/driver/driver.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FUNCTIONS = 128 };

typedef struct { char name[48]; long count; } Called;

Driver driver;
_Thread_local Context *current_context;
_Thread_local bool driver_calls_host;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Called called[MOST_FUNCTIONS];
static int called_count;

// --- what is printed -------------------------------------------------------------------------------

static int reported;                                          // lines that tell of a fault

void driver_write(const char *text)
{
    char line[2 * VGPU_ERROR + 2];
    int n = snprintf(line, sizeof line, "%.*s\n", 2 * VGPU_ERROR, text);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        return;                                               // nobody listens
}

void driver_say(const char *fmt, ...)
{
    char text[VGPU_ERROR] = "vgpu: ";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text + 6, sizeof text - 6, fmt, args);
    va_end(args);
    driver_write(text);
    reported++;
}

void driver_print_reports(void)
{
    char text[VGPU_ERROR];
    for (; driver.printed < driver.reports.count; driver.printed++) {
        vgpu_report_format(&driver.reports.list[driver.printed], text);
        driver_write(text);
        reported++;
    }
}

// Found by its name by whoever wants to end with an error when there was one.
int cleave_vgpu_reports(void);
int cleave_vgpu_reports(void)
{
    pthread_mutex_lock(&lock);
    int count = reported;
    pthread_mutex_unlock(&lock);
    return count;
}

// --- calls -----------------------------------------------------------------------------------------

// Counts this call of a function, whose form (_v2) does not matter.
static const Called *count_call(const char *function)
{
    static const Called too_many = { .count = 0 };
    const char *form = strstr(function, "_v2");
    int n = form ? (int)(form - function) : (int)strlen(function), k = 0;
    while (k < called_count && !(strncmp(called[k].name, function, (size_t)n) == 0 && !called[k].name[n]))
        k++;
    if (k == MOST_FUNCTIONS)
        return &too_many;
    if (k == called_count)
        snprintf(called[called_count++].name, sizeof called[k].name, "%.*s", n, function);
    called[k].count++;
    return &called[k];
}

// Found by its name by who wants to be asked before every call with which code it ends, 0: with its own.
typedef DriverResult Ask(const char *function, long count);
static Ask *ask;
void cleave_vgpu_on_call(Ask *asked);
void cleave_vgpu_on_call(Ask *asked)
{
    pthread_mutex_lock(&lock);
    ask = asked;
    pthread_mutex_unlock(&lock);
}

// What is asked, or VGPU_FAIL=name:n:code,...: the code, when this call is to fail.
static DriverResult planned_failure(const Called *c)
{
    DriverResult asked = ask && c->count ? ask(c->name, c->count) : DRIVER_SUCCESS;
    const char *plan = asked ? NULL : getenv("VGPU_FAIL");
    while (plan && *plan) {
        char name[48];
        long n;
        unsigned code;
        if (sscanf(plan, "%47[^:]:%ld:%u", name, &n, &code) == 3 && n == c->count && !strcmp(name, c->name))
            return code;
        plan = strchr(plan, ',');
        plan += plan ? 1 : 0;
    }
    return asked;
}

static bool is_sticky(DriverResult r)
{
    return (r >= DRIVER_ERROR_ASSERT && r <= DRIVER_ERROR_LAUNCH_FAILED) ||
           r == DRIVER_ERROR_ECC_UNCORRECTABLE || r == DRIVER_ERROR_ILLEGAL_ADDRESS ||
           r == DRIVER_ERROR_LAUNCH_TIMEOUT;
}

Entry driver_enter(const char *function, Needs needs)
{
    if (driver_calls_host)                                    // what a stream calls may not call back
        return (Entry){ DRIVER_ERROR_NOT_PERMITTED, false };
    pthread_mutex_lock(&lock);
    DriverResult planned = planned_failure(count_call(function));
    Entry e = { planned, true };
    bool live = current_context && driver_is_live(current_context, OBJECT_CONTEXT);
    if (planned) {
        if (is_sticky(e.result) && live && strncmp(function, "cublas", 6) != 0)
            current_context->error = e.result;
    } else if (needs >= NEEDS_INIT && !driver.ready)
        e.result = DRIVER_ERROR_NOT_INITIALIZED;
    else if (needs == NEEDS_CONTEXT && !live)
        e.result = current_context ? DRIVER_ERROR_CONTEXT_IS_DESTROYED : DRIVER_ERROR_INVALID_CONTEXT;
    else if (needs == NEEDS_CONTEXT)
        e.result = current_context->error;
    if (e.result && !planned && strncmp(function, "cublas", 6) == 0)
        e.result = driver.ready && live ? CUBLAS_EXECUTION_FAILED : CUBLAS_NOT_INITIALIZED;
    return e;
}

void driver_leave(Entry *e)
{
    if (!e->is_locked)
        return;
    driver_print_reports();
    pthread_mutex_unlock(&lock);
}

__attribute__((destructor)) static void print_calls(void)
{
    for (int k = 0; getenv("VGPU_CALLS") && k < called_count; k++)
        driver_say("calls: %s %ld", called[k].name, called[k].count);
}

// --- the environment -------------------------------------------------------------------------------

// A number in 0..most; whatever is none is told and left out.
static int64_t take_number(const char *name, const char *text, int64_t otherwise, int64_t least, int64_t most)
{
    char *end;
    if (!text || !*text)
        return otherwise;
    long long n = strtoll(text, &end, 10);
    if (!*end && n >= least && n <= most)
        return n;
    driver_say("environment: %s is '%.40s', which is no number from %lld to %lld", name, text,
               (long long)least, (long long)most);
    return otherwise;
}

static int64_t read_number(const char *name, int64_t otherwise, int64_t least, int64_t most)
{
    return take_number(name, getenv(name), otherwise, least, most);
}

// "64,16": MiB of the first device, and of the second and all that follow.
static void read_memory(void)
{
    const char *text = getenv("VGPU_MEMORY");
    for (int d = 0; d < driver.device_count; d++) {
        char one[24] = "";
        driver.device[d].capacity = d ? driver.device[d - 1].capacity : (size_t)16384 << 20;
        if (!text)
            continue;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(text, ","), text);
        driver.device[d].capacity = (size_t)take_number("VGPU_MEMORY", one, 16384, 1, 1 << 20) << 20;
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
}

void driver_read_environment(void)
{
    driver.device_count = (int)read_number("VGPU_DEVICES", 2, 0, MOST_DEVICES);
    driver.check = read_number("VGPU_CHECK", 0, 0, 1);
    driver.seed = (uint64_t)read_number("VGPU_SEED", 0, 0, INT64_MAX);
    driver.is_random = driver.seed != 0;
    driver.random = (driver.seed + 1) * 0x9e3779b97f4a7c15u;
    driver.tells_counters = (int)read_number("VGPU_COUNTERS", 0, 0, 2);
    driver.counts = driver.counts || driver.tells_counters;
    driver.max_steps = read_number("VGPU_STEPS", 0, 0, INT64_MAX);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    driver.threads = (int)read_number("VGPU_THREADS", online < 1 ? 1 : online > 16 ? 16 : online, 1, 256);
    driver.has_peers = read_number("VGPU_PEERS", 1, 0, 1);
    read_memory();
}
