// Element by element.
#include "evaluate/formulas.h"
#include "kernels/random.h"
#include <math.h>

#define EACH(i, n) for (int64_t i = 0, count_ = shape_count((n)->shape); i < count_; i++)

void formula_bias(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    int64_t area = n->shape.h * n->shape.w;
    EACH(i, n)
        y[i] = in[0][i] + in[1][i / area % n->shape.c];
}

void formula_place_bias(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = in[0][i] + in[1][i % shape_item(n->shape)];
}

void formula_relu(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    EACH(i, n) {
        y[i] = in[0][i] > 0 || isnan(in[0][i]) ? in[0][i] : 0;
        decide(e, in[0][i] > 0);
    }
}

void formula_relu_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    EACH(i, n)
        dx[i] = in[1][i] > 0 ? in[0][i] : 0;
}

void formula_tanh(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = tanh(in[0][i]);
}

void formula_tanh_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    EACH(i, n)
        dx[i] = in[0][i] * (1 - in[1][i] * in[1][i]);
}

void formula_sigmoid(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = 1 / (1 + exp(-in[0][i]));
}

void formula_sigmoid_dx(Evaluator *e, const Node *n, const double *const *in, double *dx)
{
    (void)e;
    EACH(i, n)
        dx[i] = in[0][i] * in[1][i] * (1 - in[1][i]);
}

// Outside of training the paper's form multiplies by what is kept on average, the other is nothing.
static void rest(const Node *n, const double *x, double *y)
{
    double factor = n->attr.dropout.scale_in_test ? 1 - n->attr.dropout.rate : 1;
    EACH(i, n)
        y[i] = x[i] * factor;
}

// Kept where the uniform number of the element's logical index is at least the rate: as floats.
void formula_dropout(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    const DropoutAttr *a = &n->attr.dropout;
    RandomKey key = random_key(e->seed, e->step, a->key);
    int64_t area = n->shape.h * n->shape.w, channels = a->channels ? a->channels : n->shape.c;
    double factor = a->scale_in_test ? 1 : 1 / (1 - a->rate);
    if (e->graph->mode != GRAPH_TRAIN) {
        rest(n, in[0], y);
        return;
    }
    EACH(i, n) {
        int64_t image = i / area / n->shape.c + a->first_image, c = i / area % n->shape.c + a->first_channel;
        uint32_t index = (uint32_t)((image * channels + c) * area + i % area);
        y[i] = random_uniform(index, key) >= (float)a->rate ? in[0][i] * factor : 0;
    }
}

void formula_scale(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = n->attr.pointwise.a * in[0][i] + n->attr.pointwise.b;
}

void formula_add(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = in[0][i] + in[1][i];
}

void formula_mul(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    (void)e;
    EACH(i, n)
        y[i] = in[0][i] * in[1][i];
}

// Step by step; every place where a derivative jumps is a branch taken.
void formula_elementwise(Evaluator *e, const Node *n, const double *const *in, double *y)
{
    const Elementwise *f = n->attr.elementwise.function;
    double value[ELEMENTWISE_STEPS];
    EACH(i, n) {
        for (int k = 0; k < f->count; k++) {
            const Step *s = &f->steps[k];
            double from[4];
            for (int q = 0; q < step_inputs(s->kind); q++)
                from[q] = value[s->in[q]];
            value[k] = s->kind == STEP_NUMBER ? s->number
                     : s->kind == STEP_INPUT  ? in[s->input][i] : step_value(s->kind, from);
            if (step_inputs(s->kind) > 0)
                decide(e, step_branch(s->kind, from));
        }
        y[i] = value[f->result];
    }
}
