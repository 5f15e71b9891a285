// The formulas, one function an op: from the inputs' values to the node's.
#ifndef EVALUATE_FORMULAS_H
#define EVALUATE_FORMULAS_H
#include "evaluate/evaluate.h"

typedef void Formula(Evaluator *e, const Node *n, const double *const *in, double *y);

Formula formula_conv, formula_conv_dx, formula_conv_dw, formula_flip;              // contraction.c
Formula formula_local, formula_local_dx, formula_local_dw;
Formula formula_fc, formula_fc_dx, formula_fc_dw;
Formula formula_bias, formula_relu, formula_relu_dx, formula_tanh, formula_tanh_dx; // pointwise.c
Formula formula_place_bias, formula_sigmoid, formula_sigmoid_dx, formula_dropout, formula_scale, formula_add;
Formula formula_mul, formula_elementwise;
Formula formula_max_pool, formula_max_pool_dx, formula_mean_pool, formula_mean_pool_dx; // window.c
Formula formula_lrn, formula_lrn_dx, formula_lrn_map, formula_lrn_map_dx;
Formula formula_bias_dw, formula_place_bias_dw, formula_softmax, formula_softmax_dx; // reduction.c
Formula formula_cross_entropy, formula_cross_entropy_dx, formula_top;
Formula formula_same, formula_accumulate, formula_concat, formula_slice, formula_embed; // shape.c
Formula formula_batch_concat, formula_batch_slice, formula_batch_embed;

extern Formula *const formulas[OP_COUNT];      // formulas.c; NULL: the evaluator itself does it

// Mixes one more branch taken into e->decisions.
static inline void decide(Evaluator *e, int64_t which)
{
    e->decisions = (e->decisions ^ (uint64_t)which) * 0x100000001b3u;
}
#endif
