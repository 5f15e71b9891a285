// Training runs of tests.
#include "reference/training.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void training_compile(Training *t, const char *path, const FrontOptions *front)
{
    memset(t, 0, sizeof *t);
    CompileOptions o = { .modes = 1 << GRAPH_TRAIN | 1 << GRAPH_TEST };
    if (front)
        o.front = *front;
    if (!compile_file(&t->c, &o, path)) {
        diag_print(&t->c.diag, stderr, false);
        fail_msg("%s: %s", path, t->c.err);
    }
}

static const char *folder_of(const char *path, char to[256])
{
    const char *slash = strrchr(path, '/');
    snprintf(to, 256, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return to;
}

void training_start(Training *t, int threads, uint64_t seed)
{
    Span at;
    char folder[256];
    SessionOptions so = { .threads = threads, .seed = seed };
    t->s = session_open(t->c.program, &so, t->err);
    if (!t->s)
        fail_msg("%s", t->err);
    Shape image = t->c.program->sequences[0].inputs[0].shape;
    image.n = 1;
    DataOptions d = { .recipe = &t->c.recipe.data, .folder = folder_of(t->c.diag.sources[0].path, folder),
                      .train = true, .test = true, .image = image,
                      .classes = (int)t->c.graphs[GRAPH_TRAIN]->scores->shape.c, .threads = 1,
                      .cache_bytes = 1 << 20 };
    if (!data_open(&t->data, &d, &at, t->err))
        fail_msg("%s", t->err);
    t->o = (TrainOptions){ .data = &t->data, .loader_threads = threads ? threads : 2 };
}

void training_close(Training *t)
{
    data_close(&t->data);
    session_close(t->s);
    compile_close(&t->c);
}

Training *training_open(const char *path, const FrontOptions *front, int threads)
{
    Training *t = malloc(sizeof *t);
    assert_non_null(t);
    training_compile(t, path, front);
    training_start(t, threads, front ? front->seed : 1);
    return t;
}

void training_free(Training *t)
{
    training_close(t);
    free(t);
}

void training_run(Training *t)
{
    if (train_run(t->s, &t->o, t->err) != TRAIN_DONE)
        fail_msg("%s", t->err);
}

void training_assert_same(Training *a, Training *b)
{
    for (int i = 0; i < a->c.program->param_count; i++) {
        size_t bytes = 4 * (size_t)shape_count(a->c.program->params[i].shape);
        float *x = malloc(bytes), *y = malloc(bytes);
        assert_true(session_read_param(a->s, i, x, a->err) && session_read_param(b->s, i, y, b->err));
        assert_memory_equal(x, y, bytes);
        assert_true(session_read_velocity(a->s, i, x, a->err) && session_read_velocity(b->s, i, y, b->err));
        assert_memory_equal(x, y, bytes);
        free(x);
        free(y);
    }
}
