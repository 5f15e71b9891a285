// Values of two programs of one net: which are the same, how far apart they may be when both runs go their
// own ways, who made them.
#ifndef CLI_VALUES_H
#define CLI_VALUES_H
#include "program/program.h"

// How far gradients of such runs may be apart, as a share of their norm: more is none of that net.
#define VALUES_FREE_GRADIENT 0.9

// By tensor of a: b's of that name and shape, or -1. To be freed; NULL: no memory.
int   *values_same(const Program *a, const Program *b);
// A parameter or a velocity?
bool   values_are_kept(const Program *p, int tensor);
// Is it a gradient, or made of them? The launch, or the copy, makes it: one of them is NULL.
bool   values_are_of_gradients(const Program *p, int tensor, const Launch *l, const Copy *copy);
// What a tensor that the launch makes counts as at least: a loss comes from probabilities, and where one is
// all but 1 the error of its logarithm, or of its difference to 1, is not smaller for that. 0: as it is.
double values_least_scale(const Program *p, const Launch *l, int tensor);
// Of all other values, by the two targets' precisions: steps of rounding are carried on.
double values_free_tolerance(const char *a, const char *b);
void   values_print_maker(const Program *p, const Launch *l);
#endif
