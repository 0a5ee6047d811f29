"""Floats and complex numbers, to the bit: infinities, NaN, signed zeros, rounding."""

import cmath
import math

from diff.harness import case

INF, NAN = float("inf"), float("nan")
EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e308,
    -1e308,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    INF,
    -INF,
    NAN,
    3.5,
    -2.5,
    1e16,
    2.0**53,
    2.0**63,
    -(2.0**63),
    2.0**31,
    1e-17,
]


@case((200, 0.1), (200, -1e300), (200, 1e-320), (100, INF), (100, NAN))
def accumulate(n, x):
    s = 0.0
    for i in range(n):
        s += x
        s = s * 0.99
    return s


@case((EDGES,))
def arithmetic_of_all_edges(xs):
    out = []
    for a in xs:
        for b in xs:
            out.append(a + b)
            out.append(a - b)
            out.append(a * b)
            if b != 0:
                out.append(a / b)
    return out


@case((EDGES,))
def floor_operations_of_all_edges(xs):
    out = []
    for a in xs:
        for b in xs:
            if b != 0.0:
                out.append(a // b)
                out.append(a % b)
                out.append(divmod(a, b))
    return out


@case((EDGES,))
def comparisons_of_all_edges(xs):
    out = []
    for a in xs:
        for b in xs:
            out.append((a < b, a <= b, a == b, a != b, a > b, a >= b))
            out.append(a if a < b else b)
            out.append(not a)
    return out


@case((EDGES,))
def comparisons_with_ints(xs):
    out = []
    for a in xs:
        for k in (0, 1, -1, 2**53, 2**53 + 1, 2**63, -(2**63), 2**70, 10**400):
            out.append((a < k, a <= k, a == k, a != k, a > k, a >= k, k < a))
    return out


@case((EDGES,))
def powers_of_edges(xs):
    out = []
    for a in xs:
        for b in (0.0, 1.0, 2.0, 0.5, -1.0, 3.0, -0.5, 10.0):
            try:
                out.append(a**b)
            except (ZeroDivisionError, OverflowError) as e:
                out.append((type(e).__name__, str(e)))
    return out


@case((150,))
def int_powers_of_floats(n):
    s = 0.0
    for i in range(n):
        x = i * 0.25 - 10.0
        s += x**2 + x**3 - 2.0 ** (i % 60) + (x if x > 0 else -x) ** 0.5
        s += 2 ** -(i % 50)
    return s


@case((100, 60), (100, 200))
def zero_division_late(n, k):
    s = 0.0
    for i in range(n):
        s += 1.5 / (float(i) - k)
    return s


@case((100, 60))
def float_remainder_by_zero(n, k):
    out = []
    for i in range(n):
        try:
            out.append(5.5 % float(k - i))
            out.append(5.5 // float(k - i))
        except ZeroDivisionError as e:
            out.append(str(e))
    return out


@case((120,))
def negative_zero_survives(n):
    z = 0.0
    out = []
    for i in range(n):
        z = z * -1.0
        w = -z
        out.append((z, w, z + 0, 0 - z, z * i, z - z, abs(w), math.copysign(1.0, z)))
    return out[-4:]


@case((100,))
def constant_folding_keeps_zero_signs(n):
    out = []
    x = -0.0
    for i in range(n):
        out.append(x + 0.0)
        out.append(x - 0.0)
        out.append(0.0 - x)
        out.append(x * 1.0)
        out.append(x * 0.0)
        out.append(-x)
        x = -x
    return out[-12:]


@case((100,))
def int_plus_float(n):
    s = 0
    log = []
    for i in range(n):
        s = s + i * 0.5
        log.append(s)
        if i % 10 == 0:
            s = int(s)
            log.append(s)
    return log


@case((60,))
def int_becomes_float(n):
    x = 0
    for i in range(n):
        x = x + 1 if i < n // 2 else x + 0.5
    return x


@case((100,))
def conversions(n):
    out = []
    for i in range(-n, n):
        x = i * 0.73
        out.append(int(x))
        out.append(round(x))
        out.append(round(x, 2))
        out.append(float(i))
        out.append(bool(x))
        out.append(abs(x))
        out.append(math.floor(x) + math.ceil(x) + math.trunc(x))
    return out


@case(([1.5, 2.5, -0.5, 0.5, -1.5, 1e300, 2.0**62, 2.0**63, -(2.0**63), 1e19] * 12,))
def int_of_large_floats(xs):
    out = []
    for x in xs:
        out.append(int(x))
        out.append(round(x))
        out.append(math.floor(x))
    return out[-30:]


@case((100, INF), (100, NAN), (100, -INF))
def int_of_non_finite(n, bad):
    s = 0
    for i in range(n):
        x = bad if i == 70 else i + 0.5
        s += int(x)
    return s


@case((80, INF), (80, NAN))
def round_of_non_finite(n, bad):
    s = 0
    for i in range(n):
        s += round(bad if i == 70 else i * 0.5)
    return s


@case((EDGES * 6,))
def min_and_max(xs):
    out = []
    for i in range(1, len(xs)):
        out.append(min(xs[i - 1], xs[i]))
        out.append(max(xs[i - 1], xs[i]))
        out.append(max(xs[i], 0))
        out.append(min(0.0, xs[i], -0.0))
    return out


@case((150,))
def float_is_integer_and_repr(n):
    out = []
    for i in range(n):
        x = i / 8
        if x.is_integer():
            out.append(repr(x))
        out.append(x.hex())
    return out[-5:], len(out)


@case((130,))
def math_of_many(n):
    s = 0.0
    for i in range(1, n):
        x = i * 0.37
        s += math.sin(x) * math.cos(x) + math.tan(x * 0.01) + math.atan2(x, i) + math.exp(-x) + math.log(x)
        s += (
            math.sqrt(x)
            + math.log2(x)
            + math.log10(x)
            + math.log1p(x)
            + math.expm1(-x)
            + math.hypot(x, i)
            + math.fabs(-x)
        )
        s += (
            math.asin(1 / i)
            + math.acos(1 / i)
            + math.atan(x)
            + math.sinh(0.01 * x)
            + math.cosh(0.01 * x)
            + math.tanh(x)
        )
        s += (
            math.pow(x, 1.5)
            + math.fmod(x, 3.0)
            + math.ldexp(x, 3)
            + math.erf(x)
            + math.gamma(1 + x % 5)
            + math.lgamma(x)
        )
        s += (
            math.degrees(x)
            + math.radians(x)
            + math.cbrt(x)
            + math.exp2(x % 7)
            + math.remainder(x, 2.0)
            + math.pi
            + math.e
        )
    return s


@case((120,))
def math_of_ints(n):
    s = 0
    for i in range(1, n):
        s += math.sqrt(i) + math.gcd(i, 36) + math.isqrt(i * i + 1) + math.factorial(i % 12) + math.comb(i % 20, 3)
        s += math.floor(i) + math.ceil(i) + math.log(i, 2) + math.lcm(i, 4) % 1000
    return s


@case((EDGES * 4,))
def math_classification(xs):
    out = []
    for x in xs:
        out.append((math.isnan(x), math.isinf(x), math.isfinite(x), math.copysign(3.0, x), math.fabs(x)))
        out.append(math.isclose(x, 1.0))
    return out[-24:]


@case((100, 50))
def sqrt_of_negative(n, k):
    s = 0.0
    for i in range(n):
        s += math.sqrt(k - i)
    return s


@case((EDGES * 5,))
def math_domain_errors(xs):
    out = []
    for x in xs:
        try:
            out.append(math.log(x))
        except ValueError as e:
            out.append(str(e))
        try:
            out.append(math.sqrt(x))
        except ValueError as e:
            out.append(str(e))
        try:
            out.append(math.exp(x))
        except OverflowError as e:
            out.append(str(e))
        try:
            out.append(math.sin(x))
        except ValueError as e:
            out.append(str(e))
        try:
            out.append(math.pow(x, 0.5))
        except (ValueError, OverflowError) as e:
            out.append(str(e))
        try:
            out.append(math.fmod(x, x))
        except ValueError as e:
            out.append(str(e))
        try:
            out.append(math.floor(x))
        except (ValueError, OverflowError) as e:
            out.append(str(e))
    return out


@case((90,))
def math_rebound_while_running(n):
    sqrt = math.sqrt
    s = 0.0
    for i in range(n):
        if i == 60:
            sqrt = math.sin
        s += sqrt(i)
    return s


@case((100,))
def math_with_wrong_types(n):
    s = 0.0
    for i in range(n):
        try:
            s += math.sqrt("x" if i % 40 == 39 else i)
        except TypeError as e:
            s += len(str(e))
    return s


@case((100,))
def horner(n):
    s = 0.0
    for i in range(n):
        x = i / n
        p = 1.0
        for c in (0.5, -0.25, 0.125, 3.0):
            p = p * x + c
        s += p
    return s


@case((40, 30, 20))
def mandelbrot(width, height, limit):
    total = 0
    for row in range(height):
        ci = -1.25 + 2.5 * row / height
        for col in range(width):
            cr = -2.1 + 2.8 * col / width
            zr = zi = 0.0
            n = 0
            while n < limit:
                r2 = zr * zr
                i2 = zi * zi
                if r2 + i2 > 4.0:
                    break
                zi = 2.0 * zr * zi + ci
                zr = r2 - i2 + cr
                n += 1
            total += n
    return total


@case((200, 3.7))
def logistic_map(n, r):
    x = 0.5
    for _ in range(n):
        x = r * x * (1.0 - x)
    return x


@case((100,))
def no_fused_multiply_add(n):
    bad = 0
    x = 1.0 + 2.0**-27
    y = 0.0
    for i in range(n):
        y = x * x - (1.0 + 2.0**-26)
        bad += y != 0.0
        x = x + 0.0
    return y, bad


@case((64,))
def complex_mandelbrot(n):
    out = []
    for k in range(n):
        c = complex(k / n * 3 - 2, 0.5)
        z = 0j
        m = 0
        while abs(z) <= 2.0 and m < 40:
            z = z * z + c
            m += 1
        out.append((m, z))
    return out[-5:], sum(m for m, _ in out)


@case((120,))
def complex_arithmetic(n):
    z = 1 + 1j
    w = 0.5 - 0.25j
    out = []
    for i in range(n):
        z = z * w + (i - 1j)
        w = w / (1 + 0.001j) - 0.5
        out.append(z - w)
        out.append(-z)
        out.append(z + 1)
        out.append(2.0 * w)
        out.append(z == w)
        out.append(z.real + w.imag)
        out.append(z.conjugate())
        out.append(abs(w))
        out.append(z / 2)
    return out[-18:], z, w


@case((EDGES[:8] + EDGES[10:13],))
def complex_edges(xs):
    out = []
    for a in xs:
        for b in xs:
            z = complex(a, b)
            out.append(z * z)
            out.append(z + 1.0)
            out.append(z - 0.0)
            out.append(-z)
            out.append(z * 2)
            out.append(1j * z)
            try:
                out.append(1 / z)
            except ZeroDivisionError as e:
                out.append(str(e))
            try:
                out.append(abs(z))
            except OverflowError as e:
                out.append(str(e))
    return out


@case((80, 50))
def complex_division_by_zero(n, k):
    s = 0j
    for i in range(n):
        s += 1 / complex(i - k, 0)
    return s


@case((80,))
def complex_powers_and_cmath(n):
    out = []
    for i in range(1, n):
        z = complex(i * 0.1, -i * 0.05)
        out.append(z**2)
        out.append(z**0.5)
        out.append(cmath.sqrt(z))
        out.append(cmath.exp(z) + cmath.log(z) + cmath.sin(z) + cmath.phase(z))
        out.append(cmath.polar(z))
    return out[-10:]


@case((100,))
def complex_comparison_error(n):
    z = 1j
    for i in range(n):
        if i == 80:
            if z < 2j:
                return 1
        z = z * 1j
    return z


@case(([3.5, -1.0, 3.5, 7.25, 0.0, -0.0, 7.25, -9.0] * 8,), ([float("nan"), 1.0, float("nan"), 2.0, 0.5] * 12,))
def extremes_are_the_objects(values):
    """min and max give one of their arguments, not an equal float."""
    lo = hi = mid = values[0]
    same = 0
    for i in range(len(values)):
        v = values[i]
        w = values[i - 1]
        lo = min(lo, v)
        hi = max(hi, v)
        mid = max(v, w, 1.5)
        same += (lo is v) + 2 * (hi is v) + 4 * (mid is v) + 8 * (mid is w) + 16 * (min(v, w) is w)
        values[i - 1] = min(values[i - 1], hi)
    where = [[k for k, x in enumerate(values) if x is y] for y in (lo, hi, mid)]
    return lo, hi, mid, same, where
