// The derivative of a function that works element by element, from the inputs up to the value: every
// step's derivative is made of those of the steps that it reads. So what a condition does not choose
// is not multiplied by 0 either, and may be infinite.
#include "ir/elementwise.h"

typedef struct {
    Elementwise *d;
    int          of[ELEMENTWISE_WRITTEN];       // by step of f: the same step of d,
    int          by[ELEMENTWISE_WRITTEN];       // and its derivative; -1: 0 everywhere
} Derivation;

static int times(Elementwise *d, int a, int b) { return elementwise_step2(d, STEP_MULTIPLY, a, b); }
static int minus(Elementwise *d, int a, int b) { return elementwise_step2(d, STEP_SUBTRACT, a, b); }

static int or_zero(Elementwise *d, int a) { return a < 0 ? elementwise_number(d, 0) : a; }

// a' * b, where a' may be 0.
static int product(Elementwise *d, int da, int b) { return da < 0 ? -1 : times(d, da, b); }

// da + db, where either may be 0.
static int sum(Elementwise *d, int da, int db)
{
    if (da < 0 || db < 0)
        return da < 0 ? db : da;
    return elementwise_step2(d, STEP_ADD, da, db);
}

static int difference(Elementwise *d, int da, int db)
{
    if (db < 0)
        return da;
    return da < 0 ? elementwise_step1(d, STEP_NEGATE, db) : minus(d, da, db);
}

static int choice(Elementwise *d, StepKind kind, int a, int b, int yes, int no)
{
    if (yes < 0 && no < 0)
        return -1;
    return elementwise_choose(d, kind, a, b, or_zero(d, yes), or_zero(d, no));
}

// Of a function of one value: y' = da * (what the kind says of a and y).
static int of_one(Elementwise *d, StepKind kind, int a, int y, int da)
{
    int one = elementwise_number(d, 1), zero = elementwise_number(d, 0);
    switch (kind) {
    case STEP_EXP:     return times(d, da, y);
    case STEP_LOG:     return elementwise_step2(d, STEP_DIVIDE, da, a);
    case STEP_SQRT:    return elementwise_step2(d, STEP_DIVIDE, times(d, da, elementwise_number(d, 0.5)), y);
    case STEP_TANH:    return times(d, da, minus(d, one, times(d, y, y)));
    case STEP_SIGMOID: return times(d, da, times(d, y, minus(d, one, y)));
    case STEP_ABS: {                                     // 0 at 0
        int above = elementwise_choose(d, STEP_LESS, zero, a, da, zero);
        return elementwise_choose(d, STEP_LESS, a, zero, elementwise_step1(d, STEP_NEGATE, da), above);
    }
    default:           return elementwise_step1(d, STEP_NEGATE, da);
    }
}

// The derivative of step s of f, which is step y of d.
static int derive(Derivation *v, const Step *s, int y)
{
    Elementwise *d = v->d;
    int in[4] = { 0 }, by[4] = { 0 };
    for (int k = 0; k < step_inputs(s->kind); k++) {
        in[k] = v->of[s->in[k]];
        by[k] = v->by[s->in[k]];
    }
    switch (s->kind) {
    case STEP_ADD:      return sum(d, by[0], by[1]);
    case STEP_SUBTRACT: return difference(d, by[0], by[1]);
    case STEP_MULTIPLY: return sum(d, product(d, by[0], in[1]), product(d, by[1], in[0]));
    case STEP_DIVIDE: {                                  // (a' - y b') / b
        int over = difference(d, by[0], product(d, by[1], y));
        return over < 0 ? -1 : elementwise_step2(d, STEP_DIVIDE, over, in[1]);
    }
    // Of two equal ones the first counts; a number stands first, so max(x, 0) is as relu at 0.
    case STEP_MAX:      return choice(d, STEP_LESS, in[0], in[1], by[1], by[0]);
    case STEP_MIN:      return choice(d, STEP_LESS, in[1], in[0], by[1], by[0]);
    case STEP_LESS: case STEP_LESS_EQUAL:
        return choice(d, s->kind, in[0], in[1], by[2], by[3]);
    case STEP_NUMBER: case STEP_INPUT: case STEP_KINDS:
        return -1;
    default:
        return by[0] < 0 ? -1 : of_one(d, s->kind, in[0], y, by[0]);
    }
}

// Step s of f in d, where inputs are one further on.
static int copy_step(Derivation *v, const Step *s)
{
    int in[4] = { 0 };
    for (int k = 0; k < step_inputs(s->kind); k++)
        in[k] = v->of[s->in[k]];
    if (s->kind == STEP_NUMBER)
        return elementwise_number(v->d, s->number);
    if (s->kind == STEP_INPUT)
        return elementwise_input(v->d, s->input + 1);
    if (step_inputs(s->kind) == 1)
        return elementwise_step1(v->d, s->kind, in[0]);
    if (step_inputs(s->kind) == 2)
        return elementwise_step2(v->d, s->kind, in[0], in[1]);
    return elementwise_choose(v->d, s->kind, in[0], in[1], in[2], in[3]);
}

Elementwise *elementwise_derivative(const Elementwise *f, int input, int which[ELEMENTWISE_INPUTS + 1])
{
    const char *name = input ? arena_printf(f->arena, "%s_dx%d", f->name, input + 1)
                             : arena_printf(f->arena, "%s_dx", f->name);
    Derivation v = { .d = elementwise_new(f->arena, name, f->inputs + 1) };
    v.d->settings = f->settings;
    for (int i = 0; i < f->count; i++) {
        const Step *s = &f->steps[i];
        v.of[i] = copy_step(&v, s);
        v.by[i] = s->kind == STEP_INPUT && s->input == input ? elementwise_number(v.d, 1)
                                                             : derive(&v, s, v.of[i]);
    }
    int by = or_zero(v.d, v.by[f->result]);
    bool is_zero = elementwise_is_number(v.d, by, 0);
    elementwise_close(v.d, is_zero ? by : times(v.d, elementwise_input(v.d, 0), by), which);
    return v.d;
}
