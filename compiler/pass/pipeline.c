// The table of passes, and the only function that runs them.
#include "pass/pass.h"
#include <string.h>

const Pass pass_pipeline[] = {
    // name       function       leaves         needs a target
    { "shapes",   pass_shapes,   HAS_SHAPES,    false },
    { "place",    pass_place,    HAS_DEVICES,   false },
    { "autodiff", pass_autodiff, HAS_GRADIENTS, false },
    { "simplify", pass_simplify, 0,             false },
    { "chunk",    pass_chunk,    0,             true  },
    { "layout",   pass_layout,   HAS_LAYOUTS,   true  },
    { "fuse",     pass_fuse,     HAS_GROUPS,    true  },
    { "schedule", pass_schedule, HAS_ORDER,     true  },
    { "memory",   pass_memory,   HAS_TENSORS,   true  },
};
const int pass_count = sizeof pass_pipeline / sizeof *pass_pipeline;

bool pass_run(Graph *g, const PassOptions *o, const char *stop_after)
{
    for (int i = 0; i < pass_count; i++) {
        const Pass *p = &pass_pipeline[i];
        if (p->needs_target && !o)
            break;
        if (!p->run(g, o))
            return false;
        g->facts |= p->leaves;
        if (!graph_verify(g, p->name))
            return false;
        if (stop_after && !strcmp(p->name, stop_after))
            break;
    }
    return true;
}
