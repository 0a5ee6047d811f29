"""Rows of NumPy arrays: a[i][j], rows that are kept, handed on or looked at, and loops over arrays."""

import sys

import numpy as np
from diff.harness import case

DTYPES = ("?", "i1", "u1", "i2", "u4", "i8", "u8", "f4", "f8", "c8", "c16")


def grid(*shape, t="f8"):
    return (np.arange(int(np.prod(shape))) * 7 % 23 - (0 if t[0] in "u?" else 9)).astype(t).reshape(shape)


@case(*[lambda t=t: (grid(14, 19, t=t), np.zeros((14, 19), t)) for t in DTYPES])
def reads_and_stores(a, out):
    s = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += 2.0 * a[i][j]
            out[i][j] = a[i][j]
    return s, out


@case(
    (grid(40, 30), 30, 1.5),
    (grid(40, 30), 31, 1.5),
    (grid(40, 30).T, 30, 2),
    (grid(40, 60)[:, ::2], 30, True),
    (grid(30, 30)[::-1, ::-1], 30, 1e308),
    (np.asfortranarray(grid(40, 30, t="f4")), 30, 1e300),
    (grid(40, 30, t="i4"), 30, 3),
    (grid(40, 30, t="u1"), 30, 250),
    (grid(40, 30), 30, "x"),
    (np.broadcast_to(grid(30), (40, 30)), 30, 1.0),
)
def updates_in_place(a, m, v):
    i = j = -1
    try:
        for i in range(len(a)):
            for j in range(m):
                a[i][j] += v
                a[i][-1 - j] = a[i][j]
    except (IndexError, ValueError, TypeError, OverflowError) as e:
        return type(e).__name__, str(e), i, j, a
    return i, j, a


@case((grid(60, 9), -60, 60, 9), (grid(60, 9), -61, 60, 9), (grid(60, 9), 0, 61, 9), (grid(60, 9), -60, 60, 10))
def rows_out_of_bounds(a, first, last, m):
    s = 0.0
    i = j = 0
    try:
        for i in range(first, last):
            row = a[i]
            for j in range(-m, m):
                s += row[j] * j
    except IndexError as e:
        return str(e), i, j, s, row
    return s, row, row.base is a


@case((grid(9, 8, 7), 7), (grid(9, 8, 7), 8), (grid(5, 4, 3, 6), 2), (grid(9, 8), 2), (grid(2, 70, 3, t="i2"), 3))
def planes(a, k):
    s = 0
    try:
        for i in range(a.shape[0]):
            plane = a[i]
            for j in range(plane.shape[0]):
                line = plane[j]
                for m in range(k):
                    s += line[m] + a[i][j][m] + plane[j, m] + a[i, j][m]
                    a[i][j][m] = plane[j][m] * 2
    except (IndexError, TypeError, ValueError) as e:
        return type(e).__name__, str(e), repr(s), a
    return s, a, line, plane.size, line.ndim, plane.shape


@case((grid(70, 6),))
def rows_escape(a):
    kept, same, bases = [], 0, 0
    last = first = None
    for i in range(len(a)):
        row = a[i]
        other = row
        same += (row is other) + 2 * (row is last) + 4 * (a[i] is row) + 8 * (row is None)
        if i % 9 == 8:
            kept.append(row)
            bases += row.base is a
            same += 16 * (kept[-1] is other)
        if i == 3:
            first = (row, other)
        last = row
        row[i % 6] = i
    return kept, same, bases, last, first[0] is first[1], len(last), last.shape, len(row.flat)


@case((grid(80, 5),))
def references(a):
    before = sys.getrefcount(a)
    s = 0.0
    for i in range(len(a)):
        row = a[i]
        pair = (row, i)
        for j in range(5):
            s += row[j] + a[i][j]
        s += pair[0][0]
    held = sys.getrefcount(a)
    del row, pair
    return s, held - before, sys.getrefcount(a) - before


def total(row, n):
    s = 0.0
    for j in range(n):
        s += row[j]
    return s


def shifted(row, by):
    return row[by]


class Holder:
    def __init__(self, row, i):
        self.row = row
        self.i = i


