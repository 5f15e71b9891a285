// Numbers as the elements of a GPU's tensors hold them.
#include "reference/element.h"
#include <string.h>

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

uint16_t element_bf16(float x)                         // ties to even
{
    uint32_t u = bits_of(x);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

double element_rounded(double value, Element e)
{
    float x = (float)value;
    if (e == ELEMENT_TF32)
        return (double)float_of((bits_of(x) + 0x1000) & ~0x1fffu);       // ties away from zero
    return e == ELEMENT_BF16 ? (double)float_of((uint32_t)element_bf16(x) << 16) : (double)x;
}

double element_load(const char *at, int64_t i, Element e)
{
    if (e == ELEMENT_BF16)
        return (double)float_of((uint32_t)((const uint16_t *)at)[i] << 16);
    return (double)((const float *)at)[i];
}
