// The front end: from .net text to layer graphs and recipes.
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H
#include "front/ast.h"
#include "ir/graph.h"
#include "recipe/recipe.h"

// `--set solver.lr=0.001`, `--batch 8`: what the command line puts over the file.
typedef struct { const char *name, *value; } Override;       // value: text of an expression

typedef struct {
    const char     *net;           // which net of the file; NULL: the one its train section trains,
                                   // else the only or last one
    const char     *data;          // which data section; NULL: the one named by `train ... on`
    int             batch;         // 0: the file's; without a train section 1
    bool            batch_grows;   // nobody asked for that batch: to what every `replicate` divides
    uint64_t        seed;
    const Override *overrides;
    int             override_count;
} FrontOptions;

// Reads `path` and what it uses into one AST. NULL after a file that cannot be read or is too
// large (reported); an AST with errors recovered is returned and diag->errors tells.
AstFile *front_parse(Arena *arena, Diag *diag, const char *path);
// Same, from memory; `use` is resolved against the folder of `path`.
AstFile *front_parse_text(Arena *arena, Diag *diag, const char *path, const char *text, int length);

// Elaborates the net for one mode: names resolved, blocks and loops expanded, defaults applied,
// shapes inferred, promises recorded; with the recipe's loss and metrics behind the scores unless
// the mode is GRAPH_PREDICT. NULL when something was reported.
Graph *front_graph(const AstFile *file, const FrontOptions *o, GraphMode mode, Arena *arena, Diag *diag);
// Checks and evaluates the data and train sections. False when something was reported.
bool   front_recipe(const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag, Recipe *out);
// Checks every net, block and section of the file, used or not: what `cleave check` does.
bool   front_check(const AstFile *file, const FrontOptions *o, Arena *arena, Diag *diag);
#endif
