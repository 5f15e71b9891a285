// Max pools of more than 256 places are done along rows and then along columns: the values are those
// of one window. (Gradients: tests/cli/large_pool.sh.)
#include "evaluate/evaluate.h"
#include "front/front.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

typedef struct { Arena arena; Diag diag; jmp_buf exhausted; } Front;

static Evaluator *open_net(Front *f, const char *text)
{
    arena_open(&f->arena, 0, &f->exhausted);
    if (setjmp(f->exhausted))
        fail_msg("out of memory");
    diag_open(&f->diag, &f->arena);
    AstFile *file = front_parse_text(&f->arena, &f->diag, "t.net", text, (int)strlen(text));
    FrontOptions o = { .batch = 2 };
    Graph *g = front_graph(file, &o, GRAPH_PREDICT, &f->arena, &f->diag);
    if (!g)
        fail_msg("%s: %s", text, f->diag.first ? f->diag.first->text : "no graph");
    return evaluator_open(&f->arena, g);
}

typedef struct { int kernel_h, kernel_w, stride_h, stride_w, pad, out_h, out_w; } Pool;

static double largest(const double *map, int size, const Pool *p, int y, int x)
{
    double most = -INFINITY;
    for (int i = 0; i < p->kernel_h; i++)
        for (int k = 0; k < p->kernel_w; k++) {
            int row = y * p->stride_h - p->pad + i, column = x * p->stride_w - p->pad + k;
            if (row >= 0 && row < size && column >= 0 && column < size)
                most = fmax(most, map[row * size + column]);
        }
    return most;
}

enum { SIZE = 30 };

static void two_steps_are_one_window(void **state)
{
    (void)state;
    static const struct { const char *net; Pool pool; } rows[] = {
        { "net n : 3x30x30 -> 3x1x1 { max_pool(30) }", { 30, 30, 30, 30, 0, 1, 1 } },
        { "net n : 3x30x30 -> 3x7x4 { pool(17x20, stride = 2x3) }", { 17, 20, 2, 3, 0, 7, 4 } },
        { "net n : 3x30x30 -> 3x8x5 { pool(17x20, stride = 2x3, round = up) }", { 17, 20, 2, 3, 0, 8, 5 } },
        { "net n : 3x30x30 -> 3x5x6 { max_pool(20x17, stride = 4, pad = 3, round = up) }",
          { 20, 17, 4, 4, 3, 5, 6 } },
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const Pool *p = &rows[r].pool;
        Front f;
        Evaluator *e = open_net(&f, rows[r].net);
        evaluator_fill(e, r + 1);
        evaluator_run(e);
        const Node *out = e->graph->outputs[0].node;
        assert_int_equal(out->shape.h, p->out_h);
        assert_int_equal(out->shape.w, p->out_w);
        for (int map = 0; map < 6; map++)
            for (int y = 0; y < p->out_h; y++)
                for (int x = 0; x < p->out_w; x++)
                    assert_true(e->value[out->id][(map * p->out_h + y) * p->out_w + x] ==
                                largest(e->input[0] + map * SIZE * SIZE, SIZE, p, y, x));
        arena_close(&f.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(two_steps_are_one_window) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
