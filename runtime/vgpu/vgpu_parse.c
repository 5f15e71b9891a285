// PTX text to a module: directives, variables, kernels. Needs nothing of CUDA.
#include "runtime/vgpu/vgpu_parser.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void parser_fail(Parser *p, const char *fmt, ...)
{
    int line = 1, n = snprintf(p->err, VGPU_ERROR, "PTX line ");
    for (const char *s = p->text; s < p->at && *s; s++)
        line += *s == '\n';
    const Place *place = &p->m->places[p->place];
    if (p->place)
        n += snprintf(p->err + n, VGPU_ERROR - (size_t)n, "%d (%.200s:%d): ", line, place->file, place->line);
    else
        n += snprintf(p->err + n, VGPU_ERROR - (size_t)n, "%d: ", line);
    va_list args;
    va_start(args, fmt);
    vsnprintf(p->err + n, VGPU_ERROR - (size_t)n, fmt, args);
    va_end(args);
    longjmp(*p->failed, 2);
}

// Comments become spaces, but for their ends of lines.
static void blank_comments(char *s)
{
    while (*s) {
        if (*s == '"') {
            for (s++; *s && *s != '"' && *s != '\n'; s++)
                ;
            s += *s == '"';
        } else if (s[0] == '/' && s[1] == '/') {
            while (*s && *s != '\n')
                *s++ = ' ';
        } else if (s[0] == '/' && s[1] == '*') {
            char *end = strstr(s + 2, "*/");
            for (end = end ? end + 2 : s + strlen(s); s < end; s++)
                if (*s != '\n')
                    *s = ' ';
        } else {
            s++;
        }
    }
}

// .file 1 "pool.cu": these stand at the end of the text.
static void read_files(Parser *p)
{
    for (char *s = p->text; (s = strstr(s, ".file")); s++) {
        char *name, *end;
        long number = strtol(s + 5, &name, 10);
        name = strchr(s, '"');
        end = name ? strchr(name + 1, '"') : NULL;
        if (!end || number < 0 || number > 4095)
            continue;
        if (number >= p->file_count) {
            p->files = arena_grow(&p->m->arena, p->files, (size_t)p->file_count, (size_t)number + 1,
                                  sizeof *p->files);
            p->file_count = (int)number + 1;
        }
        p->files[number] = arena_copy(&p->m->arena, name + 1, (size_t)(end - name - 1));
    }
}

// .param .align 8 .b8 name[24]
static void add_param(Parser *p, char *text)
{
    Kernel *k = p->k;
    unsigned align = 0, width = 0, count = 1;
    char *save = NULL, *name = NULL;
    for (char *one = strtok_r(text, " \t\r\n", &save); one; one = strtok_r(NULL, " \t\r\n", &save)) {
        if (strcmp(one, ".param") == 0 || strcmp(one, ".global") == 0)
            continue;
        if (strcmp(one, ".ptr") == 0) {
            align = width;                                             // what follows is of its target
        } else if (strcmp(one, ".align") == 0) {
            char *number = strtok_r(NULL, " \t\r\n", &save);
            align = align ? align : number ? (unsigned)atoi(number) : 0;
        } else if (*one == '.') {
            width = (unsigned)operand_width_of_type(p, one + 1);
        } else {
            name = one;
        }
    }
    if (!name || !width)
        parser_fail(p, "a parameter of '%s' not understood", k->name);
    char *bracket = strchr(name, '[');
    if (bracket)
        count = (unsigned)strtoul(bracket + 1, NULL, 10);
    align = align ? align : width;
    if (align & (align - 1) || count > 65536)
        parser_fail(p, "a parameter of '%s' not understood", k->name);
    unsigned at = (k->param_bytes + align - 1) / align * align, size = width * count;
    Param new = { arena_copy(&p->m->arena, name, strcspn(name, "[")), size, at };
    Symbol s = { new.name, SPACE_PARAM, at, false };
    k->param_bytes = at + size;
    ARENA_PUSH(&p->m->arena, k->params, k->param_count, k->param_capacity, new);
    ARENA_PUSH(&p->m->arena, p->symbols, p->symbol_count, p->symbol_capacity, s);
}

static void read_params(Parser *p, const char *from, const char *to)
{
    char *text = arena_copy(&p->m->arena, from, (size_t)(to - from)), *save = NULL;
    for (char *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save))
        if (one[strspn(one, " \t\r\n")])
            add_param(p, one);
    p->k->param_sizes = ARENA_ARRAY(&p->m->arena, unsigned, p->k->param_count + 1);
    for (int i = 0; i < p->k->param_count; i++)
        p->k->param_sizes[i] = p->k->params[i].size;
}

static void resolve_branches(Parser *p)
{
    for (int b = 0; b < p->branch_count; b++) {
        int at = -1;
        for (int l = 0; l < p->label_count && at < 0; l++)
            if (strcmp(p->labels[l].name, p->branches[b].name) == 0)
                at = p->labels[l].at;
        if (at < 0)
            parser_fail(p, "label '%.60s' is not there", p->branches[b].name);
        p->k->code[p->branches[b].at].target = at;
    }
}

// A register file with the constants in it; dynamic shared memory begins behind the static one.
static void fill_constants(Parser *p)
{
    Kernel *k = p->k;
    if (p->dynamic_align > 1)
        k->shared_bytes = (k->shared_bytes + p->dynamic_align - 1) / p->dynamic_align * p->dynamic_align;
    k->constants = arena_alloc(&p->m->arena, (size_t)k->register_bytes + 64);
    k->constants += (64 - (uintptr_t)k->constants % 64) % 64;
    for (int i = 0; i < p->constant_count; i++) {
        const Constant *c = &p->constants[i];
        uint64_t value = c->value + (c->dynamic ? k->shared_bytes : 0);
        for (int l = 0; l < LANES; l++)
            memcpy(k->constants + c->at + l * c->width, &value, (size_t)c->width);
    }
}

