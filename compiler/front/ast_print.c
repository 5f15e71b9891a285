// The syntax tree as text and as JSON: what `show ast` prints.
#include "base/text.h"
#include "front/ast.h"
#include <inttypes.h>
#include <string.h>

static const char *const kind_names[] = {
    [AST_NUMBER] = "number", [AST_DIMS] = "dims", [AST_TEXT] = "text", [AST_NAME] = "name",
    [AST_CALL] = "call", [AST_INDEX] = "index", [AST_ARG] = "argument", [AST_RANGE] = "range",
    [AST_LIST] = "list", [AST_PIPE] = "pipe", [AST_UNARY] = "unary", [AST_BINARY] = "binary",
    [AST_CHOICE] = "choice", [AST_IF] = "if", [AST_FOR] = "for", [AST_TAILED] = "tailed",
    [AST_AS] = "as", [AST_IS] = "is", [AST_ON] = "on", [AST_BODY] = "body", [AST_BIND] = "bind",
    [AST_LET] = "let", [AST_DEFAULT] = "default", [AST_REPLACE] = "replace", [AST_DROP] = "drop",
    [AST_BEFORE] = "before", [AST_AFTER] = "after", [AST_WHEN] = "when", [AST_EVERY] = "every",
    [AST_ERROR] = "error", [AST_USE] = "use", [AST_OP] = "op", [AST_BLOCK] = "block",
    [AST_NET] = "net", [AST_DERIVE] = "derive", [AST_DATA] = "data", [AST_TRAIN] = "train",
    [AST_PARAM] = "parameter",
};

static void print_text(const char *text, FILE *out)
{
    fputc(' ', out);
    text_print_safe(out, text, (int)strlen(text));
}

static void print_facts(const Ast *a, FILE *out)
{
    if (a->text)
        print_text(a->text, out);
    if (a->kind == AST_EVERY)
        fprintf(out, " %.17g", a->number);
    for (int i = 0; i < a->name_count; i++)
        print_text(a->names[i], out);
}

// Trees are at most LIMIT_TREE deep, so this recursion is bounded.
static void print_tree(const Ast *a, int depth, const char *as, FILE *out)
{
    fprintf(out, "%*s%s", 2 * depth, "", as);
    if (!a) {
        fputs("nothing\n", out);
        return;
    }
    fputs(kind_names[a->kind], out);
    print_facts(a, out);
    fputc('\n', out);
    for (int i = 0; i < a->param_count; i++)
        print_tree(a->params[i], depth + 1, "parameter: ", out);
    for (int i = 0; i < a->input_count; i++)
        print_tree(a->inputs[i], depth + 1, "input: ", out);
    for (int i = 0; i < a->output_count; i++)
        print_tree(a->outputs[i], depth + 1, "output: ", out);
    for (int i = 0; i < a->count; i++)
        print_tree(a->children[i], depth + 1, "", out);
}

void ast_print(const AstFile *file, FILE *out)
{
    for (int i = 0; i < file->count; i++)
        print_tree(file->items[i], 0, "", out);
}

static void json_tree(const Ast *a, FILE *out);

static void json_list(const char *key, Ast *const *list, int count, FILE *out)
{
    if (!count)
        return;
    fprintf(out, ",\"%s\":[", key);
    for (int i = 0; i < count; i++) {
        fputs(i ? "," : "", out);
        json_tree(list[i], out);
    }
    fputc(']', out);
}

static void json_tree(const Ast *a, FILE *out)
{
    if (!a) {
        fputs("null", out);
        return;
    }
    fprintf(out, "{\"kind\":\"%s\",\"start\":%d,\"end\":%d", kind_names[a->kind], a->at.start, a->at.end);
    if (a->text) {
        fputs(",\"text\":", out);
        text_print_json(out, a->text);
    }
    if (a->kind == AST_NUMBER || a->kind == AST_EVERY)
        fprintf(out, ",\"number\":%.17g", a->number);
    for (int i = 0; i < a->dim_count; i++)
        fprintf(out, "%s%" PRId64 "%s", i ? "," : ",\"dims\":[", a->dims[i],
                i + 1 < a->dim_count ? "" : "]");
    for (int i = 0; i < a->name_count; i++) {
        fputs(i ? "," : ",\"names\":[", out);
        text_print_json(out, a->names[i]);
        fputs(i + 1 < a->name_count ? "" : "]", out);
    }
    json_list("parameters", a->params, a->param_count, out);
    json_list("inputs", a->inputs, a->input_count, out);
    json_list("outputs", a->outputs, a->output_count, out);
    json_list("children", a->children, a->count, out);
    fputc('}', out);
}

void ast_print_json(const AstFile *file, FILE *out)
{
    fputs("{\"items\":[", out);
    for (int i = 0; i < file->count; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_tree(file->items[i], out);
    }
    fputs("]}\n", out);
}
