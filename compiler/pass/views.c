// Concatenations and slices that move nothing: values that live in somebody else's memory.
#include "pass/views.h"
#include "pass/rules.h"

bool node_is_flattened(const Node *n)
{
    return n->layout.in_h * n->layout.in_w > 1 && n->shape.h * n->shape.w == 1;
}

int64_t node_map_area(const Node *n)
{
    return node_is_flattened(n) ? (int64_t)n->layout.in_h * n->layout.in_w : 1;
}

static bool joins_orders(const Node *n)
{
    int64_t area = node_map_area(n->in[0]);
    for (int i = 1; i < n->inputs && op_rules[n->op].pieces == PIECES_JOINED; i++)
        if (node_map_area(n->in[i]) != area || (area > 1 && n->in[i]->layout.in_h != n->in[0]->layout.in_h))
            return true;
    return false;
}

bool node_wants_other_order(const Node *n, const Node *value, Layout *to)
{
    int64_t area = node_map_area(value), map = n->shape.h * n->shape.w;
    bool cuts = op_rules[n->op].pieces == PIECES_CUT && (n->attr.slice.first % area || n->shape.c % area);
    cuts = cuts || (area > 1 && joins_orders(n));
    bool unflattens = n->op == OP_FLATTEN && map > 1 && value->shape.h * value->shape.w == 1 && area != map;
    *to = layout_compact(value->layout);
    if (!cuts && !unflattens)
        return false;
    to->in_h = cuts ? 1 : (int)n->shape.h;
    to->in_w = cuts ? 1 : (int)n->shape.w;
    to->pieces = pieces_one(cuts ? value->shape.c : n->shape.c);
    return true;
}

static int uses_in(const Node *user, const Node *value)
{
    int uses = 0;
    for (int i = 0; i < user->inputs; i++)
        uses += user->in[i] == value;
    return uses;
}

static bool can_live_in(const Node *x, const Node *concat)
{
    return !x->view && !op_has(x->op, OP_SOURCE) && x->device == concat->device &&
           op_rules[x->op].view != VIEW_WHOLE && op_rules[x->op].view != VIEW_CUT &&
           uses_in(concat, x) == 1;
}

// Elements from the start of `whole` to its channel `first` (a start of a piece), or to its image `first`.
static int64_t view_start(const Node *whole, int64_t first, bool is_image)
{
    const Node *home = whole;
    while (home->view)
        home = home->view;
    if (is_image)
        return first * layout_item(&home->layout, home->shape);
    Layout l = whole->layout;
    l.item_stride = 0;
    return layout_address(&l, whole->shape, 0, first, 0, 0) -
           layout_address(&l, whole->shape, 0, 0, 0, 0);
}

// One image behind the other, each in one run of memory or in runs at equal distances.
static bool images_are_outermost(const Node *n)
{
    LayoutKind kind = n->layout.kind;
    return kind == LAYOUT_PLAIN || kind == LAYOUT_BLOCKED || kind == LAYOUT_NHWC;
}

static bool concat_in_place(Node *n)
{
    int pieces = 0;
    for (int i = 0; i < n->inputs; i++) {
        if (!can_live_in(n->in[i], n) || n->in[i]->layout.element != n->layout.element)
            return false;
        pieces += n->in[i]->layout.pieces.count;
    }
    if (rule_moves_images(n->op))
        return images_are_outermost(n);
    return pieces == n->layout.pieces.count &&
           (n->layout.kind == LAYOUT_BLOCKED || n->layout.kind == LAYOUT_PANEL ||
            n->layout.kind == LAYOUT_COLUMNS || (n->layout.kind == LAYOUT_NHWC && !node_is_flattened(n)));
}

static bool starts_a_piece(const Pieces *p, int64_t channel)
{
    int64_t c = 0;
    for (int i = 0; i < p->count; c += p->channels[i++])
        if (c == channel)
            return true;
    return false;
}

static bool slice_in_place(const Node *n)
{
    const Node *x = n->in[0];
    if (rule_moves_images(n->op))
        return images_are_outermost(x);
    int64_t end = n->attr.slice.first + n->shape.c, area = node_map_area(x);
    return starts_a_piece(&x->layout.pieces, n->attr.slice.first / area) &&
           (end == x->shape.c || starts_a_piece(&x->layout.pieces, end / area)) &&
           x->layout.kind != LAYOUT_PLAIN && !(x->layout.kind == LAYOUT_NHWC && node_is_flattened(x));
}

void views_find(Graph *g)
{
    for (int i = 0; i < g->count; i++) {
        Node *n = g->nodes[i];
        ViewRule rule = op_rules[n->op].view;
        int64_t first = 0;
        if (rule == VIEW_JOINED && concat_in_place(n))
            for (int k = 0; k < n->inputs; k++) {
                n->in[k]->view = n;
                n->in[k]->view_offset = first;   // a channel or image, until views_place runs
                first += rule_moves_images(n->op) ? n->in[k]->shape.n : n->in[k]->shape.c;
            }
        if (rule == VIEW_CUT && slice_in_place(n)) {
            n->view = n->in[0];
            n->view_offset = n->attr.slice.first;
        }
        if (rule == VIEW_WHOLE)
            n->view = n->in[0];
    }
}

Node *node_home(Node *n)
{
    while (n->view)
        n = n->view;
    return n;
}

// With halos known: one image's size of the home, and the offsets of views in elements.
void views_place(Graph *g)
{
    for (int i = 0; i < g->count; i++) {
        Node *n = g->nodes[i];
        Layout *l = &n->layout;
        if (l->kind == LAYOUT_BLOCKED || l->kind == LAYOUT_PLAIN || l->kind == LAYOUT_NHWC)
            l->item_stride = layout_item(&node_home(n)->layout, node_home(n)->shape);
        if (l->kind == LAYOUT_NHWC)
            l->pixel_stride = layout_pixel(&node_home(n)->layout, node_home(n)->shape);
        if (n->view && n->view_offset)         // whichever of the two cuts or joins says along what
            n->view_offset = view_start(n->view, n->view_offset,
                                        rule_moves_images(n->view == n->in[0] ? n->op : n->view->op));
    }
}
