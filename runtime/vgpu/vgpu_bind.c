// Instructions: the operands of each form to the fields that its function reads (vgpu_code.h, insn/).
// Most forms are rows of insn/*.def and need nothing but their operands' widths; the others are here.
#include "runtime/vgpu/vgpu_parser.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- modifiers -------------------------------------------------------------------------------------

static bool take(Statement *s, const char *word)
{
    for (int k = 1; k < s->part_count; k++)
        if (s->part[k] && strcmp(s->part[k], word) == 0) {
            s->part[k] = NULL;
            return true;
        }
    return false;
}

// The index of the one of `words` that is there, -1: none.
static int take_one(Statement *s, const char *const *words, int count)
{
    for (int k = 0; k < count; k++)
        if (take(s, words[k]))
            return k;
    return -1;
}
#define TAKE_ONE(s, words) take_one(s, words, (int)(sizeof(words) / sizeof *(words)))

static void take_prefixed(Statement *s, const char *prefix)
{
    for (int k = 1; k < s->part_count; k++)
        if (s->part[k] && strncmp(s->part[k], prefix, strlen(prefix)) == 0)
            s->part[k] = NULL;
}

__attribute__((noreturn)) static void unknown(Parser *p, const Statement *s)
{
    if (strcmp(s->part[0], "call") == 0)
        parser_fail(p, "a call: functions of a kernel must be inlined (__forceinline__)");
    parser_fail(p, "unknown instruction '%s'", s->name);
}

static void end_modifiers(Parser *p, const Statement *s)
{
    for (int k = 1; k < s->part_count; k++)
        if (s->part[k])
            unknown(p, s);
}

static void need_operands(Parser *p, const Statement *s, int least, int most)
{
    if (s->operand_count < least || s->operand_count > most)
        parser_fail(p, "'%s' with %d operands", s->name, s->operand_count);
}

static InsnRun *run_of(Parser *p, const Statement *s, const char *name)
{
    const InsnRow *row = insn_find(name);
    if (!row)
        unknown(p, s);
    return row->run;
}

static int find_type(const char *name)
{
    static const char *const types[TYPES] = {
        "u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "f16", "bf16", "f32", "f64",
    };
    for (int k = 0; k < TYPES; k++)
        if (name && strcmp(types[k], name) == 0)
            return k;
    return -1;
}

// --- memory ----------------------------------------------------------------------------------------

static Space take_space(Statement *s)
{
    static const char *const names[] = { "global", "shared", "local", "const", "param", "shared::cta" };
    static const Space spaces[] = {
        SPACE_GLOBAL, SPACE_SHARED, SPACE_LOCAL, SPACE_CONST, SPACE_PARAM, SPACE_SHARED,
    };
    int k = TAKE_ONE(s, names);
    return k < 0 ? SPACE_GENERIC : spaces[k];
}

// What says how a cache or another thread sees an access: here memory is always as written last.
static void take_memory_hints(Statement *s)
{
    static const char *const hints[] = {
        "weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys", "nc",
        "ca", "cg", "cs", "lu", "cv", "wb", "wt",
    };
    TAKE_ONE(s, hints);
    while (TAKE_ONE(s, hints) >= 0)
        ;
    take_prefixed(s, "L1::");
    take_prefixed(s, "L2::");
}

// Cells of the search for races are as fine as the narrowest access.
static void note_grain(Kernel *k, const Insn *i)
{
    bool shared = i->space == SPACE_SHARED, generic = i->space == SPACE_GENERIC;
    if ((shared || generic) && i->width < k->shared_grain)
        k->shared_grain = i->width;
}

// The element type, which stands last.
static int take_element(Parser *p, Statement *s, Insn *i)
{
    char **last = &s->part[s->part_count - 1];
    if (!*last || s->part_count < 2)
        unknown(p, s);
    i->width = (uint8_t)operand_width_of_type(p, *last);
    int sign = (*last)[0] == 's';
    *last = NULL;
    if (!i->width)
        unknown(p, s);
    return sign;
}

