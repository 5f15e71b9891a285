// Texts of CUDA kernels for tests: a group's unit, and what ptxas says of it.
#ifndef REFERENCE_CUDA_TEXT_H
#define REFERENCE_CUDA_TEXT_H
#include "emit/kernel.h"
#include "runtime/cuda/nvrtc.h"

// The whole unit of one of a group's kernels (pass 0: the first), in `arena`; `k` holds the facts of the
// launch. `plan` may be NULL. Fails the test when no body takes the group.
const char *cuda_text(Arena *arena, const Graph *g, Group *group, const Target *target,
                      const struct CudaPlan *plan, int pass, Kern *k, const char **body);
// What NVRTC makes of it. Fails the test unless it takes the text and ptxas keeps everything in registers.
void cuda_text_output(const Nvrtc *n, const char *text, const Target *target, const char *what,
                      NvrtcOutput *out);
// The same, for those who need no more.
void cuda_text_compiles(const Nvrtc *n, const char *text, const Target *target, const char *what);
// False, said on the terminal, when this machine has no NVRTC.
bool cuda_open_nvrtc(Nvrtc *n);
#endif
