// Training steps on the CPU, for a map: the bits of all that can be read after each.
#ifndef REFERENCE_NET_RUN_H
#define REFERENCE_NET_RUN_H
#include "compile.h"
#include "runtime/session.h"

enum { NET_RUN_STEPS = 5 };

typedef struct {
    const char *map;                   // as in SessionOptions
    int         threads;
    bool        poison;                // NaN in what copies are to fill
} NetWay;

typedef struct {
    char     name[96];
    int      step;
    uint64_t bits;
} NetValue;

// In `values` stand, of each step, every parameter and its velocity or gradient; behind these, `own` in
// number, which any program of the same function has, outputs and every tensor that has a name.
typedef struct {
    NetValue *values;
    int       count, own;
    double    loss[NET_RUN_STEPS];
    int64_t   copied;                  // bytes between devices
} NetRun;

// NET_RUN_STEPS steps from seed 3 on made-up images, labels below `classes`, one image without. False, with
// the reason in `err`, when a step fails or its loss is not finite. Closed in any case.
bool net_run(const Compilation *c, const NetWay *way, int classes, NetRun *to, char err[SESSION_ERROR]);
void net_run_close(NetRun *r);
// False, with the first value that differs in `err`. Of two programs only what both have is compared.
bool net_run_same(const NetRun *a, const NetRun *b, bool same_program, char err[SESSION_ERROR]);
#endif