static void bind_elements(Parser *p, Statement *s, Insn *i, char *text)
{
    char *elements[8] = { text };
    i->count = (uint8_t)(take(s, "v2") ? 2 : take(s, "v4") ? 4 : 1);
    if (i->count > 1 && operand_vector(p, text, elements, 8) != i->count)
        parser_fail(p, "'%s' with a vector of another length", s->name);
    int width = i->width < 2 ? 0 : i->width;                   // constants take the width of memory
    i->reg_width = 0;
    for (int k = 0; k < i->count; k++) {
        int at, found = width;
        if (strcmp(elements[k], "_") == 0)
            continue;
        bool is_register = operand_find_register(p, elements[k], &at) != NULL;
        i->o[1 + k] = operand_value(p, elements[k], is_register ? 0 : width < 2 ? 2 : width, &found);
        if (found < i->width || (i->reg_width && found != i->reg_width))
            parser_fail(p, "'%s' with registers of %d bytes", s->name, found);
        i->reg_width = (uint8_t)found;
    }
    if (!i->reg_width)
        i->reg_width = (uint8_t)(i->width < 2 ? 2 : i->width);
}

static void bind_memory(Parser *p, Statement *s, Insn *i, bool is_load)
{
    int base_width;
    take_memory_hints(s);
    i->space = (uint8_t)take_space(s);
    i->mode = (uint8_t)take_element(p, s, i);
    need_operands(p, s, 2, 2);
    char *address = s->operand[is_load ? 1 : 0], *elements = s->operand[is_load ? 0 : 1];
    bind_elements(p, s, i, elements);
    end_modifiers(p, s);
    i->o[0] = operand_address(p, address, (Space)i->space, &base_width, &i->offset);
    i->base_width = (uint8_t)base_width;
    note_grain(p->k, i);
    i->run = run_of(p, s, is_load ? "ld" : "st");
}

// A parameter at a known offset is the same for all lanes.
static void simplify_param(Parser *p, const Statement *s, Insn *i)
{
    for (int k = 0; k < p->constant_count; k++) {
        const Constant *c = &p->constants[k];
        if (c->at != i->o[0] || i->count != 1)
            continue;
        i->offset += (int64_t)c->value;
        if (i->offset < 0 || i->offset + i->width > (int64_t)p->k->param_bytes)
            parser_fail(p, "a parameter beyond the last one");
        i->o[0] = i->o[1];
        i->run = run_of(p, s, "ld.param");
        return;
    }
}

static void bind_load(Parser *p, Statement *s, Insn *i)
{
    bind_memory(p, s, i, true);
    if (i->space == SPACE_PARAM)
        simplify_param(p, s, i);
}

static void bind_store(Parser *p, Statement *s, Insn *i)
{
    bind_memory(p, s, i, false);
    if (i->space == SPACE_PARAM || i->space == SPACE_CONST)
        unknown(p, s);
}

static void bind_atomic(Parser *p, Statement *s, Insn *i)
{
    static const char *const names[] = {
        "add", "min", "max", "and", "or", "xor", "exch", "inc", "dec", "cas",
    };
    bool has_result = strcmp(s->part[0], "atom") == 0;
    int base_width, type = find_type(s->part[s->part_count - 1]);
    take_memory_hints(s);
    i->space = (uint8_t)take_space(s);
    int how = TAKE_ONE(s, names);
    take_element(p, s, i);
    end_modifiers(p, s);
    if (how < 0 || i->width < 4 || type == TYPE_F16 || type == TYPE_BF16)
        unknown(p, s);
    i->mode = (uint8_t)how;
    i->mode2 = (uint8_t)(type >= 0 ? type : i->width == 4 ? TYPE_U32 : TYPE_U64);
    int sources = how == ATOM_CAS ? 2 : 1, first = has_result ? 1 : 0;
    need_operands(p, s, first + 1 + sources, first + 1 + sources);
    if (has_result && strcmp(s->operand[0], "_") != 0)
        i->o[0] = operand_value(p, s->operand[0], i->width, NULL);
    i->o[1] = operand_address(p, s->operand[first], (Space)i->space, &base_width, &i->offset);
    i->base_width = (uint8_t)base_width;
    for (int k = 0; k < sources; k++)
        i->o[2 + k] = operand_value(p, s->operand[first + 1 + k], i->width, NULL);
    i->run = run_of(p, s, "atom");
}

