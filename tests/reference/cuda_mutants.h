// One mistake at a time in the text of a kernel.
#ifndef REFERENCE_CUDA_MUTANTS_H
#define REFERENCE_CUDA_MUTANTS_H
#include "base/arena.h"
#include <stdbool.h>

typedef enum {
    CHANGE_BARRIER, CHANGE_WAIT, CHANGE_COMMIT,          // left out
    CHANGE_BOUND,                                        // a comparison off by one, "and" for "or"
    CHANGE_TERM,                                         // another operation
    MUTATIONS
} Change;

// `length` bytes from text[at] on become `to`.
typedef struct { int at, length; const char *to; Change change; } Mutation;

// All that can be changed in the head and the bodies of a unit, in the order of the text; at most `most`.
int         mutations_find(const char *text, Mutation *to, int most);
const char *mutation_apply(Arena *a, const char *text, const Mutation *m);
// The same change of the same body in another kernel's text; false: it has none such.
bool        mutation_like(const char *text, const Mutation *m, const char *other, Mutation *to);
// The file, the changed line and what became of it.
void        mutation_print(const char *text, const Mutation *m, char *to, size_t size);
// Why nobody notices a mutant that was printed so, behind the kind of its kernel; NULL: not known. *is_equal:
// it is as right as the text.
const char *mutation_reason(const char *printed, bool *is_equal);
const char *mutation_name(Change c);
#endif
