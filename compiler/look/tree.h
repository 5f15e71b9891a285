// The part of a syntax tree that a layer or line stands for.
#ifndef LOOK_TREE_H
#define LOOK_TREE_H
#include "front/ast.h"
#include "look/about.h"

// A file of the largest subtrees that lie on the line, or that a layer was made from. `g`: the graph
// that the layers are looked up in; a line needs none.
AstFile look_tree(const AstFile *file, const About *about, const Graph *g);
#endif
