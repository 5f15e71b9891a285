// Nets that are derived from others, `net a = b with { edits }`: the edits by the layers they speak of.
#ifndef FRONT_DERIVE_H
#define FRONT_DERIVE_H
#include "front/elaborate.h"

// `drop relu1`, `after pool1 { relu }`.
typedef struct {
    const Ast *ast;
    bool       met;                    // the stage came to be
} Edit;

// The edits of one layer: at most one of each; `instead` (drop or replace) stands alone.
typedef struct { Edit *before, *instead, *after; } LayerEdits;

typedef struct Derivation {
    const Ast *item;                   // the AST_DERIVE
    const Ast *base;                   // the net or derivation that it edits
    Names      edits;                  // full name of a layer of the base -> LayerEdits
    Names      names;                  // all that the base has -> Named
    Scope     *lets;                   // its own `let`s above the net's parameters: filled by derive_begin
} Derivation;

// --- derive.c ---------------------------------------------------------------------------------------
// The net with a signature that `net` is, or is derived from in the end. NULL: reported.
const Ast *derive_written(Elab *e, const Ast *net);
// Reads the derivations that `net` consists of into e->derived; nothing to do for one that is written
// out. False: the base is at fault, which was reported.
bool derive_open(Elab *e, const Ast *net, GraphMode mode);
// What a derivation sets a parameter of the net to; NULL: nothing.
const Ast *derive_param(const Elab *e, const char *name);
void derive_begin(Elab *e);            // in the scope of the net, before its body: `let`s and defaults
void derive_defaults(Elab *e);         // puts the defaults of derivations above those at hand
// Behind the body: settings of layers; edits that met nothing; layers that nobody reads any more.
void derive_end(Elab *e);
// Whether a derivation took away the layer that a setting speaks of. If it is the setting's own this is
// reported; a setting of the base goes with its layer.
bool derive_took_away(Elab *e, const LateSetting *s, const char *layer);

// --- edits.c ----------------------------------------------------------------------------------------
// Sorts an edit of derivation `d` to its layer; reports one that has no layer or clashes.
void edits_read(Elab *e, Derivation *d, const Ast *s);
bool edits_is_edit(const Ast *s);
const Edit *edits_instead(const Derivation *d, const char *name);    // NULL: the layer stays
// Whether the derivation at hand takes this layer away, so that its own text may use the name.
bool edits_free(const Elab *e, const char *name);
void edits_report_unmet(Elab *e, const Derivation *d);
#endif
