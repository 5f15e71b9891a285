// Two formats. NVRTC's front end:  FILE(LINE): KIND [#NUMBER-D]: TEXT, then details (indented), then
// the source line (indented by 2) and a caret below it. ptxas: "ptxas info    : ...", with two lines
// of properties for each function and one line of what a kernel uses.
#include "runtime/cuda/report.h"
#include <stdlib.h>
#include <string.h>

// --- lists ----------------------------------------------------------------------------------------

static ReportMessage *add_message(Report *r, ReportKind kind, const char *text)
{
    int count = r->message_count;
    if (!(count & (count - 1))) {                        // full at each power of two
        size_t room = count ? 2 * (size_t)count : 1;
        ReportMessage *more = realloc(r->messages, room * sizeof *more);
        if (!more)
            return NULL;
        r->messages = more;
    }
    r->errors += kind == REPORT_ERROR;
    r->messages[count] = (ReportMessage){ .kind = kind, .text = text };
    return &r->messages[r->message_count++];
}

static ReportKernel *find_kernel(const Report *r, const char *name)
{
    for (int i = 0; i < r->kernel_count; i++)
        if (!strcmp(r->kernels[i].name, name))
            return &r->kernels[i];
    return NULL;
}

static ReportKernel *add_kernel(Report *r, const char *name)
{
    ReportKernel *k = find_kernel(r, name);
    if (k)
        return k;
    int count = r->kernel_count;
    if (!(count & (count - 1))) {
        size_t room = count ? 2 * (size_t)count : 1;
        ReportKernel *more = realloc(r->kernels, room * sizeof *more);
        if (!more)
            return NULL;
        r->kernels = more;
    }
    r->kernels[count] = (ReportKernel){ .name = name, .barriers = -1 };
    return &r->kernels[r->kernel_count++];
}

const ReportKernel *report_kernel(const Report *r, const char *name)
{
    return find_kernel(r, name);
}

// --- words ----------------------------------------------------------------------------------------

static char *skip_blanks(char *at)
{
    return at + strspn(at, " ");
}

// Goes over `word` if `*at` begins with it.
static bool take(char **at, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*at, word, length))
        return false;
    *at += length;
    return true;
}

// "error: ", "warning #177-D: ", "error   : ": leaves `*at` behind the colon.
static bool take_kind(char **at, ReportKind *kind)
{
    static const struct { const char *word; ReportKind kind; } words[] = {
        { "error", REPORT_ERROR },     { "catastrophic error", REPORT_ERROR },
        { "fatal", REPORT_ERROR },     { "internal error", REPORT_ERROR },
        { "note", REPORT_NOTE },       { "remark", REPORT_NOTE },
        { "warning", REPORT_WARNING },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char *end = *at;
        if (!take(&end, words[i].word))
            continue;
        end = skip_blanks(end);
        if (*end == '#')
            end += strcspn(end, ": ");
        end = skip_blanks(end);
        if (*end != ':')
            return false;
        *kind = words[i].kind;
        *at = skip_blanks(end + 1);
        return true;
    }
    return false;
}

// The number that stands before `end`, digits only; its first byte in `*from`. -1: none.
static int number_before(char *line, char *end, char **from)
{
    char *at = end;
    while (at > line && at[-1] >= '0' && at[-1] <= '9')
        at--;
    *from = at;
    return at == end || end - at > 9 ? -1 : atoi(at);
}

// --- NVRTC's front end ----------------------------------------------------------------------------

// FILE(LINE): KIND: TEXT. Cuts the line behind the file's name.
static ReportMessage *read_head(Report *r, char *line)
{
    ReportKind kind;
    for (char *at = line; (at = strstr(at, "): ")); at++) {
        char *text = at + 3, *digits;
        int number = number_before(line, at, &digits);
        if (number < 0 || digits == line || digits[-1] != '(' || !take_kind(&text, &kind))
            continue;
        ReportMessage *m = add_message(r, kind, text);
        if (m) {
            digits[-1] = 0;
            m->file = line;
            m->line = number;
        }
        return m;
    }
    char *text = line;
    return take(&text, "nvrtc: ") && take_kind(&text, &kind) ? add_message(r, kind, text) : NULL;
}

static bool is_caret(const char *line)
{
    size_t blanks = strspn(line, " \t");
    return line[blanks] == '^' && !line[blanks + 1];
}

// --- ptxas ----------------------------------------------------------------------------------------

// "ptxas application ptx input, line 27; error   : TEXT", "ptxas warning : TEXT".
static void read_ptxas_message(Report *r, char *line)
{
    ReportKind kind;
    int number = 0;
    char *place = strstr(line, ", line "), *text = line + strlen("ptxas ");
    if (place && sscanf(place, ", line %d;", &number) == 1 && strchr(place, ';'))
        text = skip_blanks(strchr(place, ';') + 1);
    if (!take_kind(&text, &kind))
        return;
    if (strstr(text, "Ptx assembly aborted") && r->errors)
        return;
    ReportMessage *m = add_message(r, kind, text);
    if (m)
        m->ptx_line = number;
}

