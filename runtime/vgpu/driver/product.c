// Products of matrices as cuBLAS makes them: sums in the order of k, in float.
#include "runtime/vgpu/driver/driver.h"
#include <stdlib.h>
#include <string.h>

static float load(const void *at, size_t index, bool bf16, bool tf32)
{
    uint32_t bits;
    if (bf16) {
        uint16_t half;
        memcpy(&half, (const uint8_t *)at + 2 * index, 2);
        bits = (uint32_t)half << 16;
    } else {
        memcpy(&bits, (const uint8_t *)at + 4 * index, 4);
    }
    if (tf32)                                                 // as the tensor cores take them
        bits &= ~0x1fffu;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static void store(void *at, size_t index, float x, bool bf16)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (bf16) {                                               // to the nearest, ties to even
        uint16_t half = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
        if ((bits & 0x7fffffff) > 0x7f800000)
            half = 0x7fff;
        memcpy((uint8_t *)at + 2 * index, &half, 2);
    } else {
        memcpy((uint8_t *)at + 4 * index, &bits, 4);
    }
}

// a becomes k rows of m floats.
static float *turn(const Product *p)
{
    size_t m = (size_t)p->m, k = (size_t)p->k, stride = (size_t)p->a_stride;
    float *rows = malloc((m * k + 1) * sizeof *rows);
    for (size_t j = 0; rows && j < k; j++)
        for (size_t i = 0; i < m; i++)
            rows[j * m + i] = load(p->a, p->a_turned ? i * stride + j : j * stride + i, p->a_bf16, p->tf32);
    return rows;
}

static void multiply_column(const Product *p, const float *rows, size_t column, float *sums)
{
    size_t m = (size_t)p->m, k = (size_t)p->k, stride = (size_t)p->b_stride;
    memset(sums, 0, m * sizeof *sums);
    for (size_t j = 0; j < k; j++) {
        float b = load(p->b, p->b_turned ? j * stride + column : column * stride + j, p->b_bf16, p->tf32);
        for (size_t i = 0; i < m; i++)
            sums[i] += rows[j * m + i] * b;
    }
    for (size_t i = 0; i < m; i++) {
        size_t at = column * (size_t)p->c_stride + i;
        float before = p->beta == 0 ? 0 : p->beta * load(p->c, at, p->c_bf16, false);
        store(p->c, at, p->alpha * sums[i] + before, p->c_bf16);
    }
}

void driver_multiply(const Product *p)
{
    float *rows = turn(p), *sums = malloc(((size_t)p->m + 1) * sizeof *sums);
    if (!rows || !sums)
        driver_say("memory: none for a product of %d x %d x %d", p->m, p->n, p->k);
    for (int column = 0; rows && sums && column < p->n; column++)
        multiply_column(p, rows, (size_t)column, sums);
    free(rows);
    free(sums);
}
