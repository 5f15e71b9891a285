// The virtual library: libcuda's functions over the interpreter. What the host calls is queued; it runs,
// in an order that the streams and events allow, when the host waits (schedule.c).
#ifndef RUNTIME_VGPU_DRIVER_H
#define RUNTIME_VGPU_DRIVER_H
#include "runtime/cuda/driver_abi.h"
#include "runtime/vgpu/vgpu.h"

enum { MOST_DEVICES = 8, HOST_OWNER = VGPU_LAST_OWNER, MOST_DEPENDENCES = 32, MOST_LANES = 16 };

typedef struct DriverContextData   Context;
typedef struct DriverModuleData    Module;
typedef struct DriverFunctionData  Function;
typedef struct DriverStreamData    Stream;
typedef struct DriverEventData     StreamEvent;
typedef struct DriverGraphData     Graph;
typedef struct DriverGraphExecData Exec;

// As cuda.h's CUlaunchConfig.
typedef struct {
    unsigned     grid[3], block[3], shared_bytes;
    DriverStream stream;
    void        *attributes;
    unsigned     attribute_count;
} DriverLaunchConfig;

#define DRIVER(name, symbol, version, params) DriverResult symbol params;
#include "runtime/cuda/driver.def"
#include "runtime/vgpu/driver/extra.def"
#undef DRIVER

// What handles stand for. All that lives is in one list.
typedef enum {
    OBJECT_CONTEXT, OBJECT_MODULE, OBJECT_STREAM, OBJECT_EVENT, OBJECT_GRAPH, OBJECT_EXEC, OBJECT_BLAS
} ObjectKind;
typedef struct Object {
    struct Object *next;
    ObjectKind     kind;
    Context       *context;            // of a library: NULL, it is of all
} Object;

// A point of a stream that others wait for.
typedef struct {
    int       owners;
    bool      done;
    Stream   *stream;
    VgpuClock clock;                   // when done: what had been
    double    milliseconds;
} Marker;

typedef enum {
    WORK_KERNEL, WORK_COPY, WORK_FILL, WORK_PRODUCT, WORK_CALL, WORK_FREE, WORK_RECORD, WORK_WAIT
} WorkKind;

typedef struct {                       // c = alpha a b + beta c; columns, as in Fortran
    int   m, n, k, a_stride, b_stride, c_stride;
    bool  a_turned, b_turned, a_bf16, b_bf16, c_bf16, tf32;
    float alpha, beta;
    const void *a, *b;
    void *c;
} Product;

typedef struct Work {
    struct Work *next;
    WorkKind     kind;
    VgpuClock    after;                // what the host knew to be done
    Marker      *marker;
    uint8_t     *data;                 // of a kernel its parameters, of a copy from pageable memory the bytes
    union {
        struct { Function *function; unsigned grid[3], block[3], shared_bytes; } kernel;
        struct { void *to; const void *from; size_t bytes; uint64_t sum; bool summed; } copy;
        struct { void *at; uint32_t value; int width; size_t count; } fill;
        struct { void (*call)(void *); void *data; } call;
        Product product;
        void *freed;
    } u;
} Work;

struct DriverContextData {
    Object       object;
    int          device;
    int          users;                // of a primary context: how often it was retained
    bool         primary;
    unsigned     peers;                // devices whose memory its kernels may touch
    DriverResult error;                // what ended it: every call returns it from then on
    Stream      *null;
};
struct DriverFunctionData {
    Module        *module;
    char          *name;
    VgpuKernelInfo info;
    unsigned       dynamic_limit;
    Function      *next;
    VgpuCounters   counters;
};
struct DriverModuleData { Object object; VgpuModule *code; Function *functions; };
struct DriverStreamData {
    Object    object;
    int       queue, number;           // in clocks; in reports
    bool      blocking;                // waits for the null stream, and it for this one
    Work     *head, **tail;
    VgpuClock clock;
    Graph    *graph;                   // being captured; NULL
    int       lane;                    // in it
    int       after[MOST_DEPENDENCES], after_count;      // nodes that the next one follows
};
struct DriverEventData {
    Object  object;
    Marker *marker;                    // NULL: never recorded
    bool    timed;
    Graph  *graph;                     // it was recorded during its capture
    int     after[MOST_DEPENDENCES], after_count;
};

