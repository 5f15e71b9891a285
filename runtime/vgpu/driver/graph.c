// Graphs: a capture makes nodes of what is queued, a launch queues them again, each captured stream's on a
// stream of its own, with waits where nodes follow those of other streams.
#include "runtime/vgpu/driver/driver.h"
#include <stdlib.h>
#include <string.h>

typedef struct { Work *work; int lane, after[MOST_DEPENDENCES], after_count; } Node;
typedef struct { int owners; Node *nodes; int count, capacity, lanes; Context *of_lane[MOST_LANES]; } Nodes;

struct DriverGraphData {
    Object   object;
    Nodes   *nodes;
    Stream  *origin;                   // that the capture began on; NULL: it has ended
    DriverCaptureMode mode;
    DriverResult broken;               // what was refused
};
struct DriverGraphExecData {
    Object  object;
    Nodes  *nodes;
    Stream *streams[MOST_LANES];       // [0] is that of the launch
    Marker *last;                      // the end of the launch before
};

static void release_nodes(Nodes *n)
{
    if (!n || --n->owners)
        return;
    for (int k = 0; k < n->count; k++)
        driver_free_work(n->nodes[k].work);
    free(n->nodes);
    free(n);
}

static void forget_events(const Graph *g)
{
    for (Object *o = driver.objects; o; o = o->next) {
        if (o->kind == OBJECT_EVENT && ((StreamEvent *)o)->graph == g)
            ((StreamEvent *)o)->graph = NULL;
        if (o->kind == OBJECT_STREAM && ((Stream *)o)->graph == g)
            ((Stream *)o)->graph = NULL;
    }
}

void driver_close_graph(Graph *g)
{
    if (g->origin && g->mode != DRIVER_CAPTURE_MODE_RELAXED)
        driver.captures--;
    forget_events(g);
    release_nodes(g->nodes);
    driver_drop(g);
}

void driver_close_exec(Exec *x)
{
    for (int k = 1; k < x->nodes->lanes; k++)
        if (x->streams[k])
            driver_close_stream(x->streams[k]);
    driver_release(x->last);
    release_nodes(x->nodes);
    driver_drop(x);
}

// --- capture ---------------------------------------------------------------------------------------

DriverResult graph_refuse(Stream *s, DriverResult error)
{
    for (Object *o = driver.objects; o; o = o->next) {
        Graph *g = (Graph *)o;
        if (o->kind == OBJECT_GRAPH && g->origin && (!s || s->graph == g) && !g->broken)
            g->broken = DRIVER_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    return error;
}

static bool has_room(Nodes *n)
{
    if (n->count < n->capacity)
        return true;
    int capacity = n->capacity ? 2 * n->capacity : 64;
    Node *nodes = realloc(n->nodes, (size_t)capacity * sizeof *nodes);
    if (!nodes)
        return false;
    n->nodes = nodes;
    n->capacity = capacity;
    return true;
}

DriverResult graph_add(Stream *s, Work *w)
{
    Graph *g = s->graph;
    Nodes *n = g->nodes;
    DriverResult r = g->broken;
    if (!r && !has_room(n))
        r = DRIVER_ERROR_OUT_OF_MEMORY;
    if (r) {
        driver_free_work(w);
        return r;
    }
    Node *node = &n->nodes[n->count];
    *node = (Node){ .work = w, .lane = s->lane, .after_count = s->after_count };
    memcpy(node->after, s->after, sizeof node->after);
    s->after[0] = n->count++;
    s->after_count = 1;
    return DRIVER_SUCCESS;
}

static bool add_dependence(Stream *s, int node)
{
    for (int k = 0; k < s->after_count; k++)
        if (s->after[k] == node)
            return true;
    if (s->after_count == MOST_DEPENDENCES)
        return false;
    s->after[s->after_count++] = node;
    return true;
}

DriverResult graph_join(Stream *s, const StreamEvent *e)
{
    Graph *g = e->graph;
    if (s->graph && s->graph != g)
        return graph_refuse(s, DRIVER_ERROR_STREAM_CAPTURE_MERGE);
    if (!g->origin || g->broken)
        return g->broken ? g->broken : DRIVER_ERROR_CAPTURED_EVENT;
    if (!s->graph) {
        if (g->nodes->lanes == MOST_LANES || s == s->object.context->null)
            return graph_refuse(g->origin, DRIVER_ERROR_STREAM_CAPTURE_IMPLICIT);
        s->lane = g->nodes->lanes++;
        s->after_count = 0;
        s->graph = g;
        g->nodes->of_lane[s->lane] = s->object.context;
    }
    for (int k = 0; k < e->after_count; k++)
        if (!add_dependence(s, e->after[k]))
            return graph_refuse(s, DRIVER_ERROR_NOT_SUPPORTED);
    return DRIVER_SUCCESS;
}

DriverResult cuStreamBeginCapture_v2(DriverStream stream, DriverCaptureMode mode)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s)
        return DRIVER_ERROR_INVALID_HANDLE;
    if (s == s->object.context->null)
        return DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (s->graph)
        return DRIVER_ERROR_ILLEGAL_STATE;
    Graph *g = driver_object(sizeof *g, OBJECT_GRAPH, s->object.context);
    Nodes *n = g ? calloc(1, sizeof *n) : NULL;
    if (!n) {
        driver_drop(g);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    n->owners = n->lanes = 1;
    n->of_lane[0] = s->object.context;
    g->nodes = n;
    g->origin = s;
    g->mode = mode;
    s->graph = g;
    s->lane = s->after_count = 0;
    driver.captures += mode != DRIVER_CAPTURE_MODE_RELAXED;
    return DRIVER_SUCCESS;
}

