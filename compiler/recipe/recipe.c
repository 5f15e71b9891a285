// Prints a recipe the way it would stand in a .net file.
#include "recipe/recipe.h"
#include "base/text.h"
#include <inttypes.h>
#include <string.h>

static void print_argument(const StageArg *a, FILE *out)
{
    if (a->name)
        fprintf(out, "%s = ", a->name);
    switch (a->kind) {
    case ARG_NUMBER: fprintf(out, "%.10g", a->number); break;
    case ARG_WORD:   fputs(a->text, out); break;
    case ARG_TEXT:   text_print_json(out, a->text); break;
    case ARG_DIMS:
        for (int i = 0; i < a->dim_count; i++)
            fprintf(out, "%s%" PRId64, i ? "x" : "", a->dims[i]);
        break;
    }
}

static void print_pipeline(const char *name, const Pipeline *p, FILE *out)
{
    if (p->count == 0)
        return;
    fprintf(out, "  %s = ", name);
    for (int i = 0; i < p->count; i++) {
        const Stage *s = &p->stages[i];
        fprintf(out, "%s%s", i ? " -> " : "", s->kind);
        for (int k = 0; k < s->arg_count; k++) {
            fputs(k ? ", " : "(", out);
            print_argument(&s->args[k], out);
        }
        fputs(s->arg_count ? ")" : "", out);
    }
    fputc('\n', out);
}

static void print_data(const DataRecipe *d, FILE *out)
{
    fprintf(out, "data %s {\n", d->name);
    print_pipeline("train", &d->train, out);
    print_pipeline("test", &d->test, out);
    print_pipeline("center", &d->center, out);
    print_pipeline("augment", &d->augment, out);
    print_pipeline("views", &d->views, out);
    fputs("}\n", out);
}

static void print_action(const TrainRecipe *t, const Action *a, FILE *out)
{
    switch (a->kind) {
    case ACTION_SET:
        fprintf(out, " %s = ", t->settings[a->setting].name);
        expr_print(&a->value, out);
        break;
    case ACTION_TEST: fputs(" test()", out); break;
    case ACTION_SAVE:
        fputs(" save(", out);
        text_print_json(out, a->path);
        if (a->keep)
            fprintf(out, ", keep = %d", a->keep);
        fputc(')', out);
        break;
    case ACTION_STOP:  fputs(" stop()", out); break;
    case ACTION_PRINT: fputs(" print()", out); break;
    }
}

static void print_event(const TrainRecipe *t, const Event *e, FILE *out)
{
    if (e->kind == EVENT_WHEN) {
        fputs("  when ", out);
        expr_print(&e->condition, out);
    } else {
        fprintf(out, "  every %" PRId64 " %s", e->period,
                e->kind == EVENT_EVERY_EPOCHS ? "epochs" : "steps");
    }
    fputs(" {", out);
    for (int i = 0; i < e->action_count; i++)
        print_action(t, &e->actions[i], out);
    fputs(" }\n", out);
}

static void print_train(const TrainRecipe *t, FILE *out)
{
    fprintf(out, "train %s on %s {\n  batch = %d\n", t->net, t->data ? t->data : "nothing", t->batch);
    if (t->accumulate > 1)
        fprintf(out, "  accumulate = %d\n", t->accumulate);
    if (t->epochs)
        fprintf(out, "  epochs = %" PRId64 "\n", t->epochs);
    if (t->rule != SOLVER_PAPER)
        fprintf(out, "  rule = %s\n", solver_rule_names[t->rule]);
    if (t->precision)
        fprintf(out, "  precision = %s\n", t->precision);
    for (int i = 0; i < t->metric_count; i++) {
        const Metric *m = &t->metrics[i];
        fputs(i ? ", " : "  report = ", out);
        if (m->kind == METRIC_TOP)
            fprintf(out, "top(%d)", m->k);
        else
            fputs("loss", out);
    }
    fputs(t->metric_count ? "\n" : "", out);
    for (int i = 0; i < t->setting_count; i++) {
        fprintf(out, "  %s = ", t->settings[i].name);
        expr_print(&t->settings[i].value, out);
        fputc('\n', out);
    }
    for (int i = 0; i < t->event_count; i++)
        print_event(t, &t->events[i], out);
    fputs("}\n", out);
}

void recipe_print(const Recipe *r, FILE *out)
{
    if (r->data.name)
        print_data(&r->data, out);
    if (r->has_train)
        print_train(&r->train, out);
}
