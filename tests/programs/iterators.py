"""Loops over enumerate, zip, reversed that compiled code enters in the middle, and what is left of the iterators."""

import sys

from diff.harness import case


@case((90,))
def enumerate_list(n):
    xs = [i * 0.5 for i in range(n)]
    s = 0
    for i, x in enumerate(xs):
        s += i * x
    for i, x in enumerate(xs, 1 << 40):
        s += i - x
    for i, x in enumerate(range(5, 5 + n), start=-3):
        s += i * x
    for i, c in enumerate("abc" * n):
        s += i if c == "b" else 0
    return s, i, x, c


@case((90,))
def zip_many(n):
    xs, ys, zs = list(range(n)), tuple(range(n + 5)), [0.5] * (n + 9)
    s = 0
    for a, b in zip(xs, ys):
        s += a * b
    for a, b, c in zip(ys, xs, zs):
        s += a * b + c
    for i, (a, b) in enumerate(zip(zs, range(n))):
        s += i * a - b
    for t in zip(xs, ys):
        s += t[1]
    for (a,) in zip(xs):
        s += a
    for a, b, c, d, e in zip(xs, xs, xs, xs, xs):
        s += a + e
    return s, a, b, t


@case((90,))
def reversed_many(n):
    xs = list(range(n))
    s = 0
    for x in reversed(xs):
        s += x * 2
    for i, x in enumerate(reversed(xs)):
        s += i * x
    for x in reversed(tuple(xs)):
        s -= x
    return s, x


@case((90, 70), (90, 200))
def left_by_break_and_exception(n, k):
    xs = list(range(n))
    out = []
    for i, x in enumerate(xs):
        if x == k:
            break
    out.append((i, x))
    try:
        for i, (a, b) in enumerate(zip(xs, xs)):
            out.append(10 // (k - a) + b) if a > k - 3 else None
    except ZeroDivisionError as e:
        out.append((i, a, e.__traceback__.tb_lineno))
    for x in reversed(xs):
        if x == n - k:
            break
    return out, x


@case((90,))
def list_changes_while_iterated(n):
    xs = list(range(20))
    s = 0
    for i, x in enumerate(xs):
        if i < n:
            xs.append(x + i)
        s += x
    ys = list(range(n))
    for x in reversed(ys):
        if x % 3 == 0:
            del ys[-2:]
        s += x
    zs = list(range(n))
    for a, b in zip(zs, zs):
        if a % 5 == 0:
            zs.pop()
        s += a * b
    return s, len(xs), ys, len(zs)


@case((80,))
def iterators_of_others(n):
    xs = list(range(n))
    s = 0
    it = iter(xs)
    for i, x in enumerate(it):
        s += i * x
        if i % 7 == 0:
            s += next(it, 0)
    it = iter(xs)
    for a, b in zip(it, it):
        s += a * b
    e = enumerate(xs)
    for i, x in e:
        s += x
        if i % 9 == 0:
            s += sum(next(e, (0, 0)))
    z = zip(xs, xs)
    for a, b in z:
        s += a
        if a % 11 == 0:
            s += len(list(z)) if a > n - 20 else sum(next(z))
    r = reversed(xs)
    for x in r:
        s += x
        if x % 13 == 0:
            s += next(r, 0)
    return s, next(it, None), list(e), list(z), list(r)


@case((80, False), (80, True))
def strict_zip(n, uneven):
    xs, ys = list(range(n)), list(range(n + uneven))
    s = 0
    for a, b in zip(xs, ys, strict=True):
        s += a * b
    return s


@case((80,))
def items_of_changing_types(n):
    xs = [i if i % 10 else i * 0.5 for i in range(n)]
    s = 0
    for i, x in enumerate(xs):
        s += x * i
    for x, y in zip(xs, reversed(xs)):
        s += x - y
    return s


class Item:
    alive = 0

    def __init__(self, v):
        self.v = v
        Item.alive += 1

    def __del__(self):
        Item.alive -= 1


@case((60,))
def lists_die_with_their_loop(n):
    s = 0
    for i, x in enumerate([Item(k) for k in range(n)]):
        s += x.v * i
    del x
    alive = [Item.alive]
    for x, y in zip([Item(k) for k in range(n)], range(n)):
        s += x.v * y
    del x
    alive.append(Item.alive)
    for x in reversed([Item(k) for k in range(n)]):
        s += x.v
    del x
    alive.append(Item.alive)
    return s, alive


@case((70,))
def outer_loop_is_enumerate(n):
    rows = [[i * j for j in range(5)] for i in range(n)]
    s = 0
    for i, row in enumerate(rows):
        for j, v in enumerate(row):
            s += i * j + v
        for v, w in zip(row, reversed(row)):
            s += v * w
    return s


@case((60,))
def lists_of_wrapped_iterators_die(n):
    """A list that only enumerate or zip around it has goes when the loop is over, and its items with it."""
    item, other = object(), object()
    t = 0
    for i in range(n):
        for j, x in enumerate([item] * (5 + i % 3)):
            t += j
        for x, y in zip([item] * 6, [other] * (5 + i % 3)):
            t += 1
    del x, y
    return t, sys.getrefcount(item), sys.getrefcount(other)
