// What the files of the front end share while they turn syntax into a graph. front.h is what
// others see.
#ifndef FRONT_ELABORATE_H
#define FRONT_ELABORATE_H
#include "front/front.h"
#include "front/scope.h"
#include "front/stages.h"

// Limits: no file can hang or exhaust the machine. Counted before anything is expanded.
enum {
    LIMIT_LAYERS = 10000,              // of one net, after expansion
    LIMIT_PASSES = 100000,             // passes of loops and calls of blocks
    LIMIT_CALLS  = 64,                 // blocks that call blocks
    LIMIT_DERIVED = 16,                // nets derived from nets
    LIMIT_DEPTH  = 400,                // nested evaluations
    LIMIT_ERRORS = 200                 // after so many it is a wrong kind of file
};

// One argument of a stage, checked against its parameter.
typedef struct {
    bool        given;                 // written in the call, or by a `default` in scope
    bool        known;                 // false: `value` is unknown, and that was reported
    Value       value;                 // numbers; TYPE_SIZE: a list of two; words; initialisers
    Span        at;
} Argument;

struct Elab;

// One use of a built-in stage, ready to be built.
typedef struct StageUse {
    const BuiltIn *stage;
    Argument       args[STAGE_PARAMETERS];
    Node         **in;                 // the tensors that flow in, at least one
    int            inputs;
    Layer         *layer;
    bool           decided;            // all arguments have values
    Span           at;                 // the stage in the text
    const Ast     *ast;                // its call, for fixes
} StageUse;

// A stage that can be used again with the same weights: `-> conv(8, 3) as t`, then `b -> t`.
typedef struct Instance {
    const char    *name;               // full name of the layer, or of the block's instance
    const BuiltIn *stage;              // NULL: a block
    StageUse       use;                // of a stage: arguments and layer
    bool           decided;            // of a stage: the arguments have values
    const Ast     *block;
    Value         *args;               // of the block, by parameter
    const Split   *split;              // where its weights live
    int            uses;
    const Ast     *edit;               // of a derivation, in whose way it is to be used again; or NULL
} Instance;

// Automatic names count per kind and block instance: conv1, relu1, stage2.conv1. Those that a
// derivation puts in count apart, so that the others keep their numbers.
typedef struct Namer {
    const char *prefix;                // "" or "stage2."
    Names       counts;                // kind, behind the level of a derivation -> int
} Namer;

// A name that a layer or an instance of a block has.
typedef struct { Span at; int level; } Named;

// A stage that is about to be computed: what a derivation's edits stand around (edits.c).
typedef struct Staged {
    const char *name;                  // of its layer or of the block's instance
    const char *kind;                  // "conv", or the block's name
    Span        at;
    bool        ends_branch;           // the concatenation of `branch`: can only be followed
    Value     (*compute)(struct Elab *e, struct Staged *s, Value in);
    StageUse   *use;                   // of a built-in stage
    bool        known;                 // of a built-in stage: its inputs and arguments are
    Instance   *block;                 // of a block
} Staged;

// A window that made a map smaller: remembered to explain shapes.
typedef struct Sized {
    Node         *in, *out;
    Window        window;
    const Layer  *layer;
    const Ast    *ast;                 // the call, for a fix
    bool          can_round_up;
    struct Sized *previous;
} Sized;

// `conv3.init = gaussian(0.03)`: applied when all layers are known.
typedef struct LateSetting {
    const char         *name;          // "conv3.init"
    Value               value;
    Span                at, value_at;
    int                 level;         // of the derivation that says so; 0: the net itself
    struct LateSetting *next;
} LateSetting;

