"""NumPy arrays, element by element: dtypes, dimensions, strides, indices, scalars, warnings, errors."""

import math

import numpy as np
from diff.harness import case

FLOATS = ("f8", "f4", "f2")
INTS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
N = 120


def ramp(dtype, n=N):
    return (np.arange(n) % 100).astype(dtype)


@case(
    *[(ramp(d),) for d in FLOATS],
    *[(ramp(d),) for d in INTS],
    (ramp("?"),),
    (ramp("c16"),),
    (ramp("c8"),),
    (ramp("g"),),
)
def load_every_dtype(a):
    last = None
    n = 0
    for i in range(len(a)):
        last = a[i]
        if last:
            n += 1
    return last, type(last).__name__, n


@case(*[lambda d=d: (ramp(d), np.zeros(N, d)) for d in (*FLOATS, *INTS, "?", "c16", "c8")])
def copy_every_dtype(a, out):
    for i in range(a.shape[0]):
        out[i] = a[i]
    return out


@case(*[lambda d=d: (np.zeros(N, d),) for d in ("f8", "f4", "i8", "i4", "i2", "u4", "u8", "c16")])
def store_python_numbers(out):
    for i in range(len(out)):
        out[i] = i
    for i in range(0, len(out), 3):
        out[i] = True
    return out


@case(
    lambda: (np.zeros(N, "f8"),),
    lambda: (np.zeros(N, "f4"),),
    lambda: (np.zeros(N, "c16"),),
    lambda: (np.zeros(N, "f2"),),
)
def store_floats(out):
    x = 0.1
    for i in range(len(out)):
        out[i] = x
        x = x * 1.07
    return out


@case(
    lambda: (np.zeros(N, "i8"),),
    lambda: (np.zeros(N, "i4"),),
    lambda: (np.zeros(N, "u1"),),
    lambda: (np.zeros(N, "?"),),
)
def store_floats_to_ints(out):
    for i in range(len(out)):
        out[i] = i * 0.75
    return out


@case(
    lambda: (np.zeros(N, "i1"), 1),
    lambda: (np.zeros(N, "i2"), 300),
    lambda: (np.zeros(N, "u1"), 2),
    lambda: (np.zeros(N, "i4"), 2**25),
    lambda: (np.zeros(N, "u8"), -1),
    lambda: (np.zeros(N, "i8"), 2**58),
)
def store_out_of_bounds_int(out, k):
    for i in range(len(out)):
        out[i] = i * k
    return out


@case(
    lambda: (np.zeros(N), "x", 90),
    lambda: (np.zeros(N), None, 90),
    lambda: (np.zeros(N, "i8"), 1j, 90),
    lambda: (np.zeros(N), [1, 2], 90),
    lambda: (np.zeros(N), "2.5", 90),
)
def store_something_else_late(out, bad, when):
    for i in range(len(out)):
        out[i] = bad if i == when else i
    return out


@case(
    *[
        (ramp(d), ramp(e))
        for d in ("f8", "f4", "i8", "i4", "u1", "c16", "?")
        for e in ("f8", "f4", "i8", "i2", "u8", "?")
    ]
)
def mixed_arithmetic(a, b):
    s = None
    out = []
    for i in range(1, len(a)):
        x, y = a[i], b[i]
        s = x + y
        out.append(s)
        out.append(x * y)
        if i % 10 == 1:
            out.append(x == y)
            out.append(x < y)
    return out, type(s).__name__


@case(*[(ramp(d),) for d in ("f8", "f4", "i8", "i4", "u1", "i1", "c16")])
def scalars_with_python_numbers(a):
    out = []
    for i in range(1, len(a)):
        x = a[i]
        out.append(x * 2)
        out.append(1 + x)
        out.append(x - 0.5)
        out.append(2.0 * x)
        out.append(x + True)
        out.append(-x)
        out.append(x**2)
        out.append(x / 3)
        out.append(abs(x))
        out.append(x != 7)
    return out


