"""Loops whose results are tested in blocks before they are stored: overlaps, ends of blocks, last values, warnings."""

import warnings

import numpy as np
from diff.harness import case

LENGTHS = (3, 4, 5, 15, 16, 17, 31, 33, 100, 108, 300)
SHIFTS = (0, 1, 3, 4, 5, 15, 16, 17, 40)


def wave(n, dtype=np.float64):
    return ((np.arange(n) * 37 % 101) * 0.25 - 9.0).astype(dtype)


def smooth(n, a, b):
    d = 0.0
    for i in range(1, n - 1):
        d = a[i - 1] + a[i + 1]
        b[i] = d * 0.5 + a[i]
    return d, i


@case(*[(n,) for n in LENGTHS], (108, np.float32), (300, np.float32), jit=("smooth",))
def each_length_and_the_last_value(n, dtype=np.float64):
    a, b = wave(n, dtype), np.zeros(n, dtype)
    for _ in range(30):
        d = smooth(n, a, b)
    return d, b


@case(*[(s,) for s in SHIFTS], *[(s, np.float32) for s in SHIFTS], jit=("smooth",))
def views_that_overlap(shift, dtype=np.float64):
    for _ in range(5):
        smooth(200, wave(250, dtype), np.zeros(250, dtype))
    ahead, behind = wave(250, dtype), wave(250, dtype)
    return smooth(200, ahead, ahead[shift:]), ahead, smooth(200, behind[shift:], behind), behind


@case((1,), (2,), (3,), (5,), (7,), jit=("smooth",))
def views_that_overlap_in_part_of_an_element(byte):
    raw, other = wave(260).tobytes(), np.zeros(250)
    for _ in range(5):
        smooth(200, wave(250), other)
    buffer = bytearray(raw)
    a, b = np.frombuffer(buffer, np.float64, 250), np.frombuffer(buffer, np.float64, 250, byte)
    with np.errstate(all="ignore"):
        return smooth(200, a, b), bytes(buffer)


def backwards(n, a, b):
    for i in range(n - 1, -1, -1):
        b[i] = a[i] * 1.5 - b[i]


def mirrored(n, a, b):
    for i in range(n):
        b[n - 1 - i] = a[i] * 1.5


@case(*[(s,) for s in SHIFTS], jit=("backwards", "mirrored"))
def other_directions(shift):
    out = []
    for kernel in (backwards, mirrored):
        for _ in range(5):
            kernel(200, wave(250), wave(250))
        a, b = wave(250), wave(250)
        kernel(200, a, a[shift:])
        kernel(200, b[shift:], b)
        out += [a, b]
    return out


def by_the_first(n, a, w, b):
    for i in range(n):
        b[i] = a[i] * w[0] + w[1]


@case((0, 500), (0, 0), (3, 0), (100, 0), (200, 198), (0, 199), jit=("by_the_first",))
def factors_that_are_stored_to(at, weights):
    for _ in range(5):
        by_the_first(200, wave(300), wave(2), wave(300))
    a = wave(600) * 0.0 + 0.5
    by_the_first(200, wave(300), a[weights:], a[at:])
    return a


def two_stores(n, a, b, c):
    for i in range(n):
        b[i] = a[i] + 1.0
        c[i] = b[i] * 0.5
    return i


@case(*[(x, y) for x in (0, 1, 20) for y in (0, 1, 16, 40)], jit=("two_stores",))
def stores_that_overlap(x, y):
    for _ in range(5):
        two_stores(200, wave(300), wave(300), wave(300))
    a = wave(300)
    return two_stores(200, wave(200), a[x:], a[y:]), a, two_stores(200, a[y:], wave(300), a[x:]), a


def running(n, a):
    for i in range(1, n):
        a[i] = a[i - 1] * 0.5 + a[i]


@case((100,), (300,), jit=("running",))
def a_recurrence_is_no_block(n):
    a = wave(n)
    for _ in range(3):
        running(n, a)
    return a


def halves(n, a, b):
    for i in range(n):
        b[i] = a[i] * 2.0


@case(*[(at,) for at in (0, 1, 15, 16, 17, 95, 96, 99, 103, 104, 106, 107)], jit=("halves",))
def warned_at(at):
    a, b, seen = wave(108), np.zeros(108), []
    for _ in range(20):
        halves(108, a, b)
    a[at] = 1.7e308
    b[:] = -1.0
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: seen.append((str(message), list(b)))
        halves(108, a, b)
    return seen, b


@case(*[(at,) for at in (0, 15, 16, 40, 96, 100, 104, 107)], jit=("halves",))
def raised_at(at):
    a, b = wave(108), np.zeros(108)
    for _ in range(20):
        halves(108, a, b)
    a[at] = -1.7e308
    b[:] = -1.0
    with np.errstate(over="raise"):
        try:
            halves(108, a, b)
        except FloatingPointError as e:
            return str(e), b
    return b


def ints(n, a, b, c):
    for i in range(n):
        c[i] = a[i] + b[i] - 3


@case((0,), (5,), (40,), (99,), jit=("ints",))
def ints_that_overflow_at(at):
    a, b, c = np.arange(100), np.arange(100) * 5, np.zeros(100, np.int64)
    for _ in range(20):
        ints(100, a, b, c)
    a[at] = 2**63 - 2
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ints(100, a, b, c)
    return [str(w.message) for w in seen], c


def cube(a, b, n):
    for i in range(1, n - 1):
        for j in range(1, n - 1):
            for k in range(1, n - 1):
                b[i, j, k] = (a[i - 1, j, k] + a[i, j + 1, k] + a[i, j, k - 1] + a[i, j, k + 1]) * 0.25


@case((9,), (23,), (23, np.float32), jit=("cube",))
def three_dimensions(n, dtype=np.float64):
    a = wave(n * n * n, dtype).reshape(n, n, n)
    b = a.copy()
    for _ in range(3):
        cube(a, b, n)
        a, b = b, a
    cube(a, a, n)
    cube(a[:, ::-1], b.transpose(0, 2, 1), n)
    return a, b


def box(a, b, n, m):
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            above = a[i - 1, j - 1] + a[i - 1, j] + a[i - 1, j + 1]
            below = a[i + 1, j - 1] + a[i + 1, j] + a[i + 1, j + 1]
            b[i, j] = (above + a[i, j - 1] + a[i, j] + a[i, j + 1] + below) * 0.0625


def box_backwards(a, b, n, m):
    for i in range(1, n - 1):
        for j in range(m - 2, 0, -1):
            b[i, j] = (a[i - 1, j - 1] + a[i - 1, j + 1] + a[i, j - 2 + 1] + a[i, j + 1]) * 0.25


@case(*[(s,) for s in (-20, -17, -16, -3, -2, -1, 0, 1, 2, 3, 15, 16, 18, 19, 20)], jit=("box", "box_backwards"))
def boxes_over_shifted_views(shift):
    out = []
    for kernel in (box, box_backwards):
        for _ in range(3):
            kernel(wave(12 * 60).reshape(12, 60), np.zeros((12, 60)), 12, 60)
        whole = wave(14 * 100).reshape(14, 100)
        for rows in (0, 1, 2):
            kernel(whole[:12, 20:80], whole[rows : rows + 12, 20 + shift : 80 + shift], 12, 60)
        out.append(whole)
    return out