@case((grid(90, 12), 12), (grid(90, 12), 13), (grid(90, 12, t="i8"), 3))
def rows_handed_on(a, n):
    s = 0
    h = None
    try:
        for i in range(len(a)):
            s += total(a[i], n) + shifted(a[i], i % 4)
            h = Holder(a[i], i)
            s += h.row[1] * h.i
    except IndexError as e:
        return str(e), s, i
    return s, h.row, h.i


class Reshaper:
    def __init__(self, at):
        self.at = at

    def __call__(self, a, i):
        if i == self.at:
            a.shape = (a.shape[1], a.shape[0])


@case((grid(60, 20), 55), (grid(60, 20), 10), (grid(60, 20), 1000))
def shape_changes(a, at):
    change = Reshaper(at)
    s = 0.0
    out = []
    try:
        for i in range(60):
            row = a[i]
            change(a, i)
            for j in range(20):
                s += row[j] * (j + 1)
            if i % 20 == 0:
                out.append(row)
    except IndexError as e:
        return str(e), s, i, out, row
    return s, out, row


def maker(i):
    return np.arange(6.0).reshape(2, 3) + i


@case((200,))
def rows_of_temporaries(n):
    s = 0.0
    row = None
    for i in range(n):
        s += maker(i)[1][2]
        if i % 3 == 0:
            row = maker(i)[0]
        s += row[1]
    return s, row, row.base is not None


@case((grid(50, 8), 0.0), (grid(50, 8, t="i8"), 0), (grid(50, 3)[::2], 0), (grid(60, 4, t="c16"), 0j), (grid(300), 0))
def loops_over_rows(a, s):
    n = 0
    row = x = None
    try:
        for row in a:
            for x in row:
                s = s + x * n
                n += 1
    except TypeError as e:
        return str(e), s, n, type(row).__name__
    return s, type(s).__name__, x, row, n


@case(*[lambda t=t: (grid(260, t=t),) for t in DTYPES], (grid(500)[::-2],), (np.broadcast_to(np.array(3.5), (80,)),))
def loops_over_scalars(a):
    s = 0
    seen = []
    for x in a:
        s = s + 1.0 * x
        if x > 11:
            seen.append(x)
    return s, x, type(x).__name__, len(seen), [type(v).__name__ for v in seen[:2]]


@case((grid(80, 3), grid(80)), (grid(80, 3), grid(60)))
def loops_in_step(a, b):
    s = 0.0
    for k, (row, w) in enumerate(zip(a, b)):
        s += row[0] * w + row[-1] - k
    for k, x in enumerate(b):
        s += x * k
    for row in a:
        x, y, z = row
        s += x * y - z
    return s, k, row


class Resizer:
    def __init__(self, at, to):
        self.at, self.to = at, to

    def __call__(self, a, i):
        if i == self.at:
            a.resize(self.to, refcheck=False)


LENGTHS = ((2e2, 150, 160), (2e2, 190, 20), (90.0, 80, 300))


@case(*[lambda n=n, at=at, to=to: (np.arange(n), at, to) for n, at, to in LENGTHS])
def length_changes(a, at, to):
    change = Resizer(at, to)
    s = 0.0
    n = 0
    for x in a:
        s += x
        n += 1
        change(a, n)
    return s, n, x


@case((grid(30, 40), 11.0), (grid(30, 40), 99.0))
def leaves_the_middle(a, limit):
    hits = []
    for row in a:
        for x in row:
            if x > limit:
                hits.append((row, x))
                break
        else:
            hits.append(None)
        if len(hits) > 25:
            return hits, row, x
    return hits, row, x


@case((grid(4, 50, 6), 5),)
def row_in_outer_loop(a, rounds):
    s = 0.0
    for p in a:
        for r in range(rounds):
            for i in range(len(p)):
                row = p[i]
                s += row[0] * row[5] - row[r]
        row[r] = s
    return s, row, a


