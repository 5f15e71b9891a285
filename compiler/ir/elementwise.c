// Building functions that work element by element. What is simplified keeps every bit but the sign
// of a zero: x * 1, x + 0, x / 1, arithmetic on numbers; but 1 / (1 + exp(u)) becomes a sigmoid.
#include "ir/elementwise.h"
#include <math.h>
#include <string.h>

int step_inputs(StepKind kind)
{
    static const int inputs[STEP_KINDS] = {
        [STEP_ADD] = 2, [STEP_SUBTRACT] = 2, [STEP_MULTIPLY] = 2, [STEP_DIVIDE] = 2,
        [STEP_MAX] = 2, [STEP_MIN] = 2, [STEP_NEGATE] = 1, [STEP_EXP] = 1, [STEP_LOG] = 1,
        [STEP_SQRT] = 1, [STEP_ABS] = 1, [STEP_TANH] = 1, [STEP_SIGMOID] = 1,
        [STEP_LESS] = 4, [STEP_LESS_EQUAL] = 4,
    };
    return inputs[kind];
}

double step_value(StepKind kind, const double *in)
{
    switch (kind) {
    case STEP_ADD:        return in[0] + in[1];
    case STEP_SUBTRACT:   return in[0] - in[1];
    case STEP_MULTIPLY:   return in[0] * in[1];
    case STEP_DIVIDE:     return in[0] / in[1];
    case STEP_MAX:        return in[0] > in[1] ? in[0] : in[1];
    case STEP_MIN:        return in[0] < in[1] ? in[0] : in[1];
    case STEP_NEGATE:     return -in[0];
    case STEP_EXP:        return exp(in[0]);
    case STEP_LOG:        return log(in[0]);
    case STEP_SQRT:       return sqrt(in[0]);
    case STEP_ABS:        return fabs(in[0]);
    case STEP_TANH:       return tanh(in[0]);
    case STEP_SIGMOID:    return 1 / (1 + exp(-in[0]));
    case STEP_LESS:       return in[0] < in[1] ? in[2] : in[3];
    case STEP_LESS_EQUAL: return in[0] <= in[1] ? in[2] : in[3];
    case STEP_NUMBER: case STEP_INPUT: case STEP_KINDS: break;       // not from steps
    }
    return NAN;
}

int step_branch(StepKind kind, const double *in)
{
    switch (kind) {
    case STEP_MAX: case STEP_MIN: case STEP_LESS: return in[0] < in[1];
    case STEP_LESS_EQUAL:                         return in[0] <= in[1];
    case STEP_ABS:                                return in[0] < 0;
    default:                                      return 0;
    }
}

// --- steps --------------------------------------------------------------------------------------

Elementwise *elementwise_new(Arena *arena, const char *name, int inputs)
{
    Elementwise *f = ARENA_NEW(arena, Elementwise);
    *f = (Elementwise){ .arena = arena, .name = name, .settings = "", .inputs = inputs, .result = -1 };
    for (int i = 0; i < ELEMENTWISE_BUCKETS; i++)
        f->buckets[i] = -1;
    return f;
}

static unsigned hash_of(const Step *s)
{
    uint64_t bits;
    memcpy(&bits, &s->number, sizeof bits);
    uint64_t h = (uint64_t)s->kind * 31 + (uint64_t)s->input + (bits ^ bits >> 32) * 17;
    for (int i = 0; i < 4; i++)
        h = h * 33 + (uint64_t)(s->in[i] + 1);
    return (unsigned)(h ^ h >> 16) % ELEMENTWISE_BUCKETS;
}

static bool same_step(const Step *a, const Step *b)
{
    return a->kind == b->kind && a->input == b->input && !memcmp(a->in, b->in, sizeof a->in) &&
           a->number == b->number && signbit(a->number) == signbit(b->number);   // 1 / 0, 1 / -0
}

// The step that is like `s`, made unless there is one.
static int add_step(Elementwise *f, Step s)
{
    int *first = &f->buckets[hash_of(&s)];
    for (int i = *first; i >= 0; i = f->steps[i].next)
        if (same_step(&f->steps[i], &s))
            return i;
    s.next = *first;
    *first = f->count;
    ARENA_PUSH(f->arena, f->steps, f->count, f->capacity, s);
    return f->count - 1;
}

