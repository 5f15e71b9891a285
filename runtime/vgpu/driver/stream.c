// Streams and events.
#include "runtime/vgpu/driver/driver.h"
#include <string.h>

static bool is_event(const StreamEvent *e) { return driver_is_live(e, OBJECT_EVENT); }

static DriverResult create(DriverStream *stream, unsigned flags)
{
    if (!stream || flags > DRIVER_STREAM_NON_BLOCKING)
        return DRIVER_ERROR_INVALID_VALUE;
    *stream = driver_open_stream(current_context, !flags);
    if (!*stream)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    (*stream)->number = ++driver.streams_made;
    return DRIVER_SUCCESS;
}

DriverResult cuStreamCreate(DriverStream *stream, unsigned flags)
{
    ENTER(NEEDS_CONTEXT);
    return create(stream, flags);
}

DriverResult cuStreamCreateWithPriority(DriverStream *stream, unsigned flags, int priority)
{
    ENTER(NEEDS_CONTEXT);
    (void)priority;
    return create(stream, flags);
}

DriverResult cuStreamDestroy_v2(DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    if (!driver_is_live(stream, OBJECT_STREAM) || stream == stream->object.context->null)
        return DRIVER_ERROR_INVALID_HANDLE;
    if (stream->graph)
        graph_refuse(stream, DRIVER_ERROR_STREAM_CAPTURE_UNJOINED);
    driver_drain(stream);                                     // on hardware the call does not wait
    driver_close_stream(stream);
    return DRIVER_SUCCESS;
}

// The host waits for no stream that is being captured.
static DriverResult refuse_waiting(Stream *s)
{
    if (!s)
        return DRIVER_ERROR_INVALID_HANDLE;
    return s->graph ? graph_refuse(s, DRIVER_ERROR_STREAM_CAPTURE_UNSUPPORTED) : DRIVER_SUCCESS;
}

DriverResult cuStreamSynchronize(DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    DriverResult refused = refuse_waiting(s);
    if (refused)
        return refused;
    driver_wait_stream(s);
    return s->object.context->error;
}

DriverResult cuStreamQuery(DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    DriverResult refused = refuse_waiting(s);
    if (refused)
        return refused;
    if (s->head) {                                            // time passes while the host asks
        driver_step();
        return DRIVER_ERROR_NOT_READY;
    }
    driver_wait_stream(s);
    return s->object.context->error;
}

DriverResult cuStreamWaitEvent(DriverStream stream, DriverEvent event, unsigned flags)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (flags > 1)
        return DRIVER_ERROR_INVALID_VALUE;
    if (!s || !is_event(event))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (event->graph)
        return graph_join(s, event);
    if (s->graph)
        return graph_refuse(s, DRIVER_ERROR_STREAM_CAPTURE_ISOLATION);
    if (!event->marker) {
        if (driver.check)
            driver_say("lost-event: stream %d of gpu%d waits for an event that was never recorded: for "
                       "nothing", s->number, s->object.context->device);
        return DRIVER_SUCCESS;
    }
    return driver_follow(s, event->marker) ? DRIVER_SUCCESS : DRIVER_ERROR_OUT_OF_MEMORY;
}

// --- events ----------------------------------------------------------------------------------------

DriverResult cuEventCreate(DriverEvent *event, unsigned flags)
{
    ENTER(NEEDS_CONTEXT);
    *event = driver_object(sizeof **event, OBJECT_EVENT, current_context);
    if (!*event)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    (*event)->timed = !(flags & DRIVER_EVENT_DISABLE_TIMING);
    return DRIVER_SUCCESS;
}

DriverResult cuEventDestroy_v2(DriverEvent event)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_event(event))
        return DRIVER_ERROR_INVALID_HANDLE;
    driver_close_event(event);
    return DRIVER_SUCCESS;
}

DriverResult cuEventRecord(DriverEvent event, DriverStream stream)
{
    ENTER(NEEDS_CONTEXT);
    Stream *s = driver_stream(stream);
    if (!s || !is_event(event) || event->object.context != s->object.context)
        return DRIVER_ERROR_INVALID_HANDLE;
    event->graph = s->graph;
    if (s->graph) {
        memcpy(event->after, s->after, sizeof event->after);
        event->after_count = s->after_count;
        return DRIVER_SUCCESS;
    }
    Marker *m = driver_record(s);
    if (!m)
        return DRIVER_ERROR_OUT_OF_MEMORY;
    driver_release(event->marker);
    event->marker = m;
    return DRIVER_SUCCESS;
}

DriverResult cuEventSynchronize(DriverEvent event)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_event(event))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (event->graph)
        return DRIVER_ERROR_CAPTURED_EVENT;
    if (event->marker)
        driver_wait_marker(event->marker);
    return event->object.context->error;
}

DriverResult cuEventQuery(DriverEvent event)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_event(event))
        return DRIVER_ERROR_INVALID_HANDLE;
    if (event->graph)
        return DRIVER_ERROR_CAPTURED_EVENT;
    if (event->marker && !event->marker->done) {
        driver_step();
        return DRIVER_ERROR_NOT_READY;
    }
    if (event->marker)
        driver_wait_marker(event->marker);
    return event->object.context->error;
}

DriverResult cuEventElapsedTime(float *milliseconds, DriverEvent start, DriverEvent end)
{
    ENTER(NEEDS_CONTEXT);
    if (!is_event(start) || !is_event(end) || !start->timed || !end->timed || !start->marker || !end->marker)
        return DRIVER_ERROR_INVALID_HANDLE;
    if (start->graph || end->graph)
        return DRIVER_ERROR_CAPTURED_EVENT;
    if (!start->marker->done || !end->marker->done)
        return DRIVER_ERROR_NOT_READY;
    *milliseconds = (float)(end->marker->milliseconds - start->marker->milliseconds);
    return DRIVER_SUCCESS;
}
