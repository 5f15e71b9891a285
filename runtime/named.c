// Values by name: what a name means after a run, parts of a split put together.
#include "runtime/session.h"
#include <stdlib.h>
#include <string.h>

static bool fail(char *err, const char *fmt, const char *name)
{
    snprintf(err, SESSION_ERROR, fmt, name);
    return false;
}

typedef enum { VALUE_NONE, VALUE_PARAM, VALUE_VELOCITY, VALUE_TENSOR, VALUE_PARTS } ValueKind;

// What a name means after a run of a sequence. PARTS: tensors[0..count-1], along the channels.
typedef struct {
    ValueKind kind;
    int       param;
    int       tensors[PROGRAM_DEVICES * 8], count;
    Shape     shape;
} Value;

enum { MOST_PARTS = PROGRAM_DEVICES * 8 };

static int find_named(const Session *s, const Sequence *q, const char *name)
{
    for (int i = 0; i < q->named_count; i++)
        if (!strcmp(session_program(s)->tensors[q->named[i]].name, name))
            return q->named[i];
    for (int i = 0; i < q->output_count; i++)
        if (!strcmp(q->outputs[i].name, name))
            return q->outputs[i].tensors[0];
    return -1;
}

static void find_parts(const Session *s, const Sequence *q, const char *name, Value *v)
{
    for (v->count = 0; v->count < MOST_PARTS; v->count++) {
        char part[256];
        snprintf(part, sizeof part, "%.200s.part%d", name, v->count);
        int tensor = find_named(s, q, part);
        if (tensor < 0)
            break;
        Shape shape = session_program(s)->tensors[tensor].shape;
        if (v->count == 0)
            v->shape = (Shape){ shape.n, 0, shape.h, shape.w };
        if (shape.n != v->shape.n || shape.h != v->shape.h || shape.w != v->shape.w)
            break;
        v->shape.c += shape.c;
        v->tensors[v->count] = tensor;
    }
    v->kind = v->count ? VALUE_PARTS : VALUE_NONE;
}

static bool has_velocity(const ProgramParam *p)
{
    return p->part_count > 0 && p->parts[0].velocity >= 0;
}

static Value find_value(const Session *s, int sequence, const char *name)
{
    static const char ending[] = ".velocity";
    size_t length = strlen(name), tail = sizeof ending - 1;
    Value v = { .kind = VALUE_NONE, .param = session_find_param(s, name) };
    if (v.param >= 0) {
        v.kind = VALUE_PARAM;
        v.shape = session_program(s)->params[v.param].shape;
        return v;
    }
    for (int i = 0; i < session_program(s)->param_count; i++) {
        const ProgramParam *p = &session_program(s)->params[i];
        if (length > tail && !strcmp(name + length - tail, ending) && strlen(p->name) == length - tail
            && !strncmp(p->name, name, length - tail) && has_velocity(p))
            return (Value){ .kind = VALUE_VELOCITY, .param = i, .shape = p->shape };
    }
    if (sequence < 0 || sequence >= session_program(s)->sequence_count)
        return v;
    const Sequence *q = &session_program(s)->sequences[sequence];
    int tensor = find_named(s, q, name);
    if (tensor < 0) {
        find_parts(s, q, name, &v);
        return v;
    }
    v.kind = VALUE_TENSOR;
    v.tensors[0] = tensor;
    v.shape = session_program(s)->tensors[tensor].shape;
    return v;
}

bool session_tensor_shape(const Session *s, int sequence, const char *name, Shape *shape)
{
    Value v = find_value(s, sequence, name);
    *shape = v.shape;
    return v.kind != VALUE_NONE;
}

// Image by image, the parts' channels one after another.
static bool read_parts(Session *s, const Value *v, float *dense, char *err)
{
    int64_t channel = 0;
    for (int i = 0; i < v->count; i++) {
        Shape part = session_program(s)->tensors[v->tensors[i]].shape;
        int64_t size = shape_item(part), whole = shape_item(v->shape);
        float *values = malloc((size_t)shape_count(part) * sizeof *values);
        if (!values || !session_device_class(s)->read(session_device(s), v->tensors[i], values, err)) {
            if (!values)
                fail(err, "%s", "out of memory");
            free(values);
            return false;
        }
        for (int64_t n = 0; n < part.n; n++)
            memcpy(dense + n * whole + channel, values + n * size, (size_t)size * sizeof *dense);
        channel += size;
        free(values);
    }
    return true;
}

bool session_read_tensor(Session *s, int sequence, const char *name, float *dense, char *err)
{
    Value v = find_value(s, sequence, name);
    switch (v.kind) {
    case VALUE_PARAM:    return session_read_param(s, v.param, dense, err);
    case VALUE_VELOCITY: return session_read_velocity(s, v.param, dense, err);
    case VALUE_TENSOR:   return session_device_class(s)->read(session_device(s), v.tensors[0], dense, err);
    case VALUE_PARTS:    return read_parts(s, &v, dense, err);
    case VALUE_NONE:     break;
    }
    return fail(err, "nothing named %.100s is in memory after the step", name);
}
