// The body of a kernel: declarations, labels, places, instructions.
#include "runtime/vgpu/vgpu_parser.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { STATEMENT = 4096, DEPTH = 32 };

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.';
}

// A copy of a statement with single spaces; *at moves behind its ';'.
static void copy_statement(Parser *p, char **at, char to[STATEMENT])
{
    int n = 0;
    char *s = *at;
    for (; *s && *s != ';'; s++) {
        bool space = isspace((unsigned char)*s);
        if (space && (n == 0 || to[n - 1] == ' '))
            continue;
        if (n == STATEMENT - 1)
            parser_fail(p, "a statement of more than %d characters", STATEMENT);
        to[n++] = space ? ' ' : *s;
    }
    while (n && to[n - 1] == ' ')
        n--;
    to[n] = 0;
    *at = *s ? s + 1 : s;
}

static char *word(char **at)
{
    while (**at == ' ')
        (*at)++;
    char *from = *at;
    while (**at && **at != ' ')
        (*at)++;
    if (**at)
        *(*at)++ = 0;
    return from;
}

// .reg .b32 %r<48>;  .reg .pred p, q;
static void declare_registers(Parser *p, char *text)
{
    word(&text);
    char *type = word(&text), *names[STATEMENT_OPERANDS];
    if (*type != '.')
        parser_fail(p, "a register without a type");
    int width = operand_width_of_type(p, type + 1), count = operand_split(text, names, STATEMENT_OPERANDS);
    if (width == 1)
        width = 2;
    for (int k = 0; k < count; k++) {
        char *range = strchr(names[k], '<');
        Registers r = { .count = range ? atoi(range + 1) : -1, .width = width };
        if (range)
            *range = 0;
        int needed = r.count < 0 ? 1 : r.count;
        r.name = arena_copy(&p->m->arena, names[k], strlen(names[k]));
        r.first = width ? operand_new_register(p, width, needed) : p->k->predicate_count;
        if (!width)
            p->k->predicate_count += needed;
        ARENA_PUSH(&p->m->arena, p->registers, p->register_count, p->register_capacity, r);
    }
    if (count < 0)
        parser_fail(p, "too many names in one declaration");
}

static unsigned placed(unsigned *bytes, unsigned size, unsigned align)
{
    unsigned at = (*bytes + align - 1) / align * align;
    *bytes = at + size;
    return at;
}

// = { 1, 2, 0f3f800000 }: elements of `width` bytes.
static void initialise(Parser *p, char *text, uint8_t *to, unsigned size, unsigned width)
{
    unsigned at = 0;
    char *save = NULL;
    for (char *one = strtok_r(text, "{}, ", &save); one && at + width <= size;
         one = strtok_r(NULL, "{}, ", &save), at += width) {
        bool is_float = one[0] == '0' && strchr("fFdD", one[1]) && one[1];
        uint64_t value = is_float ? strtoull(one + 2, NULL, 16) : (uint64_t)operand_immediate(p, one);
        memcpy(to + at, &value, width);
    }
}

static void add_variable(Parser *p, Symbol s, unsigned size, unsigned align, unsigned width, char *values)
{
    if (s.space == SPACE_SHARED && s.dynamic) {
        if (align > p->dynamic_align)
            p->dynamic_align = align;
    } else if (s.space == SPACE_SHARED && p->k) {
        s.at = placed(&p->k->shared_bytes, size, align);
    } else if (s.space == SPACE_SHARED) {
        s.at = placed(&p->shared_bytes, size, align);
    } else if (s.space == SPACE_LOCAL && p->k) {
        s.at = placed(&p->k->local_bytes, size, align);
    } else {
        uint8_t *bytes = arena_alloc(&p->m->arena, (size_t)size + align);
        bytes += (align - (uintptr_t)bytes % align) % align;
        if (values)
            initialise(p, values, bytes, size, width);
        Variable v = { s.name, bytes, size };
        ARENA_PUSH(&p->m->arena, p->m->variables, p->m->variable_count, p->m->variable_capacity, v);
        s.at = (uint64_t)(uintptr_t)bytes;
    }
    ARENA_PUSH(&p->m->arena, p->symbols, p->symbol_count, p->symbol_capacity, s);
}

// .extern .shared .align 16 .b8 name[];  .const .align 4 .b32 table[4] = {1, 2, 3, 4};
void body_declare(Parser *p, char *text)
{
    Symbol s = { .space = SPACE_GENERIC };
    unsigned align = 0, width = 0, count = 1;
    char *values = strchr(text, '=');
    if (values)
        *values++ = 0;
    char *one = word(&text);
    for (; *one == '.'; one = word(&text)) {
        if (strcmp(one, ".shared") == 0)
            s.space = SPACE_SHARED;
        else if (strcmp(one, ".local") == 0)
            s.space = SPACE_LOCAL;
        else if (strcmp(one, ".global") == 0)
            s.space = SPACE_GLOBAL;
        else if (strcmp(one, ".const") == 0)
            s.space = SPACE_CONST;
        else if (strcmp(one, ".align") == 0)
            align = (unsigned)atoi(word(&text));
        else if (strcmp(one, ".extern") && strcmp(one, ".visible") && strcmp(one, ".weak"))
            width = (unsigned)operand_width_of_type(p, one + 1);
    }
    char *bracket = strchr(one, '[');
    if (!bracket)
        bracket = *text == '[' ? text : NULL;
    s.name = arena_copy(&p->m->arena, one, strcspn(one, "["));
    for (; bracket && *bracket == '['; bracket = strchr(bracket, ']') + 1) {
        if (!strchr(bracket, ']'))
            parser_fail(p, "']' is missing");
        s.dynamic = s.space == SPACE_SHARED && bracket[1] == ']';
        count *= (unsigned)strtoul(bracket + 1, NULL, 10);
    }
    if (s.space == SPACE_GENERIC || !*s.name || !width || count > (1u << 28) / width)
        parser_fail(p, "declaration of '%.60s' not understood", s.name);
    align = align ? align : width;
    if (align & (align - 1))
        parser_fail(p, "an alignment of %u", align);
    add_variable(p, s, width * count, align, width, values);
}

