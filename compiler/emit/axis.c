// In: a window along one axis. Out: classes of outputs and the taps they see.
#include "emit/axis.h"

Axis axis_forward(int kernel, int stride, int dilation, int pad, int64_t outputs)
{
    return (Axis){ .classes = 1, .step = stride, .tap_step = 1, .in_step = dilation,
                   .at = { { .outputs = outputs, .taps = kernel, .start = -pad } } };
}

static int common_divisor(int a, int b)
{
    while (b) {
        int rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static AxisClass gradient_class(int first, int kernel, int stride, int dilation, int pad)
{
    AxisClass c = { 0 };
    for (int tap = kernel - 1; tap >= 0; tap--) {          // so the lowest flipped tap stays
        int64_t at = (int64_t)first + pad - (int64_t)(kernel - 1 - tap) * dilation;
        if (at % stride)
            continue;
        c.taps++;
        c.tap = tap;
        c.start = at / stride;
    }
    return c;
}

bool axis_gradient(Axis *a, int kernel, int stride, int dilation, int pad, int64_t outputs)
{
    if (stride > AXIS_CLASSES)
        return false;
    int common = common_divisor(stride, dilation);
    *a = (Axis){ .classes = stride, .step = 1, .tap_step = stride / common,
                 .in_step = dilation / common };
    for (int i = 0; i < stride; i++) {
        a->at[i] = gradient_class(i, kernel, stride, dilation, pad);
        a->at[i].outputs = outputs > i ? (outputs - i + stride - 1) / stride : 0;
    }
    return true;
}

void axis_range(const Axis *a, int64_t *low, int64_t *high)
{
    *low = *high = 0;
    for (int i = 0; i < a->classes; i++) {
        const AxisClass *c = &a->at[i];
        if (!c->taps || !c->outputs)
            continue;
        int64_t last = c->start + (c->outputs - 1) * a->step + (int64_t)(c->taps - 1) * a->in_step;
        *low = c->start < *low ? c->start : *low;
        *high = last > *high ? last : *high;
    }
}
