// A session: a program bound to physical devices, with its parameters filled in. What the training
// loop, the verbs and the public API stand on; it knows no graph and no file format.
// Every function that can fail returns false with the reason in `err` (SESSION_ERROR bytes).
// Between two runs nothing is executed, so reads and writes need no locks of the caller's.
#ifndef RUNTIME_SESSION_H
#define RUNTIME_SESSION_H
#include "program/program.h"
#include "runtime/device.h"
#include <stdbool.h>

enum { SESSION_ERROR = DEVICE_ERROR, SESSION_METRICS = 16 };

typedef struct Session Session;

typedef struct {
    const char *map;           // "gpu0=cpu:0,gpu1=cpu:1"; NULL or "": every device on cpu:0, or, on
                               // GPUs, the first on cuda:0, the second on cuda:1, ..., round and round
    int         threads;       // CPU: of all groups together; 0: as many as this process may use
    uint64_t    seed;          // of the parameters and of every draw in a step; 0 is a seed, too
    bool        no_graphs, no_peers, one_by_one;       // GPU: see DeviceOptions
} SessionOptions;

// Are some of the program's devices GPUs, some CPUs?
bool session_runs_on_gpus(const Program *p);
bool session_runs_on_cpus(const Program *p);
// Reads a map: map[d] is the group of threads, or the GPU, of logical device d (PROGRAM_DEVICES entries);
// -1: any GPU. False: the text is wrong, which a verb reports as misuse before it opens a session.
bool session_parse_map(const Program *p, const char *text, int *map, int *physical, char *err);

// Opens the devices (which compiles the kernels, or finds them in the cache) and initialises all
// parameters from the seed. The program must outlive the session. NULL on failure; a caller
// reports that as a fault of the machine.
Session       *session_open(const Program *p, const SessionOptions *o, char err[SESSION_ERROR]);
void           session_close(Session *s);                     // NULL is allowed
// Opens the devices anew: step 0, the parameters of the seed, and nothing left of what has been computed.
// After a failure the session can only be closed.
bool           session_restart(Session *s, char *err);
const Program *session_program(const Session *s);
// The physical device and its functions: for profiling, poison, guards (verbs and tests).
Device            *session_device(Session *s);
const DeviceClass *session_device_class(const Session *s);

// --- parameters: dense logical values, all parts of a split together ------------------------------

int  session_find_param(const Session *s, const char *name);  // index into program->params; -1
bool session_read_param(Session *s, int param, float *dense, char *err);
bool session_write_param(Session *s, int param, const float *dense, char *err);
bool session_read_velocity(Session *s, int param, float *dense, char *err);
bool session_write_velocity(Session *s, int param, const float *dense, char *err);
// Draws all parameters anew, velocities 0: a pure function of seed, parameter name and logical
// index, so neither a split nor a device changes a value.
bool session_initialise(Session *s, uint64_t seed, char *err);
// The value that session_initialise gives to logical element `index` of a parameter.
float session_initial_value(const ProgramParam *p, uint64_t seed, int64_t index);

// --- what the next run of a training sequence uses ------------------------------------------------

// Rates of every parameter (program->param_count of them), copied; all zero until set.
void     session_set_rates(Session *s, const ParamRates *rates);
// The step keys the random draws (dropout). session_run counts it up after a training sequence
// that was not stopped; resuming sets it.
void     session_set_step(Session *s, uint64_t step);
uint64_t session_step(const Session *s);
void     session_set_seed(Session *s, uint64_t seed);         // of the draws; parameters stay
uint64_t session_seed(const Session *s);

// --- running ---------------------------------------------------------------------------------------

// Index of the sequence of this kind with this batch (0: the first of the kind); -1: none.
int  session_find_sequence(const Session *s, SequenceKind kind, int batch);

// Sums over the samples that count, in order of the batch, in double: equal whatever the threads.
typedef struct {
    double loss;                           // sum over samples; divide by `images`
    double metrics[SESSION_METRICS];       // sums, in order of the recipe's metrics: top5 counts hits
    int    images;                         // samples that counted (label other than -1)
    bool   stopped;                        // the loss was not finite: no update was applied
    int    run;                            // which batch of the step ran last: where it stopped
} SessionResult;

// Images that a run of a sequence takes: its batch, or the batches of a step that accumulates.
int  session_images(const Session *s, int sequence);
// Runs a sequence once, or a training sequence for each batch of a step. inputs[i]: dense NCHW of the
// sequence's i-th image port (ports other than "label"), session_images of them; labels: as many int32,
// -1 for no sample; NULL when predicting. Values read behind it are those of the last batch.
// `result` may be NULL when predicting. An input pointer NULL leaves what was written before.
bool session_run(Session *s, int sequence, const float *const *inputs, const int32_t *labels,
                 SessionResult *result, char *err);
// One batch, `run`, of a step of several; they come in order. The step is counted behind the last.
bool session_run_batch(Session *s, int sequence, int run, const float *const *inputs, const int32_t *labels,
                       char *err);
// Where a value that is not finite comes from.
typedef struct {
    const char   *what;                    // the tensor's name; NULL: everything is finite
    const Launch *launch;                  // that wrote it; NULL: an input, or a parameter
    bool          is_param;
} SessionTrace;

// Runs a sequence once more as the last run did, batch by batch and launch by launch, and looks at every
// value as it is made. For a run that was stopped: nothing is applied before the fault is found.
bool session_trace(Session *s, int sequence, const float *const *inputs, const int32_t *labels,
                   SessionTrace *trace, char *err);
// Runs a batch of a step, as session_run_batch does, launch by launch and calls `made` behind each, which
// may read and write tensors through session_device_class(s). Does not count up the step.
bool session_walk(Session *s, int sequence, int run, const float *const *inputs, const int32_t *labels,
                  DeviceMade *made, void *context, char *err);
// The first parameter that is not finite; -1: all are. False: they cannot be read.
bool session_bad_param(Session *s, int *bad, char *err);
// Dense values of an output port after a run: "loss", "top5", "output". Its shape is the port's.
int  session_find_output(const Session *s, int sequence, const char *name);      // -1: none
bool session_read_output(Session *s, int sequence, int port, float *dense, char *err);
// Any named tensor, parameter, velocity ("conv1.weights.velocity") or output by name, after a run
// of `sequence`. The parts "x.part0", "x.part1", ... read as "x" are put together by channel.
bool session_tensor_shape(const Session *s, int sequence, const char *name, Shape *shape);
bool session_read_tensor(Session *s, int sequence, const char *name, float *dense, char *err);

int64_t session_copied_bytes(const Session *s);               // between logical devices, since open
bool    session_check_guards(Session *s, char *err);
void    session_poison(Session *s, bool on);                  // NaN into receive buffers, for tests
#endif
