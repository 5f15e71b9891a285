// Entries are two files: what was made (KEY.so), and KEY.c with a first line that names its size and
// hash, then the full content. An entry is one only if the content is the same byte for byte and
// what was made has its hash; so neither a collision nor half a file is ever loaded. Both come in by
// rename, KEY.c last.
#include "runtime/cache.h"
#include "runtime/durable.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { HEAD = 80 };

// How the two files of a kind end.
static const struct { const char *content, *made; } ends[CACHE_KINDS] = {
    [CACHE_LIBRARY] = { ".c",  ".so" },
    [CACHE_CUDA]    = { ".cu", ".kernels" },
};

static void hex(XXH128_hash_t h, char to[CACHE_KEY])
{
    snprintf(to, CACHE_KEY, "%016" PRIx64 "%016" PRIx64, h.high64, h.low64);
}

void cache_key(const char *content, size_t size, char key[CACHE_KEY])
{
    hex(XXH3_128bits(content, size), key);
}

// --- the folder -----------------------------------------------------------------------------------

static bool refuse(Cache *c, const char *what)
{
    snprintf(c->why_not, sizeof c->why_not, "%s%s%s", what, errno ? ": " : "",
             errno ? strerror(errno) : "");
    return c->is_usable = false;
}

// Makes the folders of a path that are missing, each closed to others.
static bool make_folders(const char *path)
{
    char part[PATH_MAX];
    for (const char *end = path + 1;; end++) {
        if (*end && *end != '/')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        if (mkdir(part, 0700) && errno != EEXIST)
            return false;
        if (!*end)
            return true;
    }
}

static bool check_owner(Cache *c)
{
    struct stat s;
    int fd = open(c->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s)) {
        if (fd >= 0)
            close(fd);
        return refuse(c, "cannot be opened");
    }
    close(fd);
    errno = 0;
    if (s.st_uid != geteuid())
        return refuse(c, "belongs to somebody else");
    if (s.st_mode & 022)
        return refuse(c, "can be written by others");
    return true;
}

void cache_open(Cache *c)
{
    *c = (Cache){ 0 };
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (xdg && *xdg == '/')
        length = snprintf(c->path, sizeof c->path, "%s/cleave", xdg);
    else if (home && *home == '/')
        length = snprintf(c->path, sizeof c->path, "%s/.cache/cleave", home);
    errno = 0;
    if (length < 0 || length >= (int)sizeof c->path)
        refuse(c, "neither XDG_CACHE_HOME nor HOME names a folder");
    else if (!make_folders(c->path))
        refuse(c, "cannot be made");
    else
        c->is_usable = check_owner(c);
}

// --- entries --------------------------------------------------------------------------------------

// The whole file, ended by 0; NULL when it cannot be read. free() it.
static char *read_file(const char *path, size_t *size)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *bytes = NULL;
    size_t got = 0;
    if (!fstat(fd, &s) && S_ISREG(s.st_mode) && s.st_size <= CACHE_MOST_BYTES)
        bytes = malloc((size_t)s.st_size + 1);
    while (bytes && got < (size_t)s.st_size) {
        ssize_t n = read(fd, bytes + got, (size_t)s.st_size - got);
        if (n <= 0 && errno != EINTR)
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    if (bytes)
        bytes[*size = got] = 0;
    return bytes;
}

// The line that says which bytes belong to a content.
static void write_head(const char *bytes, size_t size, char head[HEAD])
{
    char hash[CACHE_KEY];
    hex(XXH3_128bits(bytes, size), hash);
    snprintf(head, HEAD, "// made: %zu bytes, XXH3 %s\n", size, hash);
}

static void entry_path(const Cache *c, const char *key, const char *end, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s%s", c->path, key, end);
}

char *cache_read(const Cache *c, CacheKind kind, const char *key, const char *content, size_t *size)
{
    char path[PATH_MAX], head[HEAD];
    size_t stored_size;
    if (!c->is_usable)
        return NULL;
    entry_path(c, key, ends[kind].made, path);
    char *bytes = read_file(path, size);
    entry_path(c, key, ends[kind].content, path);
    char *stored = bytes ? read_file(path, &stored_size) : NULL;
    if (stored)
        write_head(bytes, *size, head);
    bool same = stored && !strncmp(stored, head, strlen(head))
        && !strcmp(stored + strlen(head), content);
    free(stored);
    if (same) {
        utimensat(AT_FDCWD, path, NULL, 0);              // the oldest entries go first
        return bytes;
    }
    free(bytes);
    return NULL;
}

