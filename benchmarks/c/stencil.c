/* p15_np_stencil's run() in C. */
#include "corpus.h"

double run(const double *start, long n, long rounds) {
    size_t bytes = sizeof(double) * (size_t)(n * n);
    double *a = malloc(bytes), *b = malloc(bytes);
    memcpy(a, start, bytes);
    memcpy(b, start, bytes);
    for (long r = 0; r < rounds; r++) {
        for (long i = 1; i < n - 1; i++)
            for (long j = 1; j < n - 1; j++)
                b[i * n + j] = 0.25 * (a[(i - 1) * n + j] + a[(i + 1) * n + j] + a[i * n + j - 1] + a[i * n + j + 1]);
        double *t = a;
        a = b;
        b = t;
    }
    double s = 0.0;
    for (long i = 0; i < n; i++)
        for (long j = 0; j < n; j++) s += a[i * n + j] * (double)(i + 2 * j);
    free(a);
    free(b);
    return s;
}
