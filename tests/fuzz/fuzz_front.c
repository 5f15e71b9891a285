// One input of the fuzzer: parsed, checked, its messages and its tree printed to nowhere. Built by
// run.sh with clang's libFuzzer, or with driver.c by any compiler.
#include "front/front.h"
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void look(const AstFile *file, const Diag *diag)
{
    static FILE *nowhere;
    if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
        return;
    diag_print(diag, nowhere, true);
    diag_print_json(diag, nowhere);
    if (file) {
        ast_print(file, nowhere);
        ast_print_json(file, nowhere);
    }
}

static void try(Arena *arena, const uint8_t *bytes, size_t size)
{
    Diag diag;
    diag_open(&diag, arena);
    // A path that is no file: `use` finds nothing beside it.
    AstFile *file = front_parse_text(arena, &diag, "/nowhere/fuzz.net", (const char *)bytes, (int)size);
    FrontOptions options = { .seed = 1 };
    if (file)
        front_check(file, &options, arena, &diag);
    look(file, &diag);
}

// A net of this repository takes at most 400 KiB. What expands to more (`repeat(99999)`) costs time,
// so only one size in 64 may go as far as the limits of front/elaborate.h; the others end at 2 MiB.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { MOST_BYTES = 1 << 16, MOST_MEMORY = 1 << 21, MOST_MEMORY_RARELY = 1 << 28 };
    jmp_buf exhausted;
    Arena arena;
    if (size > MOST_BYTES)
        return 0;
    arena_open(&arena, size % 64 ? MOST_MEMORY : MOST_MEMORY_RARELY, &exhausted);
    if (!setjmp(exhausted))
        try(&arena, bytes, size);
    arena_close(&arena);
    return 0;
}
