// Values of two programs of one net.
#include "cli/values.h"
#include <stdlib.h>
#include <string.h>

static BufferRole role_of(const Program *p, int tensor) { return p->buffers[p->tensors[tensor].buffer].role; }

bool values_are_kept(const Program *p, int tensor)
{
    return role_of(p, tensor) == BUFFER_PARAM || role_of(p, tensor) == BUFFER_VELOCITY;
}

static int find_same(const Program *a, int tensor, const Program *b)
{
    const Tensor *t = &a->tensors[tensor];
    BufferRole role = role_of(a, tensor);
    for (int i = 0; i < b->tensor_count; i++) {
        const Tensor *u = &b->tensors[i];
        if (!t->is_bytes && !u->is_bytes && role != BUFFER_STATE && role_of(b, i) != BUFFER_STATE
            && values_are_kept(a, tensor) == values_are_kept(b, i) && shape_equal(t->shape, u->shape)
            && !strcmp(t->name, u->name))
            return i;
    }
    return -1;
}

int *values_same(const Program *a, const Program *b)
{
    int *same = calloc((size_t)a->tensor_count + 1, sizeof *same);
    for (int i = 0; i < a->tensor_count && same; i++)
        same[i] = find_same(a, i, b);
    return same;
}

double values_least_scale(const Program *p, const Launch *l, int tensor)
{
    if (!l || l->layer[0])
        return 0;
    return role_of(p, tensor) == BUFFER_OUTPUT ? 1 : 1.0 / (double)p->tensors[tensor].shape.n;
}

bool values_are_of_gradients(const Program *p, int tensor, const Launch *l, const Copy *copy)
{
    return values_are_kept(p, tensor) || (l ? strcmp(l->phase, "forward") != 0 : copy->backward);
}

typedef enum { FP32, TF32, BF16 } Precision;

static Precision precision_of(const char *target)
{
    bool is_cuda = !strncmp(target, "cuda:", 5);
    return strstr(target, ":bf16") ? BF16
           : strstr(target, ":tf32") || (is_cuda && !strstr(target, ":fp32")) ? TF32 : FP32;
}

double values_free_tolerance(const char *a, const char *b)
{
    Precision of_a = precision_of(a), of_b = precision_of(b);
    return of_a != of_b || of_a == BF16 ? 2e-1 : of_a == TF32 ? 2e-2 : 2e-3;
}

void values_print_maker(const Program *p, const Launch *l)
{
    const Kernel *k = &p->kernels[l->kernel];
    printf("made by %s (%s): %s", k->symbol, k->body, l->title);
    for (int i = 0; i < l->place_count; i++)
        printf(", %s:%d", l->places[i].path, l->places[i].line);
    putchar('\n');
}
