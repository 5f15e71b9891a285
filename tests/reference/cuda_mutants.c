// In: the text of a kernel. Out: what can be changed in it.
#include "reference/cuda_mutants.h"
#include <stdio.h>
#include <string.h>

typedef struct { const char *from, *to; Change change; } Rule;

// Spaces around an operator tell it from a template's brackets, a shift, a pointer.
static const Rule rules[] = {
    { "__syncthreads();", ";", CHANGE_BARRIER },
    { "copy_wait<STAGES - 2>();", ";", CHANGE_WAIT },
    { "copy_wait<STAGES - 2>();", "copy_wait<STAGES - 1>();", CHANGE_WAIT },
    { "copy_commit();", ";", CHANGE_COMMIT },
    { " < ", " <= ", CHANGE_BOUND }, { " <= ", " < ", CHANGE_BOUND },
    { " > ", " >= ", CHANGE_BOUND }, { " >= ", " > ", CHANGE_BOUND },
    { " && ", " || ", CHANGE_BOUND }, { " || ", " && ", CHANGE_BOUND },
    { " == ", " != ", CHANGE_BOUND }, { " != ", " == ", CHANGE_BOUND },
    { " + ", " - ", CHANGE_TERM }, { " - ", " + ", CHANGE_TERM },
    { " * ", " + ", CHANGE_TERM }, { " / ", " * ", CHANGE_TERM }, { " % ", " / ", CHANGE_TERM },
    { " += ", " -= ", CHANGE_TERM },
};
enum { RULES = sizeof rules / sizeof *rules };

// Where a line's code ends and its comment begins.
static int code_length(const char *line, int length)
{
    for (int i = 0; i + 1 < length; i++)
        if (line[i] == '/' && line[i + 1] == '/')
            return i;
    return length;
}

static bool is_code(const char *line)
{
    return line[0] != '#' && !strstr(line, "static_assert") && !strstr(line, "template <");
}

static int find_in_line(const char *text, int at, int length, Mutation *to, int most)
{
    int count = 0;
    for (int i = at; i < at + length; i++)
        for (int r = 0; r < RULES && count < most; r++) {
            int size = (int)strlen(rules[r].from);
            if (i + size <= at + length && !strncmp(text + i, rules[r].from, (size_t)size))
                to[count++] = (Mutation){ i, size, rules[r].to, rules[r].change };
        }
    return count;
}

int mutations_find(const char *text, Mutation *to, int most)
{
    const char *head = strstr(text, "#line 1 \"head of");
    int count = 0;
    for (const char *line = head ? head : text; *line;) {
        const char *end = strchr(line, '\n');
        int length = end ? (int)(end - line) : (int)strlen(line);
        char copy[1024];
        snprintf(copy, sizeof copy, "%.*s", length, line);
        if (is_code(copy))
            count += find_in_line(text, (int)(line - text), code_length(line, length), to + count,
                                  most - count);
        line += length + (end != NULL);
    }
    return count;
}

const char *mutation_apply(Arena *a, const char *text, const Mutation *m)
{
    return arena_printf(a, "%.*s%s%s", m->at, text, m->to, text + m->at + m->length);
}

// The file that text[at] comes from: where its name, and where its text begins.
static const char *file_of(const char *text, int at, const char **begin)
{
    for (int i = at; i > 0; i--)
        if (!strncmp(text + i, "\n#line 1 \"", 10)) {
            *begin = strchr(text + i + 1, '\n') + 1;
            return text + i + 10;
        }
    *begin = text;
    return "?";
}

bool mutation_like(const char *text, const Mutation *m, const char *other, Mutation *to)
{
    *to = *m;
    if (text == other)
        return true;
    const char *begin, *file = file_of(text, m->at, &begin);
    char line[128];
    snprintf(line, sizeof line, "\n#line 1 \"%.*s\"\n", (int)strcspn(file, "\""), file);
    const char *there = strstr(other, line);
    if (!strstr(line, "\"kernels/") || !there)                    // heads differ
        return false;
    to->at = (int)(there + strlen(line) - other) + (int)(text + m->at - begin);
    return true;
}

void mutation_print(const char *text, const Mutation *m, char *to, size_t size)
{
    const char *begin, *file = file_of(text, m->at, &begin);
    int start = m->at;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    while (text[start] == ' ')
        start++;
    int end = m->at + (int)strcspn(text + m->at, "\n");
    snprintf(to, size, "%.*s: %.*s{%.*s ->%s}%.*s", (int)strcspn(file, "\""), file, m->at - start,
             text + start, m->length, text + m->at, m->to, end - m->at - m->length, text + m->at + m->length);
}

