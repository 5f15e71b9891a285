// Plan files, read and written.
#include "emit/cuda/plan.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TARGET_NAME = 40, MOST_LINE = 300 };

typedef struct {
    const Target *target;
    CudaProblem   problem;         // what a row says of it: sizes, groups, along
    CudaTile      tile;
} PlanRow;

// What the model chose before: the parts of a layer and the sequences ask the same again.
typedef struct { const Target *target; CudaProblem problem; CudaChoice choice; } ChosenRow;
typedef struct {
    ChosenRow *rows;
    int        count, capacity;
    int        rank;               // which of the model's shapes: see plan_set_rank
    Arena     *arena;
} Chosen;

struct CudaPlan {
    PlanRow *rows;
    int      count, capacity;
    Chosen  *chosen;
};

// --- a row ----------------------------------------------------------------------------------------

static bool same_problem(const CudaProblem *a, const CudaProblem *b)
{
    return a->m == b->m && a->n == b->n && a->k == b->k && a->groups == b->groups
        && a->a_along_k == b->a_along_k && a->b_along_k == b->b_along_k;
}

const char *plan_row(Arena *arena, const Target *target, const CudaProblem *p, const CudaTile *t)
{
    const char *how = "cublas";
    if (!t->library)
        how = arena_printf(arena, "tile %dx%dx%d warps %dx%d stages %d split %d%s", t->m, t->n, t->k,
                           t->warp_m, t->warp_n, t->stages, t->split, t->patch ? " patch" : "");
    return arena_printf(arena, "%s %" PRId64 "x%" PRId64 "x%" PRId64 " groups %d along %c,%c : %s",
                        target->name, p->m, p->n, p->k, p->groups, p->a_along_k ? 'k' : 'm',
                        p->b_along_k ? 'k' : 'n', how);
}

// What is left of a line; NULL once it was something else than was looked for.
typedef struct { const char *at; } Scan;

static void skip_blanks(Scan *s)
{
    if (s->at)
        s->at += strspn(s->at, " \t");
}

static void scan_word(Scan *s, const char *word)
{
    skip_blanks(s);
    size_t length = strlen(word);
    s->at = s->at && !strncmp(s->at, word, length) ? s->at + length : NULL;
}

static int64_t scan_number(Scan *s)
{
    skip_blanks(s);
    char *end = NULL;
    errno = 0;
    long long value = s->at && *s->at >= '0' && *s->at <= '9' ? strtoll(s->at, &end, 10) : 0;
    s->at = end && !errno && value > 0 && value <= INT32_MAX ? end : NULL;
    return value;
}

// 'k', or the other letter.
static bool scan_along_k(Scan *s, char other)
{
    skip_blanks(s);
    char found = s->at ? *s->at : 0;
    s->at = found == 'k' || (found && found == other) ? s->at + 1 : NULL;
    return found == 'k';
}

static void scan_target(Scan *s, char target[TARGET_NAME])
{
    skip_blanks(s);
    size_t length = strcspn(s->at, " \t");
    snprintf(target, TARGET_NAME, "%.*s", (int)length, s->at);
    s->at = length < TARGET_NAME ? s->at + length : NULL;
}

static void scan_numbers(Scan *s, const char *word, int count, int *const to[])
{
    scan_word(s, word);
    for (int i = 0; i < count; i++) {
        if (i)
            scan_word(s, "x");
        *to[i] = (int)scan_number(s);
    }
}

// True if the line is a row and nothing but a row.
static bool scan_row(const char *line, char target[TARGET_NAME], CudaProblem *p, CudaTile *t)
{
    Scan s = { line };
    scan_target(&s, target);
    p->m = scan_number(&s);
    scan_word(&s, "x");
    p->n = scan_number(&s);
    scan_word(&s, "x");
    p->k = scan_number(&s);
    scan_numbers(&s, "groups", 1, (int *const[]){ &p->groups });
    scan_word(&s, "along");
    p->a_along_k = scan_along_k(&s, 'm');
    scan_word(&s, ",");
    p->b_along_k = scan_along_k(&s, 'n');
    scan_word(&s, ":");
    skip_blanks(&s);
    t->library = s.at && !strcmp(s.at, "cublas");
    if (t->library) {
        t->split = 1;
        return true;
    }
    scan_numbers(&s, "tile", 3, (int *const[]){ &t->m, &t->n, &t->k });
    scan_numbers(&s, "warps", 2, (int *const[]){ &t->warp_m, &t->warp_n });
    scan_numbers(&s, "stages", 1, (int *const[]){ &t->stages });
    scan_numbers(&s, "split", 1, (int *const[]){ &t->split });
    skip_blanks(&s);
    t->patch = s.at && !strcmp(s.at, "patch");
    return s.at && (t->patch || !*s.at);
}

static bool is_small(int value) { return value > 0 && value <= 1024; }

static bool is_sane(const CudaTile *t)
{
    return is_small(t->m) && is_small(t->n) && is_small(t->k) && is_small(t->warp_m) && is_small(t->warp_n)
        && t->stages >= 2 && t->stages <= 16 && is_small(t->split);
}

// A row says nothing of windows: plan_choose sees whether the patch that it asks for can be made.
static CudaPatch any_patch(const CudaTile *t)
{
    return (CudaPatch){ .taps = t->stages + 1, .channels = t->k, .step = 1, .columns = t->m,
                        .outputs = t->m };
}

