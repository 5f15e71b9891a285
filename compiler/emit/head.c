// Heads: what stands above a body. Constants are #define'd, functions are named OWN(name), and
// head_close undefines them all, so that many kernels share one unit.
#include "emit/kernel.h"
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

const char *kernel_text(const char *name)
{
    for (const KernelText *t = kernel_texts; t->name; t++)
        if (!strcmp(t->name, name))
            return t->text;
    return NULL;
}

void head_unit(Emit *e)
{
    bool cuda = e->target->kind == TARGET_CUDA;
    e->name_count = 0;
    if (cuda)
        fprintf(e->text, "#define RANDOM_FUNCTION static __device__ __forceinline__\n");
    else
        fprintf(e->text, "#define V %d    // floats a vector: %s\n", e->target->vector, e->target->name);
    head_body(e, "random.h");
    head_body(e, cuda ? "cuda/prelude.cu" : "cpu/prelude.h");
    if (!cuda && e->target->matrix != ELEMENT_FLOAT)
        head_body(e, "cpu/rounding.h");
}

// Titles hold names from the .net file: nothing of them may end a comment or continue its line.
static void print_comment(FILE *out, const char *text)
{
    fputs("// ", out);
    for (; text && *text; text++)
        fputc(isprint((unsigned char)*text) && *text != '\\' && *text != '?' ? *text : '_', out);
    fputc('\n', out);
}

static void print_place(const Emit *e, const Node *n)
{
    if (!e->graph || !e->graph->diag || n->at.start < 0)
        return;
    Place p = diag_place(e->graph->diag, n->at);
    char text[256];
    snprintf(text, sizeof text, "%s:%d:%d", p.path ? p.path : "", p.line, p.column);
    print_comment(e->text, text);
}

void head_line(Emit *e, const Node *n)
{
    if (e->target->kind != TARGET_CUDA || !e->graph || !e->graph->diag || n->at.start < 0)
        return;
    Place p = diag_place(e->graph->diag, n->at);
    for (int i = 0; i < e->program->source_count; i++)
        if (!strcmp(e->program->sources[i].path, p.path))
            fprintf(e->text, "#line %d \"source-%d.net\"\n", p.line, i);
}

const char *head_load_suffix(const Layout *l) { return l->element == ELEMENT_BF16 ? "_bf16" : ""; }

const char *head_store_suffix(const Layout *l)
{
    return l->element == ELEMENT_TF32 ? "_tf32" : head_load_suffix(l);
}

void head_open(Emit *e, const Kern *k, const char *item)
{
    fprintf(e->text, "\n#line 1 \"head of %s\"\n", k->symbol);
    print_comment(e->text, k->title);
    print_place(e, k->group->root);
    fprintf(e->text, "// One item makes %s; there are %" PRId64 ".\n", item, k->items);
    for (int i = 0; i < k->arg_count; i++) {
        const char *what = k->is_state[i] ? "state" : k->is_velocity[i] ? "velocity of "
                         : k->is_places[i] ? "places of " : "";
        char line[160];
        snprintf(line, sizeof line, "    t[%d] %s %s%s", i,
                 i < k->arg_count - k->writes ? "in:" : "out:", what,
                 k->is_state[i] ? "" : k->args[i]->name);
        print_comment(e->text, line);
    }
    head_define(e, "KERNEL", "%s", k->symbol);
}

// --- definitions --------------------------------------------------------------------------------

// Notes the name up to its parameters, if any: "BLOCKS(X, u)" is noted as BLOCKS.
static void define(Emit *e, const char *macro)
{
    size_t length = strcspn(macro, "(");
    assert(length < HEAD_NAME);
    char name[HEAD_NAME];
    snprintf(name, sizeof name, "%.*s", (int)length, macro);
    for (int i = 0; i < e->name_count; i++)
        if (!strcmp(e->names[i], name)) {
            fprintf(e->text, "#undef %s\n", name);
            return;
        }
    assert(e->name_count < HEAD_NAMES);
    memcpy(e->names[e->name_count++], name, sizeof name);
}

void head_define(Emit *e, const char *name, const char *fmt, ...)
{
    head_list(e, name);
    va_list args;
    va_start(args, fmt);
    vfprintf(e->text, fmt, args);
    va_end(args);
    fputc('\n', e->text);
}

void head_list(Emit *e, const char *name)
{
    define(e, name);
    fprintf(e->text, "#define %s ", name);
}

void head_constant(Emit *e, const char *name, int64_t value)
{
    head_define(e, name, value < 0 ? "(%" PRId64 "%s)" : "%" PRId64 "%s", value,
                value > INT32_MAX || value < INT32_MIN ? "L" : "");
}

char *head_float(char to[HEAD_FLOAT], double value)
{
    int length = snprintf(to, HEAD_FLOAT, "%.9g", (double)(float)value);
    snprintf(to + length, (size_t)(HEAD_FLOAT - length), strpbrk(to, ".en") ? "f" : ".0f");
    return to;
}

void head_real(Emit *e, const char *name, double value)
{
    char text[HEAD_FLOAT];
    head_define(e, name, "(%s)", head_float(text, value));
}

void head_function(Emit *e, const char *type, const char *name, const char *arguments)
{
    char own[HEAD_NAME];
    snprintf(own, sizeof own, "%s", name);
    for (char *c = own; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    head_define(e, name, "OWN(%s)", own);
    fprintf(e->text, "INLINE %s %s(%s)\n{\n", type, name, arguments);
}

void head_window(Emit *e, const Window *w, Shape in, Shape out)
{
    head_constant(e, "H", in.h);
    head_constant(e, "W", in.w);
    head_constant(e, "OUT_H", out.h);
    head_constant(e, "OUT_W", out.w);
    head_constant(e, "KERNEL_H", w->kernel_h);
    head_constant(e, "KERNEL_W", w->kernel_w);
    head_constant(e, "STRIDE_H", w->stride_h);
    head_constant(e, "STRIDE_W", w->stride_w);
    head_constant(e, "PAD_TOP", w->pad_top);
    head_constant(e, "PAD_LEFT", w->pad_left);
}

void head_scalar(Emit *e)
{
    head_define(e, "real", "float");
    head_define(e, "real_mask", "int");
}

bool head_body(Emit *e, const char *file)
{
    const char *text = kernel_text(file);
    if (!text) {
        snprintf(e->err, PROGRAM_ERROR, "internal error: no kernel text '%s'", file);
        return false;
    }
    fprintf(e->text, "#line 1 \"kernels/%s\"\n%s#line 1 \"behind kernels/%s\"\n", file, text, file);
    return true;
}

void head_close(Emit *e)
{
    for (int i = 0; i < e->name_count; i++)
        fprintf(e->text, "#undef %s\n", e->names[i]);
    e->name_count = 0;
}

// --- kernels ------------------------------------------------------------------------------------

const Body *body_for(const Emit *e, const Group *g)
{
    for (const Body *b = e->target->kind == TARGET_CUDA ? cuda_bodies : cpu_bodies; b->name; b++)
        if (b->pattern == g->pattern && b->takes(e, g))
            return b;
    return NULL;
}

const Body *kernel_emit(Emit *e, Kern *k)
{
    const Body *b = body_for(e, k->group);
    if (!b) {
        snprintf(e->err, PROGRAM_ERROR, "internal error: no body computes '%s'",
                 k->group->root->name);
        return NULL;
    }
    bool done = b->emit(e, k);
    head_close(e);
    return done ? b : NULL;
}
