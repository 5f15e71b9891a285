// Looks for libnvrtc, binds its functions, runs one compilation. Prints nothing, keeps no state.
#include "runtime/cuda/nvrtc.h"
#include "runtime/cache.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The newest first; the plain name stands for releases that this file does not know.
static const char *const library_names[] = {
    "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"
};
enum { LIBRARY_NAMES = sizeof library_names / sizeof library_names[0] };

static const char missing[] = "no NVRTC: CUDA kernels are compiled by NVIDIA's libnvrtc (CUDA 11.2 or "
    "newer; no GPU is needed), which is neither below CUDA_HOME, CUDA_PATH or /usr/local/cuda* nor "
    "where the loader looks. Install it (`pip install nvidia-cuda-nvrtc`, or the package cuda-nvrtc of "
    "the CUDA toolkit) and set CLEAVE_NVRTC to the file or its folder";

static bool fail(char *err, const char *what, const char *detail)
{
    snprintf(err, DEVICE_ERROR, "%s%s%.300s", what, *detail ? ": " : "", detail);
    return false;
}

// --- finding --------------------------------------------------------------------------------------

// The file's size and a hash of its beginning, where the ELF header and the build id are, and of its end:
// the same library elsewhere is the same, and a kernel cache may move from machine to machine.
static bool identify(Nvrtc *n, int fd, int64_t size)
{
    enum { PIECE = 64 << 10 };
    char *bytes = calloc(2, PIECE);
    bool good = bytes && pread(fd, bytes, PIECE, 0) >= 0
        && pread(fd, bytes + PIECE, PIECE, size > PIECE ? size - PIECE : 0) >= 0;
    if (good) {
        char hash[CACHE_KEY];
        cache_key(bytes, (size_t)2 * PIECE, hash);
        snprintf(n->identity, sizeof n->identity, "libnvrtc %lld %s", (long long)size, hash);
    }
    free(bytes);
    return good;
}

// Takes `path` if it is a file.
static bool take_file(Nvrtc *n, const char *path)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && !fstat(fd, &s) && S_ISREG(s.st_mode) && realpath(path, n->path)
        && identify(n, fd, s.st_size);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool take_from_folder(Nvrtc *n, const char *folder, const char *below)
{
    char path[PATH_MAX];
    for (int i = 0; i < LIBRARY_NAMES; i++)
        if (snprintf(path, sizeof path, "%s%s/%s", folder, below, library_names[i]) < (int)sizeof path
            && take_file(n, path))
            return true;
    return false;
}

// A toolkit's folder: its libraries are in lib64, conda's in lib.
static bool take_from_toolkit(Nvrtc *n, const char *home)
{
    return home && *home && (take_from_folder(n, home, "/lib64") || take_from_folder(n, home, "/lib"));
}

// /usr/local/cuda is the one that the machine's owner chose; of cuda-11.8, cuda-12.4, ... the last.
static bool take_from_usr_local(Nvrtc *n)
{
    glob_t found;
    if (take_from_toolkit(n, "/usr/local/cuda"))
        return true;
    if (glob("/usr/local/cuda-*", 0, NULL, &found))
        return false;
    bool good = false;
    for (size_t i = found.gl_pathc; i-- > 0 && !good;)
        good = take_from_toolkit(n, found.gl_pathv[i]);
    globfree(&found);
    return good;
}

// Only the loader knows where it looks: it has to load the library to say so.
static bool take_from_loader(Nvrtc *n)
{
    for (int i = 0; i < LIBRARY_NAMES; i++) {
        void *library = dlopen(library_names[i], RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE), *symbol;
        Dl_info info;
        if (!library)
            continue;
        symbol = dlsym(library, "nvrtcVersion");
        bool good = symbol && dladdr(symbol, &info) && take_file(n, info.dli_fname);
        dlclose(library);
        if (good)
            return true;
    }
    return false;
}

