// The functions, each with the formula that a file would have.
#include "reference/own_ops.h"

#define NUMBER(x)     elementwise_number(f, x)
#define STEP(kind, a) elementwise_step1(f, STEP_##kind, a)
#define TWO(kind, a, b) elementwise_step2(f, STEP_##kind, a, b)

// x / (1 + exp(-x))
static int swish(Elementwise *f, const int *x)
{
    return TWO(DIVIDE, x[0], TWO(ADD, NUMBER(1), STEP(EXP, STEP(NEGATE, x[0]))));
}

// max(x, 0.1 * x)
static int leaky(Elementwise *f, const int *x) { return TWO(MAX, x[0], TWO(MULTIPLY, NUMBER(0.1), x[0])); }

// x > 0 ? x : exp(x) - 1
static int elu(Elementwise *f, const int *x)
{
    return elementwise_choose(f, STEP_LESS, NUMBER(0), x[0], x[0], TWO(SUBTRACT, STEP(EXP, x[0]), NUMBER(1)));
}

// log(1 + abs(x)) * sqrt(1 + x ^ 2)
static int roots(Elementwise *f, const int *x)
{
    int square = elementwise_power(f, x[0], NUMBER(2));
    int log = STEP(LOG, TWO(ADD, NUMBER(1), STEP(ABS, x[0])));
    return TWO(MULTIPLY, log, STEP(SQRT, TWO(ADD, NUMBER(1), square)));
}

// x / (1 + x ^ 2) ^ 0.75 - (1 + x ^ 2) ^ -1.5
static int powers(Elementwise *f, const int *x)
{
    int d = TWO(ADD, NUMBER(1), elementwise_power(f, x[0], NUMBER(2)));
    int high = TWO(DIVIDE, x[0], elementwise_power(f, d, NUMBER(0.75)));
    return TWO(SUBTRACT, high, elementwise_power(f, d, NUMBER(-1.5)));
}

// x * tanh(y)
static int gate(Elementwise *f, const int *x) { return TWO(MULTIPLY, x[0], STEP(TANH, x[1])); }

// x <= y ? min(x, -1) : x - y
static int bend(Elementwise *f, const int *x)
{
    int low = TWO(MIN, x[0], NUMBER(-1));
    return elementwise_choose(f, STEP_LESS_EQUAL, x[0], x[1], low, TWO(SUBTRACT, x[0], x[1]));
}

// x * sigmoid(y) / (1 + z * z)
static int three(Elementwise *f, const int *x)
{
    int d = TWO(ADD, NUMBER(1), TWO(MULTIPLY, x[2], x[2]));
    return TWO(DIVIDE, TWO(MULTIPLY, x[0], STEP(SIGMOID, x[1])), d);
}

const Elementwise *own_op_number(Arena *a, int which)
{
    static const struct {
        const char *name;
        int         inputs;
        int       (*value)(Elementwise *f, const int *x);
    } ops[OWN_OPS] = {
        { "swish", 1, swish }, { "leaky", 1, leaky }, { "elu", 1, elu },   { "roots", 1, roots },
        { "powers", 1, powers }, { "gate", 2, gate }, { "bend", 2, bend }, { "three", 3, three },
    };
    Elementwise *f = elementwise_new(a, ops[which].name, ops[which].inputs);
    int x[3];
    for (int i = 0; i < ops[which].inputs; i++)
        x[i] = elementwise_input(f, i);
    elementwise_close(f, ops[which].value(f, x), NULL);
    return f;
}
