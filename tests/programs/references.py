"""Reference counts that code called from compiled loops sees: one for each place of the interpreter's stack."""

import sys
from sys import getrefcount as count

import numpy as np
from diff.harness import case


class Slotted:
    __slots__ = ("a",)


class Plain:
    pass


class Counting:
    """Notes how often it and its operands are referred to."""

    def __init__(self, log):
        self.log = log

    def __len__(self):
        self.log.append(count(self))
        return 3

    def __add__(self, other):
        self.log.append((count(self), count(other)))
        return self

    def __setitem__(self, key, value):
        self.log.append((count(self), count(key), count(value)))

    def __bool__(self):
        self.log.append(count(self))
        return True

    def __eq__(self, other):
        self.log.append((count(self), count(other)))
        return True

    def __contains__(self, item):
        self.log.append((count(self), count(item)))
        return True

    def __iter__(self):
        self.log.append(count(self))
        return iter((1, 2))

    def __neg__(self):
        self.log.append(count(self))
        return 1

    def method(self, x):
        self.log.append((count(self), count(x)))


@case((40,))
def of_locals(n):
    o = object()
    p = o
    items = [o, [1], (1, n)]
    table = {"a": o}
    f, big, text = float(n), 10**20 + n, "x" * n
    out = []
    for _ in range(n):
        out.append(sys.getrefcount(o))
        out.append(sys.getrefcount(p))
        out.append(count(items))
        out.append(count(table))
        out.append(count(out))
        out.append(count(f))
        out.append(count(big))
        out.append(count(text))
    return out


@case((40,))
def of_items(n):
    o = object()
    items, table, pair = [o, [1], (1, n), float(n), o], {"a": o, "b": [1]}, (o, [2])
    out = []
    for _ in range(n):
        out.append((count(items[0]), count(items[1]), count(items[2]), count(items[3])))
        out.append((count(table["a"]), count(table["b"]), count(pair[0]), count(pair[1])))
    return out


@case((40,))
def of_attributes(n):
    c, d = Slotted(), Plain()
    c.a, d.x, d.y = [1], [1], c
    out = []
    for _ in range(n):
        out.append(count(c.a))
        out.append((count(d.x), count(d.y), count(c), count(d), count(d.y.a)))
    return out


@case((40,))
def below_on_the_stack(n):
    o, held, out = object(), [], []
    for _ in range(n):
        out.append((o, count(o), o, count(o)))
        held.append([o, held, count(held), {"a": o, "b": count(o)}])
    return [x[1::2] for x in out], [x[2:] for x in held]


@case((12,))
def of_iterated(n):
    items = [[1] for _ in range(n)]
    fixed = tuple(items)
    out = []
    for x in items:
        out.append((count(items), count(x), count(fixed)))
        for y in fixed:
            out.append((count(fixed), count(y), count(x), count(items)))
    for _ in range(n):
        for x in reversed(items):
            out.append((count(items), count(x)))
        for k, _x in enumerate(items):
            out.append((k, count(items)))
        for _x, _y in zip(items, fixed, strict=True):
            out.append((count(items), count(fixed)))
        for k, _x in enumerate(items):
            out.append((k, count(items)))
            if k == 5:
                break
        for _x, y in zip(items, items, strict=True):
            out.append(count(items))
            if y is items[3]:
                break
    return out, count(items), count(fixed)


@case((40,))
def of_arrays(n):
    a, rows = np.arange(20.0), np.ones((20, 3))
    out = []
    for x in a:
        out.append((count(a), count(x)))
    for row in rows:
        out.append((count(rows), count(row)))
    for i in range(n):
        row, v = rows[i % 20], a[i % 20]
        out.append((count(rows), count(row), count(v), count(a)))
    return out


@case((40,))
def of_numbers(n):
    out, items, x, k, text = [], [1.5 * i for i in range(n)], 0.5, 10**6, ""
    for i in range(n):
        x = x * 1.5
        y = x
        out.append((count(x), count(y)))
        k += 1000
        out.append(count(k))
        z = items[i]
        out.append(count(z))
        text += "ab" + str(i)
        same = text
        out.append((count(text), count(same), count(text + "a")))
    return out


@case((40,))
def of_operands(n):
    log = []
    p, q = Counting(log), Counting(log)
    both, d = [p, q, 2], Plain()
    d.p = p
    for _ in range(n):
        len(p)
        p + q
        both[0] + both[1]
        p + p
        p[q] = both
        p == q
        q in p
        -p
        if p:
            pass
        x, y = p
        for _z in p:
            pass
        p += q
    return log, x, y


@case((40,))
def of_selves(n):
    log = []
    p, q, d = Counting(log), Counting(log), Plain()
    d.p = p
    both = [p, q]
    kept = p.method
    for _ in range(n):
        p.method(q)
        both[0].method(both)
        d.p.method(d)
        kept(q)
        kept(p)
        p.method(x=q)
        Counting(log).method([])
    return log


def one(a, log):
    log.append(count(a))
    return a


def two(a, b, log):
    log.append((count(a), count(b)))


def raising(a, log):
    log.append(count(a))
    if len(log) % 3:
        raise ValueError(log)


@case((40,))
def of_arguments(n):
    o, log = object(), []
    w = [o]
    for _ in range(n):
        one(o, log)
        two(o, o, log)
        two(w[0], o, log)
        one(one(w, log), log)
        one([1], log)
        two(b=o, a=w, log=log)
        try:
            raising([w], log)
        except ValueError:
            log.append(count(w))
        try:
            raising(w)
        except TypeError:
            log.append(count(w))
    return log, count(o), count(w)


@case((40, True), (40, False))
def resized(n, shared):
    a = np.arange(10.0)
    b = a if shared else None
    out = []
    for i in range(n):
        try:
            a.resize(10 + i % 3 * 5)
            out.append(a.size)
        except ValueError as e:
            out.append(str(e).splitlines()[0])
    return out, a, b


def grow(a, n):
    a.resize(n)
    return a.size


@case((40,), jit=("grow",))
def resized_by_a_function(n):
    kept, out = np.arange(10.0), []
    for i in range(n):
        for a in (np.zeros(5), kept):
            try:
                out.append(grow(a, i % 7))
            except ValueError:
                out.append("shared")
        try:
            out.append(grow(np.zeros(5), i % 7))
        except ValueError:
            out.append("shared")
    return out
