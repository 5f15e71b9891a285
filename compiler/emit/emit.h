// From graphs to a program: kernel texts (a head above a body of kernels/), tensors, launches,
// commands. The head is all that is printed here; bodies are files.
#ifndef EMIT_EMIT_H
#define EMIT_EMIT_H
#include "ir/group.h"
#include "ir/target.h"
#include "program/program.h"

struct CudaPlan;

// The graphs (train, test, predict; at least one) have been through all passes for `targets`, one for
// each logical device, and share their params. Everything lives in `arena`. NULL with `err` filled when
// something cannot be made; that is never the user's fault.
// `plan` says which tiles contractions get on a GPU (emit/cuda/plan.h); NULL: the cost model does.
Program *emit_program(Graph *const *graphs, int count, const Recipe *recipe,
                      const Target *const *targets, const struct CudaPlan *plan, Arena *arena,
                      char err[PROGRAM_ERROR]);
#endif
