"""Which numbers and tuples are one object, as `is` tells at places where native code is left."""

import numpy as np
from diff.harness import case


@case((40,))
def computed_twice(n):
    """One value, computed twice, is two objects, though it is computed once."""
    out = []
    big = 10**6
    for i in range(n):
        out.append(big + i is big + i)
        a = i + big
        b = i + big
        x = i * 0.5
        y = i * 0.5
        out.append((a is b, x is y, a is not b))
    return out


@case((40,))
def unchanged_by_an_operation(n):
    """Operations that give the value back: some give the object, too."""
    out = []
    for i in range(n):
        a = i + 10**6
        x = i * 0.5
        out.append((x is -(-x), x is x * 1.0, x is x / 1.0, x is x + 0.0, x is abs(x), x is +x, x is float(x)))
        out.append((a is int(a), a is abs(a), a is +a, a is a + 0, a is a * 1, a is a | 0, a is a // 1, a is a >> 0))
        out.append((a is a << 0, a is a & -1, a is a ^ 0, a is a - 0, a is a**1, a is -(-a), a is ~~a))
        out.append((a is min(a, i), x is max(x, 0.0), a is round(a), a is (a, x)[0], a is sum([a])))
    return out


@case((40,))
def through_containers(n):
    out = []
    for i in range(n):
        j = i + 1000
        xs = [j, j + 0, j]
        d = {1: j}
        out.append((xs[0] is xs[1], xs[0] is xs[2], d[1] is j, d.get(1) is j, d.setdefault(2, j) is j, xs.pop() is j))
        out.append(((j,)[0] is j, [*xs][0] is j, max([j]) is j, [q for q in [j]][0] is j, tuple(xs)[0] is xs[0]))
    return out


@case((60,))
def nan_in_containers(n):
    """Containers compare by identity first."""
    out = []
    for i in range(n):
        x = i * 0.5 * float("nan")
        y = x
        z = x * 1.0
        out.append((x in [y], x in (z,), [x].count(y), [x] == [y], [x] == [z], (x,) == (z,), {x: 0} == {y: 0}))
    return out


@case((60,))
def invariant_values(n):
    """What is computed again in each iteration is another object each time."""
    out = []
    k = n * 2.5
    last = None
    for i in range(n):
        x = k * 3.0
        out.append((x is last, x == last))
        last = x
    return out


@case((60,))
def both_change_together(n):
    a = b = 5000
    out = []
    for i in range(n):
        if i % 3 == 0:
            a = b = a + 1
        elif i % 3 == 1:
            a = b = b * 3 % 10007 + 300
        out.append((a is b, a is not None))
    return out


@case((60,))
def tuples_of_equal_items(n):
    out = []
    for i in range(n):
        j = i + 1000
        t = (j, i)
        u = (j, i)
        v = t
        out.append((t is u, t is v, t[0] is u[0], (j, i) is (j, i)))
    return out


@case((60,))
def array_elements(n):
    a = np.arange(20.0)
    out = []
    for i in range(n):
        x = a[i % 20]
        y = a[i % 20]
        z = x
        out.append((x is y, x is z, a[3] is a[3], x + 1 is x + 1))
    return out


@case((60,))
def attributes_and_cells(n):
    class Box:
        def __init__(self, a, b):
            self.a = a
            self.b = b

    out = []
    c = 0.0

    def get():
        return c

    for i in range(n):
        c = i * 0.25
        o = Box(c, i * 0.25)
        out.append((o.a is o.b, o.a is c, get() is c, o.b is c, o.a is get()))
        o.b = o.a
        out.append((o.a is o.b, o.b is get()))
    return out


def rows(a, i, j, n):
    out = []
    for m in range(n):
        row = a[i][j]
        if row[m % 5] % 7 == 3:
            out.append((row, m + 1000 is m + 1000))
    return out


@case((40,), jit=("rows",))
def indices_of_views(n):
    """Both indices have a box where the loop is entered; the view that is made where it is left needs none."""
    a = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    return [rows(a, i, j, n) for i in range(3) for j in range(4)]


@case((40,))
def first_of_a_range(n):
    """Iterators give new numbers, also where they begin."""
    out = []
    for k in range(3, n):
        start = k + 1000
        for j in range(start, start + 4):
            out.append(j is start)
        for j, _ in enumerate([1, 2, 3], start):
            out.append(j is start)
    return out


@case((40,))
def complex_numbers(n):
    """Parts in common make no object in common."""
    out = []
    for k in range(n):
        x = k * 0.5
        z = complex(x, 1.0)
        w = complex(x, 2.0)
        v = complex(x, 1.0)
        u = z.conjugate()
        out.append((z is w, z is u, z is v, z.real is x, z.real is z.real, z.imag is w.imag, z is z))
        out.append((z, w, u, v, complex(z) is z, z is +z, z**1 is z))
    return out


@case((40,))
def numpy_scalars_converted(n):
    ints = np.arange(n, dtype=np.uint32) + 5
    floats = np.arange(n) * 0.5
    out = []
    for k in range(n):
        x = ints[k]
        y = floats[k]
        q = k + 1000
        out.append((abs(x) is x, np.uint32(x) is x, np.float64(y) is y, np.absolute(x) is x, +x is x, x**1 is x))
        out.append((float(y) is y, int(x) is x, int(q) is q, q**1 is q, q.real is q, q.conjugate() is q))
    return out


def limited(v):
    if isinstance(v, int) and not -(10**40) < v < 10**40:
        return v % 1000003
    if isinstance(v, float) and not -1e100 < v < 1e100:
        return 1.5
    return v


@case((40,))
def boxed_behind_a_merge(n):
    """Each variable has a phi of its own there; the box that is made for one is the others', too."""
    b, q, y = 70000, 300, 2.5
    xs = [0, 1]
    out = []
    for i in range(n):
        b = q * 1 + i
        xs[-1] = b or y
        z = x = y * 0.5 + i
        if i % 3 == 1:
            q = 300 + i
        elif i % 3 == 2:
            y = 2.5 + i
        xs[0] = x
        out.append((b, xs[1], x, z, xs[0]))
    return [(b is c, x is z, x is w) for b, c, x, z, w in out]


@case((60,))
def synced_before_other_locals(n):
    """A local that another one's slot may lend its box goes home first: the same number in others goes with it."""
    a, b, x, y, z, q = 5, 70000, 0.5, 2.5, 10**25, 300
    same = []
    for i in range(n):
        for _ in range(2):
            b = b * 1
        q = b
        a, b = limited(a), limited(b)
        x, y, z = limited(x), limited(y), limited(z)
        q = limited(q)
    same.append(b is q)
    for i in range(n):
        for _ in range(2):
            b = b * 1
        q = b
        a = limited(a)
        b = limited(b)
        x = limited(x)
        y = limited(y)
        z = limited(z)
        q = limited(q)
    same.append(b is q)
    return same


@case((40,))
def extremes_of_objects(n):
    xs = [k * 7919 % 5003 for k in range(n)]
    out = []
    best = 0
    for i in range(1, n):
        best = max(best, xs[i])
        least = min(xs[i], xs[i - 1])
        mixed = max(xs[i], 0.5 * i)
        out.append((best, least, mixed))
    return [(b is max(xs[1 : k + 2]), m is xs[k + 1] or m is xs[k], f is xs[k + 1]) for k, (b, m, f) in enumerate(out)]
