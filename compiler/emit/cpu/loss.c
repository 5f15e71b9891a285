// Heads of softmax, its gradient, and of the loss with all that reads the same scores and labels.
#include "emit/cpu/maps.h"

static bool is_panel(const Node *n) { return n->layout.kind == LAYOUT_PANEL; }

// --- softmax ------------------------------------------------------------------------------------

bool softmax_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return is_panel(n) && is_panel(n->in[0]) && (n->inputs < 2 || is_panel(n->in[1]));
}

bool softmax_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root, *x = n->in[n->inputs - 1];
    bool is_gradient = n->op == OP_SOFTMAX_DX;
    int64_t area = n->shape.h * n->shape.w;
    int dy = kern_read(k, n->in[0]), ax = kern_read(k, x), y = kern_write(k, n);
    map_items(k, n);
    k->reason = "image by image";
    head_open(e, k, "one image");
    head_constant(e, "AREA", area);
    head_constant(e, "BLOCKS", layout_rows(&n->layout, n->shape) / area);
    head_constant(e, "ARG_DY", dy);
    head_constant(e, "ARG_X", ax);
    head_constant(e, "ARG_Y", y);
    head_address(e, "AT_DY", n->in[0]);
    head_address(e, "AT_X", x);
    head_address(e, "AT_Y", n);
    head_lanes(e, "LANES_OF", n, LANES_CHANNELS);
    return head_body(e, is_gradient ? "cpu/softmax_dx.c" : "cpu/softmax.c");
}

// --- loss ---------------------------------------------------------------------------------------

bool loss_takes(const Emit *e, const Group *g)
{
    (void)e;
    for (int i = 0; i < g->count; i++)
        if (g->nodes[i]->op == OP_CROSS_ENTROPY_DX && !is_panel(g->nodes[i]))
            return false;
    return is_panel(g->root->in[0]) && g->root->in[0]->shape.h * g->root->in[0]->shape.w == 1;
}

// The group's output of this op; NULL: it has none.
static const Node *output_of(const Group *g, Op op)
{
    for (int i = 0; i < g->output_count; i++)
        if (g->outputs[i]->op == op)
            return g->outputs[i];
    return NULL;
}

static void print_tops(Emit *e, const Kern *k)
{
    head_list(e, "TOPS(X)");
    for (int i = 0; i < k->group->output_count; i++) {
        const Node *n = k->group->outputs[i];
        if (n->op == OP_TOP)
            fprintf(e->text, " X(%d, %d)", kern_find(k, n), n->attr.top.k);
    }
    fputc('\n', e->text);
}

// The kernel is the body above and what rounds its gradient.
static bool round_gradient(Emit *e, const Kern *k, const Node *gradient)
{
    head_define(e, "EXACT", "%s_exact", k->symbol);
    head_define(e, "KERNEL", "%s", k->symbol);
    head_address(e, "AT_GRADIENT", gradient);
    return head_body(e, "cpu/loss_round.c");
}

bool loss_emit(Emit *e, Kern *k)
{
    const Group *g = k->group;
    const Node *z = g->root->in[0], *loss = output_of(g, OP_CROSS_ENTROPY);
    const Node *gradient = output_of(g, OP_CROSS_ENTROPY_DX);
    int az = kern_read(k, z), label = kern_read(k, g->root->in[1]);
    int state = loss ? kern_read_state(k) : 0;
    kern_write_outputs(k);
    map_items(k, z);
    k->reason = "all in the first cache";
    head_open(e, k, "one image");
    bool rounds = gradient && *head_store_suffix(&gradient->layout);
    if (rounds)
        head_define(e, "KERNEL", "%s_exact", k->symbol);
    head_constant(e, "N", z->shape.n);
    head_constant(e, "BLOCKS", layout_rows(&z->layout, z->shape));
    head_constant(e, "CLASSES", z->shape.c);
    head_constant(e, "HAS_LOSS", loss != NULL);
    head_constant(e, "HAS_GRADIENT", gradient != NULL);
    head_constant(e, "ARG_Z", az);
    head_constant(e, "ARG_LABEL", label);
    head_constant(e, "ARG_STATE", state);
    head_constant(e, "ARG_LOSS", loss ? kern_find(k, loss) : 0);
    head_constant(e, "ARG_GRADIENT", gradient ? kern_find(k, gradient) : 0);
    head_address(e, "AT_Z", z);
    head_element(e, "ELEMENT_Z", z);
    head_lanes(e, "LANES_OF", z, LANES_CHANNELS);
    if (gradient) {
        head_address(e, "AT_GRADIENT", gradient);
        head_element(e, "ELEMENT_GRADIENT", gradient);
    }
    print_tops(e, k);
    return head_body(e, "cpu/loss.c") && (!rounds || round_gradient(e, k, gradient));
}
