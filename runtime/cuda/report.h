// What NVRTC and ptxas say, as data: messages with their places, and what each kernel takes of a
// multiprocessor. The texts hold #line, so places are in kernels/cuda/*.cu and in the .net file.
#ifndef RUNTIME_CUDA_REPORT_H
#define RUNTIME_CUDA_REPORT_H
#include <stdbool.h>
#include <stdio.h>

enum { REPORT_BANKS = 5 };             // of constant memory
enum { STATIC_SHARED_MOST = 49152 };   // bytes a kernel may declare; more is given at the launch

typedef enum { REPORT_ERROR, REPORT_WARNING, REPORT_NOTE } ReportKind;

typedef struct {
    ReportKind  kind;
    const char *file;                  // as #line names it; NULL: nobody said where
    int         line;                  // 1-based
    int         column;                // 1-based, in bytes; 0: not known
    const char *text;                  // "identifier \"c\" is undefined"
    const char *source;                // that line as the compiler saw it, or NULL
    int         ptx_line;              // ptxas' own place, 0: not from ptxas
} ReportMessage;

typedef struct {
    const char *name;                  // of the kernel or function, as in the cubin
    bool        is_kernel;             // false: a function that was not inlined
    int         registers;             // per thread
    int         spill_stores, spill_loads;     // bytes per thread, in the text
    int         stack;                 // bytes per thread, of its own frame
    int         shared;                // bytes per block, static
    int         barriers;              // -1: not said (CUDA 11)
    int         constants[REPORT_BANKS];       // bytes; sm_90 does not report bank 0
} ReportKernel;

typedef struct {
    ReportMessage *messages;
    int            message_count, errors;
    ReportKernel  *kernels;
    int            kernel_count;
    char          *log, *names;        // what the pointers above lead into
} Report;

// Reads a log (NvrtcOutput.log). False: out of memory. An unknown line is passed over.
bool report_read(Report *r, const char *log);
// Gives ptxas' messages a place in the sources: `ptx` is what it read, `text` what that was made from.
// Messages stay without a place when the PTX has no line information.
bool report_place_ptx(Report *r, const char *ptx, const char *text);
void report_close(Report *r);

const ReportKernel *report_kernel(const Report *r, const char *name);      // NULL: not there
// file:line:col: error: text, the line, a caret; warnings only if `warnings`. Notes go with what they
// are about.
void report_print(const Report *r, FILE *out, bool warnings, bool colour);
// The first error on one line, for an `err` buffer: "kernels/cuda/pool.cu:43:12: error: ...".
void report_first_error(const Report *r, char *to, size_t size);
#endif
