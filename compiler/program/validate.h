// What the two halves of the validator share: validate.c looks at every table by itself,
// validate_order.c at what the commands of a sequence do to memory, one after another.
#ifndef PROGRAM_VALIDATE_H
#define PROGRAM_VALIDATE_H
#include "program/program.h"

// Fills err, returns false.
bool validate_fail(char err[PROGRAM_ERROR], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
// Bytes of a tensor whose layout has been checked, gaps between its images included.
int64_t tensor_bytes(const Tensor *t);
bool role_is_kept(BufferRole role);            // bytes that outlive a sequence: never shared
// Everything program_validate promises about one sequence and time: values are written before they
// are read, bytes are shared only at different times, devices wait for one another where they must and
// nowhere else.
bool validate_order(const Program *p, int sequence, Arena *scratch, char err[PROGRAM_ERROR]);
#endif
