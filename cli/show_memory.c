// cleave show memory FILE.net [LAYER|LINE]: bytes of every device by what they hold; of a layer or line
// its buffers one by one.
#include "base/text.h"
#include "cli/report.h"
#include "cli/verb.h"
#include "look/plan.h"

enum { ROLES = BUFFER_VALUE + 1 };
static const char *const role_names[ROLES] = {
    [BUFFER_PARAM] = "parameters", [BUFFER_VELOCITY] = "velocities", [BUFFER_STATE] = "state",
    [BUFFER_INPUT] = "inputs", [BUFFER_LABEL] = "labels", [BUFFER_OUTPUT] = "outputs",
    [BUFFER_RECEIVE] = "received", [BUFFER_VALUE] = "values",
};

// Of the buffers of all sequences. Those that live at different times share bytes, so the sum of the
// values may be larger than the device's memory.
static void add_roles(const Program *p, int device, int64_t sum[ROLES])
{
    for (int i = 0; i < p->buffer_count; i++)
        if (p->buffers[i].device == device)
            sum[p->buffers[i].role] += p->buffers[i].bytes;
}

static void print_device(const Program *p, int device, FILE *out)
{
    int64_t sum[ROLES] = { 0 };
    char text[COUNT_TEXT];
    add_roles(p, device, sum);
    report_safe(p->devices[device].name, out);
    fprintf(out, ": %s bytes\n", report_count(text, p->devices[device].arena_bytes));
    for (int r = 0; r < ROLES; r++)
        if (sum[r])
            fprintf(out, "  %-12s %18s\n", role_names[r], report_count(text, sum[r]));
}

static void print_buffer(const Program *p, const BufferUse *u, FILE *out)
{
    char bytes[COUNT_TEXT];
    const Buffer *b = u->buffer;
    fprintf(out, "%-8s %-11s %16s bytes at %-14lld ", p->devices[b->device].name, role_names[b->role],
            report_count(bytes, b->bytes), (long long)b->offset);
    report_safe(b->name, out);
    fputs(b->shared ? "  (shares them with others)\n" : "\n", out);
}

static void print_device_json(const Program *p, int device, FILE *out)
{
    int64_t sum[ROLES] = { 0 };
    add_roles(p, device, sum);
    fputs("    {\"name\": ", out);
    text_print_json(out, p->devices[device].name);
    fprintf(out, ", \"bytes\": %lld", (long long)p->devices[device].arena_bytes);
    for (int r = 0; r < ROLES; r++)
        fprintf(out, ", \"%s\": %lld", role_names[r], (long long)sum[r]);
    fputc('}', out);
}

static void print_buffer_json(const Program *p, const BufferUse *u, FILE *out)
{
    const Buffer *b = u->buffer;
    fputs("    {\"name\": ", out);
    text_print_json(out, b->name);
    report_json_text("layer", u->layer, out);
    report_json_text("device", p->devices[b->device].name, out);
    report_json_text("role", role_names[b->role], out);
    fprintf(out, ", \"offset\": %lld, \"bytes\": %lld, \"shared\": %s}", (long long)b->offset,
            (long long)b->bytes, b->shared ? "true" : "false");
}

static void print_json(const Program *p, const Buffers *buffers, FILE *out)
{
    fputs("{\n  \"net\": ", out);
    text_print_json(out, p->net);
    fprintf(out, ",\n  \"batch\": %d,\n  \"devices\": [", p->sequences[0].batch);
    for (int d = 0; d < p->device_count; d++) {
        fputs(d ? ",\n" : "\n", out);
        print_device_json(p, d, out);
    }
    fputs("\n  ],\n  \"buffers\": [", out);
    for (int i = 0; i < buffers->count; i++) {
        fputs(i ? ",\n" : "\n", out);
        print_buffer_json(p, &buffers->rows[i], out);
    }
    fputs("\n  ]\n}\n", out);
}

static int print_memory(Compilation *c, const ShowOptions *o, FILE *out)
{
    const Program *p = c->program;
    About about = about_read(o->about);
    Buffers buffers = look_buffers(c, &about);
    if (o->json)
        print_json(p, &buffers, out);
    for (int d = 0; !o->json && !o->about && d < p->device_count; d++)
        print_device(p, d, out);
    for (int i = 0; !o->json && o->about && i < buffers.count; i++)
        print_buffer(p, &buffers.rows[i], out);
    return EXIT_OK;
}

int show_memory(const ShowOptions *o, FILE *out)
{
    return report_program(o, print_memory, out);
}
