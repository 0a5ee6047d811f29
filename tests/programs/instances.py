"""Instances made in loops: virtual until they escape, made at exits, dying quietly or with finalisers."""

import sys
import weakref

from diff.harness import case


class Vec:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def plus(self, other):
        return Vec(self.x + other.x, self.y + other.y)

    def times(self, k):
        return Vec(self.x * k, self.y * k)


class Slots:
    __slots__ = ("a", "b", "c")

    def __init__(self, a, b=3):
        self.b = b
        self.a = a


class Empty:
    pass


class Base:
    kind = "base"

    def __init__(self, n):
        self.n = n

    def value(self):
        return self.n


class Derived(Base):
    kind = "derived"

    def value(self):
        return self.n * 2


class Node:
    def __init__(self, value, next):
        self.value = value
        self.next = next


class Picky:
    def __init__(self, n, limit):
        self.n = n
        if n == limit:
            raise ValueError(f"not {n}")
        self.ok = True


class Odd:
    def __init__(self, n, bad):
        self.n = n
        return bad


class Loud:
    log = []

    def __init__(self, n):
        self.n = n

    def __del__(self):
        Loud.log.append(self.n)


class Holder:
    def __init__(self, item):
        self.item = item
        self.count = 0


class Pair:
    def __init__(self, a, b):
        self.a = a
        self.b = b
        self.sum = a + b


class Late:
    def __init__(self, n):
        self.n = n
        if n % 3 == 0:
            self.extra = n * 2


@case((40,), (400,))
def carried(n):
    v = Vec(0.0, 1.0)
    g = Vec(1.0, 2.0)
    for _ in range(n):
        v = v.plus(g.times(0.5))
    return v.x, v.y, v.__dict__, type(v).__name__


@case((50,))
def slots(n):
    total = 0
    for i in range(n):
        s = Slots(i)
        total += s.a + s.b
        s.c = total
    return total, s.a, s.b, s.c


@case((50,))
def slots_unset(n):
    out = []
    for i in range(n):
        s = Slots(i)
        try:
            out.append(s.c)
        except AttributeError as e:
            out.append(str(e))
    return out[-3:], len(out)


@case((60,))
def escapes_to_list(n):
    out = []
    for i in range(n):
        out.append(Vec(i, i * 0.5))
    return [(v.x, v.y, list(v.__dict__)) for v in out]


@case((60,))
def escapes_sometimes(n):
    out = []
    for i in range(n):
        v = Vec(i, i + 1)
        if i % 7 == 3:
            out.append(v)
        v.x += 10
    return [(v.x, v.y) for v in out], v.x


@case((50,))
def one_identity(n):
    hits = 0
    for i in range(n):
        a = Vec(i, i)
        b = a
        c = Vec(i, i)
        b.x = 5
        hits += (a is b) + (a is c) + (a.x == 5) + (a is not None) + (c.x == i)
        if not a:
            hits += 1000
    return hits, a is b, b is c, a.x, b.x


@case((50,))
def identity_of_attributes(n):
    same = 0
    for i in range(n):
        x = i * 1.5
        v = Vec(x, x)
        w = v.x
        same += (v.x is v.y) + (w is v.y) + (x is w)
    return same, v.x is v.y, v.x is x


@case((50,))
def nested(n):
    total = 0
    for i in range(n):
        h = Holder(Vec(i, 2))
        h.item.y += 1
        h.count += h.item.y
        inner = h.item
        inner.x = -i
        total += h.item.x + h.count
    return total, h.item is inner, h.item.x, h.__dict__.keys() == {"item", "count"}


@case((60,))
def linked(n):
    head = None
    for i in range(n):
        head = Node(i, head)
    total, node, steps = 0, head, 0
    while node:
        total += node.value
        node = node.next
        steps += 1
    return total, steps


@case((50,))
def cycle(n):
    refs = []
    for i in range(n):
        a = Node(i, None)
        a.next = a
        refs.append(a.next.next.value)
        a.next = None
    return refs[-5:], a.value