typedef struct Elab {
    Arena              *arena;
    Diag               *diag;
    const AstFile      *file;
    const FrontOptions *options;
    Names               items;         // blocks, ops, nets, data sections by name -> const Ast
    Names               declared;      // places that declare names or defaults
    Names               called;        // blocks that some net calls
    Names               own_ops;       // ops of the file by name -> OwnOp (op.h)
    Graph              *graph;

    Scope              *globals, *scope;
    Default            *defaults;      // innermost first
    Value               in;            // what the body at hand starts from
    bool                has_in;        // false in data and train sections
    const Split        *split;         // the region at hand
    int                 batch_unit;    // every `replicate` so far divides batches that are multiples of it
    int                 on_device;     // `on`, for the stage at hand; NO_DEVICE
    bool                in_loop;       // a body that is expanded more than once
    Namer              *namer;
    const char         *wanted_name;   // the name that `as` or `=` gives to the next stage
    bool                wanted_softly; // by `=`: an automatic name will do when it is taken
    Span                wanted_at;
    Instance           *made;          // the last stage that was made: what `as` binds
    bool                reusing;       // a block's instance is used again: layers exist
    const Call         *call;
    int                 calls, depth;
    int64_t             passes;
    bool                stopped;       // a limit was met: nothing more is expanded

    Names               layers;        // full name -> Layer
    Names               numbered;      // full name -> int, the last number that a loop gave it
    Names               params;        // "conv1.weights" -> its PARAM node
    Names               init_of;       // "conv1.weights" -> Init, as overridden
    Sized              *sized;         // latest first
    LateSetting        *late, **late_end;

    Names               named;         // full name of a layer or of a block's instance -> Named
    struct Derivation **derived;       // of a net `a = b with { ... }`: [1] is nearest to the net that is
    int                 levels;        // written out, [levels] is `a`
    int                 level;         // whose text is elaborated: 0 the net's, k that of derived[k]
    Node               *edited_from;   // what the stage that gave `edited_to` gave without its edits, or
    Node               *edited_to;     // NULL when it is gone: for its promise
} Elab;