const char *mutation_name(Change c)
{
    static const char *const names[] = { "barriers", "waits", "commits", "bounds", "terms" };
    return names[c];
}

// --- why nobody notices ---------------------------------------------------------------------------

// Of kinds whose name begins so; a part of what mutation_print gives.
typedef struct { const char *kind, *text; bool is_equal; const char *reason; } Known;

static const Known known[] = {
    { "", "{ <  -> <= }b ? ", true, "of two equal numbers either will do" },
    { "", "first{ <  -> <= }0 ? least((step", true, "the formula gives 0 for 0" },
    { "", "if (tile{ <  -> <= }last)", true, "one more tile is copied, and read by nobody" },
    { "", "TILE_K - 1){ /  -> * }TILE_K;", true, "further tiles are zeros: slow, not wrong" },
    { "", "IS_PADDED = !ALONG_K", true, "another arrangement of shared memory, for all" },
    { "", "int swap = IS_PADDED", true, "another arrangement of shared memory, for all" },
    { "fc", "EDGE = (BITS)1 << (8", true, "without taps any bit will do" },
    { "fc", "{ +  -> - }(y + 0)", true, "features have one row" },
    { "", "(KERNEL_W - 1){ /  -> * }STRIDE_W; v", true, "windows further off do not hold the pixel" },
    { "", "(KERNEL_H - 1){ /  -> * }STRIDE_H; u", true, "windows further off do not hold the pixel" },
    { "", "(KERNEL_W{ -  -> + }1) / STRIDE_W; v", true, "windows further off do not hold the pixel" },
    { "", "(KERNEL_H{ -  -> + }1) / STRIDE_H; u", true, "windows further off do not hold the pixel" },
    { "", "{ >=  -> > }r_const(0.", true, "no number that is drawn is the rate itself" },
    { "pointwise", "- b{ %  -> / }", true, "padding is zero, and so is what is made of it" },
    { "pointwise", "{ -  -> + }b % ", true, "padding is zero, and so is what is made of it" },
    { "softmax of softmax_dx", "{ *  -> + }V;", true, "padding is zero, and so is the product" },
    { "relayout_any", "c{ <  -> <= }(to) + (channels)", true, "lanes end where the channels of a source do" },
    { "relayout_any", "is_halo{ ||  -> && }lane", true, "no source has a channel for such a lane" },
    { "relayout_any", "- b{ %  -> / }", true, "no source has a channel for such a lane" },
    { "relayout_any", "{ -  -> + }b % ", true, "no source has a channel for such a lane" },
    { "fc_update_any", "{ <  -> <= }OUT_", true, "behind the only output there is no input either" },
    { "fc_weights_any", "{ <  -> <= }OUT_", true, "behind the only output there is no input either" },
    { "", "M_STEPS{ *  -> + }2;", true, "2 + 2 is 2 * 2" },
    { "conv of conv, fp32", "{ <  -> <= }16, 0)", true, "tiles of columns end there" },
    { "relayout_any", "{ ||  -> && }y >= H", true, "the source has the same halo of zeros" },
    { "", "{ ||  -> && }result.is_unwanted()", false, "test_cuda_kernels.c sees it, not this test" },
    { "fc_dw", "blockIdx.z{ %  -> / }SPLIT", false, "the nets' batches are too small for several parts" },
    { "fc_dw", "i < STAGES{ -  -> + }1", false, "the nets' batches are too small for so many stages" },
    { "lrn_map", "x{ <  -> <= }W", false, "the nets' maps end where tiles do" },
    { "relayout_blocks", "x = i{ /  -> * }BLOCKS % W", false, "the nets' maps there are features" },
    { "pointwise of tanh", "(BLOCKS * W) % H", false, "the nets' maps behind tanh alone have one row" },
    { NULL, NULL, false, NULL }
};

const char *mutation_reason(const char *printed, bool *is_equal)
{
    *is_equal = false;
    for (const Known *k = known; k->text; k++)
        if (!strncmp(printed, k->kind, strlen(k->kind)) && strstr(printed, k->text)) {
            *is_equal = k->is_equal;
            return k->reason;
        }
    return NULL;
}
