// posix_spawn and waitpid. The environment holds what compilers need and nothing else of the user's.
#include "runtime/child.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT = 8, ENVIRONMENT_BYTES = 8192 };

bool child_find(const char *name, char path[PATH_MAX])
{
    char candidate[PATH_MAX];
    if (strchr(name, '/'))
        return !access(name, X_OK) && realpath(name, path);
    const char *from = getenv("PATH");
    for (from = from ? from : "/usr/bin:/bin"; *from;) {
        const char *end = strchrnul(from, ':');
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)(end - from), from, name);
        if (!access(candidate, X_OK) && realpath(candidate, path))
            return true;
        from = *end ? end + 1 : end;
    }
    return false;
}

// Where programs, a compiler's own cache and temporary files are.
static void short_environment(char *env[ENVIRONMENT], char *room, size_t size)
{
    static const char *const names[] = { "PATH", "HOME", "TMPDIR", "CCACHE_DIR" };
    int count = 0;
    env[count++] = "LC_ALL=C";
    for (int i = 0; i < 4; i++) {
        const char *value = getenv(names[i]);
        size_t need = value ? strlen(names[i]) + strlen(value) + 2 : 0;
        if (!value || need > size)
            continue;
        snprintf(room, size, "%s=%s", names[i], value);
        env[count++] = room;
        room += need;
        size -= need;
    }
    env[count] = NULL;
}

bool child_start(pid_t *child, const char *what, char *const *argv, const char *output,
                 char err[DEVICE_ERROR])
{
    char room[ENVIRONMENT_BYTES], *env[ENVIRONMENT];
    posix_spawn_file_actions_t actions;
    short_environment(env, room, sizeof room);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    int status = posix_spawnp(child, argv[0], &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    if (!status)
        return true;
    snprintf(err, DEVICE_ERROR, "%s cannot be started: %s", what, strerror(status));
    *child = 0;
    return false;
}

int child_wait(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
