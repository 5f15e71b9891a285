// A `train` section: what is learnt from what, rates, events.
#include "base/text.h"
#include "front/elaborate.h"
#include <string.h>

typedef struct {
    Elab       *e;
    TrainRecipe *out;
    const Ast  *biases;                // `biases = sgd(...)`; NULL: none
    int         setting_capacity, event_capacity;
    TrainNames  names;
} Train;

// --- names that expressions may use -------------------------------------------------------------

const char *const *train_names_list(const TrainNames *n, Arena *a, int *count)
{
    const TrainRecipe *t = n->recipe;
    const char **list = ARENA_ARRAY(a, const char *, t->setting_count + t->metric_count + 8);
    static const char *const always[] = { "epoch", "step", "loss", "epochs", "steps", "test_loss" };
    *count = 0;
    for (int i = 0; i < 6; i++)
        list[(*count)++] = always[i];
    for (int i = 0; i < t->metric_count; i++)
        list[(*count)++] = t->metrics[i].name;
    for (int i = 0; i < t->setting_count; i++)
        list[(*count)++] = t->settings[i].name;
    return list;
}

// --- metrics ------------------------------------------------------------------------------------

static bool read_metric(Elab *e, const Ast *a, Metric *m)
{
    if (a->kind == AST_NAME && !strcmp(a->text, "loss")) {
        *m = (Metric){ METRIC_LOSS, 0, "loss" };
        return true;
    }
    if (a->kind != AST_CALL || strcmp(a->text, "top") || a->count != 1) {
        if (a->kind != AST_ERROR)
            elab_error(e, a->at, "E505", "`report` takes `loss`, top(1), top(5) and the like");
        return false;
    }
    Value k = eval_number(e, a->children[0], "a number of classes");
    if (k.kind == VALUE_UNKNOWN)
        return false;
    if (!value_is_whole(k) || k.number < 1 || k.number > 1e6) {
        elab_error(e, a->children[0]->at, "E406", "top takes a whole number from 1 on");
        return false;
    }
    if (e->graph && e->graph->scores && k.number > (double)e->graph->scores->shape.c) {
        elab_error(e, a->at, "E505", "top(%d) of %lld classes", (int)k.number,
                   (long long)e->graph->scores->shape.c);
        return false;
    }
    *m = (Metric){ METRIC_TOP, (int)k.number, arena_printf(e->arena, "top%d", (int)k.number) };
    return true;
}

static const Ast *find_bind(const Ast *body, const char *name)
{
    for (int i = body->count - 1; i >= 0; i--)
        if (body->children[i]->kind == AST_BIND && !strcmp(body->children[i]->text, name))
            return body->children[i];
    return NULL;
}

bool train_metrics(Elab *e, const Ast *train, Metric **metrics, int *count)
{
    const Ast *report = train->children[0]->kind == AST_BODY ? find_bind(train->children[0], "report") : NULL;
    *count = 0;
    *metrics = ARENA_ARRAY(e->arena, Metric, report ? report->count : 1);
    for (int i = 0; report && i < report->count; i++) {
        if (!read_metric(e, report->children[i], &(*metrics)[*count]))
            return false;
        (*count)++;
    }
    return true;
}

// --- settings -----------------------------------------------------------------------------------

static int find_setting(const TrainRecipe *t, const char *name)
{
    for (int i = 0; i < t->setting_count; i++)
        if (!strcmp(t->settings[i].name, name))
            return i;
    return -1;
}

static int put_setting(Train *t, const char *name, Expr value, Span at)
{
    const char *dot = strrchr(name, '.');
    const char *scope = dot ? arena_copy(t->e->arena, name, (size_t)(dot - name)) : "";
    Setting s = { name, scope, value, at };
    int i = find_setting(t->out, name);
    if (i >= 0) {
        t->out->settings[i] = s;
        return i;
    }
    ARENA_PUSH(t->e->arena, t->out->settings, t->out->setting_count, t->setting_capacity, s);
    return t->out->setting_count - 1;
}

static const char *const rates[] = { "lr", "momentum", "decay" };

static bool is_rate(const char *name)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(rates[i], name))
            return true;
    return false;
}

