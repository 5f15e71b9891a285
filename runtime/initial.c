// Counter-based draws: element i of a parameter is a hash of (seed, name, i), made uniform or put
// through the quantile of the normal distribution. No state, hence no order.
#include "runtime/initial.h"
#include "kernels/random.h"
#include <math.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

double initial_quantile(double p)
{
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * (((5.9109374720e+01 * r + 1.5929113202e+02) * r + 5.0434271938e+01) * r
                    + 3.3871327179e+00)
            / (((6.7187563600e+01 * r + 7.8757757664e+01) * r + 1.7895169469e+01) * r + 1.0);
    }
    double r = sqrt(-log(q < 0 ? p : 1 - p)), z;
    if (r <= 5) {
        r -= 1.6;
        z = (((1.7023821103e-01 * r + 1.3067284816e+00) * r + 2.7568153900e+00) * r
             + 1.4234372777e+00)
            / ((1.2021132975e-01 * r + 7.3700164250e-01) * r + 1.0);
    } else {
        r -= 5;
        z = (((1.7337203997e-02 * r + 4.2868294337e-01) * r + 3.0812263860e+00) * r
             + 6.6579051150e+00)
            / ((1.2258202635e-02 * r + 2.4197894225e-01) * r + 1.0);
    }
    return q < 0 ? -z : z;
}

// Strictly between 0 and 1: 52 bits and a half.
static double draw(uint64_t key, int64_t index)
{
    uint64_t bits = random_mix64(key + ((uint64_t)index + 1) * 0x9e3779b97f4a7c15ull);
    return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

void initial_fill(const ProgramParam *p, uint64_t seed, int64_t first, int64_t count, float *values)
{
    uint64_t key = random_mix64(XXH3_64bits(p->name, strlen(p->name)) ^ random_mix64(seed));
    for (int64_t i = 0; i < count; i++)
        switch (p->fill) {
        case FILL_CONSTANT:
            values[i] = (float)p->fill_value;
            break;
        case FILL_GAUSSIAN:
            values[i] = (float)(p->fill_value * initial_quantile(draw(key, first + i)));
            break;
        case FILL_UNIFORM:
            values[i] = (float)(p->fill_value * (2 * draw(key, first + i) - 1));
            break;
        }
}
