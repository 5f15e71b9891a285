// Heads of CUDA kernels: signature, lanes, tensors.
#include "emit/cuda/head.h"
#include <assert.h>
#include <inttypes.h>

void cuda_launch(Kern *k, int64_t x, int64_t y, int64_t z, int threads, int64_t shared)
{
    assert(x >= 1 && x <= INT32_MAX && y >= 1 && y <= 65535 && z >= 1 && z <= 65535);
    assert(threads % 32 == 0 && threads >= 32 && threads <= 1024);
    k->item_kind = ITEMS_JOBS;
    k->items = x * y * z;
    k->grid = (Grid){ (int)x, (int)y, (int)z };
    k->threads = threads;
    k->shared = shared;
}

static bool is_written(const Kern *k, int arg) { return arg >= k->arg_count - k->writes; }

static void print_arguments(Emit *e, const Kern *k)
{
    head_list(e, "PARAMETERS");
    for (int i = 0; i < k->arg_count; i++)
        fprintf(e->text, "%s%svoid *__restrict__ t%d", i ? ", " : "", is_written(k, i) ? "" : "const ", i);
    fputc('\n', e->text);
    head_list(e, "TENSORS");
    fputs("void *const t[] = { ", e->text);
    for (int i = 0; i < k->arg_count; i++)
        fprintf(e->text, "%s%st%d", i ? ", " : "", is_written(k, i) ? "" : "(void *)", i);
    fputs(" }\n", e->text);
}

static void print_argument_comments(Emit *e, const Kern *k)
{
    char shape[SHAPE_TEXT];
    for (int i = 0; i < k->arg_count; i++) {
        const Node *n = k->args[i];
        const char *kind = k->is_state[i]      ? "state"
                           : k->is_partial[i]  ? "partial sums"
                           : k->is_velocity[i] ? "velocity"
                           : k->is_places[i]   ? "places of maxima"
                           : n && n->op == OP_PARAM ? "parameter"
                           : n && node_is_rounded(n) ? "rounded parameter" : "values";
        fprintf(e->text, "//     t%d %s %s", i, is_written(k, i) ? "out:" : "in: ", kind);
        if (n)
            fprintf(e->text, ", %" PRId64 " x %s", n->shape.n, shape_text(shape, n->shape));
        fputc('\n', e->text);
    }
}

void cuda_open(Emit *e, const Kern *k, int lanes, const char *block, const char *thread)
{
    e->lanes = lanes;
    fprintf(e->text, "\n#line 1 \"head of %s\"\n// %s\n", k->symbol, k->what);
    fprintf(e->text, "// A block makes %s, a thread %s.\n// %d x %d x %d blocks of %d threads", block, thread,
            k->grid.x, k->grid.y, k->grid.z, k->threads);
    fprintf(e->text, k->shared ? ", %" PRId64 " bytes of shared memory each.\n" : ".\n", k->shared);
    print_argument_comments(e, k);
    head_define(e, "KERNEL", "%s", k->symbol);
    head_constant(e, "V", lanes);
    fprintf(e->text, "typedef Vector<V> real;\ntypedef Mask<V> real_mask;\ntypedef %s index;\n", e->index);
    head_constant(e, "THREADS", k->threads);
    print_arguments(e, k);
}

void cuda_tensor(Emit *e, const char *name, int arg, const Node *n)
{
    char word[HEAD_NAME];
    head_constant(e, name, arg);
    snprintf(word, sizeof word, "AT_%s", name);
    head_address(e, word, n);
    snprintf(word, sizeof word, "LOAD_%s", name);
    head_define(e, word, "r_load%s", head_load_suffix(&n->layout));
    snprintf(word, sizeof word, "STORE_%s", name);
    head_define(e, word, "r_store%s", head_store_suffix(&n->layout));
}

void cuda_elements(Emit *e, const char *name, const Node *n)
{
    char word[HEAD_NAME];
    snprintf(word, sizeof word, "OF_%s", name);
    head_element(e, word, n);
    snprintf(word, sizeof word, "GET_%s", name);
    head_define(e, word, "r_element%s", head_load_suffix(&n->layout));
}

void cuda_write_weights(Kern *k, const Node *param)
{
    kern_write_param(k, param);
    kern_write_velocity(k, param);
    if (param->rounded)
        kern_write(k, param->rounded);
}

int64_t cuda_update_bytes(const Node *param)
{
    return 4 * cuda_bytes(param) + (param->rounded ? cuda_bytes(param->rounded) : 0);
}

void cuda_weights(Emit *e, const Kern *k, const Node *update)
{
    const Node *param = update->in[0], *copy = param->rounded;
    head_constant(e, "STATE", kern_find_state(k));
    head_constant(e, "PARAM", update->attr.update.param);
    head_constant(e, "RULE", update->attr.update.rule);
    head_constant(e, "W", kern_find(k, param));
    head_constant(e, "VELOCITY", kern_find_velocity(k, param));
    if (copy)
        head_define(e, "STORE_ROUNDED(t, at, w)", "r_store%s((t)[%d], at, w)",
                    head_store_suffix(&copy->layout), kern_find(k, copy));
    else
        head_define(e, "STORE_ROUNDED(t, at, w)", "(void)0");
}

int64_t cuda_bytes(const Node *n)
{
    return n->shape.n * layout_item(&n->layout, n->shape) * element_bytes(n->layout.element);
}

int64_t cuda_argument_bytes(const Kern *k)
{
    int64_t bytes = 0;
    for (int i = 0; i < k->arg_count; i++)
        if (k->is_places[i])                             // a byte each
            bytes += cuda_bytes(k->args[i]) / element_bytes(k->args[i]->layout.element);
        else if (k->args[i])
            bytes += cuda_bytes(k->args[i]);
    return bytes;
}

int64_t cuda_blocks(int64_t count, int threads) { return (count + threads - 1) / threads; }
