// Functions as a file's own ops have them, built step by step: for tests of what lies behind the
// front end.
#ifndef REFERENCE_OWN_OPS_H
#define REFERENCE_OWN_OPS_H
#include "ir/elementwise.h"

enum { OWN_OPS = 8 };
// Function `which` of OWN_OPS, of 1 to 3 inputs; defined, and with a derivative nearly everywhere.
const Elementwise *own_op_number(Arena *a, int which);
#endif