// --- elaborate.c: the context, errors with their chain of calls ----------------------------------
void  elab_open(Elab *e, const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag);
// Reports at `at`, with "(in b, called from f.net:3:4)" after the text inside of blocks; UNKNOWN.
Value elab_error(Elab *e, Span at, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
// Counts `passes` more; false once the limit is met (reported).
bool  elab_count(Elab *e, Span at, double passes);
// The source text of a span.
const char *elab_text(const Elab *e, Span at);
// `  known: a, b, c` below the last error, or `did you mean` in its text.
void  elab_known(Elab *e, const char *what, const char *const *words, int count);
const char *const *names_list(const Names *n, Arena *a, int *count);
Declared *elab_declare(Elab *e, Span at, const char *name, BoundKind kind);
Binding  *elab_bind(Elab *e, const char *name, BoundKind kind, Value v, Span at);

// --- evaluate.c: expressions ----------------------------------------------------------------------
Value eval(Elab *e, const Ast *a);                 // pipes and stages included
Value eval_number(Elab *e, const Ast *a, const char *what);      // UNKNOWN when it is none
Value eval_name(Elab *e, const Ast *a);
Value eval_call(Elab *e, const Ast *a);            // functions and initialisers; stages from `in`
bool  is_function(const char *name);
// Reports an unknown stage with the nearest one; the name to go on with, or NULL.
const char *eval_unknown_stage(Elab *e, const Ast *a);

// --- arguments.c ----------------------------------------------------------------------------------
// Sorts the arguments of a call, from the `first`, into slots by parameter; slot[i] is what is
// written for names[i], or NULL. Reports unknown, repeated and surplus ones.
bool  arguments_sort(Elab *e, const Ast *call, int first, const char *const *names, int count,
                     const Ast **slots);
// One argument for a parameter of a stage; UNKNOWN after a report.
Value argument_value(Elab *e, const Ast *a, const char *stage, const StageParameter *p);
// All arguments of a stage: written, default in scope, preset. False: some are unknown.
bool  arguments_of_stage(Elab *e, const Ast *call, int first, StageUse *u);
void  arguments_default(Elab *e, const Ast *call);               // a `default` statement
const Argument *use_arg(const StageUse *u, const char *name);
int64_t     use_count(const StageUse *u, const char *name);
double      use_real(const StageUse *u, const char *name);
const char *use_word(const StageUse *u, const char *name);

// --- layers.c -------------------------------------------------------------------------------------
Namer namer_open(Arena *a, const char *prefix);
// The name of the next layer or instance of a block: e->wanted_name, which it takes, or a number.
const char *layer_take_name(Elab *e, const char *kind);
void   layer_put_name(Elab *e, const char *name, Span at);       // it came to be: of an instance of a block
Layer *layer_new(Elab *e, const char *name, const char *kind, Span at);
// The parameter node `layer.what`; the same one when the layer is used again. NULL: reported.
Node  *layer_param(Elab *e, StageUse *u, const char *what, bool is_bias, Shape shape,
                   int64_t fan_in, int64_t fan_out, Init init);
void   layers_set_late(Elab *e, const char *name, Value v, Span at, Span value_at);
void   layers_apply_late(Elab *e);                               // at the end of a net

// --- pipe.c: pipes, tails, statements ---------------------------------------------------------------
Value pipe_first(Elab *e, const Ast *term);        // a value, or a stage that starts from `in`
Value pipe_next(Elab *e, const Ast *term, Value in);
typedef enum { BODY_PIPE, BODY_BRANCH, BODY_NET } BodyKind;
// The value of a body that starts from `in`, in a scope of its own (BODY_NET: in the one at hand).
Value body_value(Elab *e, const Ast *body, Value in, BodyKind kind);

// --- bodies.c: stages that carry a body -------------------------------------------------------------
bool  is_body_stage(const char *name);
Value body_stage(Elab *e, const Ast *head, const Ast *body, Value in);
Value eval_if(Elab *e, const Ast *a, Value in);
Value eval_for(Elab *e, const Ast *a, Value in);

// --- calls.c: stages, blocks, layers used again -------------------------------------------------------
// Applies the stage that `a` (a name or a call) names to `in`; `piped`: `in` came by an arrow.
Value call_stage(Elab *e, const Ast *a, Value in, bool piped);
Value call_again(Elab *e, Instance *i, Value in, Span at);
Value call_block_unknown(Elab *e, const Ast *block);             // for `check`: no caller

// --- split.c ---------------------------------------------------------------------------------------
int   split_shared(const Node *n);                               // in so many runs over the parts; 1: whole
bool  split_is_local(const Elab *e, const Node *n);              // each part at hand holds a run of its own
bool  split_inputs_agree(Elab *e, const StageUse *u);            // all whole or all split
bool  split_divides(Elab *e, const StageUse *u, int64_t width, const char *of, Span at);
int   split_runs(const Elab *e);                                 // of channels, over all parts; 1 outside
const char *split_word(const Split *s);                          // "split" or "replicate"
// Marks a node whose channels are shared out among the parts.
void  split_mark(const Elab *e, Node *n);
Value split_region(Elab *e, const Ast *head, const Ast *body, Value in);

// --- promise.c --------------------------------------------------------------------------------------
Value promise_check(Elab *e, const Ast *is, Value v);
bool  shape_from_value(Elab *e, Value v, Span at, Shape *out);   // n = 1; reports what is none
void  promise_remember(Elab *e, StageUse *u, Node *in, Node *out, const Window *w);

// --- edits.c: stages of nets that are derived from others (derive.h) -----------------------------------
// The value of a stage, with what the derivations at hand do to it.
Value edits_compute(Elab *e, Staged *s, Value in);

// --- items.c: the items of a file ----------------------------------------------------------------------
// The net that is meant: that of the options, that of the last train section, or the last one. What
// the file itself says goes before what it uses. NULL: the file has none.
const char *item_net_name(const AstFile *f, const FrontOptions *o);
const Ast *item_net(Elab *e);                      // the same; NULL: reported
const Ast *item_train(const AstFile *f, const char *net);        // the last for that net, or NULL
const Ast *item_data(Elab *e, const char *name);
void  items_collect(Elab *e);                      // names of items; reports duplicates
void  items_bind_lets(Elab *e);                    // file-level `let`s into e->globals
// The overrides of the options as an AST (a body of bindings); NULL when there are none or they
// do not parse (reported).
const Ast *items_overrides(Elab *e);

// --- net.c ---------------------------------------------------------------------------------------------
Graph *net_graph(Elab *e, const Ast *net, GraphMode mode);       // without loss and metrics
// Only the inputs and the body, whose value it is: for the names of its layers.
Value  net_body(Elab *e, const Ast *net, GraphMode mode);
void   net_check_overrides(Elab *e, const Ast *net);             // reports names that nothing has
bool   net_add_loss(Elab *e, const Ast *net, const Ast *train);

// --- formula.c: expressions that are evaluated while training -----------------------------------------
typedef struct TrainNames { const TrainRecipe *recipe; } TrainNames;     // whose settings and metrics
const char *const *train_names_list(const TrainNames *n, Arena *a, int *count);
bool formula_compile(Elab *e, const Ast *a, const TrainNames *names, Expr *out);

// --- train.c, data.c -------------------------------------------------------------------------------------
bool train_recipe(Elab *e, const Ast *train, Recipe *out);       // e->graph: the net, or NULL
bool data_recipe(Elab *e, const Ast *data, DataRecipe *out);
bool train_metrics(Elab *e, const Ast *train, Metric **metrics, int *count);

// --- unused.c -----------------------------------------------------------------------------------
void unused_report(const Names *declared, Diag *d);              // of all nets and blocks of a file
void unused_dropout(const Graph *g, Diag *d);                    // dropout as the last layer
#endif
