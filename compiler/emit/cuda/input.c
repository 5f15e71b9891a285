// Head of the kernel that makes the net's input from bytes.
#include "emit/cuda/input.h"
#include "emit/cuda/head.h"

enum { THREADS = 256 };

static void print_stages(Emit *e, const InputStages *s)
{
    head_constant(e, "BYTES_H", s->height);
    head_constant(e, "BYTES_W", s->width);
    head_constant(e, "BEFORE_H", s->before_height);
    head_constant(e, "BEFORE_W", s->before_width);
    head_constant(e, "HAS_MEAN", s->has_mean);
    head_real(e, "SCALE", s->by);
    head_real(e, "OFFSET", s->add);
}

bool cuda_input_emit(Emit *e, Kern *k, const Node *input, const InputStages *s)
{
    const Layout *l = &input->layout;
    Shape shape = input->shape;
    if (l->kind != LAYOUT_NHWC || l->pieces.count > 1 || shape.c != s->channels)
        return false;
    int64_t height = l->top + shape.h + l->bottom, width = l->left + shape.w + l->right;
    int64_t blocks = layout_pixel(l, shape) / l->vector, threads = shape.n * height * width * blocks;
    cuda_launch(k, cuda_blocks(threads, THREADS), 1, 1, THREADS, 0);
    k->bytes = cuda_bytes(input) + shape_count(shape);
    k->reason = "every byte is read where its pixel is made";
    cuda_open(e, k, l->vector, "neighbouring pixels", "some channels of one pixel");
    head_constant(e, "COUNT", threads);
    head_constant(e, "BLOCKS", blocks);
    print_stages(e, s);
    head_constant(e, "CHANNELS", shape.c);
    head_constant(e, "H", shape.h);
    head_constant(e, "W", shape.w);
    head_constant(e, "TOP", l->top);
    head_constant(e, "LEFT", l->left);
    head_constant(e, "STORED_H", height);
    head_constant(e, "STORED_W", width);
    cuda_tensor(e, "Y", 0, input);
    if (!head_body(e, "cuda/input.cu"))
        return false;
    head_close(e);
    return true;
}