static void open_kernel(Parser *p, const char *name)
{
    Kernel new = { .name = arena_copy(&p->m->arena, name, strcspn(name, " \t\r\n({")), .predicate_count = 1,
                   .shared_bytes = p->shared_bytes, .max_threads = 1024,
                   .shared_grain = 4 };
    for (int s = 0; s < SPECIALS; s++)
        new.special[s] = NO_OPERAND;
    ARENA_PUSH(&p->m->arena, p->m->kernels, p->m->kernel_count, p->m->kernel_capacity, new);
    p->k = &p->m->kernels[p->m->kernel_count - 1];
    p->register_count = p->constant_count = p->label_count = p->branch_count = p->place = 0;
}

static void close_kernel(Parser *p)
{
    Insn end = { .flow = FLOW_EXIT, .place = p->place, .guard = ALWAYS, .text = "ret" };
    ARENA_PUSH(&p->m->arena, p->k->code, p->k->code_count, p->k->code_capacity, end);
    resolve_branches(p);
    vgpu_layout(&p->m->arena, p->k);
    fill_constants(p);
}

// .entry name ( params ) .maxntid 256, 1, 1 { body }
static char *read_kernel(Parser *p, char *entry)
{
    int symbols = p->symbol_count;
    char *name = entry + strspn(entry, " \t\r\n"), *brace = strchr(name, '{'), *open = strchr(name, '(');
    if (!brace)
        parser_fail(p, "a kernel without a body");
    open_kernel(p, name);
    if (open && open < brace) {
        char *close = strchr(open, ')');
        if (!close || close > brace)
            parser_fail(p, "')' is missing");
        read_params(p, open + 1, close);
    } else {
        read_params(p, name, name);
    }
    char *most = strstr(name, ".maxntid");
    unsigned size[3] = { 1, 1, 1 };
    if (most && most < brace && sscanf(most + 8, " %u, %u, %u", &size[0], &size[1], &size[2]) >= 1)
        p->k->max_threads = size[0] * size[1] * size[2];
    char *end = body_parse(p, brace + 1);
    close_kernel(p);
    p->symbol_count = symbols;
    p->k = NULL;
    return end;
}

// Behind the '}' that closes the next '{'.
static char *skip_block(char *at)
{
    int depth = 0;
    for (; *at; at++) {
        depth += *at == '{';
        if (*at == '}' && --depth == 0)
            return at + 1;
    }
    return at;
}

static char *read_top(Parser *p, char *at)
{
    static const char *const lines[] = { ".version", ".target", ".address_size", ".file", ".loc" };
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++)
        if (strncmp(at, lines[k], strlen(lines[k])) == 0)
            return at + strcspn(at, "\n");
    if (strncmp(at, ".section", 8) == 0)
        return skip_block(at);
    size_t end = strcspn(at, ";{");
    char *entry = strstr(at, ".entry"), *function = strstr(at, ".func");
    if (entry && entry < at + end)
        return read_kernel(p, entry + 6);
    if (function && function < at + end)                     // a call of it is refused
        return at[end] == '{' ? skip_block(at) : at + end + (at[end] == ';');
    if (*at != '.')
        parser_fail(p, "'%.20s' not understood", at);
    end = strcspn(at, ";");
    char *text = arena_copy(&p->m->arena, at, end);
    for (char *c = text; *c; c++)
        if (isspace((unsigned char)*c))
            *c = ' ';
    body_declare(p, text);
    return at + end + (at[end] == ';');
}

static void read_module(Parser *p, const char *ptx)
{
    Place nowhere = { "", 0, -1 };
    ARENA_PUSH(&p->m->arena, p->m->places, p->m->place_count, p->m->place_capacity, nowhere);
    p->text = p->at = arena_copy(&p->m->arena, ptx, strlen(ptx));
    blank_comments(p->text);
    read_files(p);
    for (char *at = p->text;;) {
        at += strspn(at, " \t\r\n");
        p->at = at;
        if (!*at)
            return;
        at = read_top(p, at);
    }
}

// False: `err` says why.
static bool read_or_fail(VgpuModule *m, const char *ptx, char err[VGPU_ERROR])
{
    jmp_buf failed;
    arena_open(&m->arena, 0, &failed);
    int why = setjmp(failed);
    if (why == 1)
        snprintf(err, VGPU_ERROR, "out of memory");
    if (why)
        return false;
    Parser p = { .m = m, .err = err, .failed = &failed };
    read_module(&p, ptx);
    m->arena.exhausted = NULL;
    return true;
}

VgpuModule *vgpu_module_load(const char *ptx, char err[VGPU_ERROR])
{
    VgpuModule *m = calloc(1, sizeof *m);
    if (!m)
        snprintf(err, VGPU_ERROR, "out of memory");
    if (m && read_or_fail(m, ptx, err))
        return m;
    vgpu_module_close(m);
    return NULL;
}

void vgpu_module_close(VgpuModule *m)
{
    if (!m)
        return;
    arena_close(&m->arena);
    free(m);
}

bool vgpu_kernel_info(const VgpuModule *m, const char *symbol, VgpuKernelInfo *info)
{
    for (int i = 0; i < m->kernel_count; i++) {
        const Kernel *k = &m->kernels[i];
        if (strcmp(k->name, symbol))
            continue;
        *info = (VgpuKernelInfo){ k->param_count, k->param_sizes, k->shared_bytes, k->max_threads,
                                  k->code_count };
        return true;
    }
    return false;
}
