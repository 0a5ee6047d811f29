"""Small NumPy kernels whose loops become vectors or keep an undo log: stencils, filters, masks, overlapping views."""

import warnings

import numpy as np
from diff.harness import case

N = 300


def wave(n=N):
    return (np.arange(n) * 37 % 101) * 0.25 - 9.0


def spiked(n=N, at=(170, 171, 290), value=1.7e308):
    a = np.abs(wave(n))
    a[list(at)] = value
    return a


@case((wave(), 20), (spiked(), 20), (spiked(at=(1,)), 3), (spiked(at=(N - 2,)), 3))
def stencil_1d(a, rounds):
    b = a.copy()
    for _ in range(rounds):
        for i in range(1, len(a) - 1):
            b[i] = 0.25 * (a[i - 1] + a[i + 1]) + 0.5 * a[i]
        a, b = b, a
    return a, b


@case((wave(3000),), (spiked(3000, at=(1023, 1024, 2999)),))
def store_only_when_large(a):
    out = np.zeros(len(a))
    for i in range(len(a)):
        x = a[i] * 3.0
        if x > 20.0:
            out[i] = x
        elif x < -20.0:
            out[i - 1] = x - 1.0
    return out


@case((wave(2000), 0.5), (np.ones(2000), 1.5), (spiked(2000, at=(1999,)), 1.5))
def running_product_in_place(a, k):
    for i in range(1, len(a)):
        a[i] = a[i] + a[i - 1] * k
    return a


def overlapping(shift):
    base = spiked(1500, at=(700, 1200))
    return base, base[shift:], base[: len(base) - shift]


@case(*[lambda s=s: overlapping(s) for s in (1, 2, 7, 64)])
def two_overlapping_outputs(base, u, v):
    for i in range(min(len(u), len(v)) - 1):
        x = base[i] * 4.0
        u[i] = x + 1.0
        v[i] = x - 1.0
        u[i + 1] = x
    return base


@case((spiked(1200, at=(600, 900)),))
def a_warning_sees_the_array_as_it_should_be(a):
    out = np.zeros(len(a))
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *rest, **more: seen.append((str(message), out.copy(), a.copy()))
        for i in range(len(a)):
            out[i] = a[i] * 2.0
            a[i] = out[i] - 1.0
    return seen, out, a


@case((spiked(1200, at=(1100,)),), (spiked(1200, at=(899,)),))
def an_error_sees_the_array_as_it_should_be(a):
    out = np.zeros(len(a))
    i = -1
    try:
        with np.errstate(over="raise"):
            for i in range(len(a)):
                out[i] = a[i] * 2.0
    except FloatingPointError as e:
        return str(e), i, out
    return i, out


@case((np.full(400, 1e308),))
def sum_that_is_infinite_already(a):
    s = 0.0
    out = np.zeros(len(a))
    for r in range(3):
        for i in range(len(a)):
            out[i] = a[i] * 0.5
            s += out[i]
    return s, out


@case((wave(), np.zeros(N, "f4")), (spiked(), np.zeros(N, "f4")))
def results_in_single_precision(a, out):
    for i in range(len(a) - 1, 0, -1):
        out[i] = a[i] * 0.5
    return out


@case((wave(700), np.full(700, 2, "u1").view("?")), (spiked(700, at=(650,)), np.full(700, 3, "u1").view("?")))
def mask_of_odd_bytes(a, mask):
    for i in range(0, len(a), 3):
        mask[i] = a[i] * 2.0 > 10.0
    return mask.view("u1")


@case((wave(500), 0), (wave(500), 2**63 - 60), (wave(500), 2**63 - 400), (wave(500), 2**70), (wave(500), -5))
def counters_in_branches(a, n):
    m = 0
    for i in range(len(a)):
        if a[i] > 2.0:
            n += 1
            if a[i] > 9.0:
                m += 3
                continue
        elif a[i] < -7.0:
            m += 2
    return n, m


