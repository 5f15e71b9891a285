// What handles stand for: contexts, streams, and what they leave behind.
#include "runtime/vgpu/driver/driver.h"
#include <stdlib.h>

void *driver_object(size_t size, ObjectKind kind, Context *context)
{
    Object *o = calloc(1, size);
    if (!o)
        return NULL;
    *o = (Object){ driver.objects, kind, context };
    driver.objects = o;
    return o;
}

bool driver_is_live(const void *object, ObjectKind kind)
{
    for (const Object *o = driver.objects; o && object; o = o->next)
        if (o == object)
            return o->kind == kind;
    return false;
}

void driver_drop(void *object)
{
    Object **link = &driver.objects;
    while (*link && *link != object)
        link = &(*link)->next;
    if (*link)
        *link = (*link)->next;
    free(object);
}

// --- streams ---------------------------------------------------------------------------------------

Stream *driver_open_stream(Context *c, bool blocking)
{
    int queue = 0;
    while (queue < VGPU_QUEUES && driver.queues >> queue & 1)
        queue++;
    Stream *s = queue < VGPU_QUEUES ? driver_object(sizeof *s, OBJECT_STREAM, c) : NULL;
    if (!s)
        return NULL;
    driver.queues |= (uint64_t)1 << queue;
    s->queue = queue;
    s->blocking = blocking;
    s->tail = &s->head;
    s->clock.done[queue] = driver.queue_clock[queue];
    return s;
}

void driver_close_stream(Stream *s)
{
    while (s->head) {
        Work *w = s->head;
        s->head = w->next;
        if (w->marker && w->kind == WORK_RECORD)
            w->marker->done = true;
        driver_free_work(w);
        driver.queued--;
    }
    driver.queues &= ~((uint64_t)1 << s->queue);
    driver.queue_clock[s->queue] = s->clock.done[s->queue];
    driver_drop(s);
}

void driver_close_event(StreamEvent *e)
{
    driver_release(e->marker);
    driver_drop(e);
}

void driver_close_module(Module *m)
{
    vgpu_memory_unload(driver.memory, m->code);
    driver_end_counters(m);
    vgpu_module_close(m->code);
    driver_print_reports();
    driver.reports.count = driver.printed = 0;                // they name its kernels
    for (Function *f = m->functions, *next; f; f = next) {
        next = f->next;
        free(f->name);
        free(f);
    }
    driver_drop(m);
}

// --- contexts --------------------------------------------------------------------------------------

Context *driver_open_context(int device)
{
    Context *c = driver_object(sizeof *c, OBJECT_CONTEXT, NULL);
    if (!c)
        return NULL;
    c->device = device;
    c->null = driver_open_stream(c, true);
    if (c->null)
        return c;
    driver_drop(c);
    return NULL;
}

static void close_object(Object *o)
{
    switch (o->kind) {
    case OBJECT_MODULE: driver_close_module((Module *)o); break;
    case OBJECT_STREAM: driver_close_stream((Stream *)o); break;
    case OBJECT_EVENT:  driver_close_event((StreamEvent *)o); break;
    case OBJECT_GRAPH:  driver_close_graph((Graph *)o); break;
    case OBJECT_EXEC:   driver_close_exec((Exec *)o); break;
    default:            driver_drop(o); break;
    }
}

// Closes all of a kind; how many there were.
static int close_all(Context *c, ObjectKind kind)
{
    Object *doomed = NULL, **link = &driver.objects;
    int count = 0;
    while (*link) {
        Object *o = *link;
        if (o->kind != kind || o->context != c || (void *)o == (void *)c->null) {
            link = &o->next;
            continue;
        }
        *link = o->next;
        o->next = doomed;
        doomed = o;
        count++;
    }
    for (Object *o = doomed, *next; o; o = next) {
        next = o->next;
        close_object(o);
    }
    return count;
}

void driver_close_context(Context *c)
{
    static const struct { ObjectKind kind; const char *what; } kinds[] = {
        { OBJECT_BLAS, "cuBLAS handle(s)" }, { OBJECT_EXEC, "executable graph(s)" },
        { OBJECT_GRAPH, "graph(s)" },
        { OBJECT_EVENT, "event(s)" }, { OBJECT_STREAM, "stream(s)" }, { OBJECT_MODULE, "module(s)" },
    };
    int rooms;
    size_t bytes;
    bool tells = driver.check && !c->error;                   // else nothing could be given back
    if (!c->error)
        driver_wait_context(c);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        int count = close_all(c, kinds[k].kind);
        if (count && tells)
            driver_say("leak: the context of gpu%d ended with %d %s", c->device, count, kinds[k].what);
    }
    driver_free_rooms(c, &rooms, &bytes);
    if (rooms && tells)
        driver_say("leak: the context of gpu%d ended with %d allocation(s), %zu bytes", c->device, rooms,
                   bytes);
    driver_close_stream(c->null);
    driver_drop(c);
}
