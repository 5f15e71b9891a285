// `when plateau(top(1), patience = 5, times = 3)`: has a metric stopped improving?
#ifndef RUNTIME_TRAIN_PLATEAU_H
#define RUNTIME_TRAIN_PLATEAU_H
#include "recipe/recipe.h"

// Kept for every event that has one.
typedef struct {
    double  best;                      // of the metric so far; NAN: none yet
    int64_t since;                     // looks since it was reached, or since the event has fired
    int64_t fired;
} Plateau;

// What a call of `plateau` in a condition says.
typedef struct {
    int         first, last;           // its steps in the expression: metric, patience, times, call
    const char *metric;                // "top1", "loss", "test_loss"
    bool        more_is_better;
    int64_t     patience, times;
} PlateauCall;

typedef enum { PLATEAU_NONE, PLATEAU_FOUND, PLATEAU_ODD } PlateauKind;

// PLATEAU_ODD: a call that nothing here can follow: of something else than a metric, with rates for
// numbers, or a second one in the same condition.
PlateauKind plateau_find(const Expr *e, const TrainRecipe *t, PlateauCall *call);
// Notes the value of one more epoch (NAN: there is none yet); true when patience is at its end.
bool        plateau_look(Plateau *p, const PlateauCall *call, double value);
void        plateau_fire(Plateau *p);                      // the event has fired
// The condition with the call replaced by its truth, in `steps` (e->count of them).
Expr        plateau_replace(const Expr *e, const PlateauCall *call, bool truth, ExprStep *steps);
#endif
