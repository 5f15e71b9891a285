// A device, as the runtime sees it: one struct of functions. cpu/ and cuda/ implement it. Nothing
// outside a device's folder knows how it does what it does.
#ifndef RUNTIME_DEVICE_H
#define RUNTIME_DEVICE_H
#include "program/program.h"
#include <stdbool.h>

enum { DEVICE_ERROR = 512 };

typedef struct Device Device;

// How long a launch took: seconds of all threads together, summed over `runs` of its sequence.
typedef struct { double seconds; int64_t runs; } LaunchTime;

// When a command of a sequence ran, in seconds since its run began: the device came to it, had waited for
// others, was through. A copy that goes by itself was on its way in between; else left = arrived.
typedef struct { double ready, begin, end, left, arrived; } CommandTime;

// How a program is opened.
typedef struct {
    const int *map;                // by logical device: the physical one, 0..count-1; GPUs: -1: any
    int        count;              // physical devices that together run all of the program
    int        threads;            // CPU: of all groups together; 0: as many as this process may use
    bool       no_graphs;          // GPU: every run is enqueued anew, none is replayed from a graph
    bool       no_peers;           // GPU: what goes from one to another goes through the host
    bool       one_by_one;         // GPU: every launch is waited for, so that a fault names its launch
} DeviceOptions;

// A launch or a copy of a sequence is done: its index in its list. False ends the walk.
typedef bool DeviceMade(void *context, bool is_copy, int index);

typedef struct DeviceClass {
    const char *name;                                   // "cpu", "cuda"
    // Compiles the kernel units or takes them from the cache. NULL with `err` filled on failure.
    Device *(*open)(const Program *program, const DeviceOptions *o, char err[DEVICE_ERROR]);
    void    (*close)(Device *d);
    // Readies a sequence: when another one ran before, clears what must be zero. Called before the
    // inputs of the sequence are written; `run` does it for who writes none.
    void    (*enter)(Device *d, int sequence);
    // The host's view of a logical device's memory: dense float NCHW in and out of a tensor.
    bool    (*write)(Device *d, int tensor, const float *dense, char err[DEVICE_ERROR]);
    bool    (*read)(Device *d, int tensor, float *dense, char err[DEVICE_ERROR]);
    bool    (*write_labels)(Device *d, int tensor, const int32_t *labels, char err[DEVICE_ERROR]);
    // Sets what StepState and ParamRates hold on every logical device.
    void    (*set_state)(Device *d, const StepState *state, const ParamRates *rates);
    bool    (*stopped)(Device *d);                      // did a loss kernel set `stop`
    // Runs one sequence to its end.
    bool    (*run)(Device *d, int sequence, char err[DEVICE_ERROR]);
    // Runs commands first..end-1 of a sequence and waits for them. A sequence is run by such parts, in
    // order, where values come from outside or go there between two; set_state goes before each.
    bool    (*run_part)(Device *d, int sequence, int first, int end, char err[DEVICE_ERROR]);
    // The same one by one in the order of commands, asking `made` behind each launch and copy.
    bool    (*walk_part)(Device *d, int sequence, int first, int end, DeviceMade *made, void *context,
                         char err[DEVICE_ERROR]);
    // Has a call of the device's driver failed? Nothing works from then on.
    bool    (*has_failed)(const Device *d);
    // Bytes that crossed between logical devices since open, as really moved.
    int64_t (*copied_bytes)(const Device *d);
    // How values go from one logical device to another: words for the user, "directly".
    const char *(*way)(const Device *d, int from, int to);
    // Poisons (fills with NaN) every receive buffer before each copy from now on; for tests.
    void    (*poison)(Device *d, bool on);
    // False, with the buffer's name in `err`, if a guard word between buffers has changed.
    bool    (*check_guards)(Device *d, char err[DEVICE_ERROR]);
    // Adds to the times of every launch from now on (`times` has the sequence's launch_count
    // entries; NULL: stop).
    void    (*profile)(Device *d, int sequence, LaunchTime *times);
    // Writes when every command ran into `times` from now on, those of the last run (`times` has the
    // sequence's command_count entries; NULL: stop). GPUs have none: their timeline is predicted.
    void    (*watch)(Device *d, int sequence, CommandTime *times);
} DeviceClass;

extern const DeviceClass device_cpu, device_cuda, device_mixed;
#endif
