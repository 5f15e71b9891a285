// The run forks before each thing that it does; a child goes on without it. Calls of the driver are left out
// by functions that stand in the runtime's table in place of the driver's.
#include "reference/left_out.h"
#include "runtime/cuda/exec.h"
#include "runtime/cuda/move.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 4096, NAME = 160, SECONDS = 60, STEPS = 3, ORDERS = 3, SCALE = 30 };
// How a child ends; 1 and signals are crashes.
enum { END_UNNOTICED = 10, END_VALID = 11, END_NOTICED = 20 };

// Shared by all processes.
typedef struct {
    LeftOut sum;
    char    unnoticed[MOST];           // by number: in all orders so far
} Shared;

static struct {
    Shared     *shared;
    int         every, order, next;    // next: number of the next mutant
    bool        is_child, captures;
    int         position, first_step;  // calls so far of this step, and all of the first, that count
    int         left;                  // a child: position of the call that it leaves out in every step; -1
    GpuResult   reference;
    Device     *device;
    int         sequence;
    Driver      driver;                // the real one
    int       (*reports)(void);
} now;

// --- parents and children -------------------------------------------------------------------------

static void say(const char *name, const char *what)
{
    LeftOut *sum = &now.shared->sum;
    size_t used = strlen(sum->survivors);
    snprintf(sum->survivors + used, sizeof sum->survivors - used, "  %s: %s\n", name, what);
}

static void judge_child(pid_t child, int number, LeftKind kind, const char *name)
{
    LeftOut *sum = &now.shared->sum;
    int status;
    waitpid(child, &status, 0);
    int end = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    sum->made[kind] += now.order == 0;
    now.shared->unnoticed[number] = end < END_NOTICED;
    if (end >= END_NOTICED) {
        sum->by[end - END_NOTICED]++;
        sum->later += now.order > 0;
    } else if (end == END_UNNOTICED) {
        if (now.order == ORDERS - 1)
            say(name, "nobody noticed");
    } else {
        say(name, end == END_VALID ? "the validator takes the program without it" : "the run crashed");
    }
}

// True in a child, which goes on without what is named.
static bool goes_on_without(LeftKind kind, const char *name)
{
    int number = now.next;
    if (now.is_child)
        return false;
    now.next++;
    if (number >= MOST || (now.order ? !now.shared->unnoticed[number] : number % now.every != 0))
        return false;
    fflush(NULL);
    pid_t child = fork();
    if (child) {
        judge_child(child, number, kind, name);
        return false;
    }
    now.is_child = true;
    alarm(SECONDS);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    return true;
}

// Of a call. A step that is captured makes the same ones as the first, behind those that make the other
// devices' streams branch off, and then those that join them.
static bool leaves_out(LeftKind kind, const char *name)
{
    int position = now.position++ - (now.captures ? now.device->program->device_count : 0);
    bool is_again = now.captures && position >= 0 && position < now.first_step;
    if (is_again || now.is_child)
        return is_again && now.is_child && position == now.left;
    bool left_out = goes_on_without(kind, name);
    if (left_out && !now.captures)
        now.left = position;
    return left_out;
}

static bool judge(const GpuResult *r)
{
    if (!now.is_child)
        return true;
    if (r->end != GPU_RUN_DONE)
        _exit(END_NOTICED + NOTICED_BY_REFUSAL);
    bool same = r->bits == now.reference.bits
        && memcmp(r->loss, now.reference.loss, sizeof r->loss) == 0;
    _exit(same ? END_UNNOTICED : END_NOTICED + NOTICED_BY_NUMBERS);
}

// --- names ----------------------------------------------------------------------------------------

static const Copy *copy_of_event(DriverEvent event)
{
    const Sequence *s = &now.device->program->sequences[now.sequence];
    for (int i = 0; i < s->copy_count; i++) {
        const CudaCopy *c = &now.device->sequences[now.sequence].copies[i];
        if (event == c->packed || event == c->staged || event == c->arrived)
            return &s->copies[i];
    }
    return NULL;
}

static const Copy *copy_of_message(DriverAddress at)
{
    const Sequence *s = &now.device->program->sequences[now.sequence];
    for (int i = 0; i < s->copy_count; i++) {
        const CudaCopy *c = &now.device->sequences[now.sequence].copies[i];
        if (at == c->sent || at == c->received)
            return &s->copies[i];
    }
    return NULL;
}

