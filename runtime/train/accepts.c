// Which train sections the loop can follow.
#include "runtime/train/plateau.h"
#include "runtime/train/train.h"
#include <string.h>

static bool has_end(const TrainRecipe *t, const Expr *e, Span at, Refused *no)
{
    return t->epochs || !expr_needs_end(e) || refuse(no, REFUSE_ENDLESS, at);
}

static bool event_accepted(const TrainRecipe *t, const Event *e, Refused *no)
{
    PlateauCall call;
    if (e->kind == EVENT_WHEN && plateau_find(&e->condition, t, &call) == PLATEAU_ODD)
        return refuse(no, REFUSE_PLATEAU_FORM, e->at);
    if (!has_end(t, &e->condition, e->at, no))
        return false;
    for (int i = 0; i < e->action_count; i++) {
        const Action *a = &e->actions[i];
        if (a->kind == ACTION_SET && strchr(t->settings[a->setting].scope, '.'))
            return refuse(no, REFUSE_STAGE_CHANGE, a->at);
        if (a->kind == ACTION_SET && plateau_find(&a->value, t, &call) != PLATEAU_NONE)
            return refuse(no, REFUSE_PLATEAU_RATE, a->at);
        if (!has_end(t, &a->value, a->at, no))
            return false;
    }
    return true;
}

bool train_accepts(const Recipe *recipe, Refused *no)
{
    const TrainRecipe *t = &recipe->train;
    PlateauCall call;
    for (int i = 0; i < t->event_count; i++)
        if (!event_accepted(t, &t->events[i], no))
            return false;
    for (int i = 0; i < t->setting_count; i++) {
        const Setting *s = &t->settings[i];
        if (strchr(s->scope, '.'))
            return refuse(no, REFUSE_STAGE_SETTING, s->at);
        if (plateau_find(&s->value, t, &call) != PLATEAU_NONE)
            return refuse(no, REFUSE_PLATEAU_RATE, s->at);
        if (!has_end(t, &s->value, s->at, no))
            return false;
    }
    return data_accepts(&recipe->data, no);
}
