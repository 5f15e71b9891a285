// Queues, and what runs of them when the host waits: the laziest order, only what is waited for; with a
// seed any order that the waits allow, drawn at random.
#include "runtime/vgpu/driver/driver.h"
#include <stdlib.h>

enum { MOST_QUEUED = 4096 };                                  // then calls wait, as on hardware

Work *driver_work(WorkKind kind)
{
    Work *w = calloc(1, sizeof *w);
    if (w)
        w->kind = kind;
    return w;
}

void driver_free_work(Work *w)
{
    if (!w)
        return;
    driver_release(w->marker);
    free(w->data);
    free(w);
}

void driver_release(Marker *m)
{
    if (m && --m->owners == 0)
        free(m);
}

// --- what can run ----------------------------------------------------------------------------------

static Stream *next_stream(const Object *after)
{
    const Object *o = after ? after->next : driver.objects;
    while (o && o->kind != OBJECT_STREAM)
        o = o->next;
    return (Stream *)o;
}

static bool is_ready(const Stream *s)
{
    return s->head && (s->head->kind != WORK_WAIT || s->head->marker->done);
}

static void run_head(Stream *s)
{
    Work *w = s->head;
    s->head = w->next;
    if (!s->head)
        s->tail = &s->head;
    driver.queued--;
    driver_run(s, w);
    driver_free_work(w);
}

static uint64_t draw(void)                                    // xorshift
{
    driver.random ^= driver.random << 13;
    driver.random ^= driver.random >> 7;
    return driver.random ^= driver.random << 17;
}

static Stream *draw_stream(void)
{
    Stream *ready[VGPU_QUEUES];
    uint64_t count = 0;
    for (Stream *s = next_stream(NULL); s; s = next_stream(&s->object))
        if (is_ready(s))
            ready[count++] = s;
    return count ? ready[draw() % count] : NULL;
}

// The stream that has to run before `s` can.
static Stream *needed_stream(Stream *s)
{
    for (int hops = 0; s && s->head && hops < MOST_QUEUED; hops++) {
        if (is_ready(s))
            return s;
        s = s->head->marker->stream;
    }
    return NULL;
}

// Waiting can only be in vain when a stream ended whose work others waited for.
static void give_up(Stream *s)
{
    driver_say("deadlock: stream %d of gpu%d waits for work that is not queued", s->number,
               s->object.context->device);
    s->object.context->error = DRIVER_ERROR_LAUNCH_TIMEOUT;
    s->head->marker->done = true;
}

static void run_towards(Stream *goal)
{
    Stream *s = driver.is_random ? draw_stream() : needed_stream(goal);
    if (s)
        run_head(s);
    else
        give_up(goal);
}

void driver_step(void)
{
    Stream *s = draw_stream();
    if (s)
        run_head(s);
}

// --- waiting ---------------------------------------------------------------------------------------

static void join(VgpuClock *to, const VgpuClock *from)
{
    for (int k = 0; k < VGPU_QUEUES; k++)
        if (from->done[k] > to->done[k])
            to->done[k] = from->done[k];
}

static void host_knows(const VgpuClock *clock)
{
    join(&driver.host, clock);
    if (driver.queued == 0)
        vgpu_memory_settle(driver.memory, &driver.host);
}

void driver_drain(Stream *s)
{
    while (s->head)
        run_towards(s);
}

void driver_wait_stream(Stream *s)
{
    driver_drain(s);
    host_knows(&s->clock);
}

void driver_wait_marker(Marker *m)
{
    while (!m->done && m->stream && m->stream->head)
        run_towards(m->stream);
    host_knows(&m->clock);
}

void driver_wait_context(Context *c)
{
    for (Stream *s = next_stream(NULL); s; s = next_stream(&s->object))
        if (s->object.context == c)
            driver_wait_stream(s);
}

// --- queueing --------------------------------------------------------------------------------------

Stream *driver_stream(DriverStream stream)
{
    enum { LEGACY = 1, PER_THREAD = 2 };                      // CU_STREAM_LEGACY, CU_STREAM_PER_THREAD
    if (!stream || (uintptr_t)stream == LEGACY || (uintptr_t)stream == PER_THREAD)
        return current_context->null;
    return driver_is_live(stream, OBJECT_STREAM) ? stream : NULL;
}

static void link_work(Stream *s, Work *w)
{
    for (Stream *t; driver.queued >= MOST_QUEUED && (t = draw_stream());)
        run_head(t);
    w->next = NULL;
    w->after = driver.host;
    *s->tail = w;
    s->tail = &w->next;
    driver.queued++;
}

Marker *driver_record(Stream *s)
{
    Work *w = driver_work(WORK_RECORD);
    Marker *m = w ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        driver_free_work(w);
        return NULL;
    }
    m->owners = 2;                                            // the caller's, and the work's
    m->stream = s;
    w->marker = m;
    link_work(s, w);
    return m;
}

bool driver_follow(Stream *s, Marker *m)
{
    Work *w = driver_work(WORK_WAIT);
    if (!w)
        return false;
    w->marker = m;
    m->owners++;
    link_work(s, w);
    return true;
}

static void follow_stream(Stream *s, Stream *other)
{
    if (!other->head && other->clock.done[other->queue] <= driver.host.done[other->queue])
        return;                                               // the host has waited for all of it
    Marker *m = driver_record(other);
    if (m)
        driver_follow(s, m);
    driver_release(m);
}

// The null stream waits for the blocking ones of its context, and they for it.
static void order_with_null(Stream *s)
{
    Context *c = s->object.context;
    if (s->blocking && s != c->null)
        follow_stream(s, c->null);
    for (Stream *t = next_stream(NULL); t && s == c->null; t = next_stream(&t->object))
        if (t->blocking && t != s && t->object.context == c)
            follow_stream(s, t);
}

void driver_append(Stream *s, Work *w)
{
    if (s->blocking)
        order_with_null(s);
    link_work(s, w);
}

DriverResult driver_queue(Stream *s, Work *w)
{
    if (s->graph)
        return graph_add(s, w);
    if (s == s->object.context->null && driver.captures) {
        driver_free_work(w);
        return graph_refuse(NULL, DRIVER_ERROR_STREAM_CAPTURE_IMPLICIT);
    }
    driver_append(s, w);
    return DRIVER_SUCCESS;
}