// "solver", "biases", or a layer of the net that has parameters.
static bool scope_exists(Train *t, const char *scope, Span at)
{
    if (!strcmp(scope, "solver") || !strcmp(scope, "biases"))
        return true;
    const Graph *g = t->e->graph;
    bool whole = g && g->scores;                 // else some layers never came to be: reported already
    if (!whole || (t->e->diag->errors && names_find(&t->e->layers, scope)))
        return true;
    const char **known = ARENA_ARRAY(t->e->arena, const char *, g->param_count + 2);
    int count = 0;
    known[count++] = "solver";
    known[count++] = "biases";
    for (int i = 0; i < g->param_count; i++) {
        if (!strcmp(g->params[i]->layer->name, scope))
            return true;
        if (!g->params[i]->is_bias)
            known[count++] = g->params[i]->layer->name;
    }
    const char *nearest = text_nearest(scope, known, count);
    elab_error(t->e, at, "E506", "no layer with weights is called `%s`%s%s%s", scope,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (!nearest)
        elab_known(t->e, "known", known, count);
    return false;
}

static bool setting_exists(Train *t, const Ast *s)
{
    const char *dot = strrchr(s->text, '.');
    if (dot && is_rate(dot + 1))
        return scope_exists(t, arena_copy(t->e->arena, s->text, (size_t)(dot - s->text)), s->name_at);
    if (dot && strchr(s->text, '.') != dot)
        return true;                             // imagenet.augment.light.pca: an argument of a data stage
    elab_error(t->e, s->name_at, "E506", "there is no setting `%s`", s->text);
    diag_help(t->e->diag, "settings are solver.lr, solver.momentum, solver.decay, biases.lr, conv1.lr, ...");
    return false;
}

// After a mistake in a solver its rates still count as set: what reads them is no mistake.
static bool assume_solver(Train *t, const char *scope, Span at)
{
    for (int i = 0; i < 3; i++) {
        const char *name = arena_printf(t->e->arena, "%s.%s", scope, rates[i]);
        if (find_setting(t->out, name) < 0)
            put_setting(t, name, (Expr){ 0 }, at);
    }
    return false;
}

static bool is_nesterov(const Ast *call)
{
    return !strcmp(call->text, "nesterov");
}

// `form = torch`: the order of the rate and the velocity.
static bool read_form(Train *t, const Ast *s, const Ast *form)
{
    static const char *const known[] = { "paper", "torch" };
    const char *word = !form ? known[0] : form->kind == AST_NAME ? form->text : "";
    bool is_solver = !strcmp(s->text, "solver"), torch = !strcmp(word, "torch");
    if (form && !is_solver) {
        elab_error(t->e, form->at, "E507", "biases follow the solver's rule: `form` belongs to `solver`");
        return false;
    }
    if (!torch && strcmp(word, "paper")) {
        const char *nearest = text_nearest(word, known, 2);
        elab_error(t->e, form->at, "E507", "the form of a solver is paper or torch, not `%s`",
                   elab_text(t->e, form->at));
        if (nearest)
            diag_fix(t->e->diag, form->at, "%s", nearest);
        return false;
    }
    if (is_solver)
        t->out->rule = is_nesterov(s->children[0]) ? (torch ? SOLVER_TORCH_NESTEROV : SOLVER_NESTEROV)
                                                   : (torch ? SOLVER_TORCH : SOLVER_PAPER);
    else
        t->biases = s->children[0];
    return true;
}

// `solver = sgd(lr = 0.01, momentum = 0.9, decay = 0.0005)`
static bool read_solver(Train *t, const Ast *s)
{
    static const char *const names[] = { "lr", "momentum", "decay", "form" };
    static const char *const known[] = { "sgd", "nesterov" };
    const Ast *call = s->children[0], *slots[4];
    if (call->kind != AST_CALL || (strcmp(call->text, "sgd") && !is_nesterov(call))) {
        const char *nearest = call->kind == AST_CALL ? text_nearest(call->text, known, 2) : NULL;
        elab_error(t->e, call->at, "E507", "the solver is sgd(lr = ..., momentum = ..., decay = ...), or "
                   "nesterov of the same");
        if (nearest)
            diag_fix(t->e->diag, call->name_at, "%s", nearest);
        return assume_solver(t, s->text, s->at);
    }
    if (!arguments_sort(t->e, call, 0, names, 4, slots) || !read_form(t, s, slots[3]))
        return assume_solver(t, s->text, s->at);
    if (!slots[0] && !strcmp(s->text, "solver")) {
        elab_error(t->e, call->at, "E404", "`%s` needs its argument `lr`", call->text);
        return assume_solver(t, s->text, s->at);
    }
    bool fine = true;
    for (int i = 0; i < 3; i++) {
        Expr value;
        if (!slots[i])
            continue;
        fine &= formula_compile(t->e, slots[i], &t->names, &value);
        if (fine)
            put_setting(t, arena_printf(t->e->arena, "%s.%s", s->text, rates[i]), value, slots[i]->at);
    }
    return fine || assume_solver(t, s->text, s->at);
}

// All parameters follow one rule.
static bool biases_follow(const Train *t)
{
    bool nesterov = t->out->rule == SOLVER_NESTEROV || t->out->rule == SOLVER_TORCH_NESTEROV;
    if (!t->biases || is_nesterov(t->biases) == nesterov)
        return true;
    elab_error(t->e, t->biases->at, "E507", "biases follow the solver's rule: it is `%s`",
               nesterov ? "nesterov" : "sgd");
    diag_fix(t->e->diag, t->biases->name_at, "%s", nesterov ? "nesterov" : "sgd");
    return false;
}

static bool read_setting(Train *t, const Ast *s)
{
    Expr value;
    if (!setting_exists(t, s) || !formula_compile(t->e, s->children[0], &t->names, &value))
        return false;
    put_setting(t, s->text, value, s->at);
    return true;
}

// --- plain values -------------------------------------------------------------------------------

static bool read_whole(Train *t, const Ast *s, double least, double most, double *out)
{
    Value v = eval_number(t->e, s->children[0], "a whole number");
    if (v.kind == VALUE_UNKNOWN)
        return false;
    *out = v.number;
    if (value_is_whole(v) && v.number >= least && v.number <= most)
        return true;
    elab_error(t->e, s->children[0]->at, "E406", "`%s` must be a whole number in %g .. %g, not %s", s->text,
               least, most, value_write(t->e->arena, v));
    return false;
}

static bool read_loss(Train *t, const Ast *s)
{
    const Ast *a = s->children[0];
    if (a->kind == AST_NAME && !strcmp(a->text, "cross_entropy"))
        return true;
    elab_error(t->e, a->at, "E508", "the loss is cross_entropy, not `%s`", elab_text(t->e, a->at));
    diag_fix(t->e->diag, a->at, "cross_entropy");
    return false;
}

static bool read_precision(Train *t, const Ast *s)
{
    static const char *const known[] = { "fp32", "tf32", "bf16" };
    const Ast *a = s->children[0];
    const char *word = a->kind == AST_NAME ? a->text : "";
    if (word_in("fp32 tf32 bf16", word)) {
        t->out->precision = word;
        return true;
    }
    const char *nearest = text_nearest(word, known, 3);
    elab_error(t->e, a->at, "E515", "the precision is fp32, tf32 or bf16, not `%s`", elab_text(t->e, a->at));
    if (nearest)
        diag_fix(t->e->diag, a->at, "%s", nearest);
    return false;
}

static bool unknown_bind(Train *t, const Ast *s)
{
    static const char *const known[] = { "loss", "report", "batch", "epochs", "seed", "solver", "biases",
                                         "precision", "accumulate" };
    enum { KNOWN = sizeof known / sizeof *known };
    const char *nearest = text_nearest(s->text, known, KNOWN);
    elab_error(t->e, s->name_at, "E506", "a train section has no `%s`%s%s%s", s->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (!nearest) {
        elab_known(t->e, "it has", known, KNOWN);
        return false;
    }
    diag_fix(t->e->diag, s->name_at, "%s", nearest);
    bool solver = !strcmp(nearest, "solver") || !strcmp(nearest, "biases");
    return solver && assume_solver(t, nearest, s->at);
}

static bool read_bind(Train *t, const Ast *s)
{
    double number;
    if (strchr(s->text, '.'))
        return read_setting(t, s);
    if (!strcmp(s->text, "report"))
        return true;                             // read first, by train_metrics
    if (!strcmp(s->text, "loss"))
        return read_loss(t, s);
    if (!strcmp(s->text, "solver") || !strcmp(s->text, "biases"))
        return read_solver(t, s);
    if (!strcmp(s->text, "precision"))
        return read_precision(t, s);
    if (!strcmp(s->text, "batch")) {
        if (!read_whole(t, s, 1, 65536, &number))
            return false;
        t->out->batch = (int)number;
        return true;
    }
    if (!strcmp(s->text, "accumulate")) {
        if (!read_whole(t, s, 1, TRAIN_ACCUMULATE_MOST, &number))
            return false;
        t->out->accumulate = (int)number;
        return true;
    }
    if (!strcmp(s->text, "epochs")) {
        if (!read_whole(t, s, 0, 1e9, &number))
            return false;
        t->out->epochs = (int64_t)number;
        return true;
    }
    if (!strcmp(s->text, "seed")) {
        if (!read_whole(t, s, 0, 0x1p53, &number))
            return false;
        t->out->seed = (uint64_t)number;
        return true;
    }
    return unknown_bind(t, s);
}

// --- events -------------------------------------------------------------------------------------

static bool read_save(Train *t, const Ast *call, Action *a)
{
    static const char *const names[] = { "path", "keep" };
    const Ast *slots[2];
    if (!arguments_sort(t->e, call, 0, names, 2, slots))
        return false;
    if (!slots[0] || slots[0]->kind != AST_TEXT) {
        elab_error(t->e, call->at, "E509", "`save` takes the name of a file: "
                   "save(\"net-{epoch}.safetensors\", keep = 3)");
        return false;
    }
    a->path = slots[0]->text;
    if (!slots[1])
        return true;
    Value keep = eval_number(t->e, slots[1], "a number of files");
    if (keep.kind == VALUE_UNKNOWN)
        return false;
    if (!value_is_whole(keep) || keep.number < 0 || keep.number > 1e6) {
        elab_error(t->e, slots[1]->at, "E406", "`keep` is a whole number from 0 on");
        return false;
    }
    a->keep = (int)keep.number;
    return true;
}

static bool read_call(Train *t, const Ast *call, Action *a)
{
    static const struct { const char *name; ActionKind kind; } actions[] = {
        { "test", ACTION_TEST }, { "save", ACTION_SAVE }, { "stop", ACTION_STOP }, { "print", ACTION_PRINT },
    };
    static const char *const known[] = { "test", "save", "stop", "print" };
    for (int i = 0; i < 4; i++) {
        if (strcmp(actions[i].name, call->text))
            continue;
        a->kind = actions[i].kind;
        if (a->kind == ACTION_SAVE)
            return read_save(t, call, a);
        if (call->count) {
            elab_error(t->e, call->at, "E404", "`%s` takes no argument", call->text);
            return false;
        }
        return true;
    }
    const char *nearest = text_nearest(call->text, known, 4);
    elab_error(t->e, call->name_at, "E509", "an event cannot do `%s`%s%s%s", call->text,
               nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    if (nearest)
        diag_fix(t->e->diag, call->name_at, "%s", nearest);
    else
        elab_known(t->e, "it can", known, 4);
    return false;
}

static bool read_action(Train *t, const Ast *s, Action *a)
{
    a->at = s->at;
    if (s->kind == AST_CALL)
        return read_call(t, s, a);
    if (s->kind != AST_BIND || s->count != 1) {
        if (s->kind != AST_ERROR)
            elab_error(t->e, s->at, "E509", "an event does test(), save(...), stop(), or sets a rate: "
                       "solver.lr = 0.001");
        return false;
    }
    if (!setting_exists(t, s) || !formula_compile(t->e, s->children[0], &t->names, &a->value))
        return false;
    a->kind = ACTION_SET;
    a->setting = find_setting(t->out, s->text);
    if (a->setting < 0) {                        // unset so far: an empty value means "as the next wider"
        a->setting = put_setting(t, s->text, (Expr){ 0 }, s->at);
    }
    return true;
}

static bool read_event(Train *t, const Ast *s)
{
    Event event = { .kind = EVENT_WHEN, .at = s->at };
    const Ast *body = s->children[s->kind == AST_WHEN ? 1 : 0];
    if (s->kind == AST_WHEN) {
        if (!formula_compile(t->e, s->children[0], &t->names, &event.condition))
            return false;
    } else {
        bool epochs = !strcmp(s->text, "epoch") || !strcmp(s->text, "epochs");
        if (!epochs && strcmp(s->text, "step") && strcmp(s->text, "steps")) {
            elab_error(t->e, s->name_at, "E510", "`every` counts epochs or steps, not `%s`", s->text);
            return false;
        }
        if (s->number < 1 || s->number != (double)(int64_t)s->number) {
            elab_error(t->e, s->at, "E406", "`every` takes a whole number from 1 on");
            return false;
        }
        event.kind = epochs ? EVENT_EVERY_EPOCHS : EVENT_EVERY_STEPS;
        event.period = (int64_t)s->number;
    }
    if (body->kind != AST_BODY)
        return false;
    event.actions = ARENA_ARRAY(t->e->arena, Action, body->count);
    bool fine = true;
    for (int i = 0; i < body->count; i++)
        fine &= read_action(t, body->children[i], &event.actions[event.action_count++]);
    ARENA_PUSH(t->e->arena, t->out->events, t->out->event_count, t->event_capacity, event);
    return fine;
}

// --- the section --------------------------------------------------------------------------------

static bool read_statement(Train *t, const Ast *s)
{
    switch (s->kind) {
    case AST_BIND:
        return read_bind(t, s);
    case AST_WHEN:
    case AST_EVERY:
        return read_event(t, s);
    case AST_LET:
        elab_bind(t->e, s->text, BOUND_LET, eval(t->e, s->children[0]), s->name_at);
        return true;
    case AST_ERROR:
        return false;
    default:
        elab_error(t->e, s->at, "E506", "a train section is made of settings, `when` and `every`");
        return false;
    }
}

static bool is_event(const Ast *s)
{
    return s->kind == AST_WHEN || s->kind == AST_EVERY;
}

// What the command line sets: rates and plain values; parameters of the net are net.c's.
static bool read_overrides(Train *t)
{
    const Ast *overrides = items_overrides(t->e);
    static const char *const plain[] = { "batch", "accumulate", "epochs", "seed", "precision" };
    enum { PLAIN = sizeof plain / sizeof *plain };
    bool fine = true;
    for (int i = 0; overrides && i < overrides->count; i++) {
        const Ast *s = overrides->children[i];
        const char *dot = s->kind == AST_BIND ? strrchr(s->text, '.') : NULL;
        bool ours = dot && !word_in("init bias", dot + 1);         // those are the net's
        for (int k = 0; k < PLAIN; k++)
            ours = ours || (s->kind == AST_BIND && !strcmp(s->text, plain[k]));
        if (ours)
            fine &= read_bind(t, s);
    }
    return fine;
}

bool train_recipe(Elab *e, const Ast *train, Recipe *out)
{
    TrainRecipe *r = &out->train;
    *r = (TrainRecipe){ .net = train->text, .data = train->names[0], .batch = 128, .accumulate = 1,
                        .at = train->at, .seed = e->options->seed };
    const Ast *body = train->children[0];
    if (body->kind != AST_BODY)
        return false;
    Train t = { .e = e, .out = r, .names = { r } };
    e->scope = scope_open(e->arena, e->globals);
    bool fine = train_metrics(e, train, &r->metrics, &r->metric_count);
    for (int pass = 0; pass < 2; pass++) {       // events see the settings, wherever those stand
        for (int i = 0; i < body->count; i++)
            if (is_event(body->children[i]) == (pass == 1))
                fine &= read_statement(&t, body->children[i]);
        if (pass == 0)
            fine &= read_overrides(&t);
    }
    e->scope = e->globals;
    if (e->options->batch > 0)
        r->batch = e->options->batch;
    if (fine && find_setting(r, "solver.lr") < 0) {
        elab_error(e, train->name_at, "E507", "training needs a solver: solver = sgd(lr = 0.01)");
        fine = false;
    }
    return fine && biases_follow(&t);
}
