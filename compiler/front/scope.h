// Names that statements and parameters bind, and the defaults that reach into called blocks.
#ifndef FRONT_SCOPE_H
#define FRONT_SCOPE_H
#include "base/names.h"
#include "front/value.h"

typedef enum {
    BOUND_LET, BOUND_TENSOR, BOUND_LAYER, BOUND_PARAM, BOUND_LOOP, BOUND_INPUT
} BoundKind;

// One place of the text that declares something. A body that is expanded many times declares the
// same thing many times: it counts as used when any expansion used it.
typedef struct Declared {
    const char *name;
    BoundKind   kind;
    bool        is_default;            // `default conv(...)`: name is the argument's
    const char *stage;                 // of a default
    Span        at;
    bool        used;
} Declared;

typedef struct Binding {
    const char *name;
    Value       value;
    BoundKind   kind;
    Span        at;
    Declared   *declared;              // NULL: never reported as unused
} Binding;

// Lexical: a block's body sees its parameters and the file's `let`s, not its caller's names.
typedef struct Scope {
    struct Scope *outer;
    Names         names;               // -> Binding
} Scope;

// `default conv(bias = 0)`: dynamic, innermost first; blocks called below it see it.
typedef struct Default {
    const char     *stage, *param;
    Value           value;
    Span            at;
    Declared       *declared;
    struct Default *outer;
} Default;

Scope   *scope_open(Arena *a, Scope *outer);
Binding *scope_find(Scope *s, const char *name);             // here or further out
Binding *scope_find_here(Scope *s, const char *name);
Binding *scope_bind(Scope *s, const char *name, BoundKind kind, Value value, Span at);

// The declaration at this place, made when it is met for the first time.
Declared *declared_at(Arena *a, Names *all, Span at, const char *name, BoundKind kind);
#endif
