// One pass over a text, word by word. Colours end where they begin: no state is carried but whether a
// line has had its instruction.
#include "cli/paint.h"
#include <ctype.h>
#include <string.h>

#define COMMENT "\033[2m"
#define KEYWORD "\033[1;34m"
#define NUMBER  "\033[36m"
#define MARK    "\033[35m"             // #define, .loc, labels
#define INSTRUCTION "\033[1m"
#define OFF     "\033[0m"

typedef struct {
    FILE       *out;
    const char *at, *end;
    PaintKind   kind;
    bool        line_is_fresh;         // nothing but blanks and comments so far
} Painter;

static const char keywords[] =
    " if else for while do return break continue switch case default static inline const volatile struct "
    "typedef enum union sizeof void char short int long float double bool unsigned signed template typename "
    "extern __global__ __device__ __shared__ __restrict__ __forceinline__ __launch_bounds__ __syncthreads "
    "asm INLINE UNROLL restrict ";

static bool is_keyword(const char *word, size_t length)
{
    for (const char *at = keywords; (at = memmem(at, strlen(at), word, length)); at++)
        if (at[-1] == ' ' && at[length] == ' ')
            return true;
    return false;
}

static bool is_word(char c) { return isalnum((unsigned char)c) || strchr("_.$%", c); }

static void put(Painter *p, size_t length, const char *colour)
{
    if (*colour)
        fprintf(p->out, "%s%.*s" OFF, colour, (int)length, p->at);
    else
        fwrite(p->at, 1, length, p->out);
    p->at += length;
}

static size_t line_length(const Painter *p)
{
    const char *end = memchr(p->at, '\n', (size_t)(p->end - p->at));
    return (size_t)((end ? end : p->end) - p->at);
}

// 0: no comment begins here.
static size_t comment_length(const Painter *p)
{
    size_t left = (size_t)(p->end - p->at);
    if (left >= 2 && !memcmp(p->at, "//", 2))
        return line_length(p);
    if (left < 4 || memcmp(p->at, "/*", 2) != 0)
        return 0;
    const char *end = memmem(p->at + 2, left - 2, "*/", 2);
    return end ? (size_t)(end + 2 - p->at) : left;
}

static const char *colour_of(const Painter *p, size_t length)
{
    bool is_label = p->at + length < p->end && p->at[length] == ':';
    if (p->kind == PAINT_C)
        return isdigit((unsigned char)*p->at) ? NUMBER : is_keyword(p->at, length) ? KEYWORD : "";
    if (is_label || (*p->at == '.' && p->line_is_fresh))
        return MARK;
    if (*p->at == '%' || !p->line_is_fresh)
        return "";
    return INSTRUCTION;
}

static void put_word(Painter *p)
{
    size_t length = 0;
    while (p->at + length < p->end && is_word(p->at[length]) && (p->kind != PAINT_C || p->at[length] != '%'))
        length++;
    bool predicate = *p->at == '%' && p->kind == PAINT_PTX;
    const char *colour = colour_of(p, length);
    put(p, length, colour);
    p->line_is_fresh = p->line_is_fresh && predicate;
}

void paint(FILE *out, const char *text, size_t length, PaintKind kind, bool colour)
{
    Painter p = { out, text, text + length, kind, true };
    if (!colour) {
        fwrite(text, 1, length, out);
        return;
    }
    while (p.at < p.end) {
        size_t comment = comment_length(&p);
        if (comment)
            put(&p, comment, COMMENT);
        else if (kind == PAINT_C && *p.at == '#' && p.line_is_fresh)
            put(&p, line_length(&p), MARK);
        else if (is_word(*p.at) && !(kind == PAINT_C && *p.at == '%'))
            put_word(&p);
        else {
            bool predicate = kind == PAINT_SASS && *p.at == '@';
            p.line_is_fresh = *p.at == '\n' || (p.line_is_fresh && strchr(" \t@!{", *p.at) && !predicate);
            if (predicate)                               // "@!P0 ": the instruction is behind it
                put(&p, strcspn(p.at, " \n"), "");
            else
                put(&p, 1, "");
            p.line_is_fresh |= predicate;
        }
    }
}
