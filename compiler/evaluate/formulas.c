// Which formula belongs to which op.
#include "evaluate/formulas.h"

Formula *const formulas[OP_COUNT] = {
    [OP_CONV] = formula_conv,         [OP_CONV_DX] = formula_conv_dx,
    [OP_CONV_DW] = formula_conv_dw,   [OP_FLIP] = formula_flip,
    [OP_FC] = formula_fc,             [OP_FC_DX] = formula_fc_dx,
    [OP_FC_DW] = formula_fc_dw,       [OP_BIAS] = formula_bias,
    [OP_RELU] = formula_relu,         [OP_RELU_DX] = formula_relu_dx,
    [OP_TANH] = formula_tanh,         [OP_TANH_DX] = formula_tanh_dx,
    [OP_SIGMOID] = formula_sigmoid,   [OP_SIGMOID_DX] = formula_sigmoid_dx,
    [OP_DROPOUT] = formula_dropout,   [OP_SCALE] = formula_scale,
    [OP_ADD] = formula_add,           [OP_MUL] = formula_mul,
    [OP_ELEMENTWISE] = formula_elementwise,
    [OP_MAX_POOL] = formula_max_pool, [OP_MAX_POOL_DX] = formula_max_pool_dx,
    [OP_MEAN_POOL] = formula_mean_pool, [OP_MEAN_POOL_DX] = formula_mean_pool_dx,
    [OP_LRN] = formula_lrn,           [OP_LRN_DX] = formula_lrn_dx,
    [OP_LRN_MAP] = formula_lrn_map,   [OP_LRN_MAP_DX] = formula_lrn_map_dx,
    [OP_BIAS_DW] = formula_bias_dw,   [OP_SOFTMAX] = formula_softmax,
    [OP_SOFTMAX_DX] = formula_softmax_dx,
    [OP_CROSS_ENTROPY] = formula_cross_entropy,
    [OP_CROSS_ENTROPY_DX] = formula_cross_entropy_dx,
    [OP_TOP] = formula_top,           [OP_FLATTEN] = formula_same,
    [OP_CONCAT] = formula_concat,     [OP_SLICE] = formula_slice,
    [OP_EMBED] = formula_embed,       [OP_ALL] = formula_same,
    [OP_JOIN] = formula_same,         [OP_COPY] = formula_same,
    [OP_RELAYOUT] = formula_same,
};