bool cache_find(const Cache *c, CacheKind kind, const char *key, const char *content,
                char made[PATH_MAX])
{
    size_t size;
    char *bytes = cache_read(c, kind, key, content, &size);
    entry_path(c, key, ends[kind].made, made);
    free(bytes);
    return bytes != NULL;
}

static bool write_entry(const char *path, const char *head, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool good = durable_bytes(fd, head, strlen(head)) && durable_bytes(fd, content, strlen(content));
    return !close(fd) && good;
}

typedef struct { char name[CACHE_KEY]; CacheKind kind; time_t used; long long bytes; } Entry;

static int compare_entries(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return x->used < y->used ? -1 : x->used > y->used;
}

// Is a file of this name the content of an entry?
static bool names_entry(const char *name, Entry *e)
{
    for (int kind = 0; kind < CACHE_KINDS; kind++)
        if (strlen(name) > CACHE_KEY - 1 && !strcmp(name + CACHE_KEY - 1, ends[kind].content)) {
            snprintf(e->name, sizeof e->name, "%.*s", CACHE_KEY - 1, name);
            e->kind = (CacheKind)kind;
            return true;
        }
    return false;
}

static bool measure_entry(const Cache *c, Entry *e)
{
    char path[PATH_MAX];
    struct stat content, made;
    entry_path(c, e->name, ends[e->kind].content, path);
    if (stat(path, &content))
        return false;
    entry_path(c, e->name, ends[e->kind].made, path);
    e->bytes = content.st_size + (stat(path, &made) ? 0 : made.st_size);
    e->used = content.st_mtime;
    return true;
}

// All entries, oldest first; the caller frees the list.
static Entry *list_entries(const Cache *c, int *count)
{
    Entry *list = NULL, e;
    int room = *count = 0;
    DIR *folder = opendir(c->path);
    for (struct dirent *d; folder && (d = readdir(folder));) {
        if (!names_entry(d->d_name, &e) || !measure_entry(c, &e))
            continue;
        if (*count == room) {
            Entry *more = realloc(list, (size_t)(room = room ? 2 * room : 64) * sizeof *list);
            if (!more)
                break;
            list = more;
        }
        list[(*count)++] = e;
    }
    if (folder)
        closedir(folder);
    if (list)
        qsort(list, (size_t)*count, sizeof *list, compare_entries);
    return list;
}

static void drop_oldest(const Cache *c)
{
    int count;
    Entry *list = list_entries(c, &count);
    long long bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += list[i].bytes;
    for (int i = 0; i < count && bytes > CACHE_MOST_BYTES; i++) {
        char path[PATH_MAX];
        entry_path(c, list[i].name, ends[list[i].kind].content, path);
        unlink(path);
        entry_path(c, list[i].name, ends[list[i].kind].made, path);
        unlink(path);
        bytes -= list[i].bytes;
    }
    free(list);
}

bool cache_store(const Cache *c, CacheKind kind, const char *key, const char *content,
                 const char *from, char made[PATH_MAX])
{
    char head[HEAD], path[PATH_MAX], written[PATH_MAX];
    size_t size;
    char *bytes = c->is_usable ? read_file(from, &size) : NULL;
    if (!bytes)
        return false;
    write_head(bytes, size, head);
    free(bytes);
    if (snprintf(written, sizeof written, "%s.entry", from) >= (int)sizeof written)
        return false;
    entry_path(c, key, ends[kind].made, made);
    entry_path(c, key, ends[kind].content, path);
    if (!write_entry(written, head, content) || rename(from, made)) {
        unlink(written);
        return false;
    }
    if (rename(written, path))
        unlink(written);               // what was made is good, it will be made again next time
    drop_oldest(c);
    return true;
}

bool cache_write(const Cache *c, CacheKind kind, const char *key, const char *content,
                 const void *bytes, size_t size)
{
    char from[PATH_MAX], made[PATH_MAX];
    snprintf(from, sizeof from, "%s/made-XX" "XX" "XX", c->path);
    int fd = c->is_usable ? mkostemp(from, O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    bool good = durable_bytes(fd, bytes, size);
    good = !close(fd) && good;
    if (good && cache_store(c, kind, key, content, from, made))
        return true;
    unlink(from);
    return false;
}

void cache_measure(const Cache *c, int *entries, long long *bytes)
{
    Entry *list = list_entries(c, entries);
    *bytes = 0;
    for (int i = 0; i < *entries; i++)
        *bytes += list[i].bytes;
    free(list);
}