// "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
static void read_properties(ReportKernel *k, const char *line)
{
    const char *at = line + strcspn(line, "0123456789");
    sscanf(at, "%d bytes stack frame, %d bytes spill stores, %d bytes spill loads", &k->stack,
           &k->spill_stores, &k->spill_loads);
}

// "31 registers, used 1 barriers, 1024 bytes smem, 364 bytes cmem[0]"; CUDA 11 writes "1024+0 bytes".
static void read_use(ReportKernel *k, char *list)
{
    char *rest = list, *part;
    while ((part = strtok_r(NULL, ",", &rest))) {
        char *end;
        int bank;
        part = skip_blanks(part);
        take(&part, "used ");
        int number = (int)strtol(part, &end, 10);
        if (*end == '+')
            number += (int)strtol(end + 1, &end, 10);
        end = skip_blanks(end);
        if (!strcmp(end, "registers"))
            k->registers = number;
        else if (!strcmp(end, "barriers"))
            k->barriers = number;
        else if (!strcmp(end, "bytes smem"))
            k->shared = number;
        else if (sscanf(end, "bytes cmem[%d]", &bank) == 1 && bank >= 0 && bank < REPORT_BANKS)
            k->constants[bank] = number;
    }
}

// `*current` is the index of the function that lines are about, `*kernel` that of the last kernel; -1.
static void read_ptxas_info(Report *r, char *text, int *current, int *kernel)
{
    ReportKernel *k = NULL;
    bool is_kernel = take(&text, "Compiling entry function '");
    if (is_kernel || take(&text, "Function properties for ")) {
        if (is_kernel)
            text[strcspn(text, "'")] = 0;
        k = add_kernel(r, text);
        *current = k ? (int)(k - r->kernels) : -1;
        if (k && is_kernel) {
            k->is_kernel = true;
            *kernel = *current;
        }
    } else if (take(&text, "Used ") && *kernel >= 0) {
        read_use(&r->kernels[*kernel], text);
    } else if (*text == '(') {                           // "(C7508) Potential Performance Loss: ..."
        add_message(r, REPORT_WARNING, text);
    }
}

static void read_ptxas(Report *r, char *line, int *current, int *kernel)
{
    char *text = line + strlen("ptxas ");
    if (strstr(line, " bytes stack frame")) {
        if (*current >= 0)
            read_properties(&r->kernels[*current], line);
    } else if (take(&text, "info")) {
        text = skip_blanks(text);
        if (*text == ':')
            read_ptxas_info(r, skip_blanks(text + 1), current, kernel);
    } else {
        read_ptxas_message(r, line);
    }
}

// --- the whole log --------------------------------------------------------------------------------

// The log's lines, each ended by 0; one free() for the list. NULL: out of memory.
static char **cut_lines(char *log, int *count)
{
    int lines = 1;
    for (const char *at = log; (at = strchr(at, '\n')); at++)
        lines++;
    char **list = malloc((size_t)lines * sizeof *list), *line = log;
    for (int i = 0; list && i < lines; i++) {
        list[i] = line;
        line += strcspn(line, "\n");
        *line++ = 0;
    }
    *count = lines;
    return list;
}

static void read_lines(Report *r, char **lines, int count)
{
    int current = -1, kernel = -1, head = -1;
    for (int i = 0; i < count; i++) {
        char *line = lines[i];
        if (!strncmp(line, "ptxas ", 6)) {
            read_ptxas(r, line, &current, &kernel);
        } else if (strstr(line, " bytes stack frame") && current >= 0) {
            read_properties(&r->kernels[current], line);             // CUDA 11 writes no "ptxas" there
        } else if (*line != ' ') {
            const ReportMessage *m = read_head(r, line);
            head = m ? (int)(m - r->messages) : -1;
        } else if (head >= 0 && i + 1 < count && is_caret(lines[i + 1]) && line[1]) {
            r->messages[head].source = line + 2;                     // the log indents by two
            r->messages[head].column = (int)strcspn(lines[++i], "^") - 1;
        } else if (head >= 0) {
            add_message(r, REPORT_NOTE, skip_blanks(line));
        }
    }
}

// ptxas refuses these without a word.
static void add_shared_errors(Report *r)
{
    for (int i = 0; i < r->kernel_count; i++)
        if (r->kernels[i].shared > STATIC_SHARED_MOST)
            add_message(r, REPORT_ERROR, "a kernel declares more than 49152 bytes of shared memory; more "
                        "than that is given at the launch (extern __shared__)");
}

bool report_read(Report *r, const char *log)
{
    *r = (Report){ .log = strdup(log) };
    int count = 0;
    char **lines = r->log ? cut_lines(r->log, &count) : NULL;
    if (!lines)
        return false;
    read_lines(r, lines, count);
    add_shared_errors(r);
    free(lines);
    return true;
}

void report_close(Report *r)
{
    free(r->messages);
    free(r->kernels);
    free(r->log);
    free(r->names);
    *r = (Report){ 0 };
}
