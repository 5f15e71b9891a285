// What the files that read PTX share: one parser, the names it knows, the statement in hand.
#ifndef RUNTIME_VGPU_PARSER_H
#define RUNTIME_VGPU_PARSER_H
#include "runtime/vgpu/insn/rows.h"
#include <setjmp.h>

enum { STATEMENT_PARTS = 16, STATEMENT_OPERANDS = 24 };

// .reg .b32 %r<48>: `count` registers whose names end with a number; count -1: one, by its whole name.
typedef struct { const char *name; int count, width, first; } Registers;      // width 0: predicates

// A variable, or a parameter, and its address.
typedef struct { const char *name; Space space; uint64_t at; bool dynamic; } Symbol;

// A register that holds a value for good; dynamic: plus where dynamic shared memory begins.
typedef struct { uint64_t value; int width, at; bool dynamic; } Constant;

typedef struct { const char *name; int at; } Label;

typedef struct {
    VgpuModule *m;
    Kernel     *k;                     // the one being read
    char       *text, *at;             // all of it, comments blanked; where the statement in hand begins
    char       *err;
    jmp_buf    *failed;                // where parser_fail goes, with 2
    int         place;                 // of the last .loc
    unsigned    shared_bytes;          // of shared arrays declared outside of kernels
    unsigned    dynamic_align;         // of the arrays in dynamic shared memory
    const char **files;                // by number
    int         file_count;
    Registers  *registers;
    int         register_count, register_capacity;
    Symbol     *symbols;
    int         symbol_count, symbol_capacity;
    Constant   *constants;
    int         constant_count, constant_capacity;
    Label      *labels;
    int         label_count, label_capacity;
    Label      *branches;              // `at` is an instruction, `name` its label
    int         branch_count, branch_capacity;
} Parser;

// An instruction's text taken apart: "ld.global.f32" into parts, its operands as they stand.
typedef struct {
    char  name[128];
    char *part[STATEMENT_PARTS];       // within a buffer of the statement's; NULL once it was taken
    int   part_count;
    char *operand[STATEMENT_OPERANDS];
    int   operand_count;
    char  buffer[128];
} Statement;

__attribute__((noreturn, format(printf, 2, 3))) void parser_fail(Parser *p, const char *fmt, ...);

// vgpu_operand.c: names to places in the register file.
int      operand_width_of_type(Parser *p, const char *type);           // bytes; 0: pred
int      operand_new_register(Parser *p, int width, int count);
int      operand_constant(Parser *p, uint64_t value, int width, bool dynamic);
const Registers *operand_find_register(Parser *p, const char *name, int *at);
const Symbol *operand_find_symbol(const Parser *p, const char *name);
// A register or constant of `width` bytes (0: of any, which comes back in *found).
int      operand_value(Parser *p, const char *text, int width, int *found);
int      operand_predicate(Parser *p, const char *text, bool *negated);
int64_t  operand_immediate(Parser *p, const char *text);
// "[%rd1+16]": the register, its width, the offset.
int      operand_address(Parser *p, char *text, Space space, int *width, int64_t *offset);
// Splits "a, {b, c}, [d]" at its outer commas; "{b, c}" into what is in it.
int      operand_split(char *text, char **to, int most);
int      operand_vector(Parser *p, char *text, char **to, int most);

// vgpu_bind.c: an instruction from its statement.
void     bind_statement(Parser *p, Statement *s, Insn *i);

// vgpu_body.c: what stands between the braces of a kernel, to its end; returns what follows.
char    *body_parse(Parser *p, char *at);
// A declaration of variables, without its ';'.
void     body_declare(Parser *p, char *text);
#endif
