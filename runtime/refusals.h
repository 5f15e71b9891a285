// The table of what is refused in a legal file before it is run.
#ifndef RUNTIME_REFUSALS_H
#define RUNTIME_REFUSALS_H
#include "base/diag.h"

typedef enum {
#define REFUSAL(name, feature, code, message, fix) REFUSE_##name,
#include "runtime/refusals.def"
#undef REFUSAL
    REFUSALS
} RefusalId;

typedef struct { const char *feature, *code, *message, *fix; } Refusal;
extern const Refusal refusals[REFUSALS];

// What was met, and where.
typedef struct { RefusalId what; Span at; } Refused;

bool refuse(Refused *r, RefusalId what, Span at);          // fills it; always false
#endif
