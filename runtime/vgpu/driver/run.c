// Does one work of a stream: checks what it touches, and keeps the stream's clock.
#include "runtime/vgpu/driver/driver.h"
#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void join(VgpuClock *to, const VgpuClock *from)
{
    for (int k = 0; k < VGPU_QUEUES; k++)
        if (from->done[k] > to->done[k])
            to->done[k] = from->done[k];
}

// The operation's name in reports.
static void begin(Stream *s, const char *what)
{
    char name[96];
    int device = s->object.context->device;
    if (s == s->object.context->null)
        snprintf(name, sizeof name, "%.40s on the null stream of gpu%d", what, device);
    else
        snprintf(name, sizeof name, "%.40s on stream %d of gpu%d", what, s->number, device);
    s->clock.done[s->queue]++;
    if (driver.check)
        vgpu_memory_begin(driver.memory, s->queue, &s->clock, name);
    vgpu_memory_show(driver.memory, ~0u);
}

// What the hardware would say of a kernel that did this; 0: nothing.
static DriverResult error_of(VgpuFault fault)
{
    switch (fault) {
    case VGPU_OUT_OF_BOUNDS:     return DRIVER_ERROR_ILLEGAL_ADDRESS;
    case VGPU_MISALIGNED:        return DRIVER_ERROR_MISALIGNED_ADDRESS;
    case VGPU_DEADLOCK:
    case VGPU_TOO_LONG:          return DRIVER_ERROR_LAUNCH_TIMEOUT;
    case VGPU_DIVERGENT_BARRIER:
    case VGPU_TRAP:              return DRIVER_ERROR_LAUNCH_FAILED;
    default:                     return DRIVER_SUCCESS;
    }
}

static void end_context(Context *c, DriverResult error)
{
    if (error && !c->error)
        c->error = error;
}

static void run_kernel(Stream *s, const Work *w)
{
    Function *f = w->u.kernel.function;
    Context *c = s->object.context;
    char err[VGPU_ERROR];
    const void *params[256];
    size_t at = 0;
    for (int k = 0; k < f->info.params && k < 256; k++) {
        params[k] = w->data + at;
        at += (f->info.param_sizes[k] + 7u) & ~7u;
    }
    VgpuReports found = { 0 };
    VgpuLaunch l = { .params = params, .shared_bytes = w->u.kernel.shared_bytes, .check = driver.check,
                     .memory = driver.memory, .threads = driver.threads, .seed = driver.seed,
                     .max_steps = driver.max_steps, .reports = &found,
                     .counters = driver.counts ? &f->counters : NULL };
    memcpy(l.grid, w->u.kernel.grid, sizeof l.grid);
    memcpy(l.block, w->u.kernel.block, sizeof l.block);
    begin(s, f->name);
    vgpu_memory_show(driver.memory, 1u << c->device | c->peers | 1u << HOST_OWNER);
    if (!vgpu_launch(f->module->code, f->name, &l, err) && !found.count) {
        driver_say("%s", err);
        end_context(c, DRIVER_ERROR_LAUNCH_FAILED);
    }
    for (int k = 0; k < found.count; k++) {
        vgpu_report_add(&driver.reports, &found.list[k]);
        end_context(c, error_of(found.list[k].fault));
    }
    vgpu_reports_close(&found);
}

// Of memory that is the driver's; pageable memory is not.
static bool touch(const void *at, size_t bytes, bool write)
{
    return !driver.check || vgpu_memory_touch(driver.memory, at, bytes, write, &driver.reports);
}

static bool is_device(const void *at)
{
    for (int d = 0; d < driver.device_count; d++)
        if ((const uint8_t *)at >= driver.device[d].base &&
            (const uint8_t *)at < driver.device[d].base + driver.device[d].capacity)
            return true;
    return false;
}

uint64_t driver_sum(const void *at, size_t bytes)
{
    uint64_t sum = bytes, x = 0;
    const uint8_t *from = at;
    for (; bytes >= 8; from += 8, bytes -= 8) {
        memcpy(&x, from, 8);
        sum = (sum ^ x) * 0x9e3779b97f4a7c15u;
    }
    memcpy(&x, from, bytes);
    return (sum ^ x) * 0x9e3779b97f4a7c15u;
}

