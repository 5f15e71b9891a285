// A function of numbers that is applied element by element: what `op swish(x) = ...` of a file says,
// and its derivatives. Steps that read earlier steps; plain data for the evaluator and, as a text in
// the vocabulary of ir/op.h, for every target.
#ifndef IR_ELEMENTWISE_H
#define IR_ELEMENTWISE_H
#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    STEP_NUMBER,
    STEP_INPUT,
    STEP_ADD, STEP_SUBTRACT, STEP_MULTIPLY, STEP_DIVIDE,
    STEP_MAX, STEP_MIN,               // exactly r_max, r_min
    STEP_NEGATE, STEP_EXP, STEP_LOG, STEP_SQRT, STEP_ABS, STEP_TANH, STEP_SIGMOID,
    STEP_LESS,                        // a < b ? c : d; comparisons are no values of their own
    STEP_LESS_EQUAL,                  // a <= b ? c : d
    STEP_KINDS
} StepKind;

typedef struct {
    StepKind kind;
    int      in[4];                   // earlier steps; -1 beyond those that the kind takes
    double   number;                  // of STEP_NUMBER
    int      input;                   // of STEP_INPUT
    int      next;                    // another step of the same hash, -1: none
} Step;

// What one function may hold: what a file writes, and what differentiation makes of it.
enum { ELEMENTWISE_WRITTEN = 128, ELEMENTWISE_STEPS = 2048, ELEMENTWISE_INPUTS = 8 };
enum { ELEMENTWISE_BUCKETS = 64 };

typedef struct Elementwise {
    Arena      *arena;
    const char *name;                 // "swish", "swish_dx"
    const char *settings;             // "slope 0.2", for reports; "": none
    int         inputs;
    Step       *steps;
    int         count, capacity;
    int         result;               // the step that is the value; elementwise_close
    const char *text;                 // elementwise_close: see ir/op.h
    int         buckets[ELEMENTWISE_BUCKETS];      // first step of each hash, -1: none
} Elementwise;

Elementwise *elementwise_new(Arena *arena, const char *name, int inputs);
// The steps that give a value; what is known already is computed, and no step is made twice.
int elementwise_number(Elementwise *f, double number);
int elementwise_input(Elementwise *f, int input);
int elementwise_step1(Elementwise *f, StepKind kind, int a);
int elementwise_step2(Elementwise *f, StepKind kind, int a, int b);
int elementwise_choose(Elementwise *f, StepKind kind, int a, int b, int yes, int no);
// x ^ y: products for whole y, square roots for halves, else exp(y * log(x)).
int elementwise_power(Elementwise *f, int x, int y);
bool elementwise_is_number(const Elementwise *f, int step, double number);
// Ends the function: drops steps that `result` does not need, makes the text. With `which`, inputs
// that are not read go, too: which[k] is what input k was.
void elementwise_close(Elementwise *f, int result, int *which);
bool elementwise_reads(const Elementwise *f, int input);      // once closed
int  elementwise_flops(const Elementwise *f);      // for one element
// How many earlier steps a kind reads.
int  step_inputs(StepKind kind);
// The value of a step from those that it reads.
double step_value(StepKind kind, const double *in);
// Which way a step goes where its derivative jumps; 0 for kinds without such a place.
int  step_branch(StepKind kind, const double *in);

// dL/d(input) as a function of dy and of those of f's inputs that it needs, in this order: which[k]
// is 0 for dy, i + 1 for f's input i. Without inputs: it is 0 everywhere.
Elementwise *elementwise_derivative(const Elementwise *f, int input, int which[ELEMENTWISE_INPUTS + 1]);
#endif
