// The table of instructions: what the parser looks up.
#ifndef RUNTIME_VGPU_ROWS_H
#define RUNTIME_VGPU_ROWS_H
#include "runtime/vgpu/vgpu_code.h"

// An operand of a row is a register of so many bytes (or a constant), or one of these.
enum { TO_PREDICATE = 'P', FROM_PREDICATE = 'p' };

typedef struct {
    // As in PTX, with alternatives in braces: "add{,.rn}.f32", "setp.lt.{s,u}32". A text without a dot
    // stands for all forms of an instruction whose operands the parser takes apart by itself.
    const char *text;
    InsnRun    *run;
    uint8_t     operands[6];           // the destination first, ends with 0
} InsnRow;

typedef struct { const InsnRow *rows; int count; } InsnFamily;

enum { FAMILIES = 11 };

// The families as compiled for a level of x86-64, or for any machine (1).
extern const InsnFamily *const insn_families_level_1[FAMILIES];
#if defined(__x86_64__)
extern const InsnFamily *const insn_families_level_3[FAMILIES];
extern const InsnFamily *const insn_families_level_4[FAMILIES];
#endif

// Tests take a lower level than the machine's; for modules loaded from now on.
void insn_limit_level(int level);

// The row for an instruction's full name, NULL: there is none. The best level that this machine has.
const InsnRow *insn_find(const char *name);
#endif