static bool is_copy_stream(DriverStream stream)
{
    for (int i = 0; i < now.device->program->device_count; i++)
        if (now.device->list[i].copy == stream)
            return true;
    return false;
}

// `copy` may be NULL: of the events around a captured run.
static const char *name_of(const char *what, const Copy *copy)
{
    static char name[NAME];
    if (copy)
        snprintf(name, sizeof name, "%s: %.40s%s, run %d, for %.40s", what, copy->layer,
                 copy->backward ? " gradient" : "", copy->chunk, copy->point);
    else
        snprintf(name, sizeof name, "%s: around the captured run", what);
    return name;
}

// --- in place of the driver's functions -----------------------------------------------------------

static DriverResult wait_event(DriverStream stream, DriverEvent event, unsigned flags)
{
    const char *what = is_copy_stream(stream) ? "wait of a copy stream" : "wait of a compute stream";
    return leaves_out(LEFT_EVENT_WAIT, name_of(what, copy_of_event(event))) ? DRIVER_SUCCESS
        : now.driver.cuStreamWaitEvent(stream, event, flags);
}

static DriverResult record_event(DriverEvent event, DriverStream stream)
{
    return leaves_out(LEFT_RECORD, name_of("event", copy_of_event(event))) ? DRIVER_SUCCESS
        : now.driver.cuEventRecord(event, stream);
}

// The second parameter of both kernels of move.c is where the dense values are.
static DriverResult launch(DriverFunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                           unsigned bz, unsigned shared, DriverStream stream, void **params, void **extra)
{
    const CudaDevice *list = now.device->list;
    bool packs = false, unpacks = false;
    for (int i = 0; i < now.device->program->device_count; i++) {
        packs |= f == list[i].gather;
        unpacks |= f == list[i].scatter;
    }
    const Copy *copy = packs || unpacks ? copy_of_message(*(DriverAddress *)params[1]) : NULL;
    if (copy && leaves_out(packs ? LEFT_PACK : LEFT_UNPACK, name_of(packs ? "packing" : "unpacking", copy)))
        return DRIVER_SUCCESS;
    return now.driver.cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, params, extra);
}

static bool leaves_out_bringing(DriverAddress message, DriverStream stream)
{
    return is_copy_stream(stream) && leaves_out(LEFT_BRING, name_of("message", copy_of_message(message)));
}

static DriverResult bring_peer(DriverAddress to, DriverContext to_context, DriverAddress from,
                               DriverContext from_context, size_t bytes, DriverStream stream)
{
    return leaves_out_bringing(to, stream) ? DRIVER_SUCCESS
        : now.driver.cuMemcpyPeerAsync(to, to_context, from, from_context, bytes, stream);
}

static DriverResult bring_out(void *to, DriverAddress from, size_t bytes, DriverStream stream)
{
    return leaves_out_bringing(from, stream) ? DRIVER_SUCCESS
        : now.driver.cuMemcpyDtoHAsync(to, from, bytes, stream);
}

static DriverResult bring_in(DriverAddress to, const void *from, size_t bytes, DriverStream stream)
{
    return leaves_out_bringing(to, stream) ? DRIVER_SUCCESS
        : now.driver.cuMemcpyHtoDAsync(to, from, bytes, stream);
}

// A child has nothing to do when something was reported.
static DriverResult synchronize(DriverStream stream)
{
    DriverResult r = now.driver.cuStreamSynchronize(stream);
    if (now.is_child && now.reports() > 0)
        _exit(END_NOTICED + NOTICED_BY_REPORT);
    return r;
}

static DriverResult begin_capture(DriverStream stream, DriverCaptureMode mode)
{
    now.captures = true;
    now.first_step = now.position;
    now.position = 0;
    return now.driver.cuStreamBeginCapture(stream, mode);
}