static void bind_copy(Parser *p, Statement *s, Insn *i)
{
    int to_width, from_width;
    int64_t to_offset;
    if (!take(s, "async"))
        unknown(p, s);
    if (take(s, "wait_group")) {
        need_operands(p, s, 1, 1);
        i->offset = operand_immediate(p, s->operand[0]);
        i->run = run_of(p, s, "wait_group");
        return;
    }
    take_memory_hints(s);
    if (!(take(s, "shared") || take(s, "shared::cta")) || !take(s, "global"))
        unknown(p, s);
    end_modifiers(p, s);
    need_operands(p, s, 3, 4);
    i->o[0] = operand_address(p, s->operand[0], SPACE_SHARED, &to_width, &to_offset);
    i->o[1] = operand_address(p, s->operand[1], SPACE_GLOBAL, &from_width, &i->offset);
    int64_t bytes = operand_immediate(p, s->operand[2]);
    if (bytes != 4 && bytes != 8 && bytes != 16)
        parser_fail(p, "'%s' of %d bytes", s->name, (int)bytes);
    if (s->operand_count == 4)
        i->o[2] = operand_value(p, s->operand[3], 4, NULL);
    i->width = (uint8_t)bytes;
    i->target = (int32_t)to_offset;
    i->base_width = (uint8_t)to_width;
    i->mode2 = (uint8_t)from_width;
    i->run = run_of(p, s, "cp");
}

static void bind_nothing(Parser *p, Statement *s, Insn *i) { i->run = run_of(p, s, "nothing"); }

// --- predicates, conversions, vectors of registers -------------------------------------------------

static int bind_predicate(Parser *p, Insn *i, const char *text, int k)
{
    bool negated;
    int at = operand_predicate(p, text, &negated);
    if (negated)
        i->flip |= (uint8_t)(1u << k);
    return at;
}

// p or p|q
static void bind_predicate_pair(Parser *p, Insn *i, char *text, bool first_is_register)
{
    char *second = strchr(text, '|');
    if (second) {
        *second++ = 0;
        i->o[1] = operand_predicate(p, second, NULL);
    }
    i->o[0] = first_is_register ? operand_value(p, text, 4, NULL) : operand_predicate(p, text, NULL);
}

static void bind_compare(Parser *p, Statement *s, Insn *i)
{
    static const char *const names[] = { "and", "or", "xor" };
    char name[sizeof s->name + sizeof "setp"] = "setp";
    size_t length = strlen(name);
    take(s, "ftz");
    int how = TAKE_ONE(s, names);
    for (int k = 1; k < s->part_count; k++)
        if (s->part[k])
            length += (size_t)snprintf(name + length, sizeof name - length, ".%s", s->part[k]);
    need_operands(p, s, how < 0 ? 3 : 4, how < 0 ? 3 : 4);
    int width = operand_width_of_type(p, s->part[s->part_count - 1]);
    bind_predicate_pair(p, i, s->operand[0], false);
    i->o[2] = operand_value(p, s->operand[1], width, NULL);
    i->o[3] = operand_value(p, s->operand[2], width, NULL);
    i->mode = (uint8_t)(how + COMBINE_AND);
    if (how >= 0)
        i->o[4] = bind_predicate(p, i, s->operand[3], 4);
    i->run = run_of(p, s, name);
}

