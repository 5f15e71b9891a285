// Metrics that have stopped improving.
#include "runtime/train/plateau.h"
#include <math.h>
#include <string.h>

static bool is_call(const ExprStep *s)
{
    return s->code == EXPR_CALL && !strcmp(s->name, "plateau");
}

static bool is_metric(const ExprStep *s, const TrainRecipe *t, bool *more_is_better)
{
    *more_is_better = false;
    if (s->code != EXPR_VARIABLE)
        return false;
    for (int i = 0; i < t->metric_count; i++)
        if (!strcmp(t->metrics[i].name, s->name)) {
            *more_is_better = t->metrics[i].kind == METRIC_TOP;
            return true;
        }
    return !strcmp(s->name, "loss") || !strcmp(s->name, "test_loss");
}

PlateauKind plateau_find(const Expr *e, const TrainRecipe *t, PlateauCall *call)
{
    PlateauKind kind = PLATEAU_NONE;
    for (int i = 0; i < e->count; i++) {
        const ExprStep *s = &e->steps[i] - 3;
        if (!is_call(&e->steps[i]))
            continue;
        if (kind != PLATEAU_NONE || i < 3 || !is_metric(&s[0], t, &call->more_is_better) ||
            s[1].code != EXPR_NUMBER || s[2].code != EXPR_NUMBER || s[1].number < 1 || s[2].number < 1)
            return PLATEAU_ODD;
        kind = PLATEAU_FOUND;
        call->first = i - 3;
        call->last = i;
        call->metric = s[0].name;
        call->patience = (int64_t)s[1].number;
        call->times = (int64_t)s[2].number;
    }
    return kind;
}

bool plateau_look(Plateau *p, const PlateauCall *call, double value)
{
    if (isnan(value))
        return false;
    if (isnan(p->best) || (call->more_is_better ? value > p->best : value < p->best)) {
        p->best = value;
        p->since = 0;
        return false;
    }
    p->since++;
    return p->since >= call->patience && p->fired < call->times;
}

void plateau_fire(Plateau *p)
{
    p->since = 0;
    p->fired++;
}

Expr plateau_replace(const Expr *e, const PlateauCall *call, bool truth, ExprStep *steps)
{
    int count = 0;
    for (int i = 0; i < e->count; i++)
        if (i < call->first || i > call->last)
            steps[count++] = e->steps[i];
        else if (i == call->last)
            steps[count++] = (ExprStep){ .code = EXPR_NUMBER, .number = truth };
    return (Expr){ steps, count };
}
