// NVRTC, NVIDIA's CUDA compiler as a library, found and loaded at run time: CUDA text -> PTX, cubin and
// a log. Its few functions are declared here, so nothing of CUDA is needed to build cleave; where it is
// missing everything but compiling CUDA works.
#ifndef RUNTIME_CUDA_NVRTC_H
#define RUNTIME_CUDA_NVRTC_H
#include "runtime/device.h"
#include <limits.h>
#include <stddef.h>

// The options that every text is compiled with, --gpu-architecture aside; part of cache keys. Functions
// without a specifier are device functions; the line table leads from SASS to the text; ptxas reports
// registers and spills in the log. No fast math: what is fast is written in the kernel.
#define NVRTC_OPTIONS "--std=c++17 -default-device -lineinfo --ptxas-options=--verbose"

typedef struct NvrtcProgram NvrtcProgram;              // theirs
typedef int NvrtcCallback(void *payload, void *reserved);

typedef struct {
    char  path[PATH_MAX];          // of the library's file, links resolved
    char  identity[80];            // size and hash, of whichever path: part of cache keys
    void *library;                 // the rest is filled by nvrtc_load
    int   major, minor;
    // As in nvrtc.h; 0 is success.
    int (*get_version)(int *major, int *minor);
    const char *(*get_error_string)(int result);
    int (*create_program)(NvrtcProgram **p, const char *text, const char *name, int headers,
                          const char *const *header_texts, const char *const *header_names);
    int (*destroy_program)(NvrtcProgram **p);
    int (*compile_program)(NvrtcProgram *p, int count, const char *const *options);
    int (*get_log_size)(NvrtcProgram *p, size_t *size);
    int (*get_log)(NvrtcProgram *p, char *to);
    int (*get_ptx_size)(NvrtcProgram *p, size_t *size);
    int (*get_ptx)(NvrtcProgram *p, char *to);
    int (*get_cubin_size)(NvrtcProgram *p, size_t *size);
    int (*get_cubin)(NvrtcProgram *p, char *to);
    int (*get_arch_count)(int *count);
    int (*get_archs)(int *archs);
    int (*set_flow_callback)(NvrtcProgram *p, NvrtcCallback *callback, void *payload);   // or NULL: < 12.8
} Nvrtc;

// Asked often while a text is compiled, from the compiling thread; true: stop. Once it said so it
// must go on saying so.
typedef struct {
    bool (*stop)(void *context);   // NULL: never
    void *context;
} NvrtcStop;

typedef enum {
    NVRTC_MADE,
    NVRTC_REFUSED,                 // the text is wrong: the log says where (cuda/report.h)
    NVRTC_STOPPED,
    NVRTC_FAILED                   // the machine or NVRTC: `err` says why
} NvrtcStatus;

// All free()d by nvrtc_output_close; what there is not is NULL.
typedef struct {
    char  *log;                    // what NVRTC and ptxas said
    char  *ptx;                    // also there when ptxas refused it
    char  *cubin;
    size_t cubin_size;
} NvrtcOutput;

// Finds the library without loading it (which takes long enough to be felt): CLEAVE_NVRTC (the file or
// its folder), then the folders of CUDA_HOME, CUDA_PATH, /usr/local/cuda*, then where the loader looks.
// False, with what to install in `err`, when there is none.
bool nvrtc_find(Nvrtc *n, char err[DEVICE_ERROR]);
// Loads what was found, for as long as the process lives (NVRTC leaves memory behind when it is
// unloaded). Not from several threads at a time; nothing happens when it is loaded already.
bool nvrtc_load(Nvrtc *n, char err[DEVICE_ERROR]);

// Compiles `text` for `arch` ("sm_80", "sm_90a"); `name` stands in messages for text above the first
// #line. From any number of threads at a time: NVRTC 13 compiles them side by side.
NvrtcStatus nvrtc_compile(const Nvrtc *n, const char *text, const char *name, const char *arch,
                          const NvrtcStop *stop, NvrtcOutput *out, char err[DEVICE_ERROR]);
void nvrtc_output_close(NvrtcOutput *out);
#endif
