// The rules by which weights follow gradients. g is the gradient of the mean over the batches of a step, m
// momentum, d decay times w.
#ifndef BASE_SOLVER_H
#define BASE_SOLVER_H

typedef enum {
    SOLVER_PAPER,              // v <- m v - lr d - lr g; w <- w + v: AlexNet, Caffe
    SOLVER_TORCH,              // v <- m v + (g + d); w <- w - lr v: PyTorch; a rate weighs the past anew
    SOLVER_NESTEROV,           // s = -lr (g + d); v <- m v + s; w <- w + (m v + s): Caffe
    SOLVER_TORCH_NESTEROV,     // s = g + d; v <- m v + s; w <- w - lr (s + m v): PyTorch
    SOLVER_RULES
} SolverRule;

// "paper", "torch", "nesterov", "torch nesterov"
extern const char *const solver_rule_names[SOLVER_RULES];
#endif
