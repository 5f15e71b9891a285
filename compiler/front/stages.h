// The table of built-in stages: what each takes, and the function that adds its nodes. It drives
// the reading of arguments, the messages and docs/language.md; the grammar knows none of them.
#ifndef FRONT_STAGES_H
#define FRONT_STAGES_H
#include "front/value.h"

typedef enum {
    TYPE_COUNT,        // a whole number
    TYPE_REAL,         // a number
    TYPE_SIZE,         // one whole number for both axes, or two: 3 or 5x3 (rows, columns)
    TYPE_WORD,         // one of `words`
    TYPE_INIT,         // gaussian(std), constant(value), xavier, he, or a number
    TYPE_BIAS          // as above, or none
} ParamType;

typedef struct {
    const char *name;                  // NULL ends the list
    ParamType   type;
    const char *preset;                // the default as it would be written; NULL: must be given
    const char *words;                 // TYPE_WORD: separated by spaces
    double      least, most;           // numbers, both included
} StageParameter;

enum { STAGE_PARAMETERS = 10 };

typedef enum {
    TAKES_ONE,         // the tensor that flows in
    TAKES_SEVERAL      // that one and those named as arguments, at least two in all
} StageInputs;

struct Elab;
struct StageUse;

typedef struct {
    const char    *name;
    StageInputs    inputs;
    StageParameter params[STAGE_PARAMETERS];
    Node        *(*build)(struct Elab *e, struct StageUse *u);    // NULL: something was reported
    const char    *what;               // one line for docs and messages
} BuiltIn;

extern const BuiltIn built_in_stages[];             // ended by name NULL
const BuiltIn *built_in_find(const char *name);     // NULL: no such stage
// A word that a parameter of some stage takes, or an initialiser without arguments.
bool built_in_knows_word(const char *word);
bool word_in(const char *words, const char *word);  // `words` separated by spaces
const char *const *word_split(Arena *a, const char *words, int *count);
#endif
