// The cache: what was made comes back for the same content and for nothing else; a damaged entry is
// none; the oldest ones go when the folder grows too large.
#include "runtime/cache.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/cleave-cache-XX" "XX" "XX";

static int open_folder(void **state)
{
    (void)state;
    return !mkdtemp(folder) || setenv("XDG_CACHE_HOME", folder, 1);
}

static int close_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static Cache fresh(void)
{
    Cache c;
    cache_open(&c);
    assert_true(c.is_usable);
    return c;
}

static void test_same_content_only(void **state)
{
    (void)state;
    Cache c = fresh();
    char key[CACHE_KEY], path[PATH_MAX];
    size_t size;
    cache_key("text", 4, key);
    assert_null(cache_read(&c, CACHE_CUDA, key, "text", &size));
    assert_true(cache_write(&c, CACHE_CUDA, key, "text", "a\0b", 3));
    char *bytes = cache_read(&c, CACHE_CUDA, key, "text", &size);
    assert_non_null(bytes);
    assert_int_equal(size, 3);
    assert_memory_equal(bytes, "a\0b", 4);
    free(bytes);
    assert_null(cache_read(&c, CACHE_CUDA, key, "other", &size));      // as if two texts had one key
    assert_false(cache_find(&c, CACHE_LIBRARY, key, "text", path));    // another compiler's
    assert_true(cache_find(&c, CACHE_CUDA, key, "text", path));
    int entries;
    long long total;
    cache_measure(&c, &entries, &total);
    assert_int_equal(entries, 1);
    assert_true(total > 7);

    int fd = open(path, O_WRONLY);                                      // one byte of it changes
    assert_int_equal(pwrite(fd, "c", 1, 1), 1);
    close(fd);
    assert_null(cache_read(&c, CACHE_CUDA, key, "text", &size));
    assert_true(cache_write(&c, CACHE_CUDA, key, "text", "new", 3));   // made again
    assert_true(cache_find(&c, CACHE_CUDA, key, "text", path));
    assert_int_equal(truncate(path, 2), 0);
    assert_false(cache_find(&c, CACHE_CUDA, key, "text", path));
}

static void test_oldest_go(void **state)
{
    (void)state;
    Cache c = fresh();
    enum { EACH = CACHE_MOST_BYTES / 5 * 2 };
    char *zeros = calloc(1, EACH), path[PATH_MAX], key[3][CACHE_KEY];
    assert_non_null(zeros);
    const char *const content[] = { "first", "second", "third" };
    for (int i = 0; i < 3; i++) {
        cache_key(content[i], strlen(content[i]), key[i]);
        assert_true(cache_write(&c, CACHE_CUDA, key[i], content[i], zeros, EACH));
        snprintf(path, sizeof path, "%s/%s.cu", c.path, key[i]);
        if (i < 2) {                                                     // written some time ago
            const struct timespec times[2] = { { 1000 + i, 0 }, { 1000 + i, 0 } };
            assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        }
    }
    assert_false(cache_find(&c, CACHE_CUDA, key[0], "first", path));
    assert_true(cache_find(&c, CACHE_CUDA, key[1], "second", path));
    assert_true(cache_find(&c, CACHE_CUDA, key[2], "third", path));
    free(zeros);
}

static void test_folder_of_others(void **state)
{
    (void)state;
    Cache c = fresh();
    assert_int_equal(chmod(c.path, 0777), 0);
    cache_open(&c);
    assert_false(c.is_usable);
    assert_non_null(strstr(c.why_not, "can be written by others"));
    size_t size;
    char key[CACHE_KEY];
    cache_key("text", 4, key);
    assert_false(cache_write(&c, CACHE_CUDA, key, "text", "a", 1));
    assert_null(cache_read(&c, CACHE_CUDA, key, "text", &size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_content_only),
        cmocka_unit_test(test_oldest_go),
        cmocka_unit_test(test_folder_of_others),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