// Does all that was captured come before where the origin stands?
static bool is_joined(const Graph *g)
{
    const Nodes *n = g->nodes;
    bool *reached = calloc((size_t)n->count + 1, sizeof *reached), all = reached != NULL;
    for (int k = 0; reached && k < g->origin->after_count; k++)
        reached[g->origin->after[k]] = true;
    for (int k = n->count - 1; all && k >= 0; k--) {
        all = reached[k];
        for (int d = 0; d < n->nodes[k].after_count; d++)
            reached[n->nodes[k].after[d]] = true;
    }
    free(reached);
    return all;
}

DriverResult cuStreamEndCapture(DriverStream stream, DriverGraph *graph)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s || !graph)
        return DRIVER_ERROR_INVALID_HANDLE;
    *graph = NULL;
    Graph *g = s->graph;
    if (!g)
        return DRIVER_ERROR_ILLEGAL_STATE;
    if (g->origin != s)
        return graph_refuse(s, DRIVER_ERROR_STREAM_CAPTURE_UNMATCHED);
    DriverResult r = g->broken;
    if (!r && !is_joined(g))
        r = DRIVER_ERROR_STREAM_CAPTURE_UNJOINED;
    if (r) {
        driver_close_graph(g);
        return r;
    }
    driver.captures -= g->mode != DRIVER_CAPTURE_MODE_RELAXED;
    g->origin = NULL;
    for (Object *o = driver.objects; o; o = o->next)          // events stay those of the graph
        if (o->kind == OBJECT_STREAM && ((Stream *)o)->graph == g)
            ((Stream *)o)->graph = NULL;
    *graph = g;
    return DRIVER_SUCCESS;
}

DriverResult cuStreamIsCapturing(DriverStream stream, DriverCaptureStatus *status)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s)
        return DRIVER_ERROR_INVALID_HANDLE;
    *status = DRIVER_CAPTURE_NONE;
    if (s->graph)
        *status = s->graph->broken ? DRIVER_CAPTURE_INVALIDATED : DRIVER_CAPTURE_ACTIVE;
    return DRIVER_SUCCESS;
}

// --- launches --------------------------------------------------------------------------------------

DriverResult cuGraphInstantiateWithFlags(DriverGraphExec *exec, DriverGraph graph, unsigned long long flags)
{
    ENTER(NEEDS_CONTEXT);
    (void)flags;
    if (!driver_is_live(graph, OBJECT_GRAPH) || graph->origin)
        return DRIVER_ERROR_INVALID_HANDLE;
    Exec *x = driver_object(sizeof *x, OBJECT_EXEC, graph->object.context);
    if (!x)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    x->nodes = graph->nodes;
    x->nodes->owners++;
    bool ok = true;
    for (int k = 1; ok && k < x->nodes->lanes; k++) {
        x->streams[k] = driver_open_stream(x->nodes->of_lane[k], false);
        ok = x->streams[k] != NULL;
        if (ok)
            x->streams[k]->number = ++driver.streams_made;
    }
    if (!ok) {
        driver_close_exec(x);
        return DRIVER_ERROR_OUT_OF_MEMORY;
    }
    *exec = x;
    return DRIVER_SUCCESS;
}

