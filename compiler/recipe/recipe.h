// What a `data` and a `train` section say, checked and evaluated: where images come from and what
// is done to them, rates, events. Plain data: the front end makes it, a Program carries it, the
// runtime follows it.
#ifndef RECIPE_RECIPE_H
#define RECIPE_RECIPE_H
#include "base/diag.h"
#include "base/solver.h"
#include "recipe/expr.h"
#include <stdint.h>

// --- the data section ---------------------------------------------------------------------------

typedef enum { ARG_NUMBER, ARG_WORD, ARG_TEXT, ARG_DIMS } ArgKind;

typedef struct {
    const char *name;                 // "size", "side"; positional arguments get their parameter's name
    ArgKind     kind;
    double      number;
    const char *text;                 // ARG_WORD (`random`), ARG_TEXT ("ilsvrc12/train")
    int64_t     dims[4];
    int         dim_count;
    Span        at;
} StageArg;

// One stage of a pipeline. The first is a source (images, idx, cifar10, cifar100, random, hold),
// the others change an image (resize, crop, mirror, scale, light, grey).
typedef struct {
    const char *kind;
    StageArg   *args;
    int         arg_count;
    Span        at;
} Stage;

typedef struct { Stage *stages; int count; Span at; } Pipeline;   // count 0: not given

typedef struct {
    const char *name;                 // of the data section; NULL: no data section is used
    Pipeline    train, test;
    Pipeline    augment;              // after train's stages, while training only
    Pipeline    views;                // after test's stages: several views of a test image
    Pipeline    center;               // mean(pixel) or mean(channel): subtracted before augment
    Span        at;
} DataRecipe;

// --- the train section --------------------------------------------------------------------------

// Something that an event may change and an expression may read. Settings that belong to a solver
// are "solver.lr", "biases.momentum", "conv1.decay"; `scope` is the part before the dot.
typedef struct {
    const char *name;
    const char *scope;                // "solver", "biases", or a layer's name
    Expr        value;                // evaluated anew at every step
    Span        at;
} Setting;

typedef enum { ACTION_SET, ACTION_TEST, ACTION_SAVE, ACTION_STOP, ACTION_PRINT } ActionKind;

typedef struct {
    ActionKind  kind;
    int         setting;              // ACTION_SET: index into settings
    Expr        value;                // ACTION_SET: evaluated once, when the event fires
    const char *path;                 // ACTION_SAVE: may hold {epoch} and {step}
    int         keep;                 // ACTION_SAVE: newest files kept besides the best; 0: all
    Span        at;
} Action;

typedef enum { EVENT_WHEN, EVENT_EVERY_EPOCHS, EVENT_EVERY_STEPS } EventKind;

typedef struct {
    EventKind kind;
    Expr      condition;              // EVENT_WHEN: read at the start of every epoch; fires once on
                                      // each change from false to true
    int64_t   period;                 // EVENT_EVERY_*: fires after every `period` epochs or steps
    Action   *actions;
    int       action_count;
    Span      at;
} Event;

typedef enum { METRIC_LOSS, METRIC_TOP } MetricKind;
typedef struct { MetricKind kind; int k; const char *name; } Metric;     // top(5): "top5"

enum { TRAIN_ACCUMULATE_MOST = 4096 };

typedef struct {
    const char *net, *data;           // names of the sections used
    int         batch;
    int         accumulate;           // batches of a step, 1 .. TRAIN_ACCUMULATE_MOST: weights follow the
                                      // mean of their gradients
    int64_t     epochs;               // 0: until something stops it
    SolverRule  rule;                 // how weights follow gradients
    Metric     *metrics;              // `report`; the loss is always reported
    int         metric_count;
    Setting    *settings;             // in order; a later one of the same name replaces an earlier
    int         setting_count;
    Event      *events;
    int         event_count;
    uint64_t    seed;
    const char *precision;            // what GPUs multiply in: "fp32", "tf32", "bf16"; NULL: not said
    Span        at;
} TrainRecipe;

typedef struct {
    DataRecipe  data;
    TrainRecipe train;
    bool        has_train;            // the file has a train section for the net
} Recipe;

void recipe_print(const Recipe *r, FILE *out);
#endif
