// Groups: the nodes that one kernel computes. pass_fuse makes them by the patterns in
// ir/pattern.def, emit/ turns each into a head above a body of kernels/.
#ifndef IR_GROUP_H
#define IR_GROUP_H
#include "ir/graph.h"

// What kind of body computes a group. A pattern says which nodes it covers; a target's table says
// with which text. PATTERN(identifier, name, description)
typedef enum {
#define PATTERN(id, name, text) PATTERN_##id,
#include "ir/pattern.def"
#undef PATTERN
    PATTERN_COUNT
} Pattern;

typedef struct Group {
    int      id;
    Pattern  pattern;
    Node    *root;             // the contraction, window or reduction; of a chain of pointwise
                               // nodes the first
    Node   **nodes;            // all of them, inputs before users
    int      count;
    int      prologue_count;   // nodes[0 ..]: pointwise ones before the root, computed wherever the
                               // kernel reads the root's input 0, and stored nowhere
    Node   **epilogue;         // the pointwise nodes at the end of the chain, in order; all of
                               // nodes[] in PATTERN_POINTWISE, those after the root elsewhere
    int      epilogue_count;
    Node   **inputs;           // values from outside, in order of first use, no doubles
    int      input_count;
    Node   **outputs;          // values that others need, in order; the chain's end comes last
    int      output_count;
    bool     per_image;        // output image i needs image i of the inputs only
    const char *reason;        // why these nodes are together, or why no more are
    int      command;          // pass_schedule: index into graph->commands
} Group;

// What pass_schedule leaves: commands of a sequence, each a run of graph->groups. The same three
// kinds that a Program has.
typedef enum { GROUPS_CHAIN, GROUPS_TOGETHER, GROUPS_COPY } GroupCommandKind;
typedef struct GroupCommand {
    GroupCommandKind kind;     // chain: image by image; together: in any order; copy: one copy
    int              device;   // who executes it; a copy: the receiver
    int              first, count;
    int             *waits;    // the last command of every other device whose results it needs
    int              wait_count;
    int              made;     // emit: the first of the sequence's commands made of it; a second one
    int              made_count;   // follows where a kernel adds up what the first has left
} GroupCommand;

void group_print_ops(const Group *g, FILE *out);       // "conv 3x3 pad 1 + bias + relu"
#endif
