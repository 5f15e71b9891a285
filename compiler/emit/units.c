// Kernel texts into translation units of about equal size, so that compilers can run side by side. A unit is
// for one target.
#include "emit/maker.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_UNITS = 4, KERNELS_A_UNIT = 6 };

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

// The unit that has the least text so far.
static int emptiest(const size_t *sizes, int count)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (sizes[i] < sizes[best])
            best = i;
    return best;
}

static void write_unit(Maker *m, FILE *out, const Target *target, int unit)
{
    Program *p = m->program;
    int line = 1;
    Emit e = { .arena = m->arena, .program = p, .target = target, .text = out, .err = m->err,
               .index = make_index(m, target), .lanes = target->vector };
    head_unit(&e);
    fflush(out);
    for (int k = 0; k < p->kernel_count; k++) {
        if (p->kernels[k].unit != unit)
            continue;
        p->kernels[k].first_line = line;
        fputs(m->kernel_texts[k], out);
        line += lines_of(m->kernel_texts[k]);
        p->kernels[k].last_line = line - 1;
    }
}

static void shift_lines(Program *p, int unit, int by)
{
    for (int k = 0; k < p->kernel_count; k++)
        if (p->kernels[k].unit == unit) {
            p->kernels[k].first_line += by;
            p->kernels[k].last_line += by;
        }
}

// The next unit, of the kernels that name it, in a file of this name.
static void make_unit(Maker *m, const Target *target, const char *name)
{
    Program *p = m->program;
    int unit = p->unit_count;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    write_unit(m, out, target, unit);
    fclose(out);
    KernelUnit u = { .target = target->name, .name = name, .flags = target->flags };
    u.text = arena_copy(m->arena, text, size);
    free(text);
    int kernels = 0;
    for (int k = 0; k < p->kernel_count; k++)
        if (p->kernels[k].unit == unit)
            kernels += lines_of(m->kernel_texts[k]);
    shift_lines(p, unit, lines_of(u.text) - kernels);
    ARENA_PUSH(m->arena, p->units, p->unit_count, m->unit_capacity, u);
}

// NVRTC takes long for each kernel and nothing for the prelude: a unit each.
static void make_cuda_units(Maker *m, const Target *target)
{
    Program *p = m->program;
    for (int k = 0; k < p->kernel_count; k++)
        if (m->kernel_targets[k] == target) {
            p->kernels[k].unit = p->unit_count;
            make_unit(m, target, arena_printf(m->arena, "%s.cu", p->kernels[k].symbol));
        }
}

static void make_cpu_units(Maker *m, const Target *target)
{
    Program *p = m->program;
    int kernels = 0, first = p->unit_count;
    for (int k = 0; k < p->kernel_count; k++)
        kernels += m->kernel_targets[k] == target;
    int count = kernels / KERNELS_A_UNIT + 1;
    count = count > MOST_UNITS ? MOST_UNITS : count;
    size_t sizes[MOST_UNITS] = { 0 };
    for (int k = 0; k < p->kernel_count; k++) {
        if (m->kernel_targets[k] != target)
            continue;
        int unit = emptiest(sizes, count);
        p->kernels[k].unit = first + unit;
        sizes[unit] += strlen(m->kernel_texts[k]);
    }
    for (int u = 0; u < count; u++)
        make_unit(m, target, arena_printf(m->arena, "kernels-%d.c", first + u));
}

static bool is_first_of_target(const Maker *m, int device)
{
    for (int d = 0; d < device; d++)
        if (m->targets[d] == m->targets[device])
            return false;
    return true;
}

void make_units(Maker *m)
{
    for (int k = 0; k < m->program->kernel_count; k++)
        m->program->kernels[k].unit = -1;                  // of none so far
    for (int d = 0; d < m->program->device_count; d++) {
        if (!is_first_of_target(m, d))
            continue;
        if (m->targets[d]->kind == TARGET_CUDA)
            make_cuda_units(m, m->targets[d]);
        else
            make_cpu_units(m, m->targets[d]);
    }
}
