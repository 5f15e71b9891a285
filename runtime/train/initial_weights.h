// First weights out of any safetensors file: fine-tuning.
#ifndef RUNTIME_TRAIN_INITIAL_WEIGHTS_H
#define RUNTIME_TRAIN_INITIAL_WEIGHTS_H
#include "runtime/session.h"
#include "runtime/train/safetensors.h"

typedef enum {
    INIT_MATCHED,
    INIT_MISSING,                      // the net's parameter has no tensor
    INIT_MISFIT,                       // it has one, of another shape
    INIT_UNEXPECTED,                   // a tensor that no parameter wants
    INIT_KINDS
} InitFate;

// What became of a parameter, or of a tensor of the file.
typedef struct {
    InitFate    kind;
    const char *param, *tensor;        // names; NULL where there is none
    char        wants[64], has[64];    // shapes, "96x3x11x11"; "" where there is none
} InitLine;
typedef void InitTold(void *context, const InitLine *line);

// Fills the parameters of a session; velocities stay as they are. The tensor of `conv1.weights` is called
// that, or `conv1.weight`; that of `conv1.biases` that, or `conv1.bias`. Its shape is the parameter's, or a
// matrix of as many rows and columns as filters and elements of a filter; sizes of 1 at the end may be
// missing. Tells every line: parameters in the net's order, then what is unexpected (velocities and the mean
// of our own checkpoints are not). Nothing is written when it returns false: parameters are missing or misfit
// and `partly` is not set, none at all fits, or the file is damaged.
bool initial_weights(Session *s, const char *path, bool partly, InitTold *told, void *context,
                     char err[SAFETENSORS_ERROR]);
#endif
