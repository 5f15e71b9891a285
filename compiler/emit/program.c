// emit_program: from scheduled graphs to a program that can be run.
#include "emit/emit.h"
#include "emit/maker.h"

static bool same_params(Graph *const *graphs, int count, char *err)
{
    for (int i = 1; i < count; i++)
        if (graphs[i]->param_count != graphs[0]->param_count ||
            graphs[i]->device_count != graphs[0]->device_count) {
            snprintf(err, PROGRAM_ERROR, "internal error: sequences differ in their parameters");
            return false;
        }
    return true;
}

// 32-bit offsets are twice as fast on GPUs; they reach as far as the largest tensor allows.
static const char *gpu_index(Graph *const *graphs, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < graphs[i]->count; k++) {
            const Node *n = graphs[i]->nodes[k];
            if (n->layout.kind != LAYOUT_NONE && layout_elements(&n->layout, n->shape) > INT32_MAX)
                return "long";
        }
    return "int";
}

static void list_sources(Maker *m, const Graph *g)
{
    Program *p = m->program;
    if (!g->diag)
        return;
    p->sources = ARENA_ARRAY(m->arena, ProgramSource, g->diag->source_count);
    for (int i = 0; i < g->diag->source_count; i++)
        p->sources[p->source_count++].path = arena_printf(m->arena, "%s", g->diag->sources[i].path);
}

Program *emit_program(Graph *const *graphs, int count, const Recipe *recipe,
                      const Target *const *targets, const struct CudaPlan *plan, Arena *arena,
                      char err[PROGRAM_ERROR])
{
    if (!same_params(graphs, count, err))
        return NULL;
    Program *p = ARENA_NEW(arena, Program);
    p->net = graphs[0]->name;
    p->recipe = *recipe;
    Maker m = { .arena = arena, .program = p, .targets = targets, .err = err, .plan = plan,
                .gpu_index = gpu_index(graphs, count) };
    list_sources(&m, graphs[0]);
    if (!make_devices(&m, graphs[0]) || !make_params(&m, graphs, count) ||
        !make_values(&m, graphs, count))
        return NULL;
    p->sequences = ARENA_ARRAY(arena, Sequence, count);
    for (int i = 0; i < count; i++)
        if (!make_sequence(&m, graphs[i], &m.tensors[i], &p->sequences[p->sequence_count++]))
            return NULL;
    place_partials(&m);
    make_units(&m);
    program_hash(p);
    return program_validate(p, err) ? p : NULL;
}
