// What an expression of a .net file can be worth, and arithmetic on it.
#ifndef FRONT_VALUE_H
#define FRONT_VALUE_H
#include "front/ast.h"
#include "ir/graph.h"

typedef enum {
    VALUE_UNKNOWN,     // reported already, or a block that is checked without a caller: whatever
                       // depends on it is unknown too and says nothing
    VALUE_NUMBER,      // also truth: 1 and 0
    VALUE_LIST,        // [a, b] and 3x224x224
    VALUE_WORD,        // max, up, none: a word that some parameter takes
    VALUE_TEXT,        // "..."
    VALUE_INIT,        // gaussian(0.01), xavier
    VALUE_TENSOR,      // a node of the graph
    VALUE_LAYER        // the name given by `as`: its node, and the layer to use again
} ValueKind;

struct Instance;       // layers.h: a stage with its arguments, to be used again

typedef struct Value {
    ValueKind        kind;
    double           number;
    const char      *text;
    struct Value    *items;
    int              count;
    Init             init;
    Node            *node;
    struct Instance *instance;
} Value;

#define UNKNOWN ((Value){ .kind = VALUE_UNKNOWN })

Value value_number(double number);
Value value_word(const char *text);
Value value_tensor(Node *node);
Value value_list(Value *items, int count);
bool  value_is_tensor(Value v);        // a tensor, or a layer that stands for its tensor
bool  value_is_whole(Value v);         // a number without a fraction, exact in a double
bool  value_is_true(Value v);
bool  value_equal(Value a, Value b);
// "a number", "the list [3, 4]", "the tensor conv1 (96x55x55)": for messages.
const char *value_describe(Arena *a, Value v);
// "3", "0.01", "[3, 4]": as it would be written.
const char *value_write(Arena *a, Value v);

// a OPERATOR b on two numbers. NULL on success, else what is wrong ("division by zero").
const char *value_binary(const char *op, double a, double b, double *out);
#endif
