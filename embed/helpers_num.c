/* Number helpers: what CPython's int, float and math compute, bit for bit, without objects. Passes may move a pure
 * helper above the guard of its arguments: each must come back, quickly, from any arguments whatever. */
#include "helpers.h"
#include <errno.h>
#include <float.h>
#include <math.h>

/* --- float */
/* the sign of the modulo is the divisor's */
double bk_h_fmod_py(double a, double b) {
    double m = fmod(a, b);
    if (m == 0.0) return copysign(0.0, b);
    if ((b < 0) != (m < 0)) m += b; /* a NaN m compares as not below 0, as in CPython */
    return m;
}

double bk_h_ffloordiv_py(double a, double b) {
    double m = fmod(a, b), q = (a - m) / b;
    if (m != 0.0 && (b < 0) != (m < 0)) q -= 1.0;
    if (q == 0.0) return copysign(0.0, a / b);
    double r = floor(q);
    return q - r > 0.5 ? r + 1.0 : r;
}

static bool is_odd(double b) { return fmod(fabs(b), 2.0) == 1.0; }

/* float ** float where no error and no complex number comes out: the cases that float answers without pow() first */
double bk_h_pow_ff(double a, double b) {
    if (b == 0.0) return 1.0;
    if (isnan(a)) return a;
    if (isnan(b)) return a == 1.0 ? 1.0 : b;
    if (a >= 0.0 || isinf(a) || isinf(b)) return pow(a, b);
    return is_odd(b) ? -pow(-a, b) : pow(-a, b);
}

bool bk_h_pow_ok(double a, double b) {
    if (b == 0.0 || isnan(a) || isnan(b)) return true;
    if (isinf(a) || isinf(b)) return true;
    if (a == 0.0) return b > 0.0;
    if (a < 0.0) {
        if (b != floor(b)) return false;
        a = -a;
    }
    if (a == 1.0) return true;
    /* |log2 of the result| < |b| * bound */
    double bound = fabs((double)ilogb(a)) + 1.0;
    if (fabs(b) * bound < 1000.0) return true;
    return !isinf(pow(a, b));
}

double bk_h_f_round_half_even(double a) {
    double r = round(a);
    return fabs(a - r) == 0.5 ? 2.0 * round(a / 2.0) : r;
}

bool bk_h_f2i_ok(double a) { return a >= -0x1p63 && a < 0x1p63; }

/* --- int */
bool bk_h_ipow_ok(int64_t a, int64_t b) {
    if (b < 0) return false;
    if (b == 0 || a == 0 || a == 1 || a == -1) return true;
    if (b > 63) return false;
    int64_t r = 1;
    for (int64_t i = 0; i < b; i++)
        if (__builtin_mul_overflow(r, a, &r)) return false;
    return true;
}

int64_t bk_h_ipow(int64_t a, int64_t b) {
    uint64_t r = 1, s = (uint64_t)a;
    for (uint64_t e = (uint64_t)b; e; e >>= 1) {
        if (e & 1) r *= s;
        s *= s;
    }
    return (int64_t)r;
}

static uint64_t magnitude(int64_t a) { return a < 0 ? 0 - (uint64_t)a : (uint64_t)a; }

/* gcd(INT64_MIN, 0 or INT64_MIN) is 2**63, which comes back as INT64_MIN: a negative result does not fit */
int64_t bk_h_igcd(int64_t a, int64_t b) {
    uint64_t x = magnitude(a), y = magnitude(b);
    while (y) {
        uint64_t r = x % y;
        x = y;
        y = r;
    }
    return (int64_t)x;
}

int64_t bk_h_isqrt(int64_t a) {
    if (a < 0) return 0;
    uint64_t n = (uint64_t)a, r = (uint64_t)sqrt((double)n);
    while (r > 3037000499u || r * r > n) r--;
    while (r < 3037000499u && (r + 1) * (r + 1) <= n) r++;
    return (int64_t)r;
}

/* Correctly rounded a / b: both are shifted to have the top bit set, so the integer quotient has 63 or 64 bits; a
 * remainder is kept in its lowest bit, below what rounding looks at. */