@case((np.array([1.0] * 80 + [1e200, 1e300, np.inf, 1.0] * 20),), (np.array([1.0] * 80 + [-1e308] * 3 + [1.0] * 30),))
def chain_of_tests(a):
    out = []
    y = 0.0
    z = 1.0
    for i in range(len(a)):
        x = a[i]
        y = 0.5 * x * x + 0.25 * y - 0.125 * z + x
        z = y
        if z > 1e3 or z != z:
            out.append((i, z))
            y = 0.0
            z = 1.0
    return out, y, z


@case(
    (wave(700), wave(700) > 1.0, np.zeros(700), 0),
    (wave(700), wave(700) > 99.0, np.zeros(700), 2**62),
    (spiked(700, at=(650,)), np.ones(700, "?"), np.zeros(700), 7),
    (wave(700), np.ones(690, "?"), np.zeros(700), 7),
    (wave(700), wave(700) > 1.0, np.zeros(600), 7),
    (spiked(3000, at=(2650,)), wave(3000) > -3.0, np.ones(3000), 7),
)
def masked(a, mask, out, count):
    before = count
    try:
        for i in range(a.shape[0]):
            if mask[i]:
                out[i] = a[i] * 2.0
                count += 1
            else:
                out[i] = 0.0
    except IndexError as e:
        return str(e), i, out, count, count is before
    return i, out, count, count is before


@case((wave(900), 30.0), (spiked(900, at=(800,)), 1e308), (wave(900), -3.0))
def leaves_in_the_middle(a, limit):
    s = 0.0
    t = 1.0
    n = 0
    for i in range(len(a)):
        x = a[i]
        s += x * x
        if x > limit:
            n += 1
            t = t * 1.5 + x
            if n > 40:
                break
        t = t * 0.5 + x * 2.0
    return s, t, n, i


@case((np.concatenate([wave(400), [1e308, 1e308, -50.0], wave(300)]),), (np.concatenate([wave(500), [-50.0, np.inf]]),))
def side_of_a_branch_never_seen(a):
    total = 0.0
    low = a[0]
    n = 0
    for r in range(3):
        for i in range(a.shape[0]):
            v = a[i]
            total += v * 10.0
            if v < low:
                low = v
            if v > 1.5:
                n += 1
    return total, low, n


@case((np.ones((40, 30)), np.ones((40, 30), "?")), (np.ones((40, 30)), np.ones((40, 29), "?")))
def boundary_tested_by_hand(a, m):
    n, k = a.shape
    out = np.zeros((n, k))
    try:
        for i in range(n):
            for j in range(k):
                if m[i, j]:
                    s = a[i, j]
                    if j + 1 < k:
                        s += a[i, j + 1]
                    if i > 0:
                        s += a[i - 1, j]
                    out[i, j] = s
    except IndexError as e:
        return str(e), out
    return out


@case(
    (np.arange(3000), 0),
    (np.arange(3000), 2**63 - 3000),
    (np.arange(3000) * 2**51, 5),
    (np.full(3000, -(2**62)), -5),
    (np.full(3000, 2**52), -(2**62) - 5),
    (np.arange(3000).astype("i4"), np.int64(2**62)),
)
def sums_of_ints(a, s):
    before = 0
    for r in range(2):
        for i in range(len(a)):
            s += int(a[i])
        before = s
        for i in range(len(a)):
            s += a[i]
    return s, type(s).__name__, before


@case(
    *[lambda t=t, top=top: (np.arange(2500).astype(t) % 50, np.full(2500, top, t), np.zeros(2500, t))
      for t, top in (("u1", 200), ("u1", 206), ("i1", 77), ("i1", 79), ("i4", 2**31 - 49), ("i8", 2**63 - 50))]
)
def narrow_sums_and_differences(a, b, out):
    for i in range(len(a)):
        out[i] = a[i] + b[i]
    for i in range(len(a)):
        out[i] = out[i] - a[i]
    x = 0
    for i in range(len(a)):
        x = a[i] * a[i]
        out[i] = x
    return out, x