typedef struct { void *at; size_t bytes; Context *context; } Room;
typedef struct {
    uint8_t *base;
    size_t   capacity, used;
    Room    *rooms;                    // by address
    int      count, room_capacity, made;
} Device;

typedef struct {
    bool        ready, check, is_random;
    int         device_count, threads;
    uint64_t    random, seed;
    int64_t     max_steps;
    bool        has_peers;             // devices reach the memory of one another
    bool        counts;                // what kernels do
    int         tells_counters;        // ... in lines: 1 of kernels, 2 of instructions, too
    Device      device[MOST_DEVICES];
    Context    *primary[MOST_DEVICES];
    Object     *objects;
    VgpuMemory *memory;                // of all devices, and the host's that is pinned
    VgpuReports reports;
    int         printed;               // of them
    VgpuClock   host;                  // what it knows to be done
    uint64_t    queues;                // a bit each: in use
    uint32_t    queue_clock[VGPU_QUEUES];                // of queues that were in use before
    int         streams_made, queued;
    int         captures;              // under way that forbid what could disturb them
} Driver;
extern Driver driver;
extern _Thread_local Context *current_context;
extern _Thread_local bool driver_calls_host;             // a stream's call of a function of the host runs

// call.c. Every entry point begins with ENTER, which returns from it when it is not to be done.
typedef struct { DriverResult result; bool is_locked; } Entry;
typedef enum { NEEDS_NOTHING, NEEDS_INIT, NEEDS_CONTEXT } Needs;
Entry driver_enter(const char *function, Needs needs);
void  driver_leave(Entry *e);
#define ENTER(needs)                                                                              \
    Entry entry __attribute__((cleanup(driver_leave), unused)) = driver_enter(__func__, needs);   \
    if (entry.result)                                                                             \
        return entry.result
void driver_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));        // a line on stderr
void driver_write(const char *text);                                     // ... that tells of no fault
void driver_print_reports(void);
void driver_read_environment(void);

// object.c
void *driver_object(size_t size, ObjectKind kind, Context *context);     // NULL: no memory
bool  driver_is_live(const void *object, ObjectKind kind);
void  driver_drop(void *object);                                         // out of the list, and frees it
Context *driver_open_context(int device);
void     driver_close_context(Context *c);                               // and all that is in it
Stream  *driver_open_stream(Context *c, bool blocking);                  // NULL: too many
void     driver_close_stream(Stream *s);
void     driver_close_module(Module *m);
void     driver_close_event(StreamEvent *e);
void     driver_close_exec(Exec *x);
void     driver_close_graph(Graph *g);

// schedule.c
Work *driver_work(WorkKind kind);                                        // NULL: no memory
void  driver_free_work(Work *w);
Stream *driver_stream(DriverStream stream);                              // NULL: no such one
// Queues it, or adds it to the graph that is captured. Takes the work over.
DriverResult driver_queue(Stream *s, Work *w);
void  driver_append(Stream *s, Work *w);                                 // whatever is captured
Marker *driver_record(Stream *s);                                        // NULL: no memory
bool    driver_follow(Stream *s, Marker *m);                             // s waits; false: no memory
void    driver_release(Marker *m);                                       // NULL is allowed
void  driver_drain(Stream *s);                                           // runs all that it has
void  driver_wait_stream(Stream *s);                                     // ... and the host knows
void  driver_wait_marker(Marker *m);
void  driver_wait_context(Context *c);
void  driver_step(void);                                                 // runs something, if it can

void  driver_run(Stream *s, Work *w);                                    // run.c: one work, now
uint64_t driver_sum(const void *at, size_t bytes);                       // tells whether bytes changed
void  driver_multiply(const Product *p);                                 // product.c

// memory.c. That of all devices is one range of addresses, so that nothing else of the process is beside it.
bool  driver_reserve_memory(void);
bool  driver_is_pinned(const void *at, size_t bytes);
void  driver_free_room(int device, void *at);
void  driver_free_rooms(Context *c, int *count, size_t *bytes);

bool  driver_is_function(const Function *f);                             // module.c
void  driver_end_counters(Module *m);                                    // counters.c: prints and closes them

// graph.c
DriverResult graph_add(Stream *s, Work *w);
DriverResult graph_join(Stream *s, const StreamEvent *e);                     // s waits for what was captured
DriverResult graph_refuse(Stream *s, DriverResult error);                // what a capture does not allow
#endif
