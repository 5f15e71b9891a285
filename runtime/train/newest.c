// The newest checkpoint that can be read: by the time of writing, for a run may have begun anew in a folder
// with files of later steps of an earlier one.
#include "runtime/train/newest.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct { char *path; struct timespec written; } Found;
typedef struct { Found *files; int count, room; } List;

static int newest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const Found *)a)->written, *y = &((const Found *)b)->written;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec > y->tv_sec ? -1 : 1;
    return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

static bool add(List *l, const char *folder, const char *name)
{
    static const char ending[] = ".safetensors";
    size_t length = strlen(name), tail = sizeof ending - 1;
    char path[PATH_MAX];
    struct stat info;
    if (length <= tail || strcmp(name + length - tail, ending) != 0 ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
        stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return true;
    if (l->count == l->room) {
        Found *more = realloc(l->files, (size_t)(l->room ? 2 * l->room : 16) * sizeof *more);
        if (!more)
            return false;
        l->room = l->room ? 2 * l->room : 16;
        l->files = more;
    }
    l->files[l->count] = (Found){ strdup(path), info.st_mtim };
    return l->files[l->count++].path != NULL;
}

static bool list(List *l, const char *folder, char *err)
{
    DIR *d = opendir(folder);
    if (!d) {
        snprintf(err, CHECKPOINT_ERROR, "%.300s: %.180s", folder, strerror(errno));
        return false;
    }
    bool fine = true;
    for (struct dirent *e; fine && (e = readdir(d));)
        fine = add(l, folder, e->d_name);
    closedir(d);
    if (!fine)
        snprintf(err, CHECKPOINT_ERROR, "out of memory");
    else if (l->count)
        qsort(l->files, (size_t)l->count, sizeof *l->files, newest_first);
    return fine;
}

// *is_damaged: it cannot be read, and may have been a checkpoint.
static bool is_readable(const char *path, bool *is_damaged, char *err)
{
    Safetensors *f = safetensors_open(path, err);
    bool is_one = f && safetensors_meta(f, "plan") && safetensors_meta(f, "step");
    bool fine = is_one && safetensors_check(f, err);
    *is_damaged = !f || (is_one && !fine);
    safetensors_close(f);
    return fine;
}

Newest newest_checkpoint(const char *folder, NewestTold *told, void *context, char **path,
                         char err[CHECKPOINT_ERROR])
{
    List l = { .files = NULL };
    int skipped = 0;
    *path = NULL;
    bool listed = list(&l, folder, err);
    for (int i = 0; listed && !*path && i < l.count; i++) {
        bool is_damaged;
        if (is_readable(l.files[i].path, &is_damaged, err)) {
            *path = l.files[i].path;
            l.files[i].path = NULL;
        } else if (is_damaged) {
            skipped++;
            told(context, err);
        }
    }
    for (int i = 0; i < l.count; i++)
        free(l.files[i].path);
    free(l.files);
    if (*path)
        return NEWEST_FOUND;
    if (!listed)
        return NEWEST_DAMAGED;
    snprintf(err, CHECKPOINT_ERROR, skipped ? "%.300s: no checkpoint in it can be read"
             : "%.300s: there is no checkpoint in it", folder);
    return skipped ? NEWEST_DAMAGED : NEWEST_NONE;
}