static void bind_convert(Parser *p, Statement *s, Insn *i)
{
    static const char *const roundings[] = { "rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi" };
    int from = find_type(s->part[s->part_count - 1]), to = find_type(s->part[s->part_count - 2]), width;
    if (from < 0 || to < 0)
        unknown(p, s);
    s->part[s->part_count - 1] = s->part[s->part_count - 2] = NULL;
    int rounding = TAKE_ONE(s, roundings);
    if (rounding >= 4 && to >= TYPE_F16)
        i->mode2 |= CVT_TO_INTEGER;
    if (take(s, "sat"))
        i->mode2 |= CVT_SATURATE;
    if (take(s, "ftz"))
        i->mode2 |= CVT_FLUSH;
    end_modifiers(p, s);
    need_operands(p, s, 2, 2);
    i->mode = (uint8_t)(rounding < 0 ? ROUND_NEAREST : rounding % 4);
    i->width = (uint8_t)from;
    i->count = (uint8_t)to;
    i->o[0] = operand_value(p, s->operand[0], 0, &width);
    i->reg_width = (uint8_t)width;
    bool is_register = operand_find_register(p, s->operand[1], &width) != NULL;
    static const uint8_t bytes[TYPES] = { 1, 1, 2, 2, 4, 4, 8, 8, 2, 2, 4, 8 };
    i->o[1] = operand_value(p, s->operand[1], is_register ? 0 : bytes[from] < 2 ? 2 : bytes[from], &width);
    i->base_width = (uint8_t)width;
    if (i->reg_width < bytes[to] || i->base_width < bytes[from])
        parser_fail(p, "'%s' with registers that are too narrow", s->name);
    i->run = run_of(p, s, "cvt");
}

static void bind_vector_move(Parser *p, Statement *s, Insn *i)
{
    need_operands(p, s, 2, 2);
    bool unpacks = s->operand[0][0] == '{';
    char *elements[4];
    int whole = operand_width_of_type(p, s->part[s->part_count - 1]);
    int count = operand_vector(p, s->operand[unpacks ? 0 : 1], elements, 4);
    if (count == 3 || whole / count < 2)
        unknown(p, s);
    i->count = (uint8_t)count;
    i->width = (uint8_t)(whole / count);
    for (int k = 0; k < count; k++)
        if (strcmp(elements[k], "_") != 0)
            i->o[1 + k] = operand_value(p, elements[k], i->width, NULL);
        else if (!unpacks)
            unknown(p, s);
    i->o[0] = operand_value(p, s->operand[unpacks ? 1 : 0], whole, NULL);
    i->run = run_of(p, s, unpacks ? "mov.unpack" : "mov.pack");
}

// --- order, warps, matrices ------------------------------------------------------------------------

static void bind_branch(Parser *p, Statement *s, Insn *i)
{
    take(s, "uni");
    end_modifiers(p, s);
    need_operands(p, s, 1, 1);
    i->flow = FLOW_BRANCH;
}

static void bind_exit(Parser *p, Statement *s, Insn *i)
{
    take(s, "uni");
    end_modifiers(p, s);
    i->flow = FLOW_EXIT;
}

static void bind_trap(Parser *p, Statement *s, Insn *i)
{
    end_modifiers(p, s);
    i->flow = FLOW_TRAP;
}

static void bind_barrier(Parser *p, Statement *s, Insn *i)
{
    if (take(s, "warp")) {
        need_operands(p, s, 1, 1);
        i->flow = FLOW_WARP;
        i->members = operand_value(p, s->operand[0], 4, NULL);
        i->run = run_of(p, s, "bar.warp.sync");
        return;
    }
    if (!take(s, "sync"))
        unknown(p, s);
    take(s, "cta");
    take(s, "aligned");
    end_modifiers(p, s);
    need_operands(p, s, 1, 1);
    if (strcmp(s->operand[0], "0") != 0)
        parser_fail(p, "barriers other than 0 are not known");
    i->flow = FLOW_BARRIER;
}

