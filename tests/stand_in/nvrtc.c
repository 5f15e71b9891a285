// Stands between a program and NVRTC (CLEAVE_NVRTC names this one, NVRTC_REAL the other) and makes a call
// fail: NVRTC_FAIL=nvrtcGetPTX:2:4, the second call of that function returns 4.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Program *Program;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char failing[64];               // NVRTC_FAIL as it was when calls were counted
static long calls;                     // of its function

// The code that this call is to return, or 0.
static int planned(const char *function)
{
    const char *plan = getenv("NVRTC_FAIL");
    char name[48];
    long n;
    int code, planned_code = 0;
    pthread_mutex_lock(&lock);
    if (strncmp(failing, plan ? plan : "", sizeof failing - 1) != 0) {
        snprintf(failing, sizeof failing, "%s", plan ? plan : "");
        calls = 0;
    }
    if (plan && sscanf(plan, "%47[^:]:%ld:%d", name, &n, &code) == 3 && !strcmp(name, function))
        planned_code = ++calls == n ? code : 0;
    pthread_mutex_unlock(&lock);
    return planned_code;
}

// NVRTC looks for its builtins beside itself, unless AddressSanitizer stands between it and the loader.
static void open_builtins(const char *path, void *library)
{
    char builtins[4200];
    int (*version)(int *, int *), major, minor;
    void *symbol = dlsym(library, "nvrtcVersion");
    memcpy(&version, &symbol, sizeof symbol);
    const char *slash = strrchr(path, '/');
    if (!symbol || version(&major, &minor))
        return;
    snprintf(builtins, sizeof builtins, "%.*s/libnvrtc-builtins.so.%d.%d", slash ? (int)(slash - path) : 0,
             path, major, minor);
    dlopen(builtins, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
}

static void *real(const char *function)
{
    static void *library;
    const char *path = getenv("NVRTC_REAL");
    pthread_mutex_lock(&lock);
    if (!library && path) {
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library)
            open_builtins(path, library);
    }
    pthread_mutex_unlock(&lock);
    void *symbol = library ? dlsym(library, function) : NULL;
    if (symbol)
        return symbol;
    fprintf(stderr, "NVRTC_REAL names no NVRTC with %s\n", function);
    abort();
}

#define FORWARD(function, params, args)                   \
    int function params;                                  \
    int function params                                   \
    {                                                     \
        int (*next) params, code = planned(#function);    \
        if (code)                                         \
            return code;                                  \
        void *symbol = real(#function);                   \
        memcpy(&next, &symbol, sizeof symbol);            \
        return next args;                                 \
    }

FORWARD(nvrtcVersion, (int *major, int *minor), (major, minor))
FORWARD(nvrtcCreateProgram,
        (Program *p, const char *text, const char *name, int count, const char *const *texts,
         const char *const *names),
        (p, text, name, count, texts, names))
FORWARD(nvrtcDestroyProgram, (Program *p), (p))
FORWARD(nvrtcCompileProgram, (Program p, int count, const char *const *options), (p, count, options))
FORWARD(nvrtcGetProgramLogSize, (Program p, size_t *size), (p, size))
FORWARD(nvrtcGetProgramLog, (Program p, char *to), (p, to))
FORWARD(nvrtcGetPTXSize, (Program p, size_t *size), (p, size))
FORWARD(nvrtcGetPTX, (Program p, char *to), (p, to))
FORWARD(nvrtcGetCUBINSize, (Program p, size_t *size), (p, size))
FORWARD(nvrtcGetCUBIN, (Program p, char *to), (p, to))
FORWARD(nvrtcGetNumSupportedArchs, (int *count), (count))
FORWARD(nvrtcGetSupportedArchs, (int *archs), (archs))
FORWARD(nvrtcSetFlowCallback, (Program p, int (*callback)(void *, void *), void *payload),
        (p, callback, payload))

const char *nvrtcGetErrorString(int result);
const char *nvrtcGetErrorString(int result)
{
    const char *(*to)(int);
    void *symbol = real("nvrtcGetErrorString");
    memcpy(&to, &symbol, sizeof symbol);
    return to(result);
}
