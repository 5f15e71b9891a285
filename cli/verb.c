// The arena of a verb that needs no whole compilation, and what happens when it runs out.
#include "cli/verb.h"
#include <stdio.h>

int verb_in_arena(VerbBody *body, const char *path, const void *options)
{
    jmp_buf exhausted;
    Arena arena;
    int code;
    arena_open(&arena, 0, &exhausted);
    if (setjmp(exhausted)) {
        fprintf(stderr, "cleave: out of memory\n");
        code = EXIT_RUN;
    } else {
        code = body(&arena, path, options);
    }
    arena_close(&arena);
    return code;
}
