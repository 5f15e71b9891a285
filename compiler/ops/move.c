// Values that change their place or order in memory, and nothing else.
#include "ops/ops.h"

static OpCost no_cost(const Node *n)
{
    (void)n;
    return (OpCost){ 0 };
}

// From one device to another. Its gradient, a copy back for each part of the readers, is made by
// pass_autodiff.
const OpInfo op_copy = {
    .name = "copy", .least_inputs = 1, .most_inputs = 1, .traits = OP_TRANSFER,
    .infer = infer_like_input, .cost = no_cost,
};

// Made by pass_layout, behind which nothing is differentiated.
const OpInfo op_relayout = {
    .name = "relayout", .least_inputs = 1, .most_inputs = 1,
    .infer = infer_like_input, .cost = no_cost,
};
