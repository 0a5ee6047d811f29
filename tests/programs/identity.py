"""Which numbers and tuples are one object, as `is` tells at places where native code is left."""

import math

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


class Point:
    def __init__(self, x, y):
        self.y = y


def small(v):
    if isinstance(v, int) and not -(10**30) < v < 10**30:
        return v % 1000003
    return v


@case((40,), (150,))
def lent_box_where_all_locals_are_put_home(n):
    """z is x's object, which x's slot keeps alive, when x gets its next box."""
    a, b, c = 6, 0, 1
    x, y, z = 0.5, 5e-324, 1.25
    p, q = Point(0.5, 1.5), Point(2.5, -1.0)
    log = []
    i = 0
    while i < n:
        i += 1
        try:
            b = small(b)
            x = small(x)
            z = small(z)
            z = log[a % len(log)] if math.atan2(1.8125, 0.0) == math.hypot(x, p.y) else x
            if i == 47:
                p.x = 2.5
            x += -z
        except (ZeroDivisionError, ValueError, OverflowError, IndexError, TypeError) as e:
            log.append((i, type(e).__name__, str(e), e.__traceback__.tb_lineno))
    return a, b, c, x, y, z, p, q, log, i


@case((40,), (150,))
def lent_boxes(n):
    b = 0
    x = z = 0.5
    seen = []
    i = 0
    while i < n:
        i += 1
        b = small(b)
        x = small(x)
        z = small(z)
        z = x if i % 5 else x * 1.5
        x = x * 0.5 + i
        seen.append((x, z))
    return b, x, z, seen
