// What a file declares and never uses: a tensor is a mistake, a `let` or a `default` a warning.
#include "front/elaborate.h"

static void report(Diag *d, const Declared *unused)
{
    if (unused->is_default) {
        diag_warning(d, unused->at, "W002", "no `%s` in scope takes this default of `%s`", unused->stage,
                     unused->name);
    } else if (unused->kind == BOUND_LET) {
        diag_warning(d, unused->at, "W001", "`%s` is never used", unused->name);
    } else if (unused->kind == BOUND_TENSOR) {
        diag_error(d, unused->at, "E115", "`%s` is never used", unused->name);
        diag_help(d, "only names that are read, and the outputs of a net, are given with `=`");
    }
}

void unused_report(const Names *declared, Diag *d)
{
    for (int i = 0; i < declared->count; i++) {
        const Declared *one = declared->entries[i].value;
        if (!one->used)
            report(d, one);
    }
}

void unused_dropout(const Graph *g, Diag *d)
{
    const Node *last = g->scores;
    if (last && last->op == OP_DROPOUT)
        diag_warning(d, last->at, "W003", "%s drops scores: nothing behind it can make up for them",
                     last->layer->name);
}
