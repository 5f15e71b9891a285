// Which buffers a sequence uses, and the gaps between them. A gap gets a guard at its begin and, where there
// is room, one at its end.
#include "runtime/guards.h"
#include <stdlib.h>

static void use_tensor(const Program *p, int tensor, bool *used)
{
    used[p->tensors[tensor].buffer] = true;
}

static void use_ports(const Program *p, const ProgramPort *ports, int count, bool *used)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < PROGRAM_PORT_TENSORS && ports[i].tensors[k] >= 0; k++)
            use_tensor(p, ports[i].tensors[k], used);
}

static void find_used(const Program *p, const Sequence *s, bool *used)
{
    for (int i = 0; i < p->buffer_count; i++)
        used[i] = p->buffers[i].role <= BUFFER_STATE;          // kept across sequences
    for (int i = 0; i < s->launch_count; i++)
        for (int k = 0; k < s->launches[i].tensor_count; k++)
            use_tensor(p, s->launches[i].tensors[k], used);
    for (int i = 0; i < s->copy_count; i++) {
        use_tensor(p, s->copies[i].from, used);
        use_tensor(p, s->copies[i].to, used);
    }
    use_ports(p, s->inputs, s->input_count, used);
    use_ports(p, s->outputs, s->output_count, used);
    for (int i = 0; i < s->zero_count; i++)
        used[s->zero[i]] = true;
    for (int i = 0; i < s->named_count; i++)
        use_tensor(p, s->named[i], used);
}

static int compare_buffers(const void *a, const void *b)
{
    const Buffer *x = *(const Buffer *const *)a, *y = *(const Buffer *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void add_gap(Guards *g, int device, int64_t from, int64_t to, const char *before)
{
    if (to - from >= PROGRAM_GUARD)
        g->list[g->count++] = (Guard){ device, from, before };
    if (to - from >= 2 * PROGRAM_GUARD)
        g->list[g->count++] = (Guard){ device, to - PROGRAM_GUARD, before };
}

bool guards_find(const Program *p, int sequence, Guards *g)
{
    size_t count = (size_t)p->buffer_count + 1;
    bool *used = calloc(count, sizeof *used);
    const Buffer **sorted = calloc(count, sizeof *sorted);
    *g = (Guards){ .list = calloc(2 * count + 2 * PROGRAM_DEVICES, sizeof *g->list) };
    bool good = used && sorted && g->list;
    int n = 0;
    if (good)
        find_used(p, &p->sequences[sequence], used);
    for (int i = 0; good && i < p->buffer_count; i++)
        if (used[i])
            sorted[n++] = &p->buffers[i];
    if (n)
        qsort(sorted, (size_t)n, sizeof *sorted, compare_buffers);
    for (int i = 0; i < n;) {
        int device = sorted[i]->device;
        int64_t end = sorted[i]->offset + sorted[i]->bytes;
        const char *last = sorted[i]->name;
        for (i++; i < n && sorted[i]->device == device; i++) {
            add_gap(g, device, end, sorted[i]->offset, last);
            if (sorted[i]->offset + sorted[i]->bytes > end) {
                end = sorted[i]->offset + sorted[i]->bytes;
                last = sorted[i]->name;
            }
        }
        add_gap(g, device, end, p->devices[device].arena_bytes, last);
    }
    free(used);
    free(sorted);
    return good;
}
