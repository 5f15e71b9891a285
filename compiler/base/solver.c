// Names of the rules by which weights follow gradients.
#include "base/solver.h"

const char *const solver_rule_names[SOLVER_RULES] = { "paper", "torch", "nesterov", "torch nesterov" };
