// Reading .net files with a bound on their size, and the files that they `use`: each once.
#include "front/files.h"
#include "front/front.h"
#include "front/parse.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Reads at most `most` bytes of a plain file. Touches no arena: what is opened here is closed here.
// Returns what went wrong, or NULL.
static const char *read_plain(const char *path, char *text, size_t most, int *length)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);      // a pipe must not make us wait
    if (fd < 0)
        return strerror(errno);
    size_t size = 0;
    ssize_t got = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? 1 : -1;
    while (got > 0 && size < most && (got = read(fd, text + size, most - size)) > 0)
        size += (size_t)got;
    close(fd);
    *length = (int)size;
    return got < 0 ? "it is not a plain file, or reading failed" : NULL;
}

char *file_read(Arena *arena, Diag *diag, const char *path, Span at, int *length)
{
    struct stat info;
    const char *problem = NULL;
    char *text = NULL;
    if (stat(path, &info) != 0)
        problem = strerror(errno);
    else if (S_ISDIR(info.st_mode))
        problem = "it is a folder";
    else if (!S_ISREG(info.st_mode))
        problem = "it is not a plain file";
    else if (info.st_size > LIMIT_FILE_BYTES)
        problem = "it is larger than 4 MiB";
    if (!problem) {
        text = arena_alloc(arena, (size_t)info.st_size + 2);
        problem = read_plain(path, text, (size_t)info.st_size, length);
    }
    if (!problem)
        return text;
    diag_error(diag, at, "E001", "cannot read `%s`: %s", path, problem);
    return NULL;
}

const char *file_beside(Arena *arena, const char *from, const char *path)
{
    const char *slash = strrchr(from, '/');
    if (path[0] == '/' || !slash)
        return path;
    return arena_printf(arena, "%.*s%s", (int)(slash - from) + 1, from, path);
}

// --- files that use files -----------------------------------------------------------------------

typedef struct {
    const char *path;          // without links and dots where the file exists: its identity
    bool        open;          // still being read: to use it now closes a circle
} FileSeen;

typedef struct {
    AstFile *file;
    FileSeen seen[LIMIT_FILES];
    int      count;
} Reading;

static const char *real_path(Arena *arena, const char *path)
{
    char real[PATH_MAX];
    return realpath(path, real) ? arena_copy(arena, real, strlen(real)) : path;
}

static void read_used(Reading *r, const char *from, const Ast *use);

// The items of the files that this one uses come before its own. At most LIMIT_FILES deep.
static void read_text(Reading *r, const char *path, char *text, int length)
{
    AstFile own = { .arena = r->file->arena, .diag = r->file->diag };
    int me = r->count++;
    r->seen[me] = (FileSeen){ real_path(own.arena, path), true };
    parse_source(&own, text, diag_add_source(own.diag, path, text, length), length);
    for (int i = 0; i < own.count; i++)
        if (own.items[i]->kind == AST_USE)
            read_used(r, path, own.items[i]);
    for (int i = 0; i < own.count; i++)
        ARENA_PUSH(r->file->arena, r->file->items, r->file->count, r->file->capacity, own.items[i]);
    r->seen[me].open = false;
}

static void read_used(Reading *r, const char *from, const Ast *use)
{
    Diag *diag = r->file->diag;
    const char *path = file_beside(r->file->arena, from, use->text);
    const char *real = real_path(r->file->arena, path);
    for (int i = 0; i < r->count; i++) {
        if (strcmp(r->seen[i].path, real) != 0)
            continue;
        if (r->seen[i].open)
            diag_error(diag, use->at, "E009", "`%s` is being read already: the files use each other",
                       use->text);
        return;
    }
    if (r->count == LIMIT_FILES) {
        diag_error(diag, use->at, "E008", "more than %d files are used", LIMIT_FILES);
        return;
    }
    int length = 0;
    char *text = file_read(r->file->arena, diag, path, use->name_at, &length);
    if (text)
        read_text(r, path, text, length);
}

static Reading new_reading(Arena *arena, Diag *diag)
{
    Reading r = { .file = ARENA_NEW(arena, AstFile) };
    *r.file = (AstFile){ .arena = arena, .diag = diag };
    return r;
}

AstFile *front_parse(Arena *arena, Diag *diag, const char *path)
{
    int length = 0;
    char *text = file_read(arena, diag, path, NO_SPAN, &length);
    if (!text)
        return NULL;
    Reading r = new_reading(arena, diag);
    read_text(&r, path, text, length);
    return r.file;
}

AstFile *front_parse_text(Arena *arena, Diag *diag, const char *path, const char *text, int length)
{
    if (length < 0 || length > LIMIT_FILE_BYTES) {
        diag_error(diag, NO_SPAN, "E008", "`%s` is larger than 4 MiB", path);
        return NULL;
    }
    char *copy = arena_alloc(arena, (size_t)length + 2);
    if (length)
        memcpy(copy, text, (size_t)length);
    Reading r = new_reading(arena, diag);
    read_text(&r, path, copy, length);
    return r.file;
}