int elementwise_number(Elementwise *f, double number)
{
    return add_step(f, (Step){ .kind = STEP_NUMBER, .in = { -1, -1, -1, -1 }, .number = number });
}

int elementwise_input(Elementwise *f, int input)
{
    return add_step(f, (Step){ .kind = STEP_INPUT, .in = { -1, -1, -1, -1 }, .input = input });
}

bool elementwise_is_number(const Elementwise *f, int step, double number)
{
    return f->steps[step].kind == STEP_NUMBER && f->steps[step].number == number;
}

static bool is_known(const Elementwise *f, int step)
{
    return f->steps[step].kind == STEP_NUMBER;
}

// A step whose inputs are numbers is a number, if that is one that a kernel can hold.
static int made_of_numbers(Elementwise *f, const Step *s)
{
    double in[4];
    int count = step_inputs(s->kind);
    for (int i = 0; i < count; i++) {
        if (!is_known(f, s->in[i]))
            return -1;
        in[i] = f->steps[s->in[i]].number;
    }
    double value = step_value(s->kind, in);
    return isfinite((float)value) ? elementwise_number(f, value) : -1;
}

static int step_of(Elementwise *f, StepKind kind, int a, int b, int c, int d)
{
    Step s = { .kind = kind, .in = { a, b, c, d } };
    int number = made_of_numbers(f, &s);
    return number >= 0 ? number : add_step(f, s);
}

int elementwise_step1(Elementwise *f, StepKind kind, int a)
{
    const Step *s = &f->steps[a];
    if (kind == STEP_NEGATE && s->kind == STEP_NEGATE)
        return s->in[0];
    if (kind == STEP_NEGATE && s->kind == STEP_MULTIPLY && is_known(f, s->in[0])) {
        int by = s->in[1], minus = elementwise_number(f, -f->steps[s->in[0]].number);
        return elementwise_step2(f, STEP_MULTIPLY, minus, by);
    }
    return step_of(f, kind, a, -1, -1, -1);
}

// The u of 1 + exp(u), -1 when b is none.
static int exponent_beside_one(const Elementwise *f, int b)
{
    const Step *s = &f->steps[b];
    for (int i = 0; i < 2 && s->kind == STEP_ADD; i++)
        if (elementwise_is_number(f, s->in[i], 1) && f->steps[s->in[1 - i]].kind == STEP_EXP)
            return f->steps[s->in[1 - i]].in[0];
    return -1;
}

int elementwise_step2(Elementwise *f, StepKind kind, int a, int b)
{
    // a / (1 + exp(u)) is a * sigmoid(-u): its derivative has no infinity times 0 where exp overflows.
    int u = kind == STEP_DIVIDE ? exponent_beside_one(f, b) : -1;
    if (u >= 0)
        return elementwise_step2(f, STEP_MULTIPLY, a,
                                 elementwise_step1(f, STEP_SIGMOID, elementwise_step1(f, STEP_NEGATE, u)));
    bool factor = kind == STEP_MULTIPLY || kind == STEP_DIVIDE;
    bool sum = kind == STEP_ADD || kind == STEP_SUBTRACT;
    if ((factor && elementwise_is_number(f, b, 1)) || (sum && elementwise_is_number(f, b, 0)))
        return a;
    if ((kind == STEP_MULTIPLY && elementwise_is_number(f, a, 1)) ||
        (kind == STEP_ADD && elementwise_is_number(f, a, 0)))
        return b;
    if (factor && elementwise_is_number(f, b, -1))
        return elementwise_step1(f, STEP_NEGATE, a);
    if (kind == STEP_MULTIPLY && elementwise_is_number(f, a, -1))
        return elementwise_step1(f, STEP_NEGATE, b);
    // r_max and r_min give their second argument when one is a NaN: a number stands first, so that
    // the NaN comes out.
    if ((kind == STEP_MAX || kind == STEP_MIN) && is_known(f, b))
        return step_of(f, kind, b, a, -1, -1);
    return step_of(f, kind, a, b, -1, -1);
}