bool nvrtc_find(Nvrtc *n, char err[DEVICE_ERROR])
{
    const char *own = getenv("CLEAVE_NVRTC");
    *n = (Nvrtc){ 0 };
    if (own && *own)
        return take_file(n, own) || take_from_folder(n, own, "")
            || fail(err, "no NVRTC: CLEAVE_NVRTC names neither libnvrtc nor a folder that holds it", own);
    return take_from_toolkit(n, getenv("CUDA_HOME")) || take_from_toolkit(n, getenv("CUDA_PATH"))
        || take_from_usr_local(n) || take_from_loader(n) || fail(err, missing, "");
}

// --- loading --------------------------------------------------------------------------------------

// NVRTC opens libnvrtc-builtins.so.MAJOR.MINOR by name. Its own run path leads there, unless somebody
// stands between it and the loader (AddressSanitizer does): so the file beside it is opened first.
static void load_builtins(const Nvrtc *n)
{
    char path[PATH_MAX];
    const char *slash = strrchr(n->path, '/');
    int length = snprintf(path, sizeof path, "%.*s/libnvrtc-builtins.so.%d.%d",
                          slash ? (int)(slash - n->path) : 0, n->path, n->major, n->minor);
    if (length > 0 && length < (int)sizeof path)
        dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
}

static bool bind_functions(Nvrtc *n, char *err)
{
    const struct { void *to; const char *name; } functions[] = {
        { &n->get_version,       "nvrtcVersion" },
        { &n->get_error_string,  "nvrtcGetErrorString" },
        { &n->create_program,    "nvrtcCreateProgram" },
        { &n->destroy_program,   "nvrtcDestroyProgram" },
        { &n->compile_program,   "nvrtcCompileProgram" },
        { &n->get_log_size,      "nvrtcGetProgramLogSize" },
        { &n->get_log,           "nvrtcGetProgramLog" },
        { &n->get_ptx_size,      "nvrtcGetPTXSize" },
        { &n->get_ptx,           "nvrtcGetPTX" },
        { &n->get_cubin_size,    "nvrtcGetCUBINSize" },
        { &n->get_cubin,         "nvrtcGetCUBIN" },
        { &n->get_arch_count,    "nvrtcGetNumSupportedArchs" },
        { &n->get_archs,         "nvrtcGetSupportedArchs" },
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *symbol = dlsym(n->library, functions[i].name);
        if (!symbol) {
            snprintf(err, DEVICE_ERROR, "%.200s is no NVRTC of CUDA 11.2 or newer: it lacks %s", n->path,
                     functions[i].name);
            return false;
        }
        memcpy(functions[i].to, &symbol, sizeof symbol);
    }
    void *symbol = dlsym(n->library, "nvrtcSetFlowCallback");
    memcpy(&n->set_flow_callback, &symbol, sizeof symbol);
    return true;
}

bool nvrtc_load(Nvrtc *n, char err[DEVICE_ERROR])
{
    if (n->library)
        return true;
    n->library = dlopen(n->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!n->library)
        return fail(err, "NVRTC cannot be loaded", dlerror());
    bool good = bind_functions(n, err)
        && (!n->get_version(&n->major, &n->minor) || fail(err, "NVRTC tells no version", n->path));
    if (good)
        load_builtins(n);
    else
        n->library = NULL;
    return good;
}

// --- compiling ------------------------------------------------------------------------------------

static int ask_stop(void *payload, void *reserved)
{
    const NvrtcStop *stop = payload;
    (void)reserved;
    return stop->stop(stop->context);
}

// One of NVRTC's outputs.
typedef struct {
    const char *name;                  // in messages
    int (*get_size)(NvrtcProgram *, size_t *);
    int (*get)(NvrtcProgram *, char *);
} Getter;

// A 0 stands behind it. NULL: there is none; in `why`, when it is still empty, the call that failed.
static char *take(const Nvrtc *n, NvrtcProgram *p, Getter from, size_t *size, char *why)
{
    int result = from.get_size(p, size);
    char *bytes = result || *size <= 1 ? NULL : calloc(1, *size + 1);
    bool no_memory = !result && *size > 1 && !bytes;
    if (bytes)
        result = from.get(p, bytes);
    if ((result || no_memory) && !*why)
        snprintf(why, DEVICE_ERROR, "NVRTC gives no %s: %.300s", from.name,
                 result ? n->get_error_string(result) : "out of memory");
    if (!result)
        return bytes;
    free(bytes);
    return NULL;
}

