// Values: constructors, texts for messages, arithmetic with its faults.
#include "front/value.h"
#include <math.h>
#include <string.h>

Value value_number(double number)
{
    return (Value){ .kind = VALUE_NUMBER, .number = number };
}

Value value_word(const char *text)
{
    return (Value){ .kind = VALUE_WORD, .text = text };
}

Value value_tensor(Node *node)
{
    return node ? (Value){ .kind = VALUE_TENSOR, .node = node } : UNKNOWN;
}

Value value_list(Value *items, int count)
{
    return (Value){ .kind = VALUE_LIST, .items = items, .count = count };
}

bool value_is_tensor(Value v)
{
    return v.kind == VALUE_TENSOR || v.kind == VALUE_LAYER;
}

bool value_is_whole(Value v)
{
    return v.kind == VALUE_NUMBER && v.number == floor(v.number) && fabs(v.number) <= 0x1p53;
}

bool value_is_true(Value v)
{
    return v.kind == VALUE_NUMBER && v.number != 0;
}

bool value_equal(Value a, Value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NUMBER:
        return a.number == b.number;
    case VALUE_WORD:
    case VALUE_TEXT:
        return !strcmp(a.text, b.text);
    case VALUE_LIST:
        if (a.count != b.count)
            return false;
        for (int i = 0; i < a.count; i++)
            if (!value_equal(a.items[i], b.items[i]))
                return false;
        return true;
    default:
        return false;
    }
}

static const char *write_init(Arena *a, Init init)
{
    switch (init.kind) {
    case INIT_CONSTANT:
        return arena_printf(a, "constant(%g)", init.value);
    case INIT_GAUSSIAN:
        return arena_printf(a, "gaussian(%g)", init.value);
    case INIT_XAVIER:
        return "xavier";
    default:
        return "he";
    }
}

enum { LIST_SHOWN = 8 };              // longer lists are cut in messages

static const char *write_list(Arena *a, Value v)
{
    const char *text = "[";
    for (int i = 0; i < v.count && i < LIST_SHOWN; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", value_write(a, v.items[i]));
    return arena_printf(a, "%s%s]", text, v.count > LIST_SHOWN ? ", ..." : "");
}

const char *value_write(Arena *a, Value v)
{
    switch (v.kind) {
    case VALUE_NUMBER:
        return arena_printf(a, "%.10g", v.number);
    case VALUE_LIST:
        return write_list(a, v);
    case VALUE_WORD:
        return v.text;
    case VALUE_TEXT:
        return arena_printf(a, "\"%s\"", v.text);
    case VALUE_INIT:
        return write_init(a, v.init);
    case VALUE_TENSOR:
    case VALUE_LAYER:
        return v.node ? v.node->name : "?";
    default:
        return "?";
    }
}

const char *value_describe(Arena *a, Value v)
{
    char shape[SHAPE_TEXT];
    switch (v.kind) {
    case VALUE_NUMBER:
        return arena_printf(a, "the number %s", value_write(a, v));
    case VALUE_LIST:
        return arena_printf(a, "the list %s", value_write(a, v));
    case VALUE_WORD:
        return arena_printf(a, "the word `%s`", v.text);
    case VALUE_TEXT:
        return "a text";
    case VALUE_INIT:
        return arena_printf(a, "the initialiser %s", value_write(a, v));
    case VALUE_TENSOR:
    case VALUE_LAYER:
        return v.node ? arena_printf(a, "a tensor (%s)", shape_text(shape, v.node->shape))
                      : "a layer";
    default:
        return "unknown";
    }
}

static bool is_operator(const char *op, const char *name)
{
    return !strcmp(op, name);
}

static bool arithmetic(const char *op, double a, double b, double *out)
{
    if (is_operator(op, "+"))
        *out = a + b;
    else if (is_operator(op, "-"))
        *out = a - b;
    else if (is_operator(op, "*"))
        *out = a * b;
    else if (is_operator(op, "/"))
        *out = a / b;
    else if (is_operator(op, "//"))
        *out = floor(a / b);
    else if (is_operator(op, "%"))
        *out = a - b * floor(a / b);
    else if (is_operator(op, "^"))
        *out = pow(a, b);
    else
        return false;
    return true;
}

const char *value_binary(const char *op, double a, double b, double *out)
{
    bool divides = is_operator(op, "/") || is_operator(op, "//") || is_operator(op, "%");
    *out = 0;
    if (divides && b == 0)
        return "division by zero";
    if (arithmetic(op, a, b, out))
        return isfinite(*out) ? NULL : "the result is not a finite number";
    if (is_operator(op, "=="))
        *out = a == b;
    else if (is_operator(op, "!="))
        *out = a != b;
    else if (is_operator(op, "<"))
        *out = a < b;
    else if (is_operator(op, ">"))
        *out = a > b;
    else if (is_operator(op, "<="))
        *out = a <= b;
    else if (is_operator(op, ">="))
        *out = a >= b;
    else
        return "no operator of expressions";
    return NULL;
}
