// What somebody asks about: a layer, the layers of a block's call, or a line of the file that was
// compiled (not of the files that it uses).
#ifndef LOOK_ABOUT_H
#define LOOK_ABOUT_H
#include "ir/group.h"

typedef enum { ABOUT_ALL, ABOUT_LAYER, ABOUT_LINE } AboutKind;
typedef struct {
    AboutKind   kind;
    const char *name;          // "conv2"; "stage2" stands for stage2.conv1, stage2.conv2, ... as well
    int         line;
} About;

// "conv2", "12"; NULL: everything.
About about_read(const char *text);
// A line takes in what starts on it or reaches over it, and what a block called on it holds.
bool  about_layer(const About *a, const Diag *diag, const Layer *layer);
bool  about_node(const About *a, const Diag *diag, const Node *n);
bool  about_group(const About *a, const Diag *diag, const Group *group);
// Is `at` on or over this line of the compiled file?
bool  about_reaches(const Diag *diag, Span at, int line);
// The line of the compiled file that `at` starts on; 0: another file, or nowhere.
int   about_line_of(const Diag *diag, Span at);
int   about_lines(const Diag *diag);                   // of the compiled file
// True if the net has such a layer, or the file such a line; else `*nearest` is the layer's name that
// is nearest to it, or NULL.
bool  about_exists(const About *a, const Diag *diag, const Graph *g, const char **nearest);
#endif
