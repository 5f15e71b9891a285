// Heads of max and mean pooling and of their gradients on GPUs.
#include "emit/cuda/maps.h"
#include <string.h>

bool cuda_is_map(const Node *n) { return n->layout.kind == LAYOUT_NHWC; }

int64_t cuda_map_blocks(const Node *n, int lanes) { return layout_pixel(&n->layout, n->shape) / lanes; }

bool cuda_same_blocks(const Node *a, const Node *b)
{
    const Layout *l = &a->layout, *m = &b->layout;
    return l->vector == m->vector
        && ((blocks_are_runs(l) && blocks_are_runs(m))
            || (l->pieces.count == m->pieces.count
                && !memcmp(l->pieces.channels, m->pieces.channels,
                           (size_t)l->pieces.count * sizeof l->pieces.channels[0])));
}

int64_t cuda_vectors(const Node *n, int lanes)
{
    return n->shape.n * n->shape.h * n->shape.w * cuda_map_blocks(n, lanes);
}

void cuda_launch_vectors(Kern *k, const Node *n, int lanes, int threads, int64_t shared)
{
    cuda_launch(k, cuda_blocks(cuda_vectors(n, lanes), threads), 1, 1, threads, shared);
    k->bytes = cuda_argument_bytes(k);
}

void cuda_map_open(Emit *e, const Kern *k, int lanes, const char *block, const char *thread)
{
    cuda_open(e, k, lanes, block, thread);
    int threads = lanes > 4 ? 512 : 1024;
    head_constant(e, "RESIDENT", k->threads < threads ? threads / k->threads : 1);
}

bool cuda_pool_is_max(const Node *n) { return n->op == OP_MAX_POOL || n->op == OP_MAX_POOL_DX; }

bool cuda_places_fit(const Node *pool)
{
    return (int64_t)pool->attr.pool.window.kernel_h * pool->attr.pool.window.kernel_w <= 256;
}

static bool is_gradient(const Node *n) { return n->op == OP_MAX_POOL_DX || n->op == OP_MEAN_POOL_DX; }

static void places(Emit *e, const Kern *k, const Node *pool)
{
    Layout l = layout_compact(pool->layout);
    head_constant(e, "PLACES", kern_find_places(k, pool));
    head_address_of(e, "AT_PLACES", &l, pool->shape);
}

bool cuda_pool_window(Emit *e, const Kern *k, const Node *pool)
{
    head_window(e, &pool->attr.pool.window, pool->in[0]->shape, pool->shape);
    head_constant(e, "IS_MAX", cuda_pool_is_max(pool));
    head_constant(e, "HAS_PLACES", pool->places != NULL);
    if (pool->places)
        places(e, k, pool);
    return head_body(e, "cuda/pool_window.cu");
}

void cuda_pool_read(Kern *k, const Node *dx)
{
    if (!k->group->prologue_count)
        kern_read(k, dx->in[0]);
    if (cuda_pool_is_max(dx))
        kern_read_places(k, dx->forward);
}

bool cuda_pool_gather(Emit *e, const Kern *k, const Node *dx)
{
    head_window(e, &dx->attr.pool.window, dx->shape, dx->in[0]->shape);
    head_constant(e, "IS_MAX", cuda_pool_is_max(dx));
    if (cuda_pool_is_max(dx))
        places(e, k, dx->forward);
    if (k->group->prologue_count)
        return head_prologue(e, k, LANES_CHANNELS) && head_body(e, "cuda/pool_gather.cu");
    cuda_tensor(e, "DY", kern_find(k, dx->in[0]), dx->in[0]);
    head_define(e, "PROLOGUE(t, n, b, y, x)", "LOAD_DY((t)[DY], AT_DY(n, b, y, x))");
    return head_body(e, "cuda/pool_gather.cu");
}

// --- bodies -------------------------------------------------------------------------------------

bool cuda_pool_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    return !is_gradient(n) && cuda_is_map(n) && cuda_same_blocks(n, n->in[0])
        && (!n->places || cuda_places_fit(n));
}

bool cuda_pool_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    int x = kern_read(k, n->in[0]), lanes = n->layout.vector;
    kern_read_operands(k);
    if (n->places)
        kern_write_places(k, n);
    int y = kern_write_outputs(k);
    cuda_launch_vectors(k, n, lanes, MAP_THREADS, 0);
    k->reason = "one pass; what windows share is in the caches";
    cuda_map_open(e, k, lanes, "neighbouring pooled pixels", "some channels of one pooled pixel");
    head_constant(e, "COUNT", cuda_vectors(n, lanes));
    head_constant(e, "BLOCKS", cuda_map_blocks(n, lanes));
    cuda_tensor(e, "X", x, n->in[0]);
    cuda_tensor(e, "Y", y, group_result(k->group));
    return head_epilogue(e, k, LANES_CHANNELS) && cuda_pool_window(e, k, n) && head_body(e, "cuda/pool.cu");
}

bool cuda_pool_dx_takes(const Emit *e, const Group *g)
{
    (void)e;
    const Node *n = g->root;
    if (!is_gradient(n) || !cuda_is_map(n) || !cuda_same_blocks(n, n->in[0]))
        return false;
    return !cuda_pool_is_max(n) || (cuda_places_fit(n) && cuda_same_blocks(n, n->forward));
}

bool cuda_pool_dx_emit(Emit *e, Kern *k)
{
    const Node *n = k->group->root;
    int lanes = n->layout.vector;
    cuda_pool_read(k, n);
    kern_read_operands(k);
    int y = kern_write_outputs(k);
    cuda_launch_vectors(k, n, lanes, MAP_THREADS, 0);
    k->reason = "every gradient is gathered and written once";
    cuda_map_open(e, k, lanes, "neighbouring pixels of the map", "some channels of one pixel");
    head_constant(e, "COUNT", cuda_vectors(n, lanes));
    head_constant(e, "BLOCKS", cuda_map_blocks(n, lanes));
    cuda_tensor(e, "Y", y, group_result(k->group));
    return cuda_pool_gather(e, k, n) && head_epilogue(e, k, LANES_CHANNELS)
        && head_body(e, "cuda/pool_dx.cu");
}
