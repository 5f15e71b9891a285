// Expressions that are evaluated while training: rates, conditions, `solver.lr / 10`.
// A postfix program over doubles and named variables; plain data, so a Program can carry it.
#ifndef RECIPE_EXPR_H
#define RECIPE_EXPR_H
#include <stdbool.h>
#include <stdio.h>

typedef enum {
    EXPR_NUMBER,                      // push number
    EXPR_VARIABLE,                    // push the variable `name`: epoch, step, loss, top1, solver.lr
    EXPR_NEGATE, EXPR_NOT,
    EXPR_ADD, EXPR_SUBTRACT, EXPR_MULTIPLY, EXPR_DIVIDE, EXPR_FLOOR_DIVIDE, EXPR_MODULO, EXPR_POWER,
    EXPR_EQUAL, EXPR_NOT_EQUAL, EXPR_LESS, EXPR_MORE, EXPR_LESS_EQUAL, EXPR_MORE_EQUAL,
    EXPR_AND, EXPR_OR,
    EXPR_SELECT,                      // condition, a, b -> a or b
    EXPR_CALL                         // `name`(arguments): a function or schedule, of `count`
} ExprCode;

typedef struct {
    ExprCode    code;
    double      number;
    const char *name;
    int         count;
} ExprStep;

typedef struct { ExprStep *steps; int count; } Expr;

enum { EXPR_DEPTH = 64 };             // deepest stack; the front end refuses more

// Looks a variable up; false: there is none of that name.
typedef bool (*ExprLookup)(void *context, const char *name, double *value);

// False with `err` filled when a variable is unknown or the program is not well formed.
bool expr_evaluate(const Expr *e, ExprLookup lookup, void *context, double *value, char err[160]);
// Functions of their arguments alone that expressions may call, with how many they take; schedules, which
// depend on the step, are in schedule.h.
bool expr_function(const char *name, int *least, int *most);
// Whether it calls a schedule that needs to know where the run ends.
bool expr_needs_end(const Expr *e);
// Infix, as it would stand in a .net file.
void expr_print(const Expr *e, FILE *out);
#endif