static int find_place(const VgpuModule *m, const char *file, int line)
{
    for (int k = m->place_count - 1; k > 0; k--)
        if (m->places[k].line == line && m->places[k].file == file)
            return k;
    return -1;
}

static const char *file_name(const Parser *p, int number)
{
    return number >= 0 && number < p->file_count && p->files[number] ? p->files[number] : "";
}

// .loc 1 23 5[, function_name label, inlined_at 1 40 9], to the end of the line.
static void set_place(Parser *p, const char *text)
{
    int file, line, in_file, in_line;
    if (sscanf(text, " %d %d", &file, &line) != 2)
        return;
    Place place = { file_name(p, file), line, -1 };
    const char *inlined = strstr(text, "inlined_at"), *end = strchr(text, '\n');
    if (inlined && (!end || inlined < end) && sscanf(inlined + 10, " %d %d", &in_file, &in_line) == 2) {
        place.in = find_place(p->m, file_name(p, in_file), in_line);
        if (place.in < 0) {
            Place outer = { file_name(p, in_file), in_line, -1 };
            place.in = p->m->place_count;
            ARENA_PUSH(&p->m->arena, p->m->places, p->m->place_count, p->m->place_capacity, outer);
        }
    }
    const Place *last = &p->m->places[p->place];
    if (last->file == place.file && last->line == place.line && last->in == place.in)
        return;
    p->place = p->m->place_count;
    ARENA_PUSH(&p->m->arena, p->m->places, p->m->place_count, p->m->place_capacity, place);
}

// "@!%p1 ld.global.f32 %f1, [%rd1]" in a buffer of its own.
static void parse_instruction(Parser *p, char *text, const char *original)
{
    Insn i = { .place = p->place, .guard = ALWAYS, .members = NO_OPERAND, .text = original };
    for (int k = 0; k < OPERANDS; k++)
        i.o[k] = NO_OPERAND;
    if (*text == '@') {
        bool negated;
        text++;
        i.guard = operand_predicate(p, word(&text), &negated);
        i.guard_flip = negated ? ALL_LANES : 0;
    }
    Statement s = { .part_count = 0 };
    size_t length = strcspn(text, " {");
    if (length >= sizeof s.name)
        parser_fail(p, "unknown instruction '%.60s'", text);
    memcpy(s.name, text, length);
    memcpy(s.buffer, text, length);
    char *save = NULL;
    for (char *one = strtok_r(s.buffer, ".", &save); one && s.part_count < STATEMENT_PARTS;
         one = strtok_r(NULL, ".", &save))
        s.part[s.part_count++] = one;
    s.operand_count = operand_split(text + length, s.operand, STATEMENT_OPERANDS);
    if (s.operand_count < 0 || s.part_count == 0)
        parser_fail(p, "instruction '%.60s' not understood", text);
    if (strcmp(s.part[0], "bra") == 0 && s.operand_count == 1) {
        Label b = { arena_copy(&p->m->arena, s.operand[0], strlen(s.operand[0])), p->k->code_count };
        ARENA_PUSH(&p->m->arena, p->branches, p->branch_count, p->branch_capacity, b);
    }
    bind_statement(p, &s, &i);
    ARENA_PUSH(&p->m->arena, p->k->code, p->k->code_count, p->k->code_capacity, i);
}

static char *label_end(char *at)
{
    char *end = at;
    while (is_name(*end))
        end++;
    return end > at && *end == ':' && end[1] != ':' ? end : NULL;
}

static void parse_statement(Parser *p, char **at)
{
    char text[STATEMENT];
    const char *original = *at;
    copy_statement(p, at, text);
    if (strncmp(text, ".reg", 4) == 0)
        declare_registers(p, text);
    else if (strncmp(text, ".param", 6) == 0)
        parser_fail(p, "a call: functions of a kernel must be inlined (__forceinline__)");
    else if (text[0] == '.')
        body_declare(p, text);
    else if (text[0])
        parse_instruction(p, text, original);
}

char *body_parse(Parser *p, char *at)
{
    int outer[DEPTH], depth = 0;                             // how many registers a scope began with
    for (;;) {
        while (isspace((unsigned char)*at))
            at++;
        p->at = at;
        char *end = label_end(at);
        if (!*at) {
            parser_fail(p, "the text ends within '%s'", p->k->name);
        } else if (*at == '{') {
            if (depth == DEPTH)
                parser_fail(p, "too many blocks in each other");
            outer[depth++] = p->register_count;
            at++;
        } else if (*at == '}') {
            at++;
            if (depth == 0)
                return at;
            p->register_count = outer[--depth];
        } else if (end) {
            Label l = { arena_copy(&p->m->arena, at, (size_t)(end - at)), p->k->code_count };
            ARENA_PUSH(&p->m->arena, p->labels, p->label_count, p->label_capacity, l);
            at = end + 1;
        } else if (strncmp(at, ".loc", 4) == 0 && isspace((unsigned char)at[4])) {
            set_place(p, at + 4);
            at += strcspn(at, "\n");
        } else if (strncmp(at, ".pragma", 7) == 0) {
            at += strcspn(at, ";") + (at[strcspn(at, ";")] == ';');
        } else {
            parse_statement(p, &at);
        }
    }
}