static void stand_in(void)
{
    Driver *driver = &now.device->gpus.driver;
    now.driver = *driver;
    void *reports = dlsym(driver->library, "cleave_vgpu_reports");
    memcpy(&now.reports, &reports, sizeof reports);
    driver->cuStreamWaitEvent = wait_event;
    driver->cuEventRecord = record_event;
    driver->cuLaunchKernel = launch;
    driver->cuMemcpyPeerAsync = bring_peer;
    driver->cuMemcpyDtoHAsync = bring_out;
    driver->cuMemcpyHtoDAsync = bring_in;
    driver->cuStreamSynchronize = synchronize;
    driver->cuStreamBeginCapture = begin_capture;
}

// --- of the program -------------------------------------------------------------------------------

static void take_copy_out(Sequence *s, int command)
{
    int copy = s->commands[command].first;
    for (int i = copy; i + 1 < s->copy_count; i++)
        s->copies[i] = s->copies[i + 1];
    s->copy_count--;
    for (int i = 0; i < s->command_count; i++)
        s->commands[i].first -= s->commands[i].kind == COMMAND_COPY && s->commands[i].first > copy;
    s->commands[command].kind = COMMAND_GROUP;
    s->commands[command].first = s->commands[command].count = 0;
}

// The sequence is made ready anew, as if the program had been so from the start.
static void go_on_with(Program *p)
{
    char refusal[PROGRAM_ERROR], err[DEVICE_ERROR];
    if (program_validate(p, refusal))
        _exit(END_VALID);
    cuda_sequence_close(now.device, now.sequence);
    if (!cuda_sequence_open(now.device, now.sequence, err))
        _exit(END_NOTICED + NOTICED_BY_REFUSAL);
}

static bool change_program(Program *p, int command)
{
    Sequence *s = &p->sequences[now.sequence];
    Command *c = &s->commands[command];
    char name[NAME];
    for (int k = 0; k < c->wait_count; k++) {
        snprintf(name, sizeof name, "wait of command %d for %d", command, c->waits[k]);
        if (goes_on_without(LEFT_WAIT, name)) {
            c->waits[k] = c->waits[--c->wait_count];
            return true;
        }
    }
    if (c->kind == COMMAND_COPY && goes_on_without(LEFT_COPY, name_of("copy", &s->copies[c->first]))) {
        take_copy_out(s, command);
        return true;
    }
    return false;
}

static void opened(Program *p, Session *s)
{
    now.device = session_device(s);
    now.sequence = session_find_sequence(s, SEQUENCE_TRAIN, 0);
    now.left = -1;
    stand_in();
    for (int i = 0; i < p->sequences[now.sequence].command_count; i++)
        if (change_program(p, i)) {
            go_on_with(p);
            return;
        }
}

// --- a net ----------------------------------------------------------------------------------------

static bool is_sound(const GpuResult *r, int order, char why[SESSION_ERROR])
{
    if (r->end == GPU_RUN_DONE && !r->stopped[STEPS - 1] && gpu_run_reports(r) == 0)
        return true;
    snprintf(why, SESSION_ERROR, "with nothing left out, order %d: loss %g, %.100s %.150s", order,
             r->loss[STEPS - 1], r->err, r->said);
    return false;
}

static bool try_orders(const GpuRun *run, char why[SESSION_ERROR])
{
    GpuResult r;
    gpu_run(run, &now.reference);
    bool good = is_sound(&now.reference, 0, why);
    for (int i = 0; i < ORDERS && good; i++) {
        GpuRun way = *run;
        way.seed = now.order = i;
        way.opened = opened;
        way.judge = judge;
        if (i == 0 || memchr(now.shared->unnoticed, 1, MOST)) {
            gpu_run(&way, &r);
            good = is_sound(&r, i, why);
        }
    }
    return good;
}

bool left_out_try(const GpuRun *run, int every, LeftOut *sum, char why[SESSION_ERROR])
{
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    GpuRun way = *run;
    way.check = way.each = true;
    way.steps = STEPS;
    way.scale = SCALE;
    now.every = every;
    now.shared = mmap(NULL, sizeof *now.shared, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (now.shared == MAP_FAILED) {
        snprintf(why, SESSION_ERROR, "out of memory");
        return false;
    }
    now.shared->sum = *sum;
    bool good = try_orders(&way, why);
    *sum = now.shared->sum;
    for (int i = 0; i < MOST; i++)
        sum->unnoticed += now.shared->unnoticed[i];
    munmap(now.shared, sizeof *now.shared);
    return good;
}