int elementwise_choose(Elementwise *f, StepKind kind, int a, int b, int yes, int no)
{
    if (yes == no)
        return yes;
    if (is_known(f, a) && is_known(f, b)) {
        double in[4] = { f->steps[a].number, f->steps[b].number, 1, 0 };
        return step_value(kind, in) == 1 ? yes : no;
    }
    return step_of(f, kind, a, b, yes, no);
}

// --- powers -------------------------------------------------------------------------------------

enum { MOST_PRODUCTS = 64 };

// x ^ n, n > 0, by squaring.
static int whole_power(Elementwise *f, int x, int n)
{
    if (n == 1)
        return x;
    int half = whole_power(f, x, n / 2), square = elementwise_step2(f, STEP_MULTIPLY, half, half);
    return n % 2 ? elementwise_step2(f, STEP_MULTIPLY, square, x) : square;
}

int elementwise_power(Elementwise *f, int x, int y)
{
    double number = f->steps[y].number, size = fabs(number);
    bool halves = is_known(f, y) && size <= MOST_PRODUCTS && floor(2 * size) == 2 * size;
    if (!halves) {
        int log = elementwise_step1(f, STEP_LOG, x);
        return elementwise_step1(f, STEP_EXP, elementwise_step2(f, STEP_MULTIPLY, y, log));
    }
    int whole = (int)size, power = whole ? whole_power(f, x, whole) : elementwise_number(f, 1);
    if (size > whole)
        power = elementwise_step2(f, STEP_MULTIPLY, power, elementwise_step1(f, STEP_SQRT, x));
    return number < 0 ? elementwise_step2(f, STEP_DIVIDE, elementwise_number(f, 1), power) : power;
}

// --- the end ------------------------------------------------------------------------------------

bool elementwise_reads(const Elementwise *f, int input)
{
    for (int i = 0; i < f->count; i++)
        if (f->steps[i].kind == STEP_INPUT && f->steps[i].input == input)
            return true;
    return false;
}

int elementwise_flops(const Elementwise *f)
{
    int flops = 0;
    for (int i = 0; i < f->count; i++)
        flops += step_inputs(f->steps[i].kind) > 0;
    return flops;
}

// Moves the steps that the result needs together. Inputs stand before users, so one walk down
// finds them and one walk up moves them.
static void drop_unneeded(Elementwise *f)
{
    bool needed[ELEMENTWISE_STEPS] = { false };
    int moved[ELEMENTWISE_STEPS], kept = 0;
    needed[f->result] = true;
    for (int i = f->result; i >= 0; i--)
        for (int k = 0; needed[i] && k < step_inputs(f->steps[i].kind); k++)
            needed[f->steps[i].in[k]] = true;
    for (int i = 0; i <= f->result; i++) {
        if (!needed[i])
            continue;
        Step s = f->steps[i];
        for (int k = 0; k < step_inputs(s.kind); k++)
            s.in[k] = moved[s.in[k]];
        moved[i] = kept;
        f->steps[kept++] = s;
    }
    f->count = kept;
    f->result = kept - 1;
}

// Numbers the inputs that are read anew, without gaps.
static void drop_inputs(Elementwise *f, int *which)
{
    int count = 0, number[ELEMENTWISE_INPUTS + 1];
    for (int i = 0; i < f->inputs; i++)
        if (elementwise_reads(f, i)) {
            number[i] = count;
            which[count++] = i;
        }
    for (int i = 0; i < f->count; i++)
        if (f->steps[i].kind == STEP_INPUT)
            f->steps[i].input = number[f->steps[i].input];
    f->inputs = count;
}

// --- the text -----------------------------------------------------------------------------------

// How a kind is written: around, between and behind what it reads, and how tightly it binds.
typedef struct { const char *open, *between, *then; int binds; } Form;

enum { BINDS_SUM = 1, BINDS_PRODUCT, BINDS_SIGN, BINDS_LEAF };