static void run_copy(Stream *s, const Work *w)
{
    const void *from = w->data ? w->data : w->u.copy.from;
    void *to = w->u.copy.to;
    size_t bytes = w->u.copy.bytes;
    bool from_device = is_device(from), to_device = is_device(to);
    begin(s, "a copy");
    if (w->u.copy.summed && driver_sum(from, bytes) != w->u.copy.sum)
        driver_say("host-race: a copy on stream %d of gpu%d: the host changed the source before it was "
                   "copied, with no wait", s->number, s->object.context->device);
    bool ok = (!(from_device || driver_is_pinned(from, bytes)) || touch(from, bytes, false)) &&
              (!(to_device || driver_is_pinned(to, bytes)) || touch(to, bytes, true));
    if (!ok) {
        end_context(s->object.context, DRIVER_ERROR_ILLEGAL_ADDRESS);
        return;
    }
    if (driver.check && from_device && to_device)
        vgpu_memory_copied(driver.memory, to, from, bytes);
    else if (driver.check && from_device)
        vgpu_memory_need(driver.memory, from, bytes, &driver.reports);
    memmove(to, from, bytes);
}

static void run_fill(Stream *s, const Work *w)
{
    uint8_t *to = w->u.fill.at;
    size_t count = w->u.fill.count;
    begin(s, "a fill");
    if (!touch(to, count * (size_t)w->u.fill.width, true))
        end_context(s->object.context, DRIVER_ERROR_ILLEGAL_ADDRESS);
    else if (w->u.fill.width == 1)
        memset(to, (int)w->u.fill.value, count);
    else
        for (size_t k = 0; k < count; k++)
            memcpy(to + 4 * k, &w->u.fill.value, 4);
}

// A matrix of columns, touched column by column when there is room between them.
static bool touch_matrix(const void *at, size_t rows, size_t columns, size_t stride, bool bf16, bool write,
                         bool needed)
{
    size_t bytes = bf16 ? 2 : 4;
    bool ok = true;
    for (size_t k = 0; ok && k < columns; k++) {
        const uint8_t *column = (const uint8_t *)at + k * stride * bytes;
        ok = vgpu_memory_touch(driver.memory, column, rows * bytes, write, &driver.reports);
        if (ok && needed && driver.check)
            vgpu_memory_need(driver.memory, column, rows * bytes, &driver.reports);
    }
    return ok;
}

static void run_product(Stream *s, const Work *w)
{
    const Product *p = &w->u.product;
    size_t m = (size_t)p->m, n = (size_t)p->n, k = (size_t)p->k;
    begin(s, "a product of cuBLAS");
    vgpu_memory_show(driver.memory, 1u << s->object.context->device | s->object.context->peers);
    bool ok = touch_matrix(p->a, p->a_turned ? k : m, p->a_turned ? m : k, (size_t)p->a_stride, p->a_bf16,
                           false, true) &&
              touch_matrix(p->b, p->b_turned ? n : k, p->b_turned ? k : n, (size_t)p->b_stride, p->b_bf16,
                           false, true) &&
              (p->beta == 0 || touch_matrix(p->c, m, n, (size_t)p->c_stride, p->c_bf16, false, true)) &&
              touch_matrix(p->c, m, n, (size_t)p->c_stride, p->c_bf16, true, false);
    if (ok)
        driver_multiply(p);
    else
        end_context(s->object.context, DRIVER_ERROR_ILLEGAL_ADDRESS);
}

// A stream whose context has ended does nothing more, but nobody waits for it for ever.
void driver_run(Stream *s, Work *w)
{
    join(&s->clock, &w->after);
    if (w->kind == WORK_WAIT) {
        join(&s->clock, &w->marker->clock);
    } else if (w->kind == WORK_RECORD) {
        w->marker->clock = s->clock;
        w->marker->milliseconds = 1e3 * clock_seconds();
        w->marker->done = true;
    }
    if (s->object.context->error)
        return;
    switch (w->kind) {
    case WORK_KERNEL:  run_kernel(s, w); break;
    case WORK_COPY:    run_copy(s, w); break;
    case WORK_FILL:    run_fill(s, w); break;
    case WORK_PRODUCT: run_product(s, w); break;
    case WORK_CALL:
        driver_calls_host = true;
        w->u.call.call(w->u.call.data);
        driver_calls_host = false;
        break;
    case WORK_FREE:    driver_free_room(s->object.context->device, w->u.freed); break;
    default:           break;
    }
    driver_print_reports();
}
