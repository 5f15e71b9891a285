// Runs the fuzz target without libFuzzer: files of a corpus, cut, joined and changed at random.
//   fuzz_front SEED RUNS FILE...
// The same seed gives the same inputs. The input in progress is kept in fuzz_last.net, so that a
// crash leaves it behind.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST_BYTES = 1 << 15 };

typedef struct { uint8_t bytes[MOST_BYTES]; size_t size; } Text;

static const char *const words[] = {
    "net ", "block ", "train ", "data ", "use \"", "op ", "let ", "with ", " on ", "->", "{", "}", "(",
    ")", "[", "]", "split(2) {", "repeat(3) {", "branch {", "for i in [1, 2] {", "if 1 {", " else ",
    " as x", " is 3x4x4", "3x224x224", "0x1", "1e999", "999999999", "-1", "^", "//", "%", "? 1 : 2",
    "not ", " and ", "in ", "..", "=", "==", ",", ";", "\n", "#", "\"", "\\", "conv(", "pool(2)", "fc(10)",
    "relu", "add(", "all", "default ", "replicate(gpu0, gpu1) {", "every 3 epochs {", "when epoch == 1 {",
    "\xff", "\xe2\x86\x92", "channels(in)", "enumerate(", "sum(q in 0 .. 3, ", "x[i, j]",
};
enum { WORDS = sizeof words / sizeof *words };

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;           // SplitMix64
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
    return n ? draw(state) % n : 0;
}

// Replaces `cut` bytes at `at` by `count` of `from`.
static void splice(Text *t, size_t at, size_t cut, const void *from, size_t count)
{
    if (at > t->size)
        at = t->size;
    if (cut > t->size - at)
        cut = t->size - at;
    if (t->size - cut + count > MOST_BYTES)
        return;
    memmove(t->bytes + at + count, t->bytes + at + cut, t->size - at - cut);
    memcpy(t->bytes + at, from, count);
    t->size += count - cut;
}

static void change(Text *t, const Text *other, uint64_t *state)
{
    uint8_t piece[600], byte = (uint8_t)draw(state);
    size_t at = below(state, t->size + 1), length = below(state, 30), many = below(state, 200);
    const char *word = words[below(state, WORDS)];
    switch (below(state, 7)) {
    case 0: splice(t, at, length, "", 0); break;
    case 1: splice(t, at, 0, word, strlen(word)); break;
    case 2: splice(t, at, length, word, strlen(word)); break;
    case 3: splice(t, at, 1, &byte, 1); break;
    case 4: splice(t, at, 0, other->bytes, below(state, other->size + 1)); break;
    case 5:                                                // a piece of the text itself
        length = length < t->size ? length : t->size;
        memcpy(piece, t->bytes, length);
        splice(t, at, 0, piece, length);
        break;
    case 6:                                                // the same word many times
        for (size_t i = 0; i < many; i++)
            splice(t, at, 0, word, strlen(word));
        break;
    }
}

static bool read_file(const char *path, Text *t)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return false;
    t->size = fread(t->bytes, 1, MOST_BYTES, in);
    fclose(in);
    return true;
}

static void keep(const Text *t)
{
    FILE *out = fopen("fuzz_last.net", "wb");
    if (out) {
        fwrite(t->bytes, 1, t->size, out);
        fclose(out);
    }
}

int main(int argc, char **argv)
{
    static Text t;
    if (argc < 4) {
        fprintf(stderr, "usage: fuzz_front SEED RUNS FILE...\n");
        return 2;
    }
    uint64_t seed = strtoull(argv[1], NULL, 10);
    long runs = strtol(argv[2], NULL, 10);
    int files = argc - 3;
    Text *corpus = calloc((size_t)files, sizeof *corpus);
    for (int i = 0; corpus && i < files; i++)
        if (!read_file(argv[3 + i], &corpus[i]))
            return 2;
    for (long run = 0; corpus && run < runs; run++) {
        uint64_t state = seed * 1000003u + (uint64_t)run;
        t = corpus[below(&state, (size_t)files)];
        for (size_t n = 1 + below(&state, 12); n > 0; n--)
            change(&t, &corpus[below(&state, (size_t)files)], &state);
        keep(&t);
        LLVMFuzzerTestOneInput(t.bytes, t.size);
    }
    free(corpus);
    remove("fuzz_last.net");
    printf("%ld inputs, no finding\n", runs);
    return 0;
}
