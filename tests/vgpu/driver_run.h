// Programs that use the virtual GPU's driver, each in a process of its own, and what they say.
#ifndef TESTS_VGPU_DRIVER_RUN_H
#define TESTS_VGPU_DRIVER_RUN_H
#include "runtime/cuda/driver_abi.h"
#include "runtime/vgpu/vgpu.h"
#include <stdbool.h>

#define DRIVER(name, symbol, version, params) DriverResult symbol params;
#include "runtime/cuda/driver.def"
DriverResult cuMemcpyDtoH_v2(void *to, DriverAddress from, size_t bytes);
DriverResult cuMemcpyHtoD_v2(DriverAddress to, const void *from, size_t bytes);
DriverResult cuLaunchHostFunc(DriverStream stream, void (*call)(void *), void *data);
DriverResult cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags,
                                 DriverQuery *query);
#undef DRIVER
int cleave_vgpu_reports(void);
void cleave_vgpu_count(void);
const VgpuCounters *cleave_vgpu_counters(int n);
int cleave_vgpu_region(DriverAddress at, size_t bytes, const char *name);
#define CUBLAS(symbol, params) CublasStatus symbol params;
#include "runtime/cuda/cublas.def"
#undef CUBLAS

enum { FAILED = 100, WRONG = 101 };    // exit statuses of programs: a call failed; the numbers are wrong

// Ends the program's function when a call fails.
#define TRY(call)                      \
    do {                               \
        if ((call) != DRIVER_SUCCESS)  \
            return FAILED;             \
    } while (0)

enum { COUNT = 1000 };                 // floats of a buffer

// One device: a context, two streams, the kernels of `kernels`, four buffers.
typedef struct {
    DriverContext  context;
    DriverStream   streams[2];
    DriverModule   module;
    DriverFunction scale, trap;        // scale(to, from, factor): to[i] = from[i] * factor; trap()
    DriverAddress  buffers[4];
} Machine;

extern const char kernels[];
int  open_machine(Machine *m, int device);               // current from then on
void close_machine(Machine *m, int device);
int  scale(const Machine *m, int stream, int to, int from, float factor);

typedef int Program(void);
// The exit status; what it wrote to standard error stands in `said`. `environment`: NAME=value with blanks
// between.
int run_program(Program *program, const char *environment);
extern char said[1 << 16];
// Fails the test unless the status is this and the text is said; NULL: nothing at all is.
void expect_program(Program *program, const char *environment, int status, const char *text);
#endif
