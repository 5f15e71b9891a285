// Evaluates the settings of a train section. A setting may read another; a circle is refused by
// its depth.
#include "runtime/rates.h"
#include <math.h>
#include <string.h>

enum { MOST_DEPTH = 32 };

// One evaluation under way: the context of every lookup in it.
typedef struct {
    const Rates *rates;
    double       epoch, step;
    ExprLookup   more;
    void        *more_context;
    int          depth;
    char        *err;
} Scope;

void rates_open(Rates *r, const TrainRecipe *train, double *fixed)
{
    *r = (Rates){ train, fixed };
    for (int i = 0; i < train->setting_count; i++)
        fixed[i] = NAN;
}

// A later setting of the same name replaces an earlier one. -1: none.
static int find_setting(const TrainRecipe *t, const char *name)
{
    for (int i = t->setting_count - 1; i >= 0; i--)
        if (!strcmp(t->settings[i].name, name))
            return i;
    return -1;
}

static bool look_up(void *context, const char *name, double *value)
{
    Scope *s = context;
    if (!strcmp(name, "epoch") || !strcmp(name, "step")) {
        *value = *name == 'e' ? s->epoch : s->step;
        return true;
    }
    int i = find_setting(s->rates->train, name);
    if (i < 0)
        return s->more && s->more(s->more_context, name, value);
    *value = s->rates->fixed[i];
    if (!isnan(*value))
        return true;
    if (s->depth == MOST_DEPTH)
        return false;
    s->depth++;
    bool good = expr_evaluate(&s->rates->train->settings[i].value, look_up, s, value, s->err);
    s->depth--;
    return good;
}

bool rates_evaluate(const Rates *r, const Expr *e, double epoch, double step,
                    ExprLookup more, void *context, double *value, char err[RATES_ERROR])
{
    Scope s = { r, epoch, step, more, context, 0, err };
    return expr_evaluate(e, look_up, &s, value, err);
}

bool rates_value(const Rates *r, const char *name, double epoch, double step,
                 ExprLookup more, void *context, double *value, char err[RATES_ERROR])
{
    Scope s = { r, epoch, step, more, context, 0, err };
    err[0] = 0;
    if (look_up(&s, name, value))
        return true;
    if (!err[0])
        snprintf(err, RATES_ERROR, "no setting or variable is named %.80s", name);
    return false;
}

// The nearest setting of a field: the layer's, the biases', the solver's; see rates_all for decay.
static bool find_rate(Scope *s, const ProgramParam *p, const char *field, float *out)
{
    const char *scopes[3] = { p->layer, p->is_bias ? "biases" : NULL, "solver" };
    if (p->is_bias && !strcmp(field, "decay"))
        scopes[0] = scopes[2] = NULL;
    *out = 0;
    for (int i = 0; i < 3; i++) {
        char name[160];
        double value;
        if (!scopes[i])
            continue;
        snprintf(name, sizeof name, "%.120s.%s", scopes[i], field);
        int set = find_setting(s->rates->train, name);
        // An event may set what the section leaves open: until then the next wider scope counts.
        if (set < 0 || (!s->rates->train->settings[set].value.count && isnan(s->rates->fixed[set])))
            continue;
        if (!look_up(s, name, &value))
            return false;
        *out = (float)value;
        return true;
    }
    return true;
}

bool rates_all(const Rates *r, const Program *p, double epoch, double step,
               ExprLookup more, void *context, ParamRates *out, char err[RATES_ERROR])
{
    Scope s = { r, epoch, step, more, context, 0, err };
    err[0] = 0;
    for (int i = 0; i < p->param_count; i++) {
        out[i] = (ParamRates){ 0 };
        if (!find_rate(&s, &p->params[i], "lr", &out[i].lr)
            || !find_rate(&s, &p->params[i], "momentum", &out[i].momentum)
            || !find_rate(&s, &p->params[i], "decay", &out[i].decay)) {
            if (!err[0])
                snprintf(err, RATES_ERROR, "the settings of %.80s read each other in a circle",
                         p->params[i].name);
            return false;
        }
    }
    return true;
}