static void bind_shuffle(Parser *p, Statement *s, Insn *i)
{
    static const char *const names[] = { "idx", "up", "down", "bfly" };
    take(s, "sync");
    take(s, "b32");
    int how = TAKE_ONE(s, names);
    end_modifiers(p, s);
    need_operands(p, s, 5, 5);
    if (how < 0)
        unknown(p, s);
    i->mode = (uint8_t)how;
    bind_predicate_pair(p, i, s->operand[0], true);
    for (int k = 1; k < 5; k++)
        i->o[1 + k] = operand_value(p, s->operand[k], 4, NULL);
    i->flow = FLOW_WARP;
    i->members = i->o[5];
    i->run = run_of(p, s, "shfl");
}

static void bind_vote(Parser *p, Statement *s, Insn *i)
{
    static const char *const names[] = { "ballot", "any", "all", "uni" };
    take(s, "sync");
    if (!take(s, "b32"))
        take(s, "pred");
    int how = TAKE_ONE(s, names);
    end_modifiers(p, s);
    need_operands(p, s, 3, 3);
    if (how < 0)
        unknown(p, s);
    i->mode = (uint8_t)how;
    i->o[0] = how == VOTE_BALLOT ? operand_value(p, s->operand[0], 4, NULL)
                                 : operand_predicate(p, s->operand[0], NULL);
    i->o[1] = bind_predicate(p, i, s->operand[1], 1);
    i->o[2] = i->members = operand_value(p, s->operand[2], 4, NULL);
    i->flow = FLOW_WARP;
    i->run = run_of(p, s, "vote");
}

static void bind_reduce(Parser *p, Statement *s, Insn *i)
{
    static const char *const names[] = { "add", "min", "max", "and", "or", "xor" };
    int how = TAKE_ONE(s, names);
    i->mode2 = (uint8_t)take(s, "s32");
    if (!i->mode2 && !take(s, "u32"))
        take(s, "b32");
    take(s, "sync");
    end_modifiers(p, s);
    need_operands(p, s, 3, 3);
    if (how < 0)
        unknown(p, s);
    i->mode = (uint8_t)how;
    for (int k = 0; k < 3; k++)
        i->o[k] = operand_value(p, s->operand[k], 4, NULL);
    i->members = i->o[2];
    i->flow = FLOW_WARP;
    i->run = run_of(p, s, "redux");
}

static void bind_load_matrices(Parser *p, Statement *s, Insn *i)
{
    static const char *const counts[] = { "x1", "x2", "x4" };
    char *elements[4] = { s->operand[0] };
    int base_width, count = TAKE_ONE(s, counts);
    i->mode = (uint8_t)take(s, "trans");
    bool known = take(s, "sync") & take(s, "aligned") & take(s, "m8n8") & take(s, "b16");
    if (!known || take_space(s) != SPACE_SHARED || count < 0)
        unknown(p, s);
    end_modifiers(p, s);
    need_operands(p, s, 2, 2);
    i->count = (uint8_t)(1 << count);
    if (s->operand[0][0] == '{' && operand_vector(p, s->operand[0], elements, 4) != i->count)
        parser_fail(p, "'%s' with a vector of another length", s->name);
    for (int k = 0; k < i->count; k++)
        i->o[1 + k] = operand_value(p, elements[k], 4, NULL);
    i->o[0] = operand_address(p, s->operand[1], SPACE_SHARED, &base_width, &i->offset);
    i->base_width = (uint8_t)base_width;
    i->flow = FLOW_WARP;
    i->run = run_of(p, s, "ldmatrix");
}

