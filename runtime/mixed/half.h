// The half of a program that one kind of device runs: a program itself, of those devices, with their buffers,
// tensors, kernels and commands. What crosses between the halves is in neither.
#ifndef MIXED_HALF_H
#define MIXED_HALF_H
#include "program/program.h"

typedef enum { KIND_CPU, KIND_CUDA, KINDS } Kind;

typedef struct {
    Program program;
    int    *device, *tensor;           // the half's, by the whole's; -1: the other half has it
    int   **launches, **copies;        // by sequence: the whole's, by the half's
} Half;

// A copy from one half to the other.
typedef struct {
    int  copy;                         // of the whole sequence
    Kind from;                         // to the other one
    int  before[KINDS];                // commands of each half that come before it
} Crossing;
typedef struct { Crossing *list; int count; } Crossings;

Kind half_kind(const Program *whole, int device);
// Everything lives in `arena`; strings are the whole's.
void half_make(Half *h, const Program *whole, Kind kind, Arena *arena);
// Of one sequence, in the order of its commands.
Crossings half_crossings(const Program *whole, int sequence, Arena *arena);
#endif
