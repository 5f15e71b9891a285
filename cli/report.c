// What the reports of `show`, `why` and `why-not` share.
#include "cli/report.h"
#include "base/text.h"
#include "cli/verb.h"
#include "look/why.h"
#include <string.h>

static int compile(Compilation *c, const ShowOptions *o, unsigned modes, const char *stop_after)
{
    CompileOptions options = { .front = options_front(o->net, o->batch, o->seed, &o->set),
                               .target = o->target, .precision = o->precision, .plan = o->plan,
                               .override = o->override, .stop_after = stop_after,
                               .chunks = (int)o->chunks, .link = 1e9 * (double)o->link,
                               .latency = 1e-6 * (double)o->latency,
                               .modes = modes };
    bool made = compile_file(c, &options, o->path);
    diag_print(&c->diag, stderr, options_colour(o->colour, stderr));
    if (made)
        return EXIT_OK;
    if (c->diag.errors)
        return EXIT_INPUT;
    fprintf(stderr, "cleave: %s\n", c->err);
    return c->misuse ? EXIT_USAGE : EXIT_RUN;
}

bool report_is_there(const Diag *diag, const Graph *g, const char *path, const char *text)
{
    const char *nearest = NULL;
    About about = about_read(text);
    if (about_exists(&about, diag, g, &nearest))
        return true;
    if (about.kind == ABOUT_LINE)
        fprintf(stderr, "cleave: %s has lines 1 to %d, not %s", path, about_lines(diag), text);
    else
        fprintf(stderr, "cleave: no layer of net %s is called `%s`", g->name, text);
    fprintf(stderr, nearest ? "; did you mean `%s`?\n" : "\n", nearest);
    return false;
}

// What a report takes from the compilation's arena may exhaust it, too.
static int print_report(Compilation *c, const ShowOptions *o, ReportPrint *print, FILE *out)
{
    if (setjmp(c->exhausted)) {
        fprintf(stderr, "cleave: out of memory\n");
        return EXIT_RUN;
    }
    if (!report_is_there(&c->diag, look_graph(c), o->path, o->about)
        || !report_is_there(&c->diag, look_graph(c), o->path, o->other))
        return EXIT_USAGE;
    return print(c, o, out);
}

int report_program(const ShowOptions *o, ReportPrint *print, FILE *out)
{
    return report_compiled(o, 1u << GRAPH_TRAIN | 1u << GRAPH_TEST, NULL, print, out);
}

const char *report_cut_line(char *path)
{
    char *colon = strrchr(path, ':');
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return NULL;
    *colon = 0;
    return colon + 1;
}

int report_compiled(const ShowOptions *o, unsigned modes, const char *stop_after, ReportPrint *print,
                    FILE *out)
{
    static Compilation c;
    int code = compile(&c, o, modes, stop_after);
    if (code == EXIT_OK)
        code = print_report(&c, o, print, out);
    compile_close(&c);
    return code;
}

int report_line(const Compilation *c, const Layer *layer)
{
    return diag_place(&c->diag, layer->at).line;
}

bool report_wants(const Compilation *c, const ShowOptions *o, const Layer *layer)
{
    About about = about_read(o->about);
    return about_layer(&about, &c->diag, layer);
}

// --- tensors and figures --------------------------------------------------------------------------

void report_safe(const char *text, FILE *out)
{
    text_print_safe(out, text, (int)strlen(text));
}

void report_json_text(const char *key, const char *text, FILE *out)
{
    fprintf(out, ", \"%s\": ", key);
    text_print_json(out, text);
}

const char *report_item_word(const Launch *l)
{
    static const char *const words[2][2] = { { "images", "image" }, { "jobs", "job" } };
    return words[l->item_kind == ITEMS_JOBS][l->items == 1];
}

static bool is_weights(const Layout *l)
{
    return l->kind == LAYOUT_FILTERS || l->kind == LAYOUT_FILTERS_IN || l->kind == LAYOUT_DENSE;
}

void report_tensor(const Program *p, int tensor, FILE *out)
{
    char shape[SHAPE_TEXT];
    const Tensor *t = &p->tensors[tensor];
    const Layout *l = &t->layout;
    report_safe(t->name, out);
    if (p->buffers[t->buffer].role == BUFFER_STATE)
        return;
    fputc(' ', out);
    if (is_weights(l))
        fprintf(out, "%lldx", (long long)t->shape.n);
    fprintf(out, "%s %s", shape_text(shape, t->shape), layout_name(l->kind));
    if (l->top || l->left || l->bottom || l->right)
        fprintf(out, " halo %d %d %d %d", l->top, l->left, l->bottom, l->right);
    fputs(t->is_bytes ? " bytes" : "", out);
}

void report_tensor_json(const Program *p, int tensor, FILE *out)
{
    const Tensor *t = &p->tensors[tensor];
    const Layout *l = &t->layout;
    fputs("{\"name\": ", out);
    text_print_json(out, t->name);
    fprintf(out, ", \"shape\": [%lld, %lld, %lld, %lld], \"layout\": \"%s\", \"halo\": [%d, %d, %d, %d]}",
            (long long)t->shape.n, (long long)t->shape.c, (long long)t->shape.h, (long long)t->shape.w,
            layout_name(l->kind), l->top, l->left, l->bottom, l->right);
}

char *report_count(char to[COUNT_TEXT], int64_t count)
{
    char digits[COUNT_TEXT];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)count), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            to[at++] = ',';
        to[at++] = digits[i];
    }
    to[at] = 0;
    return to;
}
