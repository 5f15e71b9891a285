#ifndef PASS_PIECES_H
#define PASS_PIECES_H
#include "ir/graph.h"

// By the rule of its op (rules.c) and the layouts of its inputs, which are there already.
Pieces pieces_of_output(const Node *n);
#endif
