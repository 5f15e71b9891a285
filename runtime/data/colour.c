// Covariance of colours and its eigenvectors, by Jacobi's rotations.
#include "runtime/data/colour.h"
#include <math.h>

enum { SWEEPS = 50 };

void colour_add(ColourSums *c, const uint8_t *pixels, int64_t plane)
{
    c->pixels += (uint64_t)plane;
    for (int i = 0; i < 3; i++) {
        const uint8_t *x = pixels + i * plane;
        uint64_t sum = 0;
        for (int64_t k = 0; k < plane; k++)
            sum += x[k];
        c->sum[i] += sum;
        for (int j = i; j < 3; j++) {
            const uint8_t *y = pixels + j * plane;
            uint64_t product = 0;
            for (int64_t k = 0; k < plane; k++)
                product += (uint64_t)(x[k] * y[k]);
            c->product[i][j] += product;
        }
    }
}

void colour_join(ColourSums *c, const ColourSums *more)
{
    c->pixels += more->pixels;
    for (int i = 0; i < 3; i++) {
        c->sum[i] += more->sum[i];
        for (int j = i; j < 3; j++)
            c->product[i][j] += more->product[i][j];
    }
}

// Turns rows and columns p and q of the symmetric matrix `a` so that a[p][q] becomes 0; the same
// turn for the vectors in the columns of `v`.
static void rotate(double a[3][3], double v[3][3], int p, int q)
{
    if (a[p][q] == 0)
        return;
    double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < 3; k++) {
        double x = a[k][p], y = a[k][q];
        a[k][p] = c * x - s * y;
        a[k][q] = s * x + c * y;
    }
    for (int k = 0; k < 3; k++) {
        double x = a[p][k], y = a[q][k];
        a[p][k] = c * x - s * y;
        a[q][k] = s * x + c * y;
        x = v[k][p];
        y = v[k][q];
        v[k][p] = c * x - s * y;
        v[k][q] = s * x + c * y;
    }
}

static int largest(const double a[3][3], const int *taken)
{
    int best = -1;
    for (int i = 0; i < 3; i++)
        if (!taken[i] && (best < 0 || a[i][i] > a[best][best]))
            best = i;
    return best;
}

void colour_components(const ColourSums *c, double components[3][3])
{
    double a[3][3], v[3][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, n = (double)c->pixels;
    int taken[3] = { 0, 0, 0 };
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++)
            a[i][j] = a[j][i] = (double)c->product[i][j] / n
                                - (double)c->sum[i] / n * ((double)c->sum[j] / n);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        rotate(a, v, 0, 1);
        rotate(a, v, 0, 2);
        rotate(a, v, 1, 2);
    }
    for (int i = 0; i < 3; i++) {
        int k = largest((const double (*)[3])a, taken), most = 0;
        taken[k] = 1;
        for (int j = 1; j < 3; j++)
            most = fabs(v[j][k]) > fabs(v[most][k]) ? j : most;
        double deviation = (v[most][k] < 0 ? -1 : 1) * sqrt(a[k][k] > 0 ? a[k][k] : 0);
        for (int j = 0; j < 3; j++)
            components[i][j] = v[j][k] * deviation;
    }
}