double bk_h_idiv_true(int64_t a, int64_t b) {
    const int64_t exact = (int64_t)1 << 53;
    if (a == 0 || b == 0) return b < 0 ? -0.0 : 0.0;
    if (-exact <= a && a <= exact && -exact <= b && b <= exact) return (double)a / (double)b;
    uint64_t x = magnitude(a), y = magnitude(b);
    int sx = __builtin_clzll(x), sy = __builtin_clzll(y);
    unsigned __int128 n = (unsigned __int128)(x << sx) << 63;
    uint64_t q = (uint64_t)(n / (y << sy));
    if (n % (y << sy)) q |= 1;
    double r = ldexp((double)q, sy - sx - 63);
    return (a < 0) != (b < 0) ? -r : r;
}

int64_t bk_h_icmp_f(int64_t a, double b) {
    if (isnan(b)) return 2;
    if (b >= 0x1p63) return -1;
    if (b < -0x1p63) return 1;
    int64_t t = (int64_t)b; /* towards zero */
    if (a != t) return a < t ? -1 : 1;
    double frac = b - (double)t; /* exact: t is 0 or b's own integer part */
    return frac > 0.0 ? -1 : frac < 0.0 ? 1 : 0;
}

/* --- math: libm, and what the math module itself decides */
#define LIBM(n)                                                                                                        \
    double bk_h_m_##n(double a) { return n(a); }
LIBM(sin)
LIBM(cos)
LIBM(tan)
LIBM(asin)
LIBM(acos)
LIBM(atan)
LIBM(sinh)
LIBM(cosh)
LIBM(tanh)
LIBM(asinh)
LIBM(acosh)
LIBM(atanh)
LIBM(exp)
LIBM(exp2)
LIBM(expm1)
LIBM(cbrt)
LIBM(erf)
LIBM(erfc)

double bk_h_m_log1p(double a) { return a == 0.0 ? a : log1p(a); }

/* the logarithms of NaN are that NaN, those of negative numbers a plain one */
#define LOGARITHM(n)                                                                                                   \
    double bk_h_m_##n(double a) {                                                                                      \
        if (isnan(a) || a == (double)INFINITY) return a;                                                               \
        if (a > 0.0) return n(a);                                                                                      \
        return a == 0.0 ? -(double)INFINITY : (double)NAN;                                                             \
    }
LOGARITHM(log)
LOGARITHM(log2)
LOGARITHM(log10)

double bk_h_m_atan2(double y, double x) { return isnan(x) || isnan(y) ? (double)NAN : atan2(y, x); }
double bk_h_m_fmod(double a, double b) { return fmod(a, b); }
double bk_h_m_pow(double a, double b) { return pow(a, b); }

/* An unevaluated sum of two doubles */
typedef struct {
    double hi, lo;
} pair;

static pair exact_square(double x, double y) {
    double hi = x * y;
    return (pair){hi, fma(x, y, -hi)};
}

/* |a| >= |b| */
static pair exact_sum(double a, double b) {
    double hi = a + b;
    return (pair){hi, (a - hi) + b};
}

/* Adds v (with error term) to the running sum: head plus two separately kept tails, as math.hypot keeps them. */
typedef struct {
    double head, tail1, tail2;
} sum3;

static void sum_add(sum3 *s, pair v) {
    pair t = exact_sum(s->head, v.hi);
    s->head = t.hi;
    s->tail1 += v.lo;
    s->tail2 += t.lo;
}

static double sum_minus1(const sum3 *s) { return s->head - 1.0 + (s->tail1 + s->tail2); }

/* both finite, 0 <= a, b <= max, max > 0 */
static double norm2(double a, double b, double max) {
    int e;
    frexp(max, &e);
    if (e < -1023) return DBL_MIN * norm2(a / DBL_MIN, b / DBL_MIN, max / DBL_MIN);
    double scale = ldexp(1.0, -e);
    sum3 s = {1.0, 0.0, 0.0};
    sum_add(&s, exact_square(a * scale, a * scale));
    sum_add(&s, exact_square(b * scale, b * scale));
    double h = sqrt(sum_minus1(&s));
    sum_add(&s, exact_square(-h, h)); /* one correction step: what h squared leaves */
    h += sum_minus1(&s) / (2.0 * h);
    return h / scale;
}