// The log is never NULL but for want of memory; of a text that is refused there may be PTX.
static void take_outputs(const Nvrtc *n, NvrtcProgram *p, bool made, NvrtcOutput *out, char *why)
{
    size_t size;
    out->log = take(n, p, (Getter){ "log", n->get_log_size, n->get_log }, &size, why);
    if (!out->log)
        out->log = calloc(1, 1);
    char of_refused[DEVICE_ERROR] = "";
    out->ptx = take(n, p, (Getter){ "PTX", n->get_ptx_size, n->get_ptx }, &size, made ? why : of_refused);
    if (made)
        out->cubin = take(n, p, (Getter){ "cubin", n->get_cubin_size, n->get_cubin }, &out->cubin_size, why);
}

// Which architectures it would know, for who asked for another one.
static void report_archs(const Nvrtc *n, const char *arch, char *err)
{
    int archs[64] = { 0 }, count = 0;
    bool known = !n->get_arch_count(&count) && count > 0 && count <= 64 && !n->get_archs(archs);
    size_t length = (size_t)snprintf(err, DEVICE_ERROR, "NVRTC %d.%d does not compile for %.32s", n->major,
                                     n->minor, arch);
    for (int i = 0; known && i < count && length < DEVICE_ERROR; i++)
        length += (size_t)snprintf(err + length, DEVICE_ERROR - length, "%s sm_%d",
                                   i ? "," : "; it knows", archs[i]);
}

// `why`: an output that could not be had.
static NvrtcStatus judge(const Nvrtc *n, int result, const char *arch, const NvrtcOutput *out,
                         const char *why, char *err)
{
    enum { OUT_OF_MEMORY = 1, INVALID_OPTION = 5, COMPILATION = 6, CANCELLED = 16 };
    switch (result) {
    case 0:
        if (!*why && out->ptx && out->cubin && out->log)
            return NVRTC_MADE;
        fail(err, *why ? why : "NVRTC gives no output", "");
        return NVRTC_FAILED;
    case COMPILATION:
        if (!*why)
            return NVRTC_REFUSED;
        fail(err, why, "");
        return NVRTC_FAILED;
    case CANCELLED:
        fail(err, "stopped", "");
        return NVRTC_STOPPED;
    case INVALID_OPTION:
        report_archs(n, arch, err);
        return NVRTC_FAILED;
    default:
        fail(err, "NVRTC fails", n->get_error_string(result));
        return NVRTC_FAILED;
    }
}

NvrtcStatus nvrtc_compile(const Nvrtc *n, const char *text, const char *name, const char *arch,
                          const NvrtcStop *stop, NvrtcOutput *out, char err[DEVICE_ERROR])
{
    const char *options[16];
    char target[64], words[] = NVRTC_OPTIONS, *rest = words, *word, why[DEVICE_ERROR] = "";
    int count = 0;
    NvrtcProgram *p;
    NvrtcStop asked = stop ? *stop : (NvrtcStop){ 0 };
    *out = (NvrtcOutput){ 0 };
    snprintf(target, sizeof target, "--gpu-architecture=%.32s", arch);
    options[count++] = target;
    while ((word = strtok_r(NULL, " ", &rest)))
        options[count++] = word;
    int result = n->create_program(&p, text, name, 0, NULL, NULL);
    if (result) {
        fail(err, "NVRTC does not take the text", n->get_error_string(result));
        return NVRTC_FAILED;
    }
    if (asked.stop && n->set_flow_callback)
        n->set_flow_callback(p, ask_stop, &asked);
    result = n->compile_program(p, count, options);
    take_outputs(n, p, !result, out, why);
    n->destroy_program(&p);
    return judge(n, result, arch, out, why, err);
}

void nvrtc_output_close(NvrtcOutput *out)
{
    free(out->log);
    free(out->ptx);
    free(out->cubin);
    *out = (NvrtcOutput){ 0 };
}