static const Form forms[STEP_KINDS] = {
    [STEP_ADD]          = { "", " + ", "", BINDS_SUM },
    [STEP_SUBTRACT]     = { "", " - ", "", BINDS_SUM },
    [STEP_MULTIPLY]     = { "", " * ", "", BINDS_PRODUCT },
    [STEP_DIVIDE]       = { "", " / ", "", BINDS_PRODUCT },
    [STEP_MAX]          = { "r_max(", ", ", ")", BINDS_LEAF },
    [STEP_MIN]          = { "r_min(", ", ", ")", BINDS_LEAF },
    [STEP_NEGATE]       = { "-", "", "", BINDS_SIGN },
    [STEP_EXP]          = { "r_exp(", "", ")", BINDS_LEAF },
    [STEP_LOG]          = { "r_log(", "", ")", BINDS_LEAF },
    [STEP_SQRT]         = { "r_sqrt(", "", ")", BINDS_LEAF },
    [STEP_ABS]          = { "r_abs(", "", ")", BINDS_LEAF },
    [STEP_TANH]         = { "r_tanh(", "", ")", BINDS_LEAF },
    [STEP_SIGMOID]      = { "R1 / (R1 + r_exp(-", "", "))", BINDS_PRODUCT },
    [STEP_LESS]         = { "r_select(", " < ", ")", BINDS_LEAF },
    [STEP_LESS_EQUAL]   = { "r_select(", " <= ", ")", BINDS_LEAF },
};

typedef struct { const char *text; int binds; } Piece;

static const char *number_text(Arena *a, double number)
{
    if (number == 0 || number == 1)
        return number == 0 ? "R0" : "R1";
    const char *text = arena_printf(a, "%.9g", (double)(float)number);
    return arena_printf(a, "r_const(%s%s)", text, strpbrk(text, ".e") ? "f" : ".0f");
}

static const char *operand(Arena *a, const Piece *p, int at_least)
{
    return p->binds >= at_least ? p->text : arena_printf(a, "(%s)", p->text);
}

static Piece piece_of(const Elementwise *f, const Step *s, const Piece *of)
{
    const Form *form = &forms[s->kind];
    Arena *a = f->arena;
    if (s->kind == STEP_NUMBER)
        return (Piece){ number_text(a, s->number), BINDS_LEAF };
    if (s->kind == STEP_INPUT)
        return (Piece){ arena_printf(a, "%%%d", s->input), BINDS_LEAF };
    bool call = form->binds == BINDS_LEAF, is_signed = step_inputs(s->kind) == 1 && !call;
    int least = call ? 0 : form->binds;
    const char *text = operand(a, &of[s->in[0]], is_signed ? BINDS_LEAF : least);
    if (step_inputs(s->kind) > 1)
        text = arena_printf(a, "%s%s%s", text, form->between,
                            operand(a, &of[s->in[1]], call ? 0 : least + 1));
    if (step_inputs(s->kind) > 2)
        text = arena_printf(a, "%s, %s, %s", text, of[s->in[2]].text, of[s->in[3]].text);
    return (Piece){ arena_printf(a, "%s%s%s", form->open, text, form->then), form->binds };
}

// What several steps read is written once, as an expression of its own in front.
static void make_text(Elementwise *f)
{
    Piece *pieces = ARENA_ARRAY(f->arena, Piece, f->count);
    int *uses = ARENA_ARRAY(f->arena, int, f->count), shared = 0;
    for (int i = 0; i < f->count; i++)
        for (int k = 0; k < step_inputs(f->steps[i].kind); k++)
            uses[f->steps[i].in[k]]++;
    f->text = "";
    for (int i = 0; i < f->count; i++) {
        pieces[i] = piece_of(f, &f->steps[i], pieces);
        if (uses[i] < 2 || step_inputs(f->steps[i].kind) == 0)
            continue;
        f->text = arena_printf(f->arena, "%s%s; ", f->text, pieces[i].text);
        pieces[i] = (Piece){ arena_printf(f->arena, "%%t%d", shared++), BINDS_LEAF };
    }
    f->text = arena_printf(f->arena, "%s%s", f->text, pieces[f->result].text);
}

void elementwise_close(Elementwise *f, int result, int *which)
{
    f->result = result;
    drop_unneeded(f);
    if (which)
        drop_inputs(f, which);
    make_text(f);
}
