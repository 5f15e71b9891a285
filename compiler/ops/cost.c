// What ops cost, in numbers that cannot overflow.
#include "ops/ops.h"

static int64_t product(int64_t a, int64_t b)
{
    int64_t value;
    return size_multiply(a, b, &value) ? value : INT64_MAX;
}

OpCost cost_of_products(Shape out, Shape weights)
{
    int64_t macs = product(shape_count(out), shape_item(weights));
    return (OpCost){ .macs = macs, .flops = product(macs, 2) };
}

OpCost cost_per_element(Shape s, int64_t flops)
{
    return (OpCost){ .flops = product(shape_count(s), flops) };
}
