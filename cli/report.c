// What the reports of `cleave show` share.
#include "cli/report.h"
#include "cli/verb.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int compile(Compilation *c, const ShowOptions *o, unsigned modes, const char *stop_after)
{
    CompileOptions options = { .front = options_front(o->net, o->batch, o->seed, &o->set),
                               .target = o->target, .stop_after = stop_after, .modes = modes };
    bool made = compile_file(c, &options, o->path);
    diag_print(&c->diag, stderr, options_colour(o->colour, stderr));
    if (made)
        return EXIT_OK;
    if (c->diag.errors)
        return EXIT_INPUT;
    fprintf(stderr, "cleave: %s\n", c->err);
    return EXIT_RUN;
}

// What a report takes from the compilation's arena may exhaust it, too.
static int print_report(Compilation *c, const ShowOptions *o, ReportPrint *print, FILE *out)
{
    if (setjmp(c->exhausted)) {
        fprintf(stderr, "cleave: out of memory\n");
        return EXIT_RUN;
    }
    return print(c, o, out);
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

int report_about_line(const ShowOptions *o)
{
    char *end;
    long line = strtol(o->about, &end, 10);
    return *end || line < 0 || line > INT_MAX ? -1 : (int)line;
}

bool report_wants(const Compilation *c, const ShowOptions *o, const Layer *layer)
{
    if (!o->about)
        return true;
    if (!layer)
        return false;
    int line = report_about_line(o);
    return line < 0 ? !strcmp(o->about, layer->name) : line == report_line(c, layer);
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