@case((60, 37), (60, -1), (60, 59))
def raises_in_init(n, limit):
    last = None
    for i in range(n):
        last = Picky(i, limit)
    return last.n, last.ok


@case((60,))
def raises_and_goes_on(n):
    caught = []
    for i in range(n):
        try:
            Picky(i, i - i % 9)
        except ValueError as e:
            caught.append((str(e), e.__traceback__.tb_next.tb_frame.f_code.co_name))
    return caught


@case((60, None), (60, 7))
def init_gives(n, bad):
    last = 0
    for i in range(n):
        last = Odd(i, bad if i > 40 else None).n
    return last


@case((50,))
def finalisers(n):
    Loud.log = []
    for i in range(n):
        a = Loud(i)
        a.n += 100
    del a
    return Loud.log


@case((50,))
def finaliser_inside(n):
    Loud.log = []
    h = Holder(None)
    for i in range(n):
        h.item = Holder(Loud(i))
    h.item = None
    return Loud.log


@case((50,))
def dies_in_turn(n):
    h = Holder(Vec(0, 0))
    for i in range(n):
        h.item = Vec(i, h.item.y + 1)
        h.count += 1
    return h.item.x, h.item.y, h.count


@case((50,))
def weakly(n):
    seen = []
    h = Holder(Vec(0, 0))
    for i in range(n):
        h.item = Vec(i, 1)
        if i > 30:
            r = weakref.ref(h.item, lambda _, i=i: seen.append(i))
            seen.append(r() is h.item)
    return seen, r() is h.item


@case((50,))
def shared_value_dies_late(n):
    """Both attributes hold one object: it dies with the second."""
    Loud.log = []
    out = []
    h = Holder(None)
    for i in range(n):
        x = Loud(i) if i == 40 else Vec(i, 0)
        h.item = Node(x, x)
        x = None
        out.append(len(Loud.log))
    return out, Loud.log


def peek():
    f = sys._getframe(1)
    return sorted((k, type(v).__name__) for k, v in f.f_locals.items())


@case((50,))
def seen_by_callee(n):
    out = None
    for i in range(n):
        v = Vec(i, i)
        w = v
        if i > 40:
            out = peek()
        v.x += 1
    return out, v is w, w.x


def poke(v, i):
    if i > 40:
        v.x = "poked"
    return v


@case((50,))
def through_functions(n):
    bad = 0
    for i in range(n):
        v = Vec(i, i)
        u = poke(v, i)
        bad += u is not v
        if u.x == "poked":
            bad += 100
    return bad, u.x, v.x


@case((60,))
def class_attributes(n):
    out = []
    for i in range(n):
        o = Derived(i) if i % 2 else Base(i)
        out.append(o.value())
        if o.kind == "derived":
            out.append(o.kind)
    return out


@case((60,))
def class_changes(n):
    total = 0
    old = Base.value
    try:
        for i in range(n):
            if i == 40:
                Base.value = lambda self: 1000
            o = Base(i)
            total += o.value()
    finally:
        Base.value = old
    return total


@case((60,))
def init_changes(n):
    total = 0
    old = Base.__init__
    try:
        for i in range(n):
            if i == 40:
                Base.__init__ = lambda self, n: setattr(self, "n", -n)
            total += Base(i).n
    finally:
        Base.__init__ = old
    return total


@case((60,))
def empty_objects(n):
    out = []
    for i in range(n):
        e = Empty()
        e.a = i
        e.b = i * 2
        if i % 20 == 19:
            del e.a
            out.append(e)
    return [(o.__dict__) for o in out], e.__dict__


@case((60,))
def attributes_in_order(n):
    out = []
    for i in range(n):
        o = Late(i)
        out.append(o)
    return [list(o.__dict__.items()) for o in out][-6:]


@case((60,))
def overflow_inside(n):
    big = 1
    out = []
    for i in range(n):
        big = big * 3
        p = Pair(big, i)
        out.append(p.sum)
    return out[-3:], p.a, p.b


