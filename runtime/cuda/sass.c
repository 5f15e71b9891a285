// Opcodes by sass.def; nvdisasm runs as a child, its input and output in a folder of its own.
#include "runtime/cuda/sass.h"
#include "runtime/child.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct { const char *name, *meaning; } opcodes[SASS_OPCODES] = {
#define SASS(opcode, name, meaning) [opcode] = { #name, meaning },
#include "runtime/cuda/sass.def"
#undef SASS
};

// --- counts ---------------------------------------------------------------------------------------

static int opcode_of(const CubinKernel *k, int instruction)
{
    uint16_t word;
    memcpy(&word, k->code + (size_t)instruction * SASS_BYTES, sizeof word);
    return word & (SASS_OPCODES - 1);
}

static int compare_counts(const void *a, const void *b)
{
    const SassCount *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : x->opcode - y->opcode;
}

int sass_count(const CubinKernel *k, SassCount to[SASS_OPCODES])
{
    int counts[SASS_OPCODES] = { 0 }, rows = 0;
    for (int i = 0; i < k->instructions; i++)
        counts[opcode_of(k, i)]++;
    for (int i = 0; i < SASS_OPCODES; i++) {
        int row = 0;
        if (!counts[i])
            continue;
        while (row < rows && (!to[row].name || !opcodes[i].name || strcmp(to[row].name, opcodes[i].name)))
            row++;
        if (row == rows)
            to[rows++] = (SassCount){ i, opcodes[i].name, opcodes[i].meaning, 0 };
        to[row].count += counts[i];
    }
    qsort(to, (size_t)rows, sizeof *to, compare_counts);
    return rows;
}

int sass_instructions(const CubinKernel *k, const char *name)
{
    int count = 0;
    for (int i = 0; i < k->instructions; i++) {
        const char *own = opcodes[opcode_of(k, i)].name;
        count += own && !strcmp(own, name);
    }
    return count;
}

// --- nvdisasm -------------------------------------------------------------------------------------

bool sass_find_nvdisasm(char path[PATH_MAX], char err[DEVICE_ERROR])
{
    const char *const homes[] = { getenv("CUDA_HOME"), getenv("CUDA_PATH"), "/usr/local/cuda" };
    char candidate[PATH_MAX];
    if (child_find("nvdisasm", path))
        return true;
    for (int i = 0; i < 3; i++)
        if (homes[i] && *homes[i]
            && snprintf(candidate, sizeof candidate, "%s/bin/nvdisasm", homes[i]) < (int)sizeof candidate
            && child_find(candidate, path))
            return true;
    snprintf(err, DEVICE_ERROR, "no nvdisasm on PATH or in bin of CUDA_HOME, CUDA_PATH or /usr/local/cuda; "
             "the text of the machine code needs it (`pip install nvidia-cuda-nvdisasm`, or the package "
             "cuda-nvdisasm of the CUDA toolkit); counts of instructions need nothing");
    return false;
}

static bool write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return false;
    bool good = fwrite(bytes, 1, size, f) == size;
    return !fclose(f) && good;
}

// The whole file, a 0 behind it; NULL: it cannot be read.
static char *read_text(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    struct stat s;
    if (f && !fstat(fileno(f), &s) && (text = malloc((size_t)s.st_size + 1)))
        text[fread(text, 1, (size_t)s.st_size, f)] = 0;
    if (f)
        fclose(f);
    return text;
}

static char *fail(char *err, const char *what, const char *detail)
{
    snprintf(err, DEVICE_ERROR, "%s: %.300s", what, detail);
    return NULL;
}

// -c: code only; -g: with the lines of the sources.
static char *run(const char *nvdisasm, const char *input, const char *output, char *err)
{
    char *argv[] = { (char *)nvdisasm, "-c", "-g", (char *)input, NULL };
    pid_t child;
    if (!child_start(&child, "nvdisasm", argv, output, err))
        return NULL;
    int status = child_wait(child);
    char *text = read_text(output);
    if (!text)
        return fail(err, "what nvdisasm wrote cannot be read", strerror(errno));
    if (!status)
        return text;
    fail(err, "nvdisasm fails", text);
    free(text);
    return NULL;
}

char *sass_disassemble(const char *nvdisasm, const void *cubin, size_t size, char err[DEVICE_ERROR])
{
    const char *tmp = getenv("TMPDIR");
    char folder[PATH_MAX], input[PATH_MAX + 16], output[PATH_MAX + 16], *text = NULL;
    snprintf(folder, sizeof folder, "%.3000s/cleave-XX" "XX" "XX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return fail(err, "no place for nvdisasm to work in", strerror(errno));
    snprintf(input, sizeof input, "%s/kernels.cubin", folder);
    snprintf(output, sizeof output, "%s/kernels.sass", folder);
    if (write_file(input, cubin, size))
        text = run(nvdisasm, input, output, err);
    else
        fail(err, "a cubin cannot be written for nvdisasm", strerror(errno));
    unlink(input);
    unlink(output);
    rmdir(folder);
    return text;
}
