// Kernel texts that a person has edited, in place of those that were generated.
#ifndef OVERRIDE_H
#define OVERRIDE_H
#include "base/diag.h"
#include "program/program.h"

// Every file of `folder` that is called like a unit of `p` ("k3_conv.cu", as `cleave compile -o` writes
// them) becomes the text of that unit, and the hash of the program says so. False when something was
// reported: a folder that cannot be read or holds no such file, a name like no unit's, a text that was
// made for another kernel, which the program would call with the wrong arguments.
bool override_units(Program *p, Arena *arena, Diag *diag, const char *folder);
#endif
