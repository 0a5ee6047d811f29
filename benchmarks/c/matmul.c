/* p16_np_matmul's run() in C. */
#include "corpus.h"

double run(const double *a, const double *b, long n) {
    double *c = calloc((size_t)(n * n), sizeof(double)), t = 0.0;
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++) {
            double s = 0.0;
            for (long k = 0; k < n; k++) s += a[i * n + k] * b[k * n + j];
            c[i * n + j] = s;
        }
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++) t += c[i * n + j] * (double)(1 + (i ^ j) % 5);
    free(c);
    return t;
}
