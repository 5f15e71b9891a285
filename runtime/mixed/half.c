// Cuts a program in two: tables are copied without what belongs to the other kind of device, and every index
// into them is translated.
#include "runtime/mixed/half.h"
#include <string.h>

Kind half_kind(const Program *whole, int device)
{
    return strncmp(whole->devices[device].target, "cuda:", 5) == 0 ? KIND_CUDA : KIND_CPU;
}

static int device_of(const Program *p, int tensor)
{
    return p->buffers[p->tensors[tensor].buffer].device;
}

static Kind kind_of_tensor(const Program *p, int tensor)
{
    return half_kind(p, device_of(p, tensor));
}

// What half_make works with: the half's index of every entry of the whole's tables; -1: it has it not.
typedef struct {
    const Program *whole;
    Kind           kind;
    Arena         *arena;
    Half          *half;
    int           *buffer, *kernel, *unit;
} Cut;

static int *no_indices(Arena *arena, int count)
{
    int *list = ARENA_ARRAY(arena, int, count + 1);
    memset(list, -1, ((size_t)count + 1) * sizeof *list);
    return list;
}

// --- tables ---------------------------------------------------------------------------------------

static void cut_devices(Cut *c)
{
    const Program *from = c->whole;
    Program *to = &c->half->program;
    to->devices = ARENA_ARRAY(c->arena, ProgramDevice, from->device_count);
    to->device_count = 0;
    for (int i = 0; i < from->device_count; i++)
        if (half_kind(from, i) == c->kind) {
            c->half->device[i] = to->device_count;
            to->devices[to->device_count++] = from->devices[i];
        }
}

static void cut_buffers(Cut *c)
{
    const Program *from = c->whole;
    Program *to = &c->half->program;
    to->buffers = ARENA_ARRAY(c->arena, Buffer, from->buffer_count + 1);
    to->buffer_count = 0;
    for (int i = 0; i < from->buffer_count; i++) {
        Buffer b = from->buffers[i];
        b.device = c->half->device[b.device];
        if (b.device < 0)
            continue;
        c->buffer[i] = to->buffer_count;
        to->buffers[to->buffer_count++] = b;
    }
}

static void cut_tensors(Cut *c)
{
    const Program *from = c->whole;
    Program *to = &c->half->program;
    to->tensors = ARENA_ARRAY(c->arena, Tensor, from->tensor_count + 1);
    to->tensor_count = 0;
    for (int i = 0; i < from->tensor_count; i++) {
        Tensor t = from->tensors[i];
        t.buffer = c->buffer[t.buffer];
        if (t.buffer < 0)
            continue;
        c->half->tensor[i] = to->tensor_count;
        to->tensors[to->tensor_count++] = t;
    }
}

static void cut_kernels(Cut *c)
{
    const Program *from = c->whole;
    Program *to = &c->half->program;
    to->units = ARENA_ARRAY(c->arena, KernelUnit, from->unit_count + 1);
    to->kernels = ARENA_ARRAY(c->arena, Kernel, from->kernel_count + 1);
    to->unit_count = to->kernel_count = 0;
    for (int i = 0; i < from->unit_count; i++)
        if ((strncmp(from->units[i].target, "cuda:", 5) == 0) == (c->kind == KIND_CUDA)) {
            c->unit[i] = to->unit_count;
            to->units[to->unit_count++] = from->units[i];
        }
    for (int i = 0; i < from->kernel_count; i++) {
        Kernel k = from->kernels[i];
        k.unit = c->unit[k.unit];
        if (k.unit < 0)
            continue;
        c->kernel[i] = to->kernel_count;
        to->kernels[to->kernel_count++] = k;
    }
}

// Rates are of all parameters, wherever they are; their parts are the session's business.
static void cut_params(Cut *c)
{
    Program *to = &c->half->program;
    to->params = ARENA_ARRAY(c->arena, ProgramParam, to->param_count + 1);
    for (int i = 0; i < to->param_count; i++) {
        to->params[i] = c->whole->params[i];
        to->params[i].parts = NULL;
        to->params[i].part_count = 0;
    }
}

// --- sequences ------------------------------------------------------------------------------------

static int *translated(const Cut *c, const int *list, int count, const int *by, int *kept)
{
    int *to = ARENA_ARRAY(c->arena, int, count + 1);
    *kept = 0;
    for (int i = 0; i < count; i++)
        if (by[list[i]] >= 0)
            to[(*kept)++] = by[list[i]];
    return to;
}

static ProgramPort *cut_ports(const Cut *c, const ProgramPort *ports, int count)
{
    ProgramPort *to = ARENA_ARRAY(c->arena, ProgramPort, count + 1);
    for (int i = 0; i < count; i++) {
        int kept = 0;
        to[i] = ports[i];
        memset(to[i].tensors, -1, sizeof to[i].tensors);
        for (int k = 0; k < PROGRAM_PORT_TENSORS && ports[i].tensors[k] >= 0; k++) {
            int tensor = c->half->tensor[ports[i].tensors[k]];
            if (tensor < 0)
                continue;
            to[i].first[kept] = ports[i].first[k];
            to[i].tensors[kept++] = tensor;
        }
    }
    return to;
}

