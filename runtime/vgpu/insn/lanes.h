// How the families of insn/ are written: rows of a .def, each of which is a function over 32 lanes and
// the PTX text that it runs for. The files of this folder are compiled once for each level of x86-64
// (VGPU_LEVEL: 1, 3, 4; 1 elsewhere), without contraction of a * b + c and with integers that wrap.
#ifndef RUNTIME_VGPU_LANES_H
#define RUNTIME_VGPU_LANES_H
#include "runtime/vgpu/insn/rows.h"
#include "runtime/vgpu/vgpu_check.h"
#include "runtime/vgpu/vgpu_warp.h"
#include <math.h>
#include <string.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t   s8;
typedef int16_t  s16;
typedef int32_t  s32;
typedef int64_t  s64;
typedef float    f32;
typedef double   f64;

#define VGPU_PASTE_(a, b) a##b
#define VGPU_PASTE(a, b)  VGPU_PASTE_(a, b)
#define LEVEL(name)       VGPU_PASTE(name##_level_, VGPU_LEVEL)

// Lanes do not depend on each other: registers are the same or apart.
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

#define EACH_LANE(mask, ...)                               \
    if ((mask) == ALL_LANES) {                             \
        INDEPENDENT                                        \
        for (int l = 0; l < LANES; l++) {                  \
            __VA_ARGS__;                                   \
        }                                                  \
    } else {                                               \
        INDEPENDENT                                        \
        for (int l = 0; l < LANES; l++)                    \
            if ((mask) >> l & 1) {                         \
                __VA_ARGS__;                               \
            }                                              \
    }

#define REG(type, k) ((type *)__builtin_assume_aligned(w->r + i->o[k], 64))

// OPn(function, PTX text, types of the destination and of n sources, the result by a, b, c, e)
#define FUNCTION(id) static void id(Warp *w, const Insn *i, uint32_t mask)
#define OP1(id, text, D, A, result)                                                \
    FUNCTION(id)                                                                   \
    {                                                                              \
        D *d_ = REG(D, 0);                                                         \
        const A *a_ = REG(A, 1);                                                   \
        EACH_LANE(mask, A a = a_[l]; d_[l] = (D)(result))                          \
    }
#define OP2(id, text, D, A, B, result)                                             \
    FUNCTION(id)                                                                   \
    {                                                                              \
        D *d_ = REG(D, 0);                                                         \
        const A *a_ = REG(A, 1);                                                   \
        const B *b_ = REG(B, 2);                                                   \
        EACH_LANE(mask, A a = a_[l]; B b = b_[l]; d_[l] = (D)(result))             \
    }
#define OP3(id, text, D, A, B, C, result)                                          \
    FUNCTION(id)                                                                   \
    {                                                                              \
        D *d_ = REG(D, 0);                                                         \
        const A *a_ = REG(A, 1);                                                   \
        const B *b_ = REG(B, 2);                                                   \
        const C *c_ = REG(C, 3);                                                   \
        EACH_LANE(mask, A a = a_[l]; B b = b_[l]; C c = c_[l]; d_[l] = (D)(result)) \
    }
#define OP4(id, text, D, A, B, C, E, result)                                       \
    FUNCTION(id)                                                                   \
    {                                                                              \
        D *d_ = REG(D, 0);                                                         \
        const A *a_ = REG(A, 1);                                                   \
        const B *b_ = REG(B, 2);                                                   \
        const C *c_ = REG(C, 3);                                                   \
        const E *e_ = REG(E, 4);                                                   \
        EACH_LANE(mask, A a = a_[l]; B b = b_[l]; C c = c_[l]; E e = e_[l];        \
                  d_[l] = (D)(result))                                             \
    }
#endif
