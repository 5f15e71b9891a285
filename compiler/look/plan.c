// Buffers and totals of the first sequence.
#include "look/plan.h"
#include "emit/cuda/tiles.h"
#include "look/why.h"
#include <string.h>

// --- buffers --------------------------------------------------------------------------------------

static void use_tensors(const Program *p, const int *tensors, int count, bool *used)
{
    for (int i = 0; i < count; i++)
        used[p->tensors[tensors[i]].buffer] = true;
}

static void use_ports(const Program *p, const ProgramPort *ports, int count, bool *used)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < PROGRAM_PORT_TENSORS && ports[i].tensors[k] >= 0; k++)
            used[p->tensors[ports[i].tensors[k]].buffer] = true;
}

static bool *used_buffers(Compilation *c)
{
    const Program *p = c->program;
    const Sequence *s = &p->sequences[0];
    bool *used = ARENA_ARRAY(&c->arena, bool, p->buffer_count + 1);
    for (int i = 0; i < s->launch_count; i++)
        use_tensors(p, s->launches[i].tensors, s->launches[i].tensor_count, used);
    for (int i = 0; i < s->copy_count; i++)
        use_tensors(p, (int[]){ s->copies[i].from, s->copies[i].to }, 2, used);
    use_ports(p, s->inputs, s->input_count, used);
    use_ports(p, s->outputs, s->output_count, used);
    return used;
}

// Buffers are named after the nodes whose values they hold.
static const Node *owner_of(const Graph *g, const char *name)
{
    static const char *const endings[] = { "", ".velocity", ".places" };
    for (int i = 0; i < g->count; i++) {
        size_t length = strlen(g->nodes[i]->name);
        for (int k = 0; k < 3; k++)
            if (!strncmp(name, g->nodes[i]->name, length) && !strcmp(name + length, endings[k]))
                return g->nodes[i];
    }
    return NULL;
}

Buffers look_buffers(Compilation *c, const About *about)
{
    const Program *p = c->program;
    const bool *used = used_buffers(c);
    Buffers b = { .rows = ARENA_ARRAY(&c->arena, BufferUse, p->buffer_count + 1) };
    for (int i = 0; i < p->buffer_count; i++) {
        const Node *owner = used[i] ? owner_of(look_graph(c), p->buffers[i].name) : NULL;
        if (used[i] && (about->kind == ABOUT_ALL || (owner && about_node(about, &c->diag, owner))))
            b.rows[b.count++] = (BufferUse){ &p->buffers[i],
                                             owner && owner->layer ? owner->layer->name : "" };
    }
    return b;
}

// --- totals ---------------------------------------------------------------------------------------

static void add_launches(Compilation *c, const Why *why, Plan *plan)
{
    bool *seen = ARENA_ARRAY(&c->arena, bool, c->program->kernel_count + 1);
    const Target *target = target_find(c->program->devices[0].target);
    for (int i = 0; i < why->kernel_count; i++) {
        const Launch *l = why->kernels[i].launch;
        plan->kernels += !seen[l->kernel];
        seen[l->kernel] = true;
        if (l->refreshes)                                  // hardly any step runs it
            continue;
        plan->launches++;
        plan->flops += l->flops;
        plan->bytes += l->bytes;
        plan->seconds += l->seconds;
        if (target && target->kind == TARGET_CUDA)
            plan->roofline += cuda_roofline_seconds(target, (double)l->flops, (double)l->bytes);
    }
    for (int i = 0; i < why->copy_count; i++) {
        const Copy *copy = why->copies[i].copy;
        *(copy->backward ? &plan->copied_backward : &plan->copied_forward) += copy->bytes;
    }
}

Plan look_plan(Compilation *c, const About *about)
{
    const Program *p = c->program;
    const Graph *g = look_graph(c);
    Plan plan = { 0 };
    Why why = look_why(c, about);
    add_launches(c, &why, &plan);
    for (int i = 0; i < g->param_count; i++)
        if (about_layer(about, &c->diag, g->params[i]->layer))
            plan.parameters += shape_count(g->params[i]->shape);
    if (about->kind == ABOUT_ALL) {
        plan.kernels = p->kernel_count;                    // the other sequences' too
        for (int d = 0; d < p->device_count; d++)
            plan.memory[d] = p->devices[d].arena_bytes;
        return plan;
    }
    Buffers b = look_buffers(c, about);
    for (int i = 0; i < b.count; i++)
        plan.memory[b.rows[i].buffer->device] += b.rows[i].buffer->bytes;
    return plan;
}
