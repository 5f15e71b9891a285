// Two tensors, number by number.
#include "cli/verify.h"
#include <math.h>
#include <string.h>

enum { TIPPED_LEAST = 2 };         // in a small tensor

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

double verify_rounded(double value, Element e)
{
    uint32_t u = bits_of((float)value);
    if (e == ELEMENT_FLOAT || (u & 0x7fffffff) >= 0x7f800000)
        return (double)(float)value;
    bool is_tf32 = e == ELEMENT_TF32;
    return (double)float_of(is_tf32 ? (u + 0x1000) & ~0x1fffu : (u + 0x7fff + (u >> 16 & 1)) & ~0xffffu);
}

// Numbers of TF32 that stand side by side.
static bool are_neighbours(float a, float b)
{
    uint32_t gap = bits_of(a) - bits_of(b) + 0x2000;
    return gap <= 0x4000;
}

Likeness verify_compare(const float *right, const float *is, int64_t count, Element element, double least,
                        Tolerance t)
{
    Likeness l = { .same = true };
    double most = least, gap = 0, squares = 0, gaps = 0;
    for (int64_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)right[i]));
    for (int64_t i = 0; i < count; i++) {
        double a = verify_rounded((double)right[i], element == ELEMENT_TF32 ? element : ELEMENT_FLOAT);
        double one = fabs(a - (double)is[i]);
        squares += a * a;
        gaps += one * one;
        if (one > t.share * most && element == ELEMENT_TF32 && are_neighbours((float)a, is[i]))
            l.tipped++;
        else
            gap = one <= gap ? gap : one;                    // NaN stays
    }
    l.share = most > 0 ? gap / most : gap;
    squares = fmax(squares, least * least * (double)count);
    l.norm = squares > 0 ? sqrt(gaps / squares) : sqrt(gaps);
    l.same = l.share <= t.share && (double)l.tipped <= TIPPED_LEAST + t.tipped * (double)count;
    return l;
}