@case((60,))
def types_change_inside(n):
    out = []
    for i in range(n):
        p = Pair(i, i) if i < 30 else Pair(i * 0.5, i) if i < 45 else Pair("a", "b")
        out.append(p.sum)
    return out, p.a


@case((60,))
def wrong_arguments(n):
    out = []
    for i in range(n):
        try:
            out.append(Vec(i, i).x if i < 50 else Vec(i))
        except TypeError as e:
            out.append(str(e))
    return out[-12:]


@case((50,))
def held_over_branches(n):
    total = 0
    v = Vec(0, 0)
    for i in range(n):
        if i % 3 == 0:
            v = Vec(i, total)
        elif i % 3 == 1:
            v = v.plus(Vec(1, 1))
        total += v.x - v.y
    return total, v.x, v.y


@case((40,))
def returned_through(n):
    def make(i):
        v = Vec(i, i)
        w = v
        return w if i % 2 else v

    out = 0
    for i in range(n):
        out += make(i).plus(make(i + 1)).x
    return out


@case((30,))
def in_tuples(n):
    out = []
    for i in range(n):
        pair = (Vec(i, 1), Vec(i, 2))
        a, b = pair
        a.x += b.y
        out.append(pair[0].x)
        c, d = Vec(i, 3), Vec(i, 4)
        c, d = d, c
        out.append(c.y - d.y)
    return out, pair[0] is a, c.y


@case((50,))
def dict_of_instance(n):
    out = None
    for i in range(n):
        v = Vec(i, -i)
        if i > 45:
            out = v.__dict__
            out["x"] = "changed"
            v.y = 7
            out = dict(out), v.x
    return out


class Square(Base):
    def area(self):
        return self.n * self.n


class Circle(Base):
    def area(self):
        return 3.5 * self.n * self.n


class Line:
    __slots__ = ("n",)

    def __init__(self, n):
        self.n = n

    def area(self):
        return "none"


@case((60, 2), (60, 3), (60, 4), (60, 6))
def several_classes(n, kinds):
    """One place sees two, three, four and more classes, some only after it was compiled."""
    makers = [Square, Circle, Line, Derived, Vec, Empty]
    objects = [makers[i % 2](i) if i < 40 else (makers[i % kinds](i) if i % kinds < 4 else Empty()) for i in range(n)]
    out = []
    for o in objects:
        if hasattr(o, "area"):
            out.append(o.area())
        else:
            o.n = 7
        o.n = o.n + 1
        out.append(o.n)
    return out, [type(o).__name__ for o in objects][-4:]


@case((60,))
def class_of_instance_changes(n):
    objects = [Square(i) if i % 2 else Circle(i) for i in range(n)]
    out = []
    for i, o in enumerate(objects):
        out.append(o.area())
        if i > 40:
            o.__class__ = Derived
            out.append(o.value())
    return out


@case((80, 50), (80, 200))
def nested_escape(n, stop):
    """Instances in instances in instances, which escape together, from the middle, and in a tuple."""
    out = []
    for i in range(n):
        leaf = Vec(i * 0.5, i)
        deep = Node(1, Node(2, Node(leaf, Node(leaf, None))))
        twice = (Base(deep), Base(deep))
        if i % 3 == 0:
            out.append(deep)
        elif i % 3 == 1:
            out.append(deep.next.next)
        else:
            out.append(twice)
        if i == stop:
            out.append(deep.nothing)
    same = out[1].value is out[1].next.value
    return [type(o).__name__ for o in out], out[0].next.next.value.x, same, out[2][0].n.value


@case((60,))
def nested_merge(n):
    """Shared at a merge: made there, each once."""
    s, last = 0, None
    for i in range(n):
        inner = Node(i, None)
        outer = Node(Node(Node(inner, i), inner), inner)
        if i & 1:
            pair = (outer, outer.next)
        else:
            pair = (outer, outer.value.next)
        s += (pair[0].value.value.value is pair[1]) + pair[1].value
        last = pair
    return s, last[0].value.next is last[1]