@case(
    lambda: (np.arange(400, dtype="f4").reshape(20, 20) / 7, np.arange(9, dtype="f4").reshape(3, 3), np.float32),
    lambda: (np.arange(400, dtype="f4").reshape(20, 20) / 7, np.full((3, 3), 1e37, "f4"), np.float32),
    lambda: (np.arange(400).reshape(20, 20), np.arange(9).reshape(3, 3), np.int64),
)
def convolution(a, k, zero):
    n, m = a.shape
    out = np.zeros((n - 2, m - 2), a.dtype)
    for i in range(n - 2):
        for j in range(m - 2):
            s = np.float32(0) if zero is np.float32 else np.int64(0)
            for u in range(3):
                for v in range(3):
                    s += a[i + u, j + v] * k[u, v]
            out[i, j] = s
    return out


@case((np.arange(90.0).reshape(30, 3) % 7,))
def distances(x):
    n = x.shape[0]
    out = np.zeros((n, n))
    least = np.float64(1e9)
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(3):
                d = x[i, k] - x[j, k]
                s += d * d
            out[i, j] = np.sqrt(s)
            least = np.minimum(least, np.abs(out[i, j] - 2.5))
    return out, least


def board(dtype, big=0, at=(0, 0)):
    a = (np.arange(40 * 70).reshape(40, 70) * 7 % 11 < 4).astype(dtype)
    a[at] = big
    return a


@case(
    lambda: (board("u1"), board("u1"), 4),
    lambda: (board("u1", 250, (30, 50)), board("u1"), 2),
    lambda: (board("i1", 125, (30, 50)), board("i1"), 2),
    lambda: (board("u2", 65534, (30, 50)), board("u2"), 2),
    lambda: (board("i4", 2**31 - 3, (30, 50)), board("u1"), 2),
    lambda: (board("u4", 2**32 - 3, (30, 50)), board("i8"), 2),
    lambda: (board("i8", 2**63 - 3, (30, 50)), board("i8"), 2),
)
def life(a, b, rounds):
    n, m = a.shape
    for r in range(rounds):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                s = (
                    a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1] + a[i, j - 1]
                    + a[i, j + 1] + a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
                )
                if s == 3 or (s == 2 and a[i, j]):
                    b[i, j] = 1
                else:
                    b[i, j] = 0
        a, b = b, a
    return a, b, s


@case(
    *[lambda t=t, late=late: (np.r_[np.arange(2500) % 9 + 1, late].astype(t), np.zeros(2501, t))
      for t in ("u1", "i1", "u2", "i4") for late in (0, 1, 120)]
)
def narrow_products_and_quotients(a, out):
    top = a[0] * 20
    for i in range(len(a)):
        d = a[i] - 1
        out[i] = top // (d + 1) + a[i] * a[i] - d
    for i in range(len(a)):
        d = a[i] + a[i]
        if d > 9:
            out[i] = (d << 1) - d
        else:
            out[i] = d * 3 - 1
    for i in range(len(a)):
        out[i] = (a[i] * a[i] - a[i]) * 2
    return out, d


@case(
    lambda: (np.arange(3000.0) % 7 - 3, np.zeros(3000), 1e300),
    lambda: (np.r_[np.arange(2500.0) % 7 - 3, 1e10], np.zeros(2501), 1e300),
    lambda: (np.r_[np.arange(2500.0) % 7 - 3, np.nan, 1.0], np.zeros(2502), 2),
)
def stores_on_both_sides(a, out, k):
    n = 0
    for i in range(len(a)):
        if a[i] > 0:
            out[i] = a[i] * k
            n += 1
        elif a[i] > -2:
            out[i] = a[i]
        else:
            out[i] = -k
    for i in range(len(a)):
        if a[i] > 0:
            out[i] += out[i]
        else:
            out[i] = n
            out[i] -= 1
    return out, n


def last_index_included(n, bad):
    b = np.arange(n + 2) * 1.0
    c = np.ones(n + 2)
    c[bad] = 1e308
    i = 0
    try:
        with np.errstate(over="raise"):
            while True:
                if i > n:
                    break
                b[i] = b[i] + b[i]
                c[i] = c[i] * c[i]
                i += 1
    except FloatingPointError as e:
        return str(e), i, b, c
    return b, c


@case(*[(1100, bad) for bad in (250, 255, 256, 257, 447, 448, 512, 1023, 1024, 1050)], jit=("last_index_included",))
def undone_at_the_end_of_a_strip(n, bad):
    for _ in range(4):
        last_index_included(n, n + 1)
    return last_index_included(n, bad)
