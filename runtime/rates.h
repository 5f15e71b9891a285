// Rates: from the settings of a train section to the learning rate, momentum and decay of every
// parameter at a step. A setting may read others, `epoch`, `step` and what the caller offers.
#ifndef RUNTIME_RATES_H
#define RUNTIME_RATES_H
#include "program/program.h"
#include "recipe/expr.h"

enum { RATES_ERROR = 160 };

// The settings as they stand now: events (ACTION_SET) put numbers over expressions.
typedef struct Rates {
    const TrainRecipe *train;
    double            *fixed;          // by setting: the number an event has set; NAN: the expression
} Rates;

// `fixed` has train->setting_count entries and belongs to the caller; filled with NAN here.
void rates_open(Rates *r, const TrainRecipe *train, double *fixed);
// Value of a setting or variable at (epoch, step); `more` (may be NULL) is asked for other names.
bool rates_value(const Rates *r, const char *name, double epoch, double step,
                 ExprLookup more, void *context, double *value, char err[RATES_ERROR]);
// Evaluates any expression of the recipe: event conditions, the values of ACTION_SET.
bool rates_evaluate(const Rates *r, const Expr *e, double epoch, double step,
                    ExprLookup more, void *context, double *value, char err[RATES_ERROR]);
// Rates of all parameters at a step. For `lr` and `momentum` the nearest setting wins: the layer's
// ("conv1.lr", weights and biases alike), for biases then "biases.lr", then "solver.lr".
// `decay` of biases is 0 unless "biases.decay" is set; a layer's decay is that of its weights.
bool rates_all(const Rates *r, const Program *p, double epoch, double step,
               ExprLookup more, void *context, ParamRates *out, char err[RATES_ERROR]);
#endif
