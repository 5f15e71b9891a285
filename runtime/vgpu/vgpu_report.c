// Reports: what was found, where in the text, by whom.
#include "runtime/vgpu/vgpu_check.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *vgpu_fault_name(VgpuFault f)
{
    static const char *const names[] = {
        [VGPU_OUT_OF_BOUNDS] = "out-of-bounds",   [VGPU_MISALIGNED] = "misaligned",
        [VGPU_UNINITIALISED] = "uninitialised",   [VGPU_NOT_WAITED] = "not-waited",
        [VGPU_DIVERGENT_BARRIER] = "divergent-barrier", [VGPU_DEADLOCK] = "deadlock",
        [VGPU_RACE] = "race",                     [VGPU_STREAM_RACE] = "stream-race",
        [VGPU_BAD_LANE] = "bad-lane",
        [VGPU_NOT_ROUNDED] = "not-rounded",       [VGPU_TRAP] = "trap",
        [VGPU_TOO_LONG] = "too-long",
    };
    return names[f];
}

void vgpu_reports_close(VgpuReports *r)
{
    free(r->list);
    *r = (VgpuReports){ 0 };
}

void vgpu_report_format(const VgpuReport *r, char to[VGPU_ERROR])
{
    char at[300] = "", more[64] = "";
    if (r->file[0] && r->inlined_file)
        snprintf(at, sizeof at, " %.120s:%d (inlined at %.120s:%d):", r->file, r->line, r->inlined_file,
                 r->inlined_line);
    else if (r->file[0])
        snprintf(at, sizeof at, " %.120s:%d:", r->file, r->line);
    if (r->times > 1)
        snprintf(more, sizeof more, " (%" PRId64 " times)", r->times);
    if (!r->is_kernel) {
        snprintf(to, VGPU_ERROR, "vgpu: %s: %.64s %s%s", vgpu_fault_name(r->fault), r->kernel, r->message,
                 more);
        return;
    }
    snprintf(to, VGPU_ERROR, "vgpu: %s:%s %.64s block %u,%u,%u thread %u,%u,%u %s%s {%s}",
             vgpu_fault_name(r->fault), at, r->kernel, r->block[0], r->block[1], r->block[2], r->thread[0],
             r->thread[1], r->thread[2], r->message, more, r->ptx);
}

void vgpu_copy_ptx(const char *text, char *to, int size)
{
    int n = 0;
    for (; text && *text && *text != ';' && n < size - 1; text++)
        if (!isspace((unsigned char)*text) || (n && to[n - 1] != ' '))
            to[n++] = isspace((unsigned char)*text) ? ' ' : *text;
    to[n] = 0;
}

static void fill_place(VgpuReport *r, const Warp *w, const Insn *i, int lane)
{
    r->is_kernel = true;
    const Launch *launch = w->block->launch;
    const Place *place = &launch->module->places[i->place];
    r->kernel = launch->kernel->name;
    r->file = place->file;
    r->line = place->line;
    while (place->in >= 0) {
        place = &launch->module->places[place->in];
        r->inlined_file = place->file;
        r->inlined_line = place->line;
    }
    const unsigned *size = launch->how->block;
    unsigned thread = (unsigned)(w->index * LANES + lane);
    r->thread[0] = thread % size[0];
    r->thread[1] = thread / size[0] % size[1];
    r->thread[2] = thread / size[0] / size[1];
    memcpy(r->block, w->block->id, sizeof r->block);
    vgpu_copy_ptx(i->text, r->ptx, sizeof r->ptx);
}

static VgpuReport *find_report(VgpuReports *r, const void *where, VgpuFault fault)
{
    for (int k = 0; k < r->count; k++)
        if (r->list[k].where == where && r->list[k].fault == fault)
            return &r->list[k];
    return NULL;
}

static VgpuReport *new_report(VgpuReports *r)
{
    if (r->count == r->capacity) {
        int capacity = r->capacity ? 2 * r->capacity : 8;
        VgpuReport *list = realloc(r->list, (size_t)capacity * sizeof *list);
        if (!list)
            return NULL;
        r->list = list;
        r->capacity = capacity;
    }
    VgpuReport *new = &r->list[r->count++];
    memset(new, 0, sizeof *new);
    return new;
}

void vgpu_report(Warp *w, const Insn *i, int lane, VgpuFault fault, const char *fmt, ...)
{
    Launch *launch = w->block->launch;
    pthread_mutex_lock(&launch->report_lock);
    VgpuReport *r = find_report(launch->reports, i, fault);
    if (r) {
        r->times++;
    } else if ((r = new_report(launch->reports))) {
        r->fault = fault;
        r->where = i;
        r->times = 1;
        fill_place(r, w, i, lane);
        va_list args;
        va_start(args, fmt);
        vsnprintf(r->message, sizeof r->message, fmt, args);
        va_end(args);
    }
    launch->found++;
    pthread_mutex_unlock(&launch->report_lock);
    if (fault == VGPU_DIVERGENT_BARRIER || fault == VGPU_DEADLOCK || fault == VGPU_TRAP ||
        fault == VGPU_TOO_LONG)
        launch->stopped = true;
}

void vgpu_report_host(VgpuReports *reports, const char *name, const void *where, VgpuFault fault,
                      const char *fmt, ...)
{
    VgpuReport *r = reports ? find_report(reports, where, fault) : NULL;
    if (r)
        r->times++;
    if (!reports || r || !(r = new_report(reports)))
        return;
    r->fault = fault;
    r->where = where;
    r->kernel = name;
    r->file = "";
    r->times = 1;
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
}

void vgpu_report_add(VgpuReports *reports, const VgpuReport *report)
{
    VgpuReport *r = find_report(reports, report->where, report->fault);
    if (r)
        r->times += report->times;
    else if ((r = new_report(reports)))
        *r = *report;
}