double bk_h_m_hypot(double a, double b) {
    a = fabs(a);
    b = fabs(b);
    if (isinf(a) || isinf(b)) return (double)INFINITY;
    if (isnan(a) || isnan(b)) return (double)NAN;
    double max = a > b ? a : b;
    return max == 0.0 ? max : norm2(a, b, max);
}

/* --- ranges */
static uint64_t range_len(int64_t start, int64_t stop, int64_t step) {
    if (step == 0) return 0;
    if (step > 0) return start < stop ? 1 + ((uint64_t)stop - (uint64_t)start - 1) / (uint64_t)step : 0;
    return start > stop ? 1 + ((uint64_t)start - (uint64_t)stop - 1) / (0 - (uint64_t)step) : 0;
}

bool bk_h_range_fits(int64_t start, int64_t stop, int64_t step) {
    if (step == 0) return false;
    uint64_t n = range_len(start, stop, step);
    if (n > INT64_MAX) return false;
    if (n == 0) return true;
    return step > 0 ? stop <= INT64_MAX - (step - 1) : stop >= INT64_MIN + (-1 - step);
}

int64_t bk_h_range_end(int64_t start, int64_t stop, int64_t step) {
    return (int64_t)((uint64_t)start + range_len(start, stop, step) * (uint64_t)step);
}

/* --- complex: by the interpreter's own functions. They set errno, which nobody has to see. */
static Py_complex quotient(double ar, double ai, double br, double bi) {
    int saved = errno;
    Py_complex r = _Py_c_quot((Py_complex){ar, ai}, (Py_complex){br, bi});
    errno = saved;
    return r;
}

double bk_h_c_quot_re(double ar, double ai, double br, double bi) { return quotient(ar, ai, br, bi).real; }
double bk_h_c_quot_im(double ar, double ai, double br, double bi) { return quotient(ar, ai, br, bi).imag; }

static Py_complex real_quotient(double a, double br, double bi) {
    int saved = errno;
    Py_complex r = bkv_real_quot(a, (Py_complex){br, bi});
    errno = saved;
    return r;
}

double bk_h_rc_quot_re(double a, double br, double bi) { return real_quotient(a, br, bi).real; }
double bk_h_rc_quot_im(double a, double br, double bi) { return real_quotient(a, br, bi).imag; }

/* small whole exponents are multiplied out, as complex_pow does */
static Py_complex whole_power(Py_complex x, long n) {
    Py_complex r = {1.0, 0.0}, p = x;
    for (long mask = 1; mask > 0 && n >= mask; mask <<= 1) {
        if (n & mask) r = _Py_c_prod(r, p);
        p = _Py_c_prod(p, p);
    }
    return r;
}

static bool is_whole(double br, double bi) { return bi == 0.0 && br == floor(br) && fabs(br) <= 100.0; }

static Py_complex power(double ar, double ai, double br, double bi) {
    Py_complex a = {ar, ai}, r;
    int saved = errno;
    if (!is_whole(br, bi)) r = _Py_c_pow(a, (Py_complex){br, bi});
    else if (br > 0) r = whole_power(a, (long)br);
    else r = _Py_c_quot((Py_complex){1.0, 0.0}, whole_power(a, -(long)br));
    errno = saved;
    return r;
}

bool bk_h_c_pow_ok(double ar, double ai, double br, double bi) {
    if (!isfinite(ar) || !isfinite(ai) || !isfinite(br) || !isfinite(bi)) return false;
    if (ar != 0.0 || ai != 0.0) return true;
    return bi == 0.0 && br >= 0.0;
}

double bk_h_c_pow_re(double ar, double ai, double br, double bi) { return power(ar, ai, br, bi).real; }
double bk_h_c_pow_im(double ar, double ai, double br, double bi) { return power(ar, ai, br, bi).imag; }
double bk_h_c_abs(double re, double im) { return hypot(re, im); }
