// A lock of the system (flock) on a file that names its holder. The system gives it back when the
// holder ends, however that happens, so a file that is left over means nothing.
#include "runtime/train/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(RunLock *l, char *err, const char *why)
{
    snprintf(err, LOCK_ERROR, "cannot lock %.300s: %.100s", l->path, why);
    if (l->file >= 0)
        close(l->file);
    l->file = -1;
    return false;
}

static bool refuse(RunLock *l, const char *folder, char *err)
{
    char holder[64] = "";
    ssize_t got = pread(l->file, holder, sizeof holder - 1, 0);
    holder[got > 0 ? strcspn(holder, "\n") : 0] = 0;
    snprintf(err, LOCK_ERROR, "%.200s is in use by another run%s%.60s; `--out` with another folder starts "
             "one beside it", folder ? folder : "the working folder", *holder ? ", " : "", holder);
    close(l->file);
    l->file = -1;
    return false;
}

// The holder before us may have removed the file that we have opened: then another one is there.
static bool is_current(const RunLock *l)
{
    struct stat ours, there;
    return fstat(l->file, &ours) == 0 && stat(l->path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

bool lock_take(RunLock *l, const char *folder, char err[LOCK_ERROR])
{
    snprintf(l->path, sizeof l->path, "%s%srun.lock", folder ? folder : "", folder ? "/" : "");
    l->file = -1;
    do {
        l->file = open(l->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (l->file < 0)
            return fail(l, err, strerror(errno));
        if (flock(l->file, LOCK_EX | LOCK_NB) != 0)
            return errno == EWOULDBLOCK ? refuse(l, folder, err) : fail(l, err, strerror(errno));
        if (is_current(l))
            break;
        close(l->file);
    } while (true);
    if (ftruncate(l->file, 0) == 0 && dprintf(l->file, "process %ld\n", (long)getpid()) > 0)
        return true;
    int why = errno;
    unlink(l->path);
    return fail(l, err, strerror(why));
}

void lock_release(RunLock *l)
{
    if (l->file < 0)
        return;
    if (is_current(l))
        unlink(l->path);
    close(l->file);
    l->file = -1;
}
