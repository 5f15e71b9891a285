// The ops that a file defines by a formula. As a stage such an op is a BuiltIn whose parameters are
// the numbers of the op; the tensors stand before them.
#ifndef FRONT_OP_H
#define FRONT_OP_H
#include "front/elaborate.h"

// The function of one choice of numbers: uses with the same numbers share it.
typedef struct OwnFunction {
    double              numbers[STAGE_PARAMETERS];
    const Elementwise  *function;
    struct OwnFunction *next;
} OwnFunction;

typedef struct OwnOp {
    BuiltIn      stage;                // first: a stage of this file's is one of these
    const Ast   *item;
    int          tensors, numbers;     // parameters without and with a default
    bool         checking;             // its formula is being read
    bool         broken;               // reported: uses say nothing more
    OwnFunction *functions;
} OwnOp;

// The op of an AST_OP item, checked when it is met for the first time. NULL: reported.
OwnOp *own_op(Elab *e, const Ast *item);
// The stage of this name: built in, or an op of the file. NULL: none, or reported where it is defined.
const BuiltIn *stage_named(Elab *e, const char *name);
bool stage_is_own(const BuiltIn *stage);
int  stage_tensors(const BuiltIn *stage);            // at most
// The function of this use of an op of the file. NULL: reported.
const Elementwise *stage_function(Elab *e, const StageUse *u);

// --- op_formula.c: the formula itself -------------------------------------------------------------
// Adds the steps of own's formula, whose parameters are `steps`, to f. The step of its value;
// -1: reported.
int op_formula(Elab *e, Elementwise *f, OwnOp *own, const int *steps);
#endif