static Work *clone(const Work *w)
{
    bool is_gone = w->kind == WORK_KERNEL && !driver_is_function(w->u.kernel.function);
    Work *new = is_gone ? NULL : driver_work(w->kind);
    if (!new)
        return NULL;
    new->u = w->u;
    size_t bytes = w->kind == WORK_COPY ? w->u.copy.bytes : 0;
    for (int k = 0; w->kind == WORK_KERNEL && k < w->u.kernel.function->info.params; k++)
        bytes += (w->u.kernel.function->info.param_sizes[k] + 7u) & ~7u;
    new->data = w->data ? malloc(bytes + 1) : NULL;
    if (w->data && new->data)
        memcpy(new->data, w->data, bytes);
    if (!w->data == !new->data)
        return new;
    driver_free_work(new);
    return NULL;
}

// Is a node followed by one of another lane?
static bool is_awaited(const Nodes *n, int node)
{
    for (int k = node + 1; k < n->count; k++)
        for (int d = 0; d < n->nodes[k].after_count && n->nodes[k].lane != n->nodes[node].lane; d++)
            if (n->nodes[k].after[d] == node)
                return true;
    return false;
}

static bool queue_nodes(const Exec *x, Marker **markers)
{
    const Nodes *n = x->nodes;
    for (int k = 0; k < n->count; k++) {
        const Node *node = &n->nodes[k];
        Stream *s = x->streams[node->lane];
        Work *w = clone(node->work);
        bool ok = w != NULL;
        for (int d = 0; ok && d < node->after_count; d++)
            if (n->nodes[node->after[d]].lane != node->lane)
                ok = driver_follow(s, markers[node->after[d]]);
        if (!ok) {
            driver_free_work(w);
            return false;
        }
        driver_append(s, w);
        if (is_awaited(n, k) && !(markers[k] = driver_record(s)))
            return false;
    }
    return true;
}

// The other lanes begin after what is on the launch's stream and the launch before; its stream goes on
// after them.
static bool queue_all(Exec *x, Marker **markers)
{
    Marker *start = driver_record(x->streams[0]);
    bool ok = start && (!x->last || driver_follow(x->streams[0], x->last));
    for (int k = 1; ok && k < x->nodes->lanes; k++)
        ok = driver_follow(x->streams[k], start) && (!x->last || driver_follow(x->streams[k], x->last));
    driver_release(start);
    ok = ok && queue_nodes(x, markers);
    for (int k = 1; ok && k < x->nodes->lanes; k++) {
        Marker *end = driver_record(x->streams[k]);
        ok = end && driver_follow(x->streams[0], end);
        driver_release(end);
    }
    driver_release(x->last);
    x->last = ok ? driver_record(x->streams[0]) : NULL;
    return ok;
}

DriverResult cuGraphLaunch(DriverGraphExec exec, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s || !driver_is_live(exec, OBJECT_EXEC))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (s->graph || s->object.context != exec->nodes->of_lane[0])
        return s->graph ? graph_refuse(s, DRIVER_ERROR_NOT_SUPPORTED) : DRIVER_ERROR_INVALID_VALUE;
    Marker **markers = calloc((size_t)exec->nodes->count + 1, sizeof(Marker *));
    exec->streams[0] = s;
    bool ok = markers && queue_all(exec, markers);
    for (int k = 0; markers && k < exec->nodes->count; k++)
        driver_release(markers[k]);
    free(markers);
    return ok ? DRIVER_SUCCESS : DRIVER_ERROR_INVALID_HANDLE;          // a kernel's module was unloaded
}

DriverResult cuGraphExecDestroy(DriverGraphExec exec)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_live(exec, OBJECT_EXEC))
        return DRIVER_ERROR_INVALID_HANDLE;
    for (int k = 1; k < exec->nodes->lanes; k++)
        driver_wait_stream(exec->streams[k]);
    driver_close_exec(exec);
    return DRIVER_SUCCESS;
}

DriverResult cuGraphDestroy(DriverGraph graph)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_live(graph, OBJECT_GRAPH) || graph->origin)
        return DRIVER_ERROR_INVALID_HANDLE;
    driver_close_graph(graph);
    return DRIVER_SUCCESS;
}
