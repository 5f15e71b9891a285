// Initial values of parameters: pure functions of seed, parameter name and logical index, so that
// neither a split, a layout nor the number of threads changes one.
#ifndef RUNTIME_INITIAL_H
#define RUNTIME_INITIAL_H
#include "program/program.h"

// Fills values[i] with the values of logical elements first + i, i < count.
void  initial_fill(const ProgramParam *p, uint64_t seed, int64_t first, int64_t count, float *values);
// The normal distribution's quantile of 0 < p < 1, to 7 digits: algorithm AS 241 (PPND7), Wichura,
// Applied Statistics 37 (1988).
double initial_quantile(double p);
#endif
