// Which pieces the channels of an op's output come in: the runs that weights, splits and concatenations have
// cut them into, each padded by itself.
#include "pass/pieces.h"
#include "pass/rules.h"
#include "pass/views.h"

static Pieces concat_pieces(const Node *n)
{
    Pieces all = { 0 };
    for (int i = 0; i < n->inputs; i++)
        for (int q = 0; q < n->in[i]->layout.pieces.count; q++) {
            if (all.count == LAYOUT_PIECES)
                return pieces_one(n->shape.c);
            all.channels[all.count++] = n->in[i]->layout.pieces.channels[q];
        }
    return all;
}

// The pieces of a run of channels, when it starts and ends where pieces do; else one piece.
static Pieces slice_pieces(const Pieces *whole, int64_t first, int64_t channels)
{
    Pieces some = { 0 };
    int64_t c = 0;
    for (int i = 0; i < whole->count; c += whole->channels[i++])
        if (c >= first && c + whole->channels[i] <= first + channels)
            some.channels[some.count++] = whole->channels[i];
    int64_t sum = 0;
    for (int i = 0; i < some.count; i++)
        sum += some.channels[i];
    return sum == channels ? some : pieces_one(channels);
}

Pieces pieces_of_output(const Node *n)
{
    const Node *x = n->in[0];
    int64_t area = node_map_area(x);
    switch (op_rules[n->op].pieces) {
    case PIECES_JOINED:  return concat_pieces(n);
    case PIECES_CUT:
        return slice_pieces(&x->layout.pieces, n->attr.slice.first / area, n->shape.c / area);
    case PIECES_FORWARD: return n->forward ? n->forward->in[0]->layout.pieces : pieces_one(n->shape.c);
    case PIECES_ONE:     return pieces_one(n->shape.c);
    case PIECES_KEPT:    break;
    }
    // A flattened map keeps its pieces: they count the channels of the map it came from.
    bool kept = n->shape.c == x->shape.c || op_rules[n->op].view == VIEW_WHOLE;
    return kept ? x->layout.pieces : pieces_one(n->shape.c / (op_rules[n->op].out == WANT_SAME ? area : 1));
}
