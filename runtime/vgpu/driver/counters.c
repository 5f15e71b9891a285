// What kernels did, a line each; and for a program that asks for it by name.
#include "runtime/vgpu/driver/driver.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct { char text[2 * VGPU_ERROR]; size_t length; } Line;

__attribute__((format(printf, 2, 3))) static void add(Line *line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line->text + line->length, sizeof line->text - line->length, fmt, args);
    va_end(args);
    if (n > 0 && line->length + (size_t)n < sizeof line->text)
        line->length += (size_t)n;
}

static void add_number(Line *line, const char *name, uint64_t n)
{
    add(line, " %s=%llu", name, (unsigned long long)n);
}

static void add_traffic(Line *line, const char *memory, const char *transfers, const VgpuTraffic *t)
{
    const struct { const char *name; uint64_t n; } numbers[] = {
        { "requests", t->requests }, { transfers, t->transfers }, { "ideal", t->ideal }, { "read", t->read },
        { "written", t->written },
    };
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        add(line, " %s.%s=%llu", memory, numbers[k].name, (unsigned long long)numbers[k].n);
}

static void add_count(Line *line, const VgpuCount *c, bool all)
{
    add_number(line, "executions", c->executions);
    add_number(line, "lanes", c->lanes);
    add_number(line, "flops", c->flops);
    if (all || c->global.requests)
        add_traffic(line, "global", "sectors", &c->global);
    if (all || c->shared.requests)
        add_traffic(line, "shared", "wavefronts", &c->shared);
    if (all || c->local.requests)
        add_traffic(line, "local", "sectors", &c->local);
}

static void print_kernel(const VgpuCounters *c)
{
    Line line = { .length = 0 };
    VgpuCount all = vgpu_counters_sum(c, VGPU_CLASSES);
    add(&line, "vgpu: counters: %.64s", c->kernel);
    add_number(&line, "launches", c->launches);
    add_count(&line, &all, true);
    for (int k = 0; k < VGPU_CLASSES; k++)
        add_number(&line, vgpu_class_name((VgpuClass)k), vgpu_counters_sum(c, (VgpuClass)k).executions);
    driver_write(line.text);
}

static void print_instruction(const VgpuCounters *c, const VgpuCounter *i)
{
    Line line = { .length = 0 };
    const VgpuCount *n = &i->count;
    if (!n->global.requests && !n->shared.requests && !n->local.requests)
        return;
    add(&line, "vgpu: counters: ");
    for (int k = 0; k < i->place_count; k++)
        add(&line, "%s%.120s:%d%s", k ? " in " : "", i->places[k].file, i->places[k].line,
            k == i->place_count - 1 ? ": " : "");
    add(&line, "%.64s", c->kernel);
    add_count(&line, n, false);
    add(&line, " {%s}", i->ptx);
    driver_write(line.text);
}

void driver_end_counters(Module *m)
{
    for (Function *f = m->functions; f; f = f->next) {
        VgpuCounters *c = &f->counters;
        if (c->launches && driver.tells_counters)
            print_kernel(c);
        for (int k = 0; k < c->count && driver.tells_counters > 1; k++)
            print_instruction(c, &c->list[k]);
        vgpu_counters_close(c);
    }
}

// Of modules that nobody has unloaded.
__attribute__((destructor)) static void end_all(void)
{
    for (Object *o = driver.objects; o; o = o->next)
        if (o->kind == OBJECT_MODULE)
            driver_end_counters((Module *)o);
}

// Found by its name: kernels are counted from now on, and nothing is printed.
void cleave_vgpu_count(void);
void cleave_vgpu_count(void)
{
    Entry entry __attribute__((cleanup(driver_leave), unused)) = driver_enter(__func__, NEEDS_NOTHING);
    driver.counts = true;
}

// ... and the n-th of those that have run in modules that are still loaded, from 0; NULL: there are no more.
// It holds until a kernel runs or a module is unloaded.
const VgpuCounters *cleave_vgpu_counters(int n);
const VgpuCounters *cleave_vgpu_counters(int n)
{
    Entry entry __attribute__((cleanup(driver_leave), unused)) = driver_enter(__func__, NEEDS_NOTHING);
    for (const Object *o = driver.objects; o; o = o->next) {
        const Function *f = o->kind == OBJECT_MODULE ? ((const Module *)o)->functions : NULL;
        for (; f; f = f->next)
            if (f->counters.launches && n-- == 0)
                return &f->counters;
    }
    return NULL;
}
