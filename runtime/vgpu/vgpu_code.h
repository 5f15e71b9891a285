// A module as the interpreter runs it: instructions with their operands resolved to places in a warp's
// register file. Made by vgpu_parse.c, laid out by vgpu_layout.c, read by everyone else.
#ifndef RUNTIME_VGPU_CODE_H
#define RUNTIME_VGPU_CODE_H
#include "base/arena.h"
#include "runtime/vgpu/vgpu.h"

enum {
    LANES = 32,
    OPERANDS = 14,                     // mma has the most: 4 + 4 + 2 + 4
    NO_OPERAND = -1,
    ALWAYS = 0                         // the predicate that is always true
};
#define ALL_LANES 0xffffffffu

typedef struct Warp Warp;
typedef struct Insn Insn;

// Does one instruction for the lanes of `mask`, which is not empty.
typedef void InsnRun(Warp *w, const Insn *i, uint32_t mask);

typedef enum {
    SPACE_GENERIC, SPACE_GLOBAL, SPACE_SHARED, SPACE_LOCAL, SPACE_CONST, SPACE_PARAM
} Space;

// Generic addresses of shared and local memory begin here; those of global memory are the host's.
#define SHARED_WINDOW 0xf100000000000000u
#define LOCAL_WINDOW  0xf200000000000000u
#define WINDOW_BITS   0xff00000000000000u

// What an instruction does to the order of execution.
typedef enum {
    FLOW_NEXT,
    FLOW_BRANCH,
    FLOW_EXIT,
    FLOW_BARRIER,                      // of the block
    FLOW_WARP,                         // lanes of a mask come together first: shfl, vote, mma
    FLOW_TRAP
} Flow;

struct Insn {
    InsnRun *run;
    // Registers: bytes into the register file, predicates: indices; the destination first, in the order
    // of the PTX text. What an instruction keeps where is said where it is run.
    int32_t  o[OPERANDS];
    int64_t  offset;                   // of an address, or an immediate operand
    int32_t  guard;                    // the predicate it runs under; ALWAYS
    uint32_t guard_flip;               // all ones when the guard is negated
    int32_t  target;                   // of a branch: a label while parsing, then an instruction
    int32_t  place;                    // in the module's places
    int32_t  members;                  // FLOW_WARP: the register of the mask; NO_OPERAND: all lanes
    uint8_t  flow, space;
    uint8_t  width;                    // of memory: bytes of an element
    uint8_t  count;                    // elements of a vector
    uint8_t  reg_width;                // bytes of a register that memory is read to or written from
    uint8_t  base_width;               // bytes of the address register
    uint8_t  mode;                     // a variant: mode of a shuffle, signedness of a load
    uint8_t  mode2;
    uint8_t  flip;                     // bit k: operand k is a predicate taken negated
    const char *text;                  // the instruction in the PTX text, not ended
};

// A .loc: `in` is the place that it was inlined at, or -1.
typedef struct { const char *file; int line, in; } Place;

typedef enum {
    SPECIAL_TID_X, SPECIAL_TID_Y, SPECIAL_TID_Z, SPECIAL_NTID_X, SPECIAL_NTID_Y, SPECIAL_NTID_Z,
    SPECIAL_CTAID_X, SPECIAL_CTAID_Y, SPECIAL_CTAID_Z, SPECIAL_NCTAID_X, SPECIAL_NCTAID_Y,
    SPECIAL_NCTAID_Z, SPECIAL_LANEID, SPECIAL_WARPID, SPECIAL_MASK_EQ, SPECIAL_MASK_LT,
    SPECIAL_MASK_LE, SPECIAL_MASK_GE, SPECIAL_MASK_GT, SPECIALS
} Special;

typedef struct { const char *name; unsigned size, offset; } Param;

// The types of cvt, and those whose elements memory holds.
typedef enum {
    TYPE_U8, TYPE_S8, TYPE_U16, TYPE_S16, TYPE_U32, TYPE_S32, TYPE_U64, TYPE_S64,
    TYPE_F16, TYPE_BF16, TYPE_F32, TYPE_F64, TYPES
} Type;

// To the nearest, ties to even; towards zero; down; up; to the nearest, ties away from zero.
typedef enum { ROUND_NEAREST, ROUND_ZERO, ROUND_DOWN, ROUND_UP, ROUND_AWAY } Rounding;

typedef enum { COMBINE_NOT, COMBINE_AND, COMBINE_OR, COMBINE_XOR } Combination;       // mode of a setp
typedef enum { SHUFFLE_IDX, SHUFFLE_UP, SHUFFLE_DOWN, SHUFFLE_BFLY } Shuffle;         // mode of a shfl
typedef enum { VOTE_BALLOT, VOTE_ANY, VOTE_ALL, VOTE_UNI } Vote;                      // mode of a vote
typedef enum {                                                                         // mode of an atom
    ATOM_ADD, ATOM_MIN, ATOM_MAX, ATOM_AND, ATOM_OR, ATOM_XOR, ATOM_EXCH, ATOM_INC, ATOM_DEC, ATOM_CAS
} Atom;
typedef enum { MATRIX_F16, MATRIX_BF16, MATRIX_TF32 } Matrix;                         // mode of an mma

enum { CVT_SATURATE = 1, CVT_TO_INTEGER = 2, CVT_FLUSH = 4 };      // mode2 of a cvt

typedef struct {
    const char *name;
    Insn    *code;
    int      code_count, code_capacity;
    int      register_bytes;           // of one warp
    int      predicate_count;
    uint8_t *constants;                // a register file with the constants in it
    int      special[SPECIALS];        // its register, or NO_OPERAND
    Param   *params;
    unsigned *param_sizes;
    int      param_count, param_capacity;
    unsigned param_bytes, shared_bytes, local_bytes;
    unsigned max_threads;
    unsigned shared_grain;             // bytes of the narrowest element that is accessed, at most 4
} Kernel;

// A .global or .const variable of the module.
typedef struct { const char *name; uint8_t *bytes; unsigned size; } Variable;

struct VgpuModule {
    Arena    arena;
    Variable *variables;
    int      variable_count, variable_capacity;
    Kernel  *kernels;
    int      kernel_count, kernel_capacity;
    Place   *places;                   // [0]: nowhere
    int      place_count, place_capacity;
};

// Orders the code of a kernel so that every basic block stands before its immediate post-dominator:
// running the lanes with the lowest instruction first then joins them where the hardware does.
void vgpu_layout(Arena *arena, Kernel *k);
#endif