static void cut_launch(const Cut *c, const Launch *from, Launch *to)
{
    *to = *from;
    to->kernel = c->kernel[from->kernel];
    to->tensors = translated(c, from->tensors, from->tensor_count, c->half->tensor, &to->tensor_count);
}

static bool crosses(const Program *p, const Copy *copy)
{
    return kind_of_tensor(p, copy->from) != kind_of_tensor(p, copy->to);
}

// A wait for a command of the other half is one for the copy that crosses; who copies sees to it.
static void cut_commands(const Cut *c, int sequence, Sequence *to)
{
    const Sequence *from = &c->whole->sequences[sequence];
    int *command = no_indices(c->arena, from->command_count);
    for (int i = 0; i < from->command_count; i++) {
        Command made = from->commands[i];
        bool is_copy = made.kind == COMMAND_COPY;
        made.device = c->half->device[made.device];
        if (made.device < 0 || (is_copy && crosses(c->whole, &from->copies[made.first])))
            continue;
        made.first = is_copy ? to->copy_count : to->launch_count;
        made.waits = translated(c, made.waits, made.wait_count, command, &made.wait_count);
        for (int k = 0; k < made.count && !is_copy; k++) {
            c->half->launches[sequence][to->launch_count] = from->commands[i].first + k;
            cut_launch(c, &from->launches[from->commands[i].first + k], &to->launches[to->launch_count++]);
        }
        if (is_copy) {
            Copy copy = from->copies[from->commands[i].first];
            copy.from = c->half->tensor[copy.from];
            copy.to = c->half->tensor[copy.to];
            c->half->copies[sequence][to->copy_count] = from->commands[i].first;
            to->copies[to->copy_count++] = copy;
        }
        command[i] = to->command_count;
        to->commands[to->command_count++] = made;
    }
}

static void cut_sequence(Cut *c, int index)
{
    const Sequence *from = &c->whole->sequences[index];
    Sequence *to = &c->half->program.sequences[index];
    *to = *from;
    to->launch_count = to->copy_count = to->command_count = 0;
    to->launches = ARENA_ARRAY(c->arena, Launch, from->launch_count + 1);
    to->copies = ARENA_ARRAY(c->arena, Copy, from->copy_count + 1);
    to->commands = ARENA_ARRAY(c->arena, Command, from->command_count + 1);
    to->inputs = cut_ports(c, from->inputs, from->input_count);
    to->outputs = cut_ports(c, from->outputs, from->output_count);
    to->zero = translated(c, from->zero, from->zero_count, c->buffer, &to->zero_count);
    to->named = translated(c, from->named, from->named_count, c->half->tensor, &to->named_count);
    c->half->launches[index] = ARENA_ARRAY(c->arena, int, from->launch_count + 1);
    c->half->copies[index] = ARENA_ARRAY(c->arena, int, from->copy_count + 1);
    cut_commands(c, index, to);
}

void half_make(Half *h, const Program *whole, Kind kind, Arena *arena)
{
    *h = (Half){ .program = *whole, .device = no_indices(arena, whole->device_count),
                 .tensor = no_indices(arena, whole->tensor_count),
                 .launches = ARENA_ARRAY(arena, int *, whole->sequence_count),
                 .copies = ARENA_ARRAY(arena, int *, whole->sequence_count) };
    Cut c = { .whole = whole, .kind = kind, .arena = arena, .half = h,
              .buffer = no_indices(arena, whole->buffer_count),
              .kernel = no_indices(arena, whole->kernel_count),
              .unit = no_indices(arena, whole->unit_count) };
    cut_devices(&c);
    cut_buffers(&c);
    cut_tensors(&c);
    cut_kernels(&c);
    cut_params(&c);
    h->program.sequences = ARENA_ARRAY(arena, Sequence, whole->sequence_count);
    for (int i = 0; i < whole->sequence_count; i++)
        cut_sequence(&c, i);
}

// --- between the halves ---------------------------------------------------------------------------

Crossings half_crossings(const Program *whole, int sequence, Arena *arena)
{
    const Sequence *s = &whole->sequences[sequence];
    Crossings c = { ARENA_ARRAY(arena, Crossing, s->copy_count + 1), 0 };
    int before[KINDS] = { 0 };
    for (int i = 0; i < s->command_count; i++) {
        const Command *command = &s->commands[i];
        const Copy *copy = command->kind == COMMAND_COPY ? &s->copies[command->first] : NULL;
        if (!copy || !crosses(whole, copy)) {
            before[half_kind(whole, command->device)]++;
            continue;
        }
        Crossing *x = &c.list[c.count++];
        *x = (Crossing){ .copy = command->first, .from = kind_of_tensor(whole, copy->from) };
        memcpy(x->before, before, sizeof before);
    }
    return c;
}
