// The order of a sequence's commands that holds whatever the speed of the devices: a device's own, one
// after another, and the waits.
#ifndef PROGRAM_ORDER_H
#define PROGRAM_ORDER_H
#include "program/program.h"

// By device: its last command that is done when a command begins; -1: none.
typedef struct { int last[PROGRAM_DEVICES]; } CommandClock;

// Fills clocks[0 .. command_count-1].
void order_clocks(const Sequence *s, CommandClock *clocks);
// True if the k-th wait of a command says nothing: the order of its own device or another of its waits
// implies it.
bool order_implies(const Sequence *s, const CommandClock *clocks, int command, int k);
// Takes all such waits out, which changes no clock; what is left is the transitive reduction of the order.
// `clocks` as order_clocks fills them.
void order_reduce(Sequence *s, const CommandClock *clocks);
// True if command a is always done before b begins (a stands before b in the list).
bool order_before(const Sequence *s, const CommandClock *clocks, int a, int b);
// A copy may leave behind this command of its sender, the last one known to be done when the copy's own
// command begins; -1: from the start.
int  order_copy_after(const Program *p, const Sequence *s, const CommandClock *clocks, int command);
#endif
