// The rules of pass_simplify, one by one: tests switch them off to compare.
#ifndef PASS_SIMPLIFY_H
#define PASS_SIMPLIFY_H
#include "pass/pass.h"

typedef struct Simplify Simplify;                 // one walk over a graph

typedef struct {
    const char *name;
    const char *what;          // "flatten(flatten(x)) = flatten(x)"
    // What computes the same as n: an older node, or a new one; NULL when the rule does not apply.
    Node     *(*apply)(Simplify *s, Node *n);
} SimplifyRule;

extern const SimplifyRule simplify_rules[];
extern const int          simplify_rule_count;

// Runs the rules with these bits (1 << place in the table), then drops what nothing needs.
bool simplify_graph(Graph *g, unsigned rules);
#endif
