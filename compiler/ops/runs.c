// A run of channels or of images: cut out, put back among zeros, put side by side. Both kinds do the same
// along another extent.
#include "ops/ops.h"

static int64_t *extent_of(const Runs *r, Shape *s)
{
    return r->of_images ? &s->n : &s->c;
}

static int64_t length_of(const Runs *r, const Node *n)
{
    Shape shape = n->shape;
    return *extent_of(r, &shape);
}

// Are `count` of them from `first` on among `all`?
static bool check_range(Graph *g, const Node *n, const Runs *r, int64_t first, int64_t count, int64_t all)
{
    int64_t end;
    if (first >= 0 && count >= 1 && size_add(first, count, &end) && end <= all)
        return true;
    return op_fault(g, n, r->code, "%lld %s from %lld on are not all among %lld", (long long)count, r->what,
                    (long long)first, (long long)all);
}

bool runs_infer_slice(Graph *g, Node *n, const Runs *r)
{
    const SliceAttr *a = &n->attr.slice;
    if (!check_range(g, n, r, a->first, a->count, length_of(r, n->in[0])))
        return false;
    n->shape = n->in[0]->shape;
    *extent_of(r, &n->shape) = a->count;
    return true;
}

bool runs_infer_embed(Graph *g, Node *n, const Runs *r)
{
    const SliceAttr *a = &n->attr.slice;
    if (!check_range(g, n, r, a->first, length_of(r, n->in[0]), a->count))
        return false;
    n->shape = n->in[0]->shape;
    *extent_of(r, &n->shape) = a->count;
    return true;
}

void runs_grad_slice(Graph *g, Node *n, Node *dy, const Runs *r)
{
    if (!gradient_wanted(g, n->in[0]))
        return;
    Node *dx = gradient_node(g, r->embed, "dx", n, 1, &dy);
    dx->attr.slice = (SliceAttr){ n->attr.slice.first, length_of(r, n->in[0]) };
    graph_infer(g, dx);
    gradient_add(g, n->in[0], dx);
}

void runs_grad_concat(Graph *g, Node *n, Node *dy, const Runs *r)
{
    int64_t first = 0;
    for (int i = 0; i < n->inputs; i++) {
        int64_t count = length_of(r, n->in[i]);
        if (gradient_wanted(g, n->in[i])) {
            Node *dx = gradient_node(g, r->slice, "dx", n, 1, &dy);
            dx->attr.slice = (SliceAttr){ first, count };
            graph_infer(g, dx);
            gradient_add(g, n->in[i], dx);
        }
        first += count;
    }
}
