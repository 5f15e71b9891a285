// Questions that the bodies of contractions share.
#include "emit/cpu/contraction.h"

bool groups_line_up(const Pieces *whole, int groups, const Pieces *part, int64_t channels, int vector)
{
    int64_t width = layout_blocks(part, channels, vector) * vector;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t c = 0; c < channels; c++)
            if (layout_channel(whole, g * channels + c, vector)
                != g * width + layout_channel(part, c, vector))
                return false;
    return true;
}

bool filters_line_up(const Pieces *filters, const Pieces *out, int64_t channels, int groups, int vector)
{
    for (int64_t c = 0; c < channels; c++)
        if (layout_channel(filters, c, vector) != layout_channel(out, c, vector))
            return false;
    int64_t each = channels / groups;
    for (int64_t g = 1; g < groups; g++)
        if (layout_channel(out, g * each, vector)
            != layout_blocks(out, channels, vector) / groups * vector * g)
            return false;
    return layout_blocks(out, channels, vector) % groups == 0;
}

int64_t node_bytes(const Node *n)
{
    return 4 * shape_count(n->shape);
}

void contraction_open(Emit *e, Kern *k, const char *item)
{
    const Node *root = k->group->root;
    int a = kern_read(k, root->in[0]), b = kern_read(k, root->in[1]);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    head_open(e, k, item);
    head_constant(e, "ARG_X", a);
    head_constant(e, "ARG_W", b);
    head_constant(e, "ARG_Y", y);
}

bool contraction_epilogue(Emit *e, Kern *k, Lanes lanes)
{
    const Group *g = k->group;
    bool rounds = *head_store_suffix(&group_result(g)->layout);
    head_constant(e, "HAS_EPILOGUE", g->epilogue_count > 0 || g->output_count > 1 || rounds);
    return head_epilogue(e, k, lanes);
}
