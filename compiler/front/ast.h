// The syntax tree of a .net file: what was written, nothing more. Built by grammar/net.y, in an
// arena. Names are not resolved, numbers not evaluated, ops not known.
#ifndef FRONT_AST_H
#define FRONT_AST_H
#include "base/arena.h"
#include "base/diag.h"
#include <stdint.h>

typedef struct Ast Ast;

// Every construct of the language is one node: a kind, a text or a number, children in order.
typedef enum {
    // expressions and pipes
    AST_NUMBER,        // number; text as written
    AST_DIMS,          // 3x224x224: dims
    AST_TEXT,          // "...": text without quotes, escapes resolved
    AST_NAME,          // conv3.init: text with dots; a stage without arguments
    AST_CALL,          // conv(96, 11, stride = 4): text = name; children: arguments
    AST_INDEX,         // a[i, j]: text = name; children: indices
    AST_ARG,           // stride = 4 inside a call: text = name; child 0: value
    AST_RANGE,         // q in a .. b inside a call: text = name; children: from, to
    AST_LIST,          // [a, b]
    AST_PIPE,          // a -> b -> c: children in order (at least 2)
    AST_UNARY,         // text: "-" or "not"; child 0
    AST_BINARY,        // text: "+", "//", "and", ...; children 0, 1
    AST_CHOICE,        // c ? a : b
    AST_IF,            // children: condition, body, body or AST_IF or NULL
    AST_FOR,           // names; children: iterable, body
    AST_TAILED,        // child 0: the term; the other children: tails in order
    // tails of a term
    AST_AS,            // as text
    AST_IS,            // is child 0
    AST_ON,            // on text
    AST_BODY,          // { ... }: children: statements
    // statements
    AST_BIND,          // name = pipe, pipe: text; children: values
    AST_LET,           // let text = child 0
    AST_DEFAULT,       // default child 0 (an AST_CALL)
    AST_REPLACE, AST_DROP, AST_BEFORE, AST_AFTER,     // text; child 0: body (not of drop)
    AST_WHEN,          // children: condition, body
    AST_EVERY,         // number (1 if absent), text = unit; child 0: body
    AST_ERROR,         // a stage, argument, parameter, statement or item that did not parse; reported
                       // already: whoever meets one says nothing more about what depends on it
    // items of a file
    AST_USE,           // text: the path
    AST_OP,            // text; params; names = indices; child 0: the formula
    AST_BLOCK,         // text; params; child 0: body
    AST_NET,           // text; params; inputs, outputs; child 0: body
    AST_DERIVE,        // net text = child 1 (an AST_NAME) with child 0
    AST_DATA,          // text; child 0: body
    AST_TRAIN,         // text = net; names[0] = data; child 0: body
    AST_PARAM          // text; child 0: default or NULL. Also an input or output: text or NULL, child 0
} AstKind;

struct Ast {
    AstKind      kind;
    Span         at;           // the whole construct
    Span         name_at;      // the name in it; equals `at` where there is none
    const char  *text;
    double       number;
    int64_t     *dims;
    int          dim_count;
    const char **names;        // loop variables, indices, the other names of an item
    int          name_count;
    Ast        **children;
    int          count, capacity;
    Ast        **params;       // AST_PARAM nodes of op, block, net
    int          param_count;
    Ast        **inputs, **outputs;      // AST_PARAM nodes of a net's signature
    int          input_count, output_count;
    int          depth;        // of the tree below, 1 for a leaf; at most LIMIT_TREE
};

typedef struct AstFile {
    Arena *arena;
    Diag  *diag;
    Ast  **items;              // those of used files before those of the file that uses them
    int    count, capacity;
} AstFile;

void ast_print(const AstFile *file, FILE *out);            // an indented tree: `show ast`
void ast_print_json(const AstFile *file, FILE *out);
#endif
