// The stages of data pipelines: their parameters, in order, with defaults. The front end checks and
// names arguments by this table; the runtime reads them by name.
#ifndef RECIPE_STAGE_H
#define RECIPE_STAGE_H
#include "recipe/recipe.h"

typedef enum {
    STAGE_SOURCE,                     // first stage of `train` and `test`: gives images
    STAGE_IMAGE,                      // changes an image: `train`, `test`, `augment`, `views`
    STAGE_CENTER                      // only in `center`
} StageRole;

enum { STAGE_PARAMS = 4 };

typedef struct {
    const char *name;                 // NULL ends the list
    unsigned    kinds;                // 1 << ARG_NUMBER | ...: what is taken
    bool        required;
    double      number;               // the default of a number that is not required
    const char *words;                // ARG_WORD: the ones allowed, separated by spaces
    double      least, most;          // of a number, both included
} StageParam;

typedef struct {
    const char *kind;
    StageRole   role;
    StageParam  params[STAGE_PARAMS];
    const char *what;                 // one line for docs and messages
} StageInfo;

extern const StageInfo stage_table[];             // ended by kind NULL
const StageInfo *stage_find(const char *kind);    // NULL: no such stage

// The argument of that name, or NULL when it was not given.
const StageArg *stage_arg(const Stage *s, const char *name);
// Its number, else the default in the table.
double stage_number(const Stage *s, const char *name);
// Its word or text, else NULL.
const char *stage_text(const Stage *s, const char *name);
#endif
