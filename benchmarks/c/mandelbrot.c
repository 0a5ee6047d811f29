/* p01_mandelbrot's run() in C. */
#include "corpus.h"

double run(long width, long height, long limit) {
    long total = 0, inside = 0;
    for (long row = 0; row < height; row++) {
        double ci = -1.25 + 2.5 * (double)row / (double)height;
        for (long col = 0; col < width; col++) {
            double cr = -2.1 + 2.8 * (double)col / (double)width, zr = 0.0, zi = 0.0;
            long n = 0;
            while (n < limit) {
                double r2 = zr * zr, i2 = zi * zi;
                if (r2 + i2 > 4.0) break;
                zi = 2.0 * zr * zi + ci;
                zr = r2 - i2 + cr;
                n++;
            }
            total += n;
            if (n == limit) inside++;
        }
    }
    return (double)(total * 100000 + inside);
}
