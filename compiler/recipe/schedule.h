// Schedules: rates that change by themselves while training, as functions of the step.
#ifndef RECIPE_SCHEDULE_H
#define RECIPE_SCHEDULE_H
#include <stdbool.h>

typedef struct { double step, steps; } TrainClock;    // finished; of the whole run, 0: nobody knows

enum { SCHEDULE_PARAMS = 4 };

typedef struct { const char *name; double value; } ScheduleParam;    // value: its default; NAN: there is none

typedef struct {
    const char   *name;
    ScheduleParam params[SCHEDULE_PARAMS];            // in order; after the last one: name NULL
    bool          more;                               // further arguments may follow
    bool          needs_steps;                        // it depends on where the run ends
    double      (*at)(const double *a, int count, TrainClock c);
} Schedule;

extern const Schedule schedule_table[];               // ended by name NULL
const Schedule *schedule_find(const char *name);      // NULL: there is none
int schedule_params(const Schedule *s);
#endif
