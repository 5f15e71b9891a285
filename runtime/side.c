// In: a shape and a layout. Out: offsets; in every layout they are sums of one for each index.
#include "runtime/side.h"
#include <stdlib.h>

bool side_open(Side *side, Shape s, const Layout *l)
{
    int64_t origin = layout_address(l, s, 0, 0, 0, 0);
    side->item = calloc((size_t)s.n, sizeof *side->item);
    side->channel = calloc((size_t)s.c, sizeof *side->channel);
    if (!side->item || !side->channel)
        return false;
    for (int64_t n = 0; n < s.n; n++)
        side->item[n] = layout_address(l, s, n, 0, 0, 0);
    for (int64_t c = 0; c < s.c; c++)
        side->channel[c] = layout_address(l, s, 0, c, 0, 0) - origin;
    side->row = s.h > 1 ? layout_address(l, s, 0, 0, 1, 0) - origin : 0;
    side->column = s.w > 1 ? layout_address(l, s, 0, 0, 0, 1) - origin : 1;
    return true;
}

void side_close(Side *side)
{
    free(side->item);
    free(side->channel);
    *side = (Side){ 0 };
}