static bool read_row(CudaPlan *plan, Arena *arena, Diag *diag, const char *line, Span at)
{
    PlanRow row = { 0 };
    char target[TARGET_NAME];
    if (!scan_row(line, target, &row.problem, &row.tile)) {
        diag_error(diag, at, "E601", "this is not a row of a plan");
        diag_help(diag, "a row reads: cuda:sm_90a 21632x384x2304 groups 1 along k,k : tile 128x128x32 "
                        "warps 64x64 stages 3 split 1");
        return false;
    }
    row.target = target_find(target);
    if (!row.target || row.target->kind != TARGET_CUDA)
        return diag_error(diag, at, "E601", "`%s` is no GPU that kernels can be made for", target);
    row.problem.may_split = true;
    row.problem.patch = any_patch(&row.tile);
    row.problem.library = true;
    if ((!row.tile.library && !is_sane(&row.tile)) || !tile_is_legal(row.target, &row.problem, &row.tile)) {
        diag_error(diag, at, "E602", "no kernel can be made with this tile");
        diag_help(diag, "warps divide the tile, 2 to 8 of them; a row of 16-byte pieces divides their "
                        "threads; stages fit shared memory");
        return false;
    }
    if (plan_find(plan, row.target, &row.problem))
        return diag_error(diag, at, "E603", "a row for this contraction stands above already");
    ARENA_PUSH(arena, plan->rows, plan->count, plan->capacity, row);
    return true;
}

// --- the file -------------------------------------------------------------------------------------

// One line into `to`, without its comment. False: longer than any row is.
static bool copy_line(const char *text, int length, char to[MOST_LINE])
{
    const char *comment = memchr(text, '#', (size_t)length);
    if (comment)
        length = (int)(comment - text);
    while (length > 0 && strchr(" \t\r", text[length - 1]))
        length--;
    if (length >= MOST_LINE)
        return false;
    memcpy(to, text, (size_t)length);
    to[length] = 0;
    return !memchr(to, 0, (size_t)length);
}

CudaPlan *plan_new(Arena *arena)
{
    CudaPlan *plan = ARENA_NEW(arena, CudaPlan);
    plan->chosen = ARENA_NEW(arena, Chosen);
    plan->chosen->arena = arena;
    plan->chosen->rank = 1;
    return plan;
}

void plan_set_rank(CudaPlan *plan, int rank) { plan->chosen->rank = rank; }

CudaPlan *plan_read(Arena *arena, Diag *diag, const char *path, const char *text, int length)
{
    CudaPlan *plan = plan_new(arena);
    int start = diag_add_source(diag, path, text, length), errors = diag->errors;
    size_t first = strlen(PLAN_FIRST_LINE);
    if ((size_t)length < first || memcmp(text, PLAN_FIRST_LINE, first)) {
        diag_error(diag, (Span){ start, start + 1 }, "E601", "a plan begins with the line `cleave plan 1`");
        return NULL;
    }
    for (int at = (int)first; at < length; at++) {
        const char *newline = memchr(text + at, '\n', (size_t)(length - at));
        int end = newline ? (int)(newline - text) : length;
        char line[MOST_LINE];
        Span span = { start + at, start + (end > at ? end : at + 1) };
        if (!copy_line(text + at, end - at, line))
            diag_error(diag, span, "E601", "this line is longer than a row of a plan, or holds a zero byte");
        else if (line[strspn(line, " \t")])
            read_row(plan, arena, diag, line, span);
        at = end;
    }
    return diag->errors == errors ? plan : NULL;
}

const CudaTile *plan_find(const CudaPlan *plan, const Target *target, const CudaProblem *p)
{
    for (int i = 0; plan && i < plan->count; i++)
        if (plan->rows[i].target == target && same_problem(&plan->rows[i].problem, p))
            return &plan->rows[i].tile;
    return NULL;
}

// --- choosing -------------------------------------------------------------------------------------

static bool same_patch(const CudaPatch *a, const CudaPatch *b)
{
    return a->is_run == b->is_run && a->taps == b->taps && a->step == b->step
        && a->channels == b->channels && a->reach == b->reach
        && a->columns == b->columns && a->outputs == b->outputs && a->row_gap == b->row_gap
        && a->image_gap == b->image_gap;
}

static bool same_question(const CudaProblem *a, const CudaProblem *b)
{
    return same_problem(a, b) && same_patch(&a->patch, &b->patch) && a->may_split == b->may_split
        && a->library == b->library && a->unique_bytes == b->unique_bytes
        && a->epilogue_bytes == b->epilogue_bytes;
}

// The choice, with another shape before it.
static CudaChoice take_rank(CudaChoice c, const Target *target, const CudaProblem *p, int rank)
{
    CudaPrice ranked[PLAN_RANKS];
    int count = rank_tiles(target, p, ranked, rank < PLAN_RANKS ? rank : PLAN_RANKS);
    return count ? (CudaChoice){ ranked[count - 1], c.best } : c;
}

static CudaChoice ask_model(Chosen *chosen, const Target *target, const CudaProblem *p)
{
    for (int i = 0; chosen && i < chosen->count; i++)
        if (chosen->rows[i].target == target && same_question(&chosen->rows[i].problem, p))
            return chosen->rows[i].choice;
    CudaChoice c = choose_tile(target, p);
    if (chosen && chosen->rank > 1)
        c = take_rank(c, target, p, chosen->rank);
    if (chosen) {
        ChosenRow row = { target, *p, c };
        ARENA_PUSH(chosen->arena, chosen->rows, chosen->count, chosen->capacity, row);
    }
    return c;
}

CudaChoice plan_choose(const CudaPlan *plan, const Target *target, const CudaProblem *p, bool *from_plan)
{
    const CudaTile *tile = plan_find(plan, target, p);
    CudaChoice c = ask_model(plan ? plan->chosen : NULL, target, p);
    *from_plan = tile && (p->may_split || tile->split == 1)
        && ((!tile->patch && !tile->library) || tile_is_legal(target, p, tile));
    if (*from_plan) {
        c.second = c.best;
        c.best = tile_price(target, p, tile);
    }
    return c;
}
