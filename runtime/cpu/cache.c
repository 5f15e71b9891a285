// Entries are two files: KEY.so, and KEY.c with a first line that names size and hash of the
// library, then the full content. An entry is one only if the content is the same byte for byte
// and the library has its hash; so neither a collision nor half a file is ever loaded. Both come
// in by rename, KEY.c last.
#include "runtime/cpu/cache.h"
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

// The line that says which library belongs to a content.
static bool library_head(const char *library, char head[HEAD])
{
    size_t size;
    char *bytes = read_file(library, &size), hash[CACHE_KEY];
    if (!bytes)
        return false;
    hex(XXH3_128bits(bytes, size), hash);
    free(bytes);
    snprintf(head, HEAD, "// library of %zu bytes, XXH3 %s\n", size, hash);
    return true;
}

static void entry_path(const Cache *c, const char *key, const char *end, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s%s", c->path, key, end);
}

bool cache_find(const Cache *c, const char *key, const char *content, char library[PATH_MAX])
{
    char path[PATH_MAX], head[HEAD];
    size_t size;
    if (!c->is_usable)
        return false;
    entry_path(c, key, ".c", path);
    entry_path(c, key, ".so", library);
    char *stored = read_file(path, &size);
    bool same = stored && library_head(library, head) && !strncmp(stored, head, strlen(head))
        && !strcmp(stored + strlen(head), content);
    free(stored);
    if (same)
        utimensat(AT_FDCWD, path, NULL, 0);              // the oldest entries go first
    return same;
}

static bool write_entry(const char *path, const char *head, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool good = fputs(head, f) >= 0 && fputs(content, f) >= 0;
    return !fclose(f) && good;
}

typedef struct { char name[CACHE_KEY]; time_t used; long long bytes; } Entry;

static int compare_entries(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    return x->used < y->used ? -1 : x->used > y->used;
}

// All entries, oldest first; the caller frees the list.
static Entry *list_entries(const Cache *c, int *count)
{
    Entry *list = NULL;
    int room = *count = 0;
    DIR *folder = opendir(c->path);
    for (struct dirent *d; folder && (d = readdir(folder));) {
        size_t length = strlen(d->d_name);
        if (length != CACHE_KEY + 1 || strcmp(d->d_name + CACHE_KEY - 1, ".c"))
            continue;
        if (*count == room) {
            Entry *more = realloc(list, (size_t)(room = room ? 2 * room : 64) * sizeof *list);
            if (!more)
                break;
            list = more;
        }
        Entry *e = &list[*count];
        char path[PATH_MAX];
        struct stat text, library;
        snprintf(e->name, sizeof e->name, "%.*s", CACHE_KEY - 1, d->d_name);
        entry_path(c, e->name, ".c", path);
        if (stat(path, &text))
            continue;
        entry_path(c, e->name, ".so", path);
        e->bytes = text.st_size + (stat(path, &library) ? 0 : library.st_size);
        e->used = text.st_mtime;
        ++*count;
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
        entry_path(c, list[i].name, ".c", path);
        unlink(path);
        entry_path(c, list[i].name, ".so", path);
        unlink(path);
        bytes -= list[i].bytes;
    }
    free(list);
}

bool cache_store(const Cache *c, const char *key, const char *content, const char *made,
                 char library[PATH_MAX])
{
    char head[HEAD], path[PATH_MAX], written[PATH_MAX];
    if (!c->is_usable || !library_head(made, head)
        || snprintf(written, sizeof written, "%s.entry", made) >= (int)sizeof written)
        return false;
    entry_path(c, key, ".so", library);
    entry_path(c, key, ".c", path);
    if (!write_entry(written, head, content) || rename(made, library)) {
        unlink(written);
        return false;
    }
    if (rename(written, path))
        unlink(written);                     // the library is good, it will be made again next time
    drop_oldest(c);
    return true;
}

void cache_measure(const Cache *c, int *files, long long *bytes)
{
    Entry *list = list_entries(c, files);
    *bytes = 0;
    for (int i = 0; i < *files; i++)
        *bytes += list[i].bytes;
    free(list);
}
