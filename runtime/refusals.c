// The rows of refusals.def.
#include "runtime/refusals.h"

const Refusal refusals[REFUSALS] = {
#define REFUSAL(name, feature, code, message, fix) { feature, code, message, fix },
#include "runtime/refusals.def"
#undef REFUSAL
};

bool refuse(Refused *r, RefusalId what, Span at)
{
    *r = (Refused){ what, at };
    return false;
}
