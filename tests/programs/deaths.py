"""Deaths in compiled loops: of values that several attributes, locals or instances hold."""

import sys

from diff.harness import case


class Loud:
    """Notes where it died: the frame that runs is that of the program."""

    log = []

    def __init__(self, n):
        self.n = n

    def __del__(self):
        f = sys._getframe(1)
        Loud.log.append((self.n, f.f_code.co_name, f.f_lineno - f.f_code.co_firstlineno))


class Two:
    def __init__(self, a, b):
        self.a = a
        self.b = b


class One:
    def __init__(self, item):
        self.item = item


def stock(n):
    """Objects of one class, of which only some late ones die loudly."""
    return [One(Loud(i) if i > 40 and i % 3 == 0 else i) for i in range(n, 0, -1)]


def logged(result):
    log, Loud.log = Loud.log, []
    return result, log


@case((60,))
def in_both_attributes(n):
    total, items = 0, stock(n)
    for i in range(n):
        x = items.pop()
        p = Two(x, x)
        x = None
        total += i
        p = None
        total += 1
    return logged((total, p))


@case((60,))
def instance_in_both_attributes(n):
    total = 0
    kept = []
    for i in range(n):
        x = [i]
        if i % 5 == 0:
            kept.append(x)
        v = One(x)
        x = None
        p = Two(v, v)
        v = None
        total += i
        p = None
        total += 1
    return total, p, kept, list(map(sys.getrefcount, kept))


@case((60,))
def instance_in_both_attributes_loud(n):
    total, items = 0, stock(n)
    for i in range(n):
        v = One(items.pop())
        p = Two(v, v)
        v = None
        total += i
        p = None
        total += 1
    return logged((total, p))


@case((60,))
def overwritten_instance(n):
    h = One(None)
    total, items = 0, stock(n)
    for i in range(n):
        h = One(None)
        g = h
        h.item = One(items.pop())
        total += i
        h.item = None
        total += 1
        g.item = i
    return logged((total, h.item))


def holds_both(x):
    inner = One(x)
    outer = Two(inner, 1)
    return outer.b + 1


@case((60,))
def frame_ends(n):
    total, items = 0, stock(n)
    for i in range(n):
        total += holds_both(items.pop())
        total += 1
    return logged(total)


def many_locals(x):
    a = One(x)
    b = One(x)
    c = One(x)
    d = One(x)
    e = One(x)
    f = Two(a, b)
    return 1 if f.a.item is e.item and c.item is d.item else 0


@case((60,))
def many_die(n):
    total, items = 0, stock(n)
    for i in range(n):
        total += many_locals(items.pop())
        total += 1
    return logged(total)


def many_same(x):
    a = x
    b = x
    c = x
    d = x
    e = x
    return 1 if a is b and c is d and d is e else 0


@case((60,))
def many_names(n):
    total, items = 0, stock(n)
    for i in range(n):
        total += many_same(items.pop())
        total += 1
    return logged(total)


@case((60,))
def two_locals(n):
    total, items = 0, stock(n)
    for i in range(n):
        a = b = items.pop()
        total += a is b
        a, b = i, total
        total += 1
    return logged((total, a, b))


def fresh(i):
    try:
        return One(None)
    finally:
        i = None


@case((60,))
def owner_dies(n):
    total, items = 0, stock(n)
    for i in range(n):
        fresh(i).item = items.pop()
        total += i
    return logged(total)


@case((60,))
def virtual_owner_dies(n):
    total, items = 0, stock(n)
    for i in range(n):
        One(None).item = items.pop()
        total += i
    return logged(total)


def first_of(t):
    u = t
    x = t[0]
    y = u[1]
    z = t[0]
    return len(x) + len(y) + len(z) + (x is z)


@case((60,))
def tuple_of_lists(n):
    total = 0
    kept = []
    for i in range(n):
        x = [i]
        total += first_of((x, [i, i + 1]))
        kept.append(x)
    return total, list(map(sys.getrefcount, kept))


@case((60,))
def three_deep(n):
    total = 0
    kept = []
    for i in range(n):
        v = One(One(One([i])))
        total += len(v.item.item.item)
        if i % 7 == 3:
            kept.append(v)
    return total, [k.item.item.item for k in kept], list(map(sys.getrefcount, [k.item.item for k in kept]))


@case((60,))
def tuple_of_one_instance(n):
    total = 0
    kept = []
    for i in range(n):
        x = [i]
        kept.append(x)
        v = One(x)
        a, b = v, v
        v = None
        total += a is b
        t = (a, b)
        a = b = None
        total += len(t)
        t = None
    return total, list(map(sys.getrefcount, kept))


@case((60,))
def identity_of_temporaries(n):
    total, items = 0, stock(n)
    kept = []
    for i in range(n):
        x = [i]
        kept.append(x)
        total += One(x) is not One(x)
        total += One(items.pop()) is None
        total += 3
    return logged(total), list(map(sys.getrefcount, kept))


@case((60,))
def stored_twice(n):
    total, items = 0, stock(n)
    for i in range(n):
        _, _, k = items.pop(), items, i
        total += k
        _ = None
        total += 1
    return logged(total)


@case((60,))
def stored_twice_fresh(n):
    total, items = 0, stock(n)
    for i in range(n):
        _, _ = i, Two(items.pop(), i)
        total += i
        _, _ = Two(_, i), total
        total += 1
    return logged(total)


def clears(x, y):
    t = (x, y)
    k = len(t)
    t = None
    x = y = None
    return k


@case((60,))
def tuple_in_callee(n):
    total, items = 0, stock(n)
    kept = []
    for i in range(n):
        x = [i]
        kept.append(x)
        total += clears(items.pop(), x)
    return logged(total), list(map(sys.getrefcount, kept))


@case((60,))
def tuples_overwritten(n):
    """A called function's tuples, read and overwritten: each lets its items go."""

    def swapped(p, q):
        t = (p.item, q.item)
        first = t[0]
        t = (q.item, t[0])
        second = t[1]
        t = ((t[1], second), (first, t))
        t = t[1]
        return t[0] is second

    kept = [One(One(i)) for i in range(4)]
    total = 0
    for i in range(n):
        total += swapped(kept[i & 3], kept[i >> 2 & 3])
    return total, list(map(sys.getrefcount, [k.item for k in kept]))
