// What every device does when, in a run of a sequence: bars of a picture. Either as the cost model predicts
// it, or as a run was watched (the caller fills the bars).
#ifndef LOOK_TIMELINE_H
#define LOOK_TIMELINE_H
#include "program/program.h"

typedef enum { BAR_WORK, BAR_COPY, BAR_WAIT, BAR_KINDS } BarKind;

// Of one stream: a device's own, in which its commands run, or that of messages which are on their way from
// it and need nobody.
typedef struct {
    int     device;
    bool    on_the_way;
    BarKind kind;                  // WAIT: for other devices, before `command`
    int     command;
    double  begin, end;            // seconds since the run began
} Bar;

typedef struct {
    const Program  *program;
    const Sequence *sequence;
    Bar            *bars;          // of a stream in order, none over another
    int             count, capacity;
    double          seconds;       // of the run
    int             steps;         // measured: the median of so many; 0: predicted
} Timeline;

// Between two devices, in one direction.
typedef struct { double bytes_per_second, latency; } Link;

// Of a program for GPUs: launches take what the cost model says (Launch.seconds), a message leaves behind the
// last command of its sender that its order allows, as runtime/cuda sends it, packed and unpacked by the
// devices' own streams; those of a sender go one after another. Bars live in `arena`.
Timeline timeline_predict(const Program *p, const Sequence *s, const Link *link, Arena *arena);
// Appends a bar; an empty one is left out.
void timeline_add(Timeline *t, Arena *arena, Bar bar);
// Seconds that a device works (kind BAR_WORK) or waits, or a stream of messages is busy.
double timeline_sum(const Timeline *t, int device, bool on_the_way, BarKind kind);
// Of all messages under way, the seconds in which the receiver works.
double timeline_overlap(const Timeline *t, double *under_way);
// "conv1 ... pool1 forward", "pool2 from gpu1 for conv3": what a command does.
void timeline_say(const Timeline *t, int command, char *to, int size);
// A picture: a lane a stream, a bar a command, coloured by phase; every bar says what it is when pointed at.
void timeline_print_svg(const Timeline *t, FILE *out);
#endif
