// The part of pass_layout that decides what lives in whose memory.
#ifndef PASS_VIEWS_H
#define PASS_VIEWS_H
#include "ir/graph.h"

// Sets view and, as a channel, view_offset of what is a part of another value or all of it. Layouts are
// there, halos are not.
void  views_find(Graph *g);
// With halos known: strides of images and pixels, view offsets in elements.
void  views_place(Graph *g);
// Whose memory it lives in: itself, unless it is a view.
Node *node_home(Node *n);
// A map that was flattened: its features stand in the map's order.
bool  node_is_flattened(const Node *n);
// So many features of a flattened map are one channel, in which its pieces count; else 1.
int64_t node_map_area(const Node *n);
// Features of a flattened map stand in the map's order, in which only whole channels can be cut out or put
// beside others; a map is made of features in this order only. True: the input `value` of `n` has to stand
// otherwise, as *to says.
bool  node_wants_other_order(const Node *n, const Node *value, Layout *to);
#endif
