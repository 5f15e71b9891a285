// Reading the text of .net files, with a bound on its size.
#include "front/files.h"
#include "front/limits.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char *refuse(Diag *diag, Span at, const char *path, const char *why)
{
    diag_error(diag, at, "E001", "cannot read `%s`: %s", path, why);
    return NULL;
}

static char *read_open(Arena *arena, Diag *diag, const char *path, Span at, FILE *in, int *length)
{
    struct stat info;
    if (fstat(fileno(in), &info) != 0)
        return refuse(diag, at, path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return refuse(diag, at, path, "it is a folder");
    bool sized = S_ISREG(info.st_mode) && info.st_size <= LIMIT_FILE_BYTES;
    size_t room = sized ? (size_t)info.st_size + 1 : LIMIT_FILE_BYTES + 1;
    char *text = arena_alloc(arena, room + 2);
    size_t size = fread(text, 1, room, in);
    if (ferror(in))
        return refuse(diag, at, path, strerror(errno));
    if (size > LIMIT_FILE_BYTES)
        return refuse(diag, at, path, "it is larger than 4 MiB");
    text[size] = text[size + 1] = 0;
    *length = (int)size;
    return text;
}

char *file_read(Arena *arena, Diag *diag, const char *path, Span at, int *length)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return refuse(diag, at, path, strerror(errno));
    char *text = read_open(arena, diag, path, at, in, length);
    fclose(in);
    return text;
}

const char *file_beside(Arena *arena, const char *from, const char *path)
{
    const char *slash = strrchr(from, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(arena, "%.*s%s", (int)(slash - from) + 1, from, path);
}
