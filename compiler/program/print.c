// A program as text for people: what `cleave show schedule` prints.
#include "program/program.h"
#include "base/text.h"
#include <inttypes.h>
#include <string.h>

static const char *const role_words[] = {
    "param", "velocity", "state", "input", "label", "output", "receive", "value" };
static const char *const sequence_words[] = { "train", "test", "predict" };
static const char *const fill_words[] = { "constant", "gaussian std", "uniform +-" };

static void print_devices(const Program *p, FILE *out)
{
    for (int i = 0; i < p->device_count; i++) {
        const ProgramDevice *d = &p->devices[i];
        fprintf(out, "device %d %s: %s, %d floats a register, %" PRId64 " bytes\n", i, d->name,
                d->target, d->vector, d->arena_bytes);
    }
}

static void print_buffers(const Program *p, FILE *out)
{
    fprintf(out, "\nbuffers\n");
    for (int i = 0; i < p->buffer_count; i++) {
        const Buffer *b = &p->buffers[i];
        fprintf(out, "  b%-4d device %d  %12" PRId64 " + %-12" PRId64 " %-8s %s%s%s\n", i, b->device,
                b->offset, b->bytes, role_words[b->role], b->name, b->shared ? "  shared" : "",
                b->needs_zero ? "  zeroed" : "");
    }
}

static void print_tensors(const Program *p, FILE *out)
{
    char shape[SHAPE_TEXT];
    fprintf(out, "\ntensors\n");
    for (int i = 0; i < p->tensor_count; i++) {
        const Tensor *t = &p->tensors[i];
        fprintf(out, "  t%-4d b%d + %" PRId64 "  %s  %" PRId64 " of %s  %s", i, t->buffer, t->offset,
                t->name, t->shape.n, shape_text(shape, t->shape), layout_name(t->layout.kind));
        const Layout *l = &t->layout;
        if (l->top || l->left || l->bottom || l->right)
            fprintf(out, " halo %d %d %d %d", l->top, l->left, l->bottom, l->right);
        fprintf(out, "%s\n", t->is_bytes ? " bytes" : "");
    }
}

static void print_params(const Program *p, FILE *out)
{
    char shape[SHAPE_TEXT];
    fprintf(out, "\nparameters\n");
    for (int i = 0; i < p->param_count; i++) {
        const ProgramParam *w = &p->params[i];
        fprintf(out, "  %-24s %" PRId64 " x %s, %s %g:", w->name, w->shape.n,
                shape_text(shape, w->shape), fill_words[w->fill], w->fill_value);
        for (int k = 0; k < w->part_count; k++)
            fprintf(out, " rows %" PRId64 ".. in t%d", w->parts[k].first_row, w->parts[k].tensor);
        fputc('\n', out);
    }
}

static void print_kernels(const Program *p, FILE *out)
{
    fprintf(out, "\nkernels\n");
    for (int i = 0; i < p->kernel_count; i++) {
        const Kernel *k = &p->kernels[i];
        fprintf(out, "  k%-4d %s:%d  ", i, p->units[k->unit].name, k->first_line);
        text_print_safe(out, k->title, (int)strlen(k->title));
        fprintf(out, "  (%s)\n", k->body);
    }
}

static void print_launch(const Launch *l, FILE *out)
{
    fprintf(out, "        ");
    text_print_safe(out, l->title, (int)strlen(l->title));
    fprintf(out, "  %" PRId64 " %s", l->items, l->item_kind == ITEMS_IMAGES ? "images" : "jobs");
    for (int i = 0; i < l->tensor_count; i++)
        fprintf(out, "%s t%d", i == l->tensor_count - l->writes ? " ->" : i ? "" : " ", l->tensors[i]);
    fputs(l->refreshes ? "  only on entering\n" : "\n", out);
}

void program_print_command(const Sequence *s, int index, FILE *out)
{
    static const char *const words[] = { "chain", "group", "copy" };
    const Command *c = &s->commands[index];
    fprintf(out, "  %4d  device %d %s", index, c->device, words[c->kind]);
    for (int i = 0; i < c->wait_count; i++)
        fprintf(out, "%s%d", i ? ", " : "  after ", c->waits[i]);
    if (c->kind == COMMAND_COPY) {
        const Copy *copy = &s->copies[c->first];
        fprintf(out, "  t%d -> t%d  %" PRId64 " bytes%s  %s", copy->from, copy->to, copy->bytes,
                copy->backward ? " backward" : "", copy->layer);
        if (copy->chunks > 1)
            fprintf(out, " chunk %d of %d", copy->chunk, copy->chunks);
        fprintf(out, *copy->point ? " for %s\n" : "\n", copy->point);
        return;
    }
    fputc('\n', out);
    for (int i = 0; i < c->count; i++)
        print_launch(&s->launches[c->first + i], out);
}

static void print_ports(const char *what, const ProgramPort *ports, int count, FILE *out)
{
    char shape[SHAPE_TEXT];
    for (int i = 0; i < count; i++) {
        fprintf(out, "  %s %s: %" PRId64 " of %s in", what, ports[i].name, ports[i].shape.n,
                shape_text(shape, ports[i].shape));
        for (int k = 0; k < PROGRAM_PORT_TENSORS && ports[i].tensors[k] >= 0; k++)
            fprintf(out, " t%d", ports[i].tensors[k]);
        fputc('\n', out);
    }
}

void program_print(const Program *p, FILE *out)
{
    fprintf(out, "program %s, plan %016" PRIx64 "%016" PRIx64 "\n", p->net, p->plan_hash[0],
            p->plan_hash[1]);
    print_devices(p, out);
    print_buffers(p, out);
    print_tensors(p, out);
    print_params(p, out);
    print_kernels(p, out);
    for (int i = 0; i < p->sequence_count; i++) {
        const Sequence *s = &p->sequences[i];
        fprintf(out, "\nsequence %d: %s, batch %d", i, sequence_words[s->kind], s->batch);
        fprintf(out, s->accumulate > 1 ? ", %d batches a step\n" : "\n", s->accumulate);
        print_ports("input", s->inputs, s->input_count, out);
        print_ports("output", s->outputs, s->output_count, out);
        for (int k = 0; k < s->command_count; k++)
            program_print_command(s, k, out);
    }
}