@case(*[lambda t=t: (grid(300, t=t), grid(70, 5, t=t), grid(9, 8, 5, t=t)) for t in (*DTYPES, "f2", "g", "O", "M8[s]")])
def iterated(line, rows, cube):
    last = []
    n = 0
    for x in line:
        n += x == line[3]
    last.append(x)
    for row in rows:
        n += row[0] == row[-1]
        for x in row:
            n += x == row[1]
    last += [row, x]
    for plane in cube:
        for row in plane:
            for x in row:
                n += x == plane[1][1]
    return n, last, plane, row, x, type(x)


@case(
    (np.arange(300.0)[::-1],),
    (np.broadcast_to(np.float64(2.5), 300),),
    (grid(300, 4).T[1],),
    (np.zeros(0),),
    (np.ma.masked_array(grid(300)),),
    (np.asfortranarray(grid(300, 3)),),
    (np.zeros((0, 5)),),
    (np.zeros((70, 0)),),
    (np.float64(3),),
    (np.array(3.0),),
)
def iterated_of_all_kinds(a):
    s = n = 0
    try:
        for x in a:
            s += x
            n += 1
        for i, x in enumerate(a, 5):
            s += x * i
        for x, y in zip(a, a[::-1]):
            s += x * 2 - y
        for i, (x, y) in enumerate(zip(a, range(200))):
            s += x * i - y
    except TypeError as e:
        return str(e), n
    return s, n, type(s).__name__


@case((120,), (121,), (260,), (299,), (300,))
def iterators_of_arrays_left(stop):
    a = grid(300)
    rows = grid(300, 4)
    it, its = iter(a), iter(rows)
    e = enumerate(its)
    n = 0
    for x in it:
        n += 1
        if n == stop:
            break
    state = it.__reduce__()[2:], next(it, None), it.__reduce__()[2:]
    n = 0
    for i, row in e:
        n += 1
        if n == stop:
            break
    return state, x, i, row, next(e, None), next(its, None), row.base is rows


@case(*[(w,) for w in ("longer", "shorter", "refused", "shape", "dtype", "strides", "values", "flags")])
def arrays_changed_while_iterated(what):
    a = np.arange(400.0)
    n = s = 0
    said = ""
    try:
        for x in a:
            n += 1
            s += x
            if n == 200:
                if what == "longer":
                    a.resize(600, refcheck=False)
                elif what == "shorter":
                    a.resize(300, refcheck=False)
                elif what == "refused":
                    a.resize(500)
                elif what == "shape":
                    a.shape = 200, 2
                elif what == "dtype":
                    a.dtype = "i4"
                elif what == "strides":
                    a = a[::-1]
                elif what == "values":
                    a[200:] = 7
                else:
                    a.flags.writeable = False
    except ValueError as e:
        said = str(e)
    for x in np.arange(50.0):
        s += x
    return n, s, x, said


@case((150,), (299,))
def rows_changed_while_iterated(at):
    a = grid(300, 4)
    kept = []
    s = n = 0.0
    for row in a:
        n += 1
        row[1] = n
        s += row[0] + a[-1][1]
        if n == at:
            a.shape = 600, 2
        if n % 100 == 0:
            kept.append(row)
    return s, n, row, kept, a


@case(("a",), (None,), (2,))
def items_of_arrays_that_raise(bad):
    a = grid(200)
    pairs = grid(200, 2)
    s = 0.0
    i = 0
    try:
        for i, x in enumerate(a):
            if i == 150:
                x = bad
            s += x * 1.5
        for x, y in pairs:
            s += x * y
        for x, y in grid(100, 3):
            s += x
    except (TypeError, ValueError) as e:
        return str(e), i, s
    return s, i


class Rows(np.ndarray):
    def __getitem__(self, i):
        return 1 if i < 250 else super().__getitem__(i)


@case()
def subclasses_iterate_themselves():
    n = 0
    for rows in (np.arange(300.0), np.arange(300.0).view(Rows), np.arange(300)):
        for x in rows:
            n += x
    return n, type(n).__name__


@case()
def last_references_of_iterated_arrays():
    s = 0.0
    for k in range(40):
        for x in np.arange(30.0) * k:
            s += x
        for row in np.ones((10, 3)) * k:
            s += row[1]
    return s, row, row.base.shape