static void bind_mma(Parser *p, Statement *s, Insn *i)
{
    static const char *const formats[] = { "f16", "bf16", "tf32" };
    static const char *const shapes[] = { "m16n8k4", "m16n8k8", "m16n8k16" };
    int shape = TAKE_ONE(s, shapes), format = TAKE_ONE(s, formats);
    bool known = take(s, "sync") & take(s, "aligned") & take(s, "row") & take(s, "col");
    known &= format >= 0 && shape >= 0 && take(s, formats[format]) && take(s, "f32") && take(s, "f32");
    if (!known || shape == (format == MATRIX_TF32 ? 2 : 0))
        unknown(p, s);
    end_modifiers(p, s);
    need_operands(p, s, 4, 4);
    i->mode = (uint8_t)format;
    i->count = (uint8_t)(4 << shape);
    int pieces = i->count / (format == MATRIX_TF32 ? 4 : 8);
    int counts[] = { 4, 2 * pieces, pieces, 4 }, at = 0;
    for (int k = 0; k < 4; k++) {
        char *elements[4] = { s->operand[k] };
        int count = s->operand[k][0] == '{' ? operand_vector(p, s->operand[k], elements, 4) : 1;
        if (count != counts[k])
            parser_fail(p, "'%s' with %d registers where it takes %d", s->name, count, counts[k]);
        for (int n = 0; n < count; n++)
            i->o[at++] = operand_value(p, elements[n], 4, NULL);
    }
    i->flow = FLOW_WARP;
    i->run = run_of(p, s, "mma");
}

// --- all -------------------------------------------------------------------------------------------

// A conversion may have wider registers than its types: its row is not for those.
static bool has_its_widths(Parser *p, const Statement *s, const InsnRow *row)
{
    for (int k = 0, at; k < s->operand_count && row->operands[k]; k++) {
        const Registers *r = operand_find_register(p, s->operand[k], &at);
        if (r && r->width != row->operands[k])
            return false;
    }
    return true;
}

static bool bind_row(Parser *p, Statement *s, Insn *i)
{
    const InsnRow *row = insn_find(s->name);
    if (!row || !strchr(row->text, '.'))
        return false;
    if (strcmp(s->part[0], "cvt") == 0 && !has_its_widths(p, s, row))
        return false;
    int count = 0;
    while (row->operands[count])
        count++;
    need_operands(p, s, count, count);
    for (int k = 0; k < count; k++)
        if (row->operands[k] == TO_PREDICATE)
            i->o[k] = operand_predicate(p, s->operand[k], NULL);
        else if (row->operands[k] == FROM_PREDICATE)
            i->o[k] = bind_predicate(p, i, s->operand[k], k);
        else
            i->o[k] = operand_value(p, s->operand[k], row->operands[k], NULL);
    i->run = row->run;
    return true;
}

void bind_statement(Parser *p, Statement *s, Insn *i)
{
    static const struct { const char *name; void (*bind)(Parser *, Statement *, Insn *); } forms[] = {
        { "bra", bind_branch }, { "ret", bind_exit }, { "exit", bind_exit }, { "trap", bind_trap },
        { "brkpt", bind_trap }, { "bar", bind_barrier }, { "barrier", bind_barrier }, { "ld", bind_load },
        { "ldu", bind_load }, { "st", bind_store }, { "atom", bind_atomic }, { "red", bind_atomic },
        { "membar", bind_nothing }, { "fence", bind_nothing }, { "prefetch", bind_nothing },
        { "setp", bind_compare }, { "shfl", bind_shuffle }, { "vote", bind_vote }, { "redux", bind_reduce },
        { "ldmatrix", bind_load_matrices }, { "mma", bind_mma },
    };
    bool is_vector_move = strcmp(s->part[0], "mov") == 0 && s->operand_count == 2 &&
                          (s->operand[0][0] == '{' || s->operand[1][0] == '{');
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++)
        if (strcmp(forms[k].name, s->part[0]) == 0) {
            forms[k].bind(p, s, i);
            return;
        }
    if (is_vector_move)
        bind_vector_move(p, s, i);
    else if (bind_row(p, s, i))
        return;
    else if (strcmp(s->part[0], "cp") == 0)
        bind_copy(p, s, i);
    else if (strcmp(s->part[0], "cvt") == 0)
        bind_convert(p, s, i);
    else
        unknown(p, s);
}
