// Write, sync, rename, sync the folder.
#include "runtime/durable.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char mark[] = ".cleave-tmp-";     // then the process' number

static bool fail(char *err, const char *path, int why)
{
    snprintf(err, DURABLE_ERROR, "%.300s: %.180s", path, strerror(why));
    return false;
}

bool durable_bytes(int file, const void *bytes, size_t size)
{
    const char *from = bytes;
    while (size) {
        ssize_t n = write(file, from, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n ? errno : ENOSPC;
            return false;
        }
        from += n;
        size -= (size_t)n;
    }
    return true;
}

// A signal may come in between: then again.
static int open_again(const char *path, int flags)
{
    int file;
    while ((file = open(path, flags | O_CLOEXEC, 0666)) < 0 && errno == EINTR)
        ;
    return file;
}

static bool sync_again(int file)
{
    int result;
    while ((result = fsync(file)) != 0 && errno == EINTR)
        ;
    return result == 0;
}

static bool rename_again(const char *from, const char *to)
{
    int result;
    while ((result = rename(from, to)) != 0 && errno == EINTR)
        ;
    return result == 0;
}

// A file system may report here what it could not write. After EINTR the file is closed, too.
static bool close_file(int file)
{
    return close(file) == 0 || errno == EINTR;
}

static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int folder = open_again(dirname(copy), O_RDONLY | O_DIRECTORY);
    if (folder < 0)
        return false;
    bool fine = sync_again(folder);
    int why = errno;
    close(folder);
    errno = why;
    return fine;
}

bool durable_write(const char *path, const void *bytes, size_t size, char err[DURABLE_ERROR])
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof temporary, "%s%s%ld", path, mark, (long)getpid()) >= (int)sizeof temporary)
        return fail(err, path, ENAMETOOLONG);
    int file = open_again(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file < 0)
        return fail(err, path, errno);
    bool fine = durable_bytes(file, bytes, size) && sync_again(file);
    int why = errno;
    if (!close_file(file) && fine) {
        fine = false;
        why = errno;
    }
    if (fine && !rename_again(temporary, path)) {
        fine = false;
        why = errno;
    }
    if (!fine) {
        unlink(temporary);
        return fail(err, path, why);
    }
    return sync_folder(path) || fail(err, path, errno);
}

// "at3.safetensors.cleave-tmp-4711"
static bool is_left_over(const char *name)
{
    const char *at = strstr(name, mark);
    return at && at > name && at[sizeof mark - 1] &&
           strspn(at + sizeof mark - 1, "0123456789") == strlen(at + sizeof mark - 1);
}

void durable_sweep(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_left_over(e->d_name))
            unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
}
