// In which order groups run: between schedule.c, which says who waits for whom, and order.c, which chooses.
#ifndef PASS_ORDER_H
#define PASS_ORDER_H
#include "ir/group.h"
#include "pass/pass.h"

typedef struct {
    Graph  *g;
    const PassOptions *options;
    int   **users;             // by group id: groups that wait for it, later ones
    int    *user_count, *user_capacity;
    int    *waits_for;         // by group id: how many groups it waits for; put_in_order counts down
    bool   *is_leaf;           // by group id: only updates wait for it
} Order;

bool group_is_update(const Group *group);
// Sorts graph->groups. False, reported: they wait for each other.
bool put_in_order(Order *o);
#endif