@case(*[(ramp(d),) for d in ("i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")])
def int_scalar_operators(a):
    out = []
    for i in range(1, len(a)):
        x, y = a[i], a[-i]
        out.append(x & y)
        out.append(x | 1)
        out.append(x ^ y)
        out.append(~x)
        out.append(x >> 1)
        if y != 0:
            out.append(x // y)
            out.append(x % y)
        out.append(x % 7)
        out.append(x // 3)
        out.append(x < y)
    return out


@case(
    (np.array([1, 3, 9, 27] * 30, "i1"),),
    (np.array([100, -100, 50, -128] * 30, "i1"),),
    (np.array([2**62, 2**61, -(2**63), 5] * 30, "i8"),),
    (np.array([2**31 - 1, 5, -7, 1] * 30, "i4"),),
    (np.array([200, 100, 3, 255] * 30, "u1"),),
    (np.array([2**63, 2**64 - 1, 0, 1] * 30, "u8"),),
)
def scalar_overflow_warns_and_wraps(a):
    out = []
    for i in range(len(a) - 1):
        x, y = a[i], a[i + 1]
        out.append(x + y)
        out.append(x * y)
        out.append(x - y)
        out.append(-x)
        out.append(abs(x))
    return out


@case((np.arange(100.0), 60.0), (np.arange(100, dtype="i8"), 60), (np.arange(100, dtype="f4"), np.float32(60)))
def division_by_zero_warns(a, k):
    out = []
    for i in range(len(a)):
        out.append(a[i] / (a[i] - k))
        out.append(a[i] // (a[i] - k))
        out.append(a[i] % (a[i] - k))
    return out


@case(
    (np.full(100, 1e300),),
    (np.full(100, 1e-300),),
    (np.array([np.inf, -np.inf, np.nan, 0.0, -0.0] * 20),),
    (np.full(100, 1e30, "f4"),),
)
def float_warnings(a):
    out = []
    for i in range(len(a)):
        x = a[i]
        out.append(x * x)
        out.append(x - x)
        out.append(x + x)
        out.append(x * 0)
        out.append(x / 3.0)
    return out


@case((np.array([1.0] * 90 + [1e308] * 5 + [1.0] * 5),))
def overflow_warning_late_in_loop(a):
    s = 0.0
    out = np.zeros(len(a))
    for i in range(len(a)):
        out[i] = a[i] * 10.0
        s += out[i] * 0.5
    return s, out


@case((np.array([np.nan] * 50 + [1.0] * 50),), (np.array([1.0] * 50 + [np.inf] * 50),))
def nan_through_arithmetic(a):
    s = 0.0
    n = 0
    for i in range(len(a)):
        s = s + a[i] * 2
        if a[i] > 0.5:
            n += 1
        if a[i] != a[i]:
            n += 100
    return s, n


@case(
    (np.arange(200.0),),
    (np.arange(400.0)[::2],),
    (np.arange(400.0)[::-2],),
    (np.arange(300.0)[50:],),
    (np.arange(200.0).astype(">f8"),),
    (np.arange(200.0).reshape(200, 1)[:, 0],),
    (np.broadcast_to(2.5, (150,)),),
)
def one_dimension_any_stride(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * (i + 1)
    return s


A2 = np.arange(20 * 30.0).reshape(20, 30)


@case(
    (A2,),
    (A2.T,),
    (A2[::2, ::3],),
    (A2[::-1],),
    (np.asfortranarray(A2),),
    (A2.astype("i4"),),
    (A2.astype("f4")[3:, 4:],),
)
def two_dimensions_any_stride(a):
    s = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s = s + a[i, j] * (i - j)
    return s, type(s).__name__


@case((A2,), (A2.T,), (A2[::2, ::-1],))
def chained_index(a):
    s = 0.0
    n, m = a.shape
    for i in range(n):
        for j in range(m):
            s += a[i][j]
    return s


@case(
    lambda: (np.zeros((12, 15)),),
    lambda: (np.zeros((12, 15), order="F"),),
    lambda: (np.zeros((24, 30), "i4")[::2, ::2],),
)
def chained_store(a):
    for i in range(len(a)):
        for j in range(a.shape[1]):
            a[i][j] = i * 100 + j
            a[i][j] += 1
    return a


A3 = (np.arange(6 * 7 * 8) % 31).reshape(6, 7, 8)


@case((A3 * 0.5,), (A3,), (np.transpose(A3, (2, 0, 1)),), (A3[::-1, 1:, ::2].astype("f4"),))
def three_dimensions(a):
    s = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                s += a[i, j, k] * (i + 2 * j - k)
    return s


A4 = (np.arange(4 * 5 * 6 * 3) % 17).reshape(4, 5, 6, 3)


@case((A4 * 1.5,), (A4.astype("u1"),), (A4.transpose(3, 1, 0, 2) * 1.0,))
def four_dimensions(a):
    s = 0.0
    p, q, r, t = a.shape
    for i in range(p):
        for j in range(q):
            for k in range(r):
                for m in range(t):
                    s += a[i, j, k, m] * 0.5
                    s += a[i][j][k][m]
                    s += a[i, j][k, m]
    return s


@case((np.arange(120.0),), (np.arange(120, dtype="i8"),))
def negative_indices(a):
    out = []
    for i in range(1, len(a)):
        out.append(a[-i] - a[i - 1])
    return out, a[-len(a)]


@case((np.arange(100.0), 150), (np.arange(100.0), 99), (np.arange(100.0), 100))
def index_error_late(a, n):
    s = 0.0
    for i in range(n):
        s += a[i]
    return s


@case(
    (np.arange(100.0), 130),
)
def negative_index_error_late(a, n):
    s = 0.0
    for i in range(1, n):
        s += a[-i]
    return s


@case((A2, 25, 10), (A2, 10, 35), (A2, 20, 30))
def two_dimensional_index_errors(a, n, m):
    s = 0.0
    for i in range(n):
        for j in range(m):
            s += a[i, j]
    return s


@case(lambda: (np.zeros(100), 120), lambda: (np.zeros(100), 100))
def store_index_error_late(a, n):
    for i in range(n):
        a[i] = i
    return a


@case(
    lambda: (np.zeros(100),),
)
def read_only_becomes(a):
    for i in range(100):
        a[i] = i
        if i == 70:
            a.flags.writeable = False
    return a


@case(
    (np.arange(100.0), 1.5),
    (np.arange(100.0), "x"),
    (np.arange(100.0), None),
    (np.arange(100.0), slice(2, 5)),
    (np.arange(100.0), [1, 2]),
    (np.arange(100.0), True),
    (np.arange(100.0), np.int64(3)),
    (np.arange(100.0), (1,)),
    (np.arange(100.0), np.uint8(200)),
    (np.arange(100.0), ...),
    (np.arange(100.0), 2**70),
)
def index_of_another_type_late(a, odd):
    out = []
    for i in range(100):
        k = odd if i == 80 else i
        out.append(a[k])
    return out


@case(
    (np.arange(100.0), np.arange(100)[::-1].copy()),
    (np.arange(100.0), np.arange(100, dtype="u1")),
    (np.arange(100.0), np.arange(100, dtype="i4")),
)
def index_by_numpy_int(a, idx):
    s = 0.0
    for i in range(len(idx)):
        s += a[idx[i]] * i
    return s


@case((np.arange(64), np.zeros(10, "i8")))
def histogram(values, _):
    counts = np.zeros(10, "i8")
    for v in range(len(values)):
        counts[values[v] % 10] += 1
    return counts


@case((np.arange(100.0), 100), (np.arange(200.0), 100))
def shape_size_len(a, n):
    s = 0
    for i in range(n):
        s += a.shape[0] + a.size + len(a) + a.ndim + a.itemsize + a.nbytes
    return s


@case((A2,))
def shape_unpacked_in_loop(a):
    s = 0
    for i in range(100):
        n, m = a.shape
        s += n * m + i
    return s


@case((np.arange(150.0),), (np.arange(150, dtype="i4"),), (A2,), (np.arange(0.0),))
def iterate_array(a):
    s = 0
    for x in a:
        s = s + x
    return s, type(s).__name__


@case((np.arange(120.0), np.arange(120)))
def zip_and_enumerate_arrays(a, b):
    s = 0.0
    for x, y in zip(a, b):
        s += x * y
    for i, x in enumerate(a):
        s -= i * x
    return s


@case(lambda: (np.arange(150.0),), lambda: (np.arange(150, dtype="f4"),), lambda: (np.arange(150, dtype="i8"),))
def in_place_elements(a):
    for i in range(1, len(a)):
        a[i] += a[i - 1]
        a[i] *= 2 if i < 40 else 1
        a[i] -= 1
    return a


@case(lambda: (np.arange(200.0),))
def overlapping_views(a):
    b = a[1:]
    c = a[::-1]
    for i in range(len(b)):
        b[i] = a[i] + 1.0
        c[i] = b[i] * 0.5
    return a


@case(lambda: (np.arange(160.0),), lambda: (np.zeros(160),))
def views_of_another_dtype(a):
    b = a.view("i8")
    c = a.view("u1")
    s = 0
    for i in range(len(a)):
        b[i] = i * 4607182418800017408 // 200
        s += int(c[8 * i + 6])
        a[i] = a[i] * 0.5
        s += int(b[i]) & 0xFF
    return s, a


@case((A2.copy(), A2 * 0.5))
def matmul(a, b):
    n, m, k = a.shape[0], b.shape[0], a.shape[1]
    c = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            s = 0.0
            for x in range(k):
                s += a[i, x] * b[j, x]
            c[i, j] = s
    return c


@case(lambda: (np.linspace(0, 1, 14 * 14).reshape(14, 14), 8))
def stencil(a, rounds):
    b = a.copy()
    n, m = a.shape
    for _ in range(rounds):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                b[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1])
        a, b = b, a
    return a


@case((np.sin(np.arange(300.0)),))
def reduce_min_max(a):
    lo = hi = a[0]
    total = 0.0
    above = 0
    for i in range(a.shape[0]):
        v = a[i]
        total += v * v
        if v < lo:
            lo = v
        if v > hi:
            hi = v
        if v > 0.5:
            above += 1
    return total, lo, hi, above


@case((np.cos(np.arange(250.0)), 0.2, 0.3, 0.2, -0.5, 0.25))
def biquad(x, b0, b1, b2, a1, a2):
    n = x.shape[0]
    y = np.empty(n)
    x1 = x2 = y1 = y2 = 0.0
    for i in range(n):
        x0 = x[i]
        v = b0 * x0 + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        y[i] = v
        x2 = x1
        x1 = x0
        y2 = y1
        y1 = v
    return y


@case(lambda: (np.random.default_rng(3).random((12, 11)), np.zeros((12, 11)), 1.5, 0.2))
def bilateral(img, out, sigma_s, sigma_r):
    h, w = img.shape
    for y in range(h):
        for x in range(w):
            acc = norm = 0.0
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    yy, xx = y + dy, x + dx
                    if 0 <= yy < h and 0 <= xx < w:
                        d = img[yy, xx] - img[y, x]
                        g = math.exp(-(dx * dx + dy * dy) / (2 * sigma_s * sigma_s) - d * d / (2 * sigma_r * sigma_r))
                        acc += g * img[yy, xx]
                        norm += g
            out[y, x] = acc / norm
    return out


@case((np.arange(120.0),))
def math_of_numpy_scalars(a):
    s = 0.0
    out = []
    for i in range(1, len(a)):
        s += math.sqrt(a[i]) + math.exp(-a[i]) + abs(a[i]) + min(a[i], 3.0) + max(a[i], a[i - 1])
        out.append(round(a[i] / 7, 2))
        out.append(float(a[i]))
        out.append(int(a[i]))
        out.append(bool(a[i]))
    return s, out


@case((np.arange(90.0),))
def ufuncs_and_slices_inside(a):
    s = 0.0
    for i in range(1, len(a)):
        s += np.sqrt(a[i]) + np.sum(a[:i]) + a[i - 1 : i + 1].mean() + np.maximum(a[i], 5)
        b = a + i
        s += b[i]
    return s


@case(lambda: (np.zeros((10, 10)),))
def whole_rows_inside(a):
    for i in range(10):
        a[i] = i
        a[i, :] += 0.5
        a[:, i] *= 2
        for j in range(10):
            a[i, j] += j
    return a


@case((np.arange(60.0), np.arange(60), 3))
def array_rebound_to_another_dtype(a, b, rounds):
    s = 0
    for r in range(rounds):
        for i in range(len(a)):
            s = s + a[i]
        a, b = b, a
    return s, type(s).__name__


@case((100,))
def array_made_inside(n):
    s = 0.0
    for i in range(n):
        t = np.array([i, i + 1.0])
        s += t[0] * t[1]
        u = np.zeros(3, "i4")
        u[1] = i
        s += u[1]
    return s


@case(
    (np.arange(100).astype("M8[D]"),),
    (np.array(["a", "bc"] * 50),),
    (np.array([1, "x", None, 2.5] * 25, dtype=object),),
    (np.zeros(100, dtype=[("x", "f8"), ("y", "i4")]),),
)
def odd_dtypes(a):
    out = []
    for i in range(len(a)):
        x = a[i]
        out.append(str(x))
    return out[-4:]


@case(
    (np.float64(0.5), 150),
    (np.float32(0.5), 150),
    (np.int64(3), 150),
    (np.int32(3), 150),
    (np.uint8(3), 90),
    (np.complex128(0.5 + 1j), 100),
    (np.bool_(True), 100),
)
def scalar_as_accumulator(s, n):
    for i in range(n):
        s = s + i if i % 3 else s * 1
    return s, type(s).__name__


@case((np.arange(100.0),))
def start_as_int_becomes_numpy(a):
    s = 0
    for i in range(len(a)):
        s = s + a[i]
    return s, type(s).__name__


@case((np.arange(120.0),))
def scalar_identity(a):
    x = a[0]
    same = 0
    for i in range(1, len(a)):
        y = x
        x = a[i]
        same += (x is y) + (x is a[i])
    return same


@case(lambda: (np.zeros(100, "f8"), np.arange(100, dtype="f4")))
def store_scalar_of_other_dtype(out, a):
    for i in range(len(a)):
        out[i] = a[i] / 3
    return out


@case((np.ma.masked_array(np.arange(100.0), np.arange(100) % 7 == 0),), (np.arange(100.0).view(np.recarray),))
def array_subclasses(a):
    s = 0.0
    for i in range(len(a)):
        x = a[i]
        s = s + (0.0 if x is np.ma.masked else float(x))
    return s


@case((np.array(2.5), 100), (np.array(7), 100))
def zero_dimensional(a, n):
    s = 0
    for i in range(n):
        s = s + a[()] + a
    return s


@case((100,))
def errstate_inside(n):
    out = []
    a = np.array([1.0, 0.0, 1e308] * 40)
    for i in range(n):
        with np.errstate(all="ignore"):
            out.append(a[i] * 10 / a[i + 1])
    return out


@case((100,))
def errstate_raise(n):
    a = np.array([1.0] * 80 + [1e308] * 40)
    s = 0.0
    with np.errstate(over="raise"):
        try:
            for i in range(n):
                s += a[i] * 10
        except FloatingPointError as e:
            return s, str(e), i
    return s


def told_of_underflow(n, x, out, switch):
    before = np.geterr()
    t = np.float64(1.0)
    i = -1
    try:
        for i in range(n):
            if i == switch:
                np.seterr(under="raise")
            if i == switch + 3:
                np.seterr(under="ignore")
            t = t * x[i] + 0.0
            out[i] = t
            if i % 9 == 8:
                t = np.float64(1.0)
    except FloatingPointError as e:
        return str(e), i, float(t)
    finally:
        np.seterr(**before)
    return float(t)


@case(
    (60, np.full(60, 1e-50), np.zeros(60), 24),
    (60, np.full(60, 1e-50), np.zeros(60, "f4"), 24),
    (60, np.full(60, 1e-50), np.zeros(60, "c8"), 25),
    (60, np.full(60, 1e-5), np.zeros(60, "f4"), 21),
    (60, np.full(60, 0.5), np.zeros(60), 24),
    (60, np.full(60, 1e-20, "f4"), np.zeros(60, "f4"), 29),
    jit=("told_of_underflow",),
)
def underflow_told_inside(n, x, out, switch):
    for _ in range(3):
        told_of_underflow(n, x, out, n)
    return told_of_underflow(n, x, out, switch), told_of_underflow(n, x, out, 0), out


@case((np.float64(1e-100), 60), (np.complex128(1e-100), 60), (np.float32(1e-20), 60))
def underflow_told_outside(x, n):
    out = []
    for mode in ("ignore", "ignore", "raise", "ignore", "warn", "ignore"):
        i = 0
        t = x * 2
        try:
            with np.errstate(under=mode):
                for i in range(n):
                    t = t * x
                    if i % 8 == 2:
                        t = x + x
        except FloatingPointError as e:
            out.append((str(e), i))
        out.append(t)
    return out


def small_power(x, n):
    return x if n <= 1 else small_power(x, n - 1) * x


@case((np.float64(1e-60), 7), jit=("small_power",))
def underflow_told_in_recursion(x, n):
    out = []
    for mode in ("ignore", "ignore", "raise", "ignore", "raise"):
        try:
            with np.errstate(under=mode):
                for i in range(20):
                    out.append(small_power(x, n - i % 2))
        except FloatingPointError as e:
            out.append(str(e))
    return out


@case((np.float64(1e-40), 60))
def underflow_told_of_a_cast(x, n):
    out = []
    for mode in ("ignore", "ignore", "raise", "ignore", "raise"):
        y = x + 0.0
        try:
            with np.errstate(under=mode):
                for i in range(n):
                    out.append(np.float32(y))
                    y = y / 1.5 if i % 30 else x
        except FloatingPointError as e:
            out.append((str(e), i))
    return out
