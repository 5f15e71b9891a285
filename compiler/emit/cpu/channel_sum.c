// Head of the gradient of a bias: sums over images and pixels of a blocked map or a panel.
#include "emit/cpu/maps.h"
#include <inttypes.h>

static bool is_panel(const Node *n) { return n->layout.kind == LAYOUT_PANEL; }

bool channel_sum_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *x = g->root->in[0], *y = g->root;
    bool is_stored_as_blocks = y->layout.kind == LAYOUT_BLOCKED || blocks_are_runs(&x->layout);
    return (x->layout.kind == LAYOUT_BLOCKED || is_panel(x)) && is_stored_as_blocks;
}

bool channel_sum_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[0];
    int64_t area = x->shape.h * x->shape.w, rows = layout_rows(&x->layout, x->shape);
    int ax = kern_read(k, x), ay = kern_write(k, n);
    k->item_kind = ITEMS_JOBS;
    k->items = is_panel(x) ? rows / area : rows;
    k->bytes = map_bytes(k);
    k->reason = "a block of channels each, in a fixed order over images";
    head_open(e, k, "a block of channels");
    head_constant(e, "N", x->shape.n);
    head_constant(e, "H", x->shape.h);
    head_constant(e, "W", x->shape.w);
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_Y", ay);
    // A blocked bias has room for whole blocks.
    head_constant(e, "CHANNELS", n->layout.kind == LAYOUT_PLAIN ? n->shape.c
                                                                : k->items * x->layout.vector);
    if (is_panel(x)) {
        head_address(e, "ROW", x);
        head_function(e, "long", "AT_X", "long n, long b, long y, long x");
        fprintf(e->text, "    return ROW(n, (b * H + y) * W + x, 0, 0);\n}\n");
    } else {
        head_address(e, "AT_X", x);
    }
    return head_body(e, "cpu/channel_sum.c");
}
