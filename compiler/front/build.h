// Builders of the built-in stages: each adds the nodes of one use to the graph.
#ifndef FRONT_BUILD_H
#define FRONT_BUILD_H
#include "ir/graph.h"

struct Elab;
struct StageUse;

// Each returns the node that carries the stage's value, or NULL when something was reported.
// Inputs are known, arguments checked one by one; what several of them or the input's shape say
// together is checked here, where the text's place is known.
Node *build_conv(struct Elab *e, struct StageUse *u);
Node *build_local(struct Elab *e, struct StageUse *u);
Node *build_fc(struct Elab *e, struct StageUse *u);
Node *build_relu(struct Elab *e, struct StageUse *u);
Node *build_tanh(struct Elab *e, struct StageUse *u);
Node *build_sigmoid(struct Elab *e, struct StageUse *u);
Node *build_pool(struct Elab *e, struct StageUse *u);
Node *build_max_pool(struct Elab *e, struct StageUse *u);
Node *build_mean_pool(struct Elab *e, struct StageUse *u);
Node *build_lrn(struct Elab *e, struct StageUse *u);
Node *build_dropout(struct Elab *e, struct StageUse *u);
Node *build_scale(struct Elab *e, struct StageUse *u);
Node *build_flatten(struct Elab *e, struct StageUse *u);
Node *build_slice(struct Elab *e, struct StageUse *u);
Node *build_softmax(struct Elab *e, struct StageUse *u);
Node *build_add(struct Elab *e, struct StageUse *u);
Node *build_mul(struct Elab *e, struct StageUse *u);
Node *build_concat(struct Elab *e, struct StageUse *u);
Node *build_own_op(struct Elab *e, struct StageUse *u);          // an op that the file defines
Node *build_all(struct Elab *e, struct StageUse *u);
#endif
