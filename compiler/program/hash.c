// The plan's hash: XXH3-128 of everything that decides bits, and of nothing else. Offsets in the
// arenas, waits, FLOPs, reasons, names of files and lines of the sources are left out, so that a
// comment in a .net file does not make its checkpoints unusable.
#include "program/program.h"
#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

static void hash_bytes(XXH3_state_t *h, const void *bytes, size_t size)
{
    XXH3_128bits_update(h, bytes, size);
}

static void hash_number(XXH3_state_t *h, int64_t value)
{
    hash_bytes(h, &value, sizeof value);
}

static void hash_text(XXH3_state_t *h, const char *text)
{
    hash_number(h, (int64_t)strlen(text));
    hash_bytes(h, text, strlen(text));
}

// A kernel text without its // comments, #line directives and blank ends of lines: these hold
// places in the .net file. Kernel texts hold no string literals outside of #line.
static void hash_kernel_text(XXH3_state_t *h, const char *text)
{
    for (const char *line = text; *line;) {
        const char *end = strchrnul(line, '\n');
        const char *stop = memmem(line, (size_t)(end - line), "//", 2);
        if (!stop)
            stop = end;
        while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (stop > line && strncmp(line, "#line", 5)) {
            hash_bytes(h, line, (size_t)(stop - line));
            hash_bytes(h, "\n", 1);
        }
        line = *end ? end + 1 : end;
    }
    hash_number(h, -1);
}

static void hash_pieces(XXH3_state_t *h, const Pieces *p)
{
    hash_number(h, p->count);
    for (int i = 0; i < p->count; i++)
        hash_number(h, p->channels[i]);
}

static void hash_tensor(XXH3_state_t *h, const Program *p, const Tensor *t)
{
    const Layout *l = &t->layout;
    const int64_t numbers[] = {
        p->buffers[t->buffer].device, p->buffers[t->buffer].role, t->is_bytes,
        t->shape.n, t->shape.c, t->shape.h, t->shape.w,
        l->kind, l->element, l->vector, l->top, l->left, l->bottom, l->right, l->in_h, l->in_w,
        l->item_stride, l->pixel_stride };
    hash_bytes(h, numbers, sizeof numbers);
    hash_pieces(h, &l->pieces);
    hash_pieces(h, &l->pieces_out);
}

static void hash_param(XXH3_state_t *h, const ProgramParam *p)
{
    hash_text(h, p->name);                 // keys its initial values
    hash_number(h, p->fill);
    hash_bytes(h, &p->fill_value, sizeof p->fill_value);
    for (int i = 0; i < p->part_count; i++) {
        hash_number(h, p->parts[i].tensor);
        hash_number(h, p->parts[i].velocity);
        hash_number(h, p->parts[i].first_row);
    }
}

static void hash_sequence(XXH3_state_t *h, const Sequence *s)
{
    hash_number(h, s->kind);
    hash_number(h, s->batch);
    hash_number(h, s->accumulate);
    for (int i = 0; i < s->launch_count; i++) {
        const Launch *l = &s->launches[i];
        hash_number(h, l->kernel);
        hash_number(h, l->writes);
        hash_number(h, l->items);
        hash_number(h, l->refreshes);
        hash_bytes(h, &l->grid, sizeof l->grid);
        hash_bytes(h, l->tensors, (size_t)l->tensor_count * sizeof *l->tensors);
    }
    for (int i = 0; i < s->copy_count; i++) {
        hash_number(h, s->copies[i].from);
        hash_number(h, s->copies[i].to);
    }
    for (int i = 0; i < s->command_count; i++) {
        const Command *c = &s->commands[i];
        const int64_t numbers[] = { c->kind, c->device, c->first, c->count };
        hash_bytes(h, numbers, sizeof numbers);
    }
}

static void hash_product(XXH3_state_t *h, const LibraryProduct *p)
{
    const int numbers[] = { p->m, p->n, p->k, p->a_row, p->b_row, p->b_along_n, (int)p->element };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hash_number(h, numbers[i]);
}

void program_hash(Program *p)
{
    XXH3_state_t h;
    XXH3_INITSTATE(&h);
    XXH3_128bits_reset(&h);
    hash_number(&h, PROGRAM_VERSION);
    for (int i = 0; i < p->device_count; i++)
        hash_text(&h, p->devices[i].target);
    for (int i = 0; i < p->unit_count; i++) {
        hash_text(&h, p->units[i].flags);
        hash_kernel_text(&h, p->units[i].text);
    }
    for (int i = 0; i < p->kernel_count; i++) {
        hash_text(&h, p->kernels[i].symbol);
        hash_number(&h, p->kernels[i].unit);
        hash_product(&h, &p->kernels[i].product);
    }
    for (int i = 0; i < p->tensor_count; i++)
        hash_tensor(&h, p, &p->tensors[i]);
    for (int i = 0; i < p->param_count; i++)
        hash_param(&h, &p->params[i]);
    for (int i = 0; i < p->sequence_count; i++)
        hash_sequence(&h, &p->sequences[i]);
    XXH128_hash_t d = XXH3_128bits_digest(&h);
    p->plan_hash[0] = d.high64;
    p->plan_hash[1] = d.low64;
}
