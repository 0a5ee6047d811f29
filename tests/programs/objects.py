"""Instances, slots, methods, lists: loads, stores, identity, ownership."""

import math

from diff.harness import case


class Vec:
    scale = 2

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def plus(self, other):
        return Vec(self.x + other.x, self.y + other.y)

    def dot(self, other):
        return self.x * other.x + self.y * other.y

    def bump(self, k=1):
        self.x += k
        return self

    @property
    def norm(self):
        return math.sqrt(self.x * self.x + self.y * self.y)

    @staticmethod
    def twice(v):
        return v * 2

    @classmethod
    def name(cls):
        return cls.__name__


class Slotted:
    __slots__ = ("a", "b", "unset")

    def __init__(self, a, b):
        self.a = a
        self.b = b


class Special:
    def __init__(self, v):
        self.v = v

    def __add__(self, other):
        return Special(self.v + (other.v if isinstance(other, Special) else other))

    __radd__ = __add__

    def __iadd__(self, other):
        self.v += other
        return self

    def __lt__(self, other):
        return self.v < other.v

    def __eq__(self, other):
        return isinstance(other, Special) and self.v == other.v

    __hash__ = None

    def __getitem__(self, i):
        return self.v + i

    def __setitem__(self, i, v):
        self.v = v - i

    def __len__(self):
        return self.v % 5

    def __bool__(self):
        return self.v % 2 == 0

    def __call__(self, x):
        return self.v * x

    def __contains__(self, x):
        return x == self.v

    def __neg__(self):
        return Special(-self.v)


class Lazy:
    def __getattr__(self, name):
        if name.startswith("a"):
            return len(name)
        raise AttributeError(f"no {name} here")


class Watched:
    log = 0

    def __setattr__(self, name, value):
        Watched.log += 1
        object.__setattr__(self, name, value)


@case((200,))
def attribute_sums(n):
    v = Vec(1, 2.0)
    for i in range(n):
        v.x += i
        v.y -= i * 0.5
    return v


@case((120,))
def attribute_type_changes(n):
    v = Vec(0, 0)
    for i in range(n):
        v.x = v.x + (1 if i < 80 else 0.5)
        if i == 100:
            v.y = "text"
        elif i < 100:
            v.y += 1
    return v


@case((150,))
def attribute_overflows(n):
    v = Vec(2**60, 1)
    for i in range(n):
        v.x += 2**58
        v.y *= 3
    return v


@case((100,))
def many_instances(n):
    vs = [Vec(i, i * 0.5) for i in range(n)]
    for r in range(3):
        for v in vs:
            v.x += v.y
            v.y = -v.y
    return vs[-1], sum(v.x for v in vs)


@case((120,))
def float_box_identity(n):
    v = Vec(1.5, 2.5)
    seen = []
    for i in range(n):
        t = v.x
        u = v.x
        seen.append(t is u)
        v.y = t
        seen.append(v.y is t)
        v.x = v.x + 1.0
        seen.append(v.x is t)
        seen.append(t)
    return seen.count(True), seen[-1], v


@case((120,))
def kept_boxes_keep_their_values(n):
    v = Vec(0.5, 0.0)
    kept = []
    for i in range(n):
        if i % 10 == 0:
            kept.append(v.x)
        v.x += 1.25
    return kept, v.x


@case((120,))
def local_keeps_old_box(n):
    v = Vec(0.5, 0.0)
    out = 0.0
    for i in range(n):
        old = v.x
        v.x = v.x * 1.01
        out += old - v.x
    return out, old, v


@case((100,))
def list_item_boxes(n):
    xs = [0.5] * 4
    shared = xs[0] is xs[1]
    for i in range(n):
        xs[i % 4] += i * 0.5
        xs[(i + 1) % 4] = xs[i % 4]
    return xs, shared, [xs[0] is xs[k] for k in range(4)]


@case((100,))
def list_swap_identity(n):
    xs = [float(i) for i in range(10)]
    ids = set(map(id, xs))
    for i in range(n):
        a, b = i % 10, (i * 7 + 3) % 10
        xs[a], xs[b] = xs[b], xs[a]
    return xs, {id(x) for x in xs} == ids


@case((150,))
def slots(n):
    s = Slotted(0, 1.0)
    for i in range(n):
        s.a += i
        s.b = s.b * 1.01 + s.a
    return s


@case((100, 60), (100, 200))
def unset_slot(n, k):
    s = Slotted(0, 0)
    for i in range(n):
        if i == k:
            return s.unset
        s.a += 1
    return s


@case((100, 60))
def missing_attribute(n, k):
    v = Vec(1, 2)
    t = 0
    for i in range(n):
        if i == k:
            del v.y
        t += v.y
    return t


@case((100, 60))
def attribute_deleted_and_back(n, k):
    v = Vec(1, 2)
    t = 0
    for i in range(n):
        if i % k == k - 1:
            del v.x
            v.z = i
            v.x = 5
        t += v.x
    return t, vars(v)


@case((100,))
def attribute_added_late(n):
    v = Vec(1, 2)
    for i in range(n):
        v.x += 1
        if i > 80:
            setattr(v, f"extra{i}", i)
    return v


@case((100,))
def through_instance_dict(n):
    v = Vec(1, 2)
    t = 0
    for i in range(n):
        if i == 70:
            v.__dict__["x"] = 100
        if i == 80:
            v.__dict__ = {"x": 7, "y": 8}
        t += v.x + v.y
    return t


@case((150,))
def methods(n):
    a, b = Vec(1, 2), Vec(0.5, -1)
    t = 0
    for i in range(n):
        a = a.plus(b)
        t += a.dot(b) + Vec.twice(i) + len(a.name()) + a.scale
        b.bump().bump(k=2)
        t += b.norm
    return t, a, b


@case((100,))
def method_shadowed_late(n):
    v = Vec(1, 2)
    t = 0
    for i in range(n):
        if i == 70:
            v.dot = lambda other: 1000
        t += v.dot(v)
    return t


@case((100,))
def method_replaced_late(n):
    v = Vec(1, 2)
    old = Vec.dot
    t = 0
    for i in range(n):
        if i == 70:
            Vec.dot = lambda self, other: -1
        t += v.dot(v)
    Vec.dot = old
    return t


@case((100,))
def class_variable_changes(n):
    v = Vec(1, 2)
    t = 0
    for i in range(n):
        if i == 60:
            Vec.scale = 10
        if i == 80:
            v.scale = 100
        t += v.scale
    Vec.scale = 2
    return t


@case((100,))
def class_assigned_late(n):
    class A:
        def f(self):
            return 1

    class B(A):
        def f(self):
            return 100

    a = A()
    t = 0
    for i in range(n):
        if i == 70:
            a.__class__ = B
        t += a.f()
    return t


@case((120,))
def polymorphic_calls(n):
    class A:
        def f(self, x):
            return x

    class B(A):
        def f(self, x):
            return super().f(x) * 2

    class C:
        f = lambda self, x: -x  # noqa: E731

    objs = [A(), B(), C()]
    t = 0
    for i in range(n):
        t += objs[i % 3].f(i)
    return t


@case((120,))
def bound_method_kept(n):
    v = Vec(3, 4)
    f = v.dot
    out = []
    push = out.append
    for i in range(n):
        push(f(v) + i)
        v.x = i
    return out


@case((100,))
def operators_of_instances(n):
    s = Special(0)
    t = 0
    for i in range(n):
        s = s + Special(1)
        s = 2 + s
        s += 3
        t += s[i] + len(s) + s(2) + (s < Special(5)) + (s == Special(7)) + (7 in s)
        s[1] = s.v
        if s:
            t += 1
        t += (-s).v
    return t, s.v


@case((100, 70))
def getattr_hook(n, k):
    o = Lazy()
    t = 0
    for i in range(n):
        t += o.abc
        if i == k:
            t += o.xyz
    return t


@case((100,))
def setattr_hook(n):
    w = Watched()
    Watched.log = 0
    for i in range(n):
        w.x = i
    return Watched.log, w.x


@case((150,))
def list_of_lists(n):
    grid = [[0] * 10 for _ in range(10)]
    for i in range(n):
        grid[i % 10][(i * 3) % 10] += i
        row = grid[(i * 7) % 10]
        row[-1] = row[0] - 1
    return grid


@case((40,))
def list_matmul(n):
    a = [[(i * j) % 7 * 0.5 for j in range(12)] for i in range(12)]
    c = [[0.0] * 12 for _ in range(12)]
    for i in range(12):
        for j in range(12):
            s = 0.0
            for k in range(12):
                s += a[i][k] * a[k][j]
            c[i][j] = s
    return c


@case((200,))
def append_and_len(n):
    xs = []
    for i in range(n):
        xs.append(i * 0.5)
        if len(xs) > 50:
            xs.pop()
            xs.pop(0)
    return xs, len(xs)


@case((100, 99), (100, 100), (100, 130))
def list_index_error(n, k):
    xs = list(range(n))
    s = 0
    for i in range(k):
        s += xs[i]
    return s


@case((100,))
def list_negative_indices(n):
    xs = list(range(n))
    s = 0
    for i in range(1, n):
        s += xs[-i] * i
        xs[-i] = s % 100
    return xs, s


@case((100, 130))
def list_store_index_error(n, k):
    xs = [0] * n
    for i in range(k):
        xs[i] = i
    return xs


@case((100,))
def list_elements_change_type(n):
    xs = [i if i < 70 else float(i) if i < 90 else str(i) for i in range(n)]
    out = []
    for i in range(n):
        out.append(xs[i] * 2)
    return out


@case((20000, 2))
def sieve(limit, rounds):
    acc = 0
    for r in range(rounds):
        flags = [True] * (limit + 1)
        flags[0] = flags[1] = False
        i = 2
        while i * i <= limit:
            if flags[i]:
                j = i * i
                while j <= limit:
                    flags[j] = False
                    j += i
            i += 1
        for k in range(limit + 1):
            if flags[k]:
                acc += k ^ r
    return acc


@case(lambda: ([((i * 7919) % 1009) / 10 for i in range(150)],))
def insertion_sort(v):
    n = len(v)
    moves = 0
    for i in range(1, n):
        key = v[i]
        j = i - 1
        while j >= 0 and v[j] > key:
            v[j + 1] = v[j]
            j -= 1
            moves += 1
        v[j + 1] = key
    return moves


@case((12, 300, 0.01))
def nbody(count, steps, dt):
    bodies = [Vec(math.cos(k), math.sin(k)) for k in range(count)]
    for b in bodies:
        b.vx = b.vy = 0.0
    for _ in range(steps // count):
        for i in range(count):
            a = bodies[i]
            for j in range(i + 1, count):
                b = bodies[j]
                dx = a.x - b.x
                dy = a.y - b.y
                d2 = dx * dx + dy * dy + 0.01
                mag = dt / (d2 * math.sqrt(d2))
                a.vx -= dx * mag
                a.vy -= dy * mag
                b.vx += dx * mag
                b.vy += dy * mag
        for a in bodies:
            a.x += dt * a.vx
            a.y += dt * a.vy
    return bodies


@case((60,))
def short_lived_instances(n):
    p = Vec(0.0, 1.0)
    for i in range(n):
        p = p.plus(Vec(0.5, -0.25 * i))
        if p.y < 0.0:
            p = Vec(p.x, -p.y)
    return p


@case((100,))
def linked_list(n):
    head = None
    for i in range(n):
        node = Slotted(i, head)
        head = node
    s = 0
    while head is not None:
        s += head.a
        head = head.b
    return s


@case((100,))
def self_assignment(n):
    v = Vec(1.5, None)
    v.y = v
    for i in range(n):
        v = v.y
        v.x += 0.5
    x = v.x
    v.y = None
    return x


@case((100,))
def isinstance_and_type(n):
    objs = [1, 2.5, "x", None, Vec(1, 2), [1], (1,), True]
    c = [0] * 6
    for i in range(n):
        o = objs[i % len(objs)]
        c[0] += isinstance(o, int)
        c[1] += isinstance(o, (float, str))
        c[2] += type(o) is Vec
        c[3] += o is None
        c[4] += type(o) in (list, tuple)
        c[5] += callable(o) or hasattr(o, "x")
    return c


@case((100,))
def none_and_optional(n):
    best = None
    for i in range(n):
        v = (i * 37) % 101
        if best is None or v > best:
            best = v
        if v == 50:
            best = None
    return best


@case((80,))
def dataclass_like(n):
    import dataclasses

    @dataclasses.dataclass
    class P:
        x: float
        y: float = 0.0

    ps = [P(i) for i in range(n)]
    s = 0
    for p in ps:
        p.y += p.x * 2
        s += p.y
    return s, ps[3] == P(3, 6.0)


@case((90,))
def instance_with_fields_in_other_order(n):
    class A:
        def __init__(self, flip):
            if flip:
                self.p = 1
                self.q = 2.5
            else:
                self.q = 3.5
                self.p = 4

    xs = [A(i % 3 == 0) for i in range(n)]
    s = 0.0
    for a in xs:
        s += a.p * a.q
        a.p += 1
    return s, [a.p for a in xs][:5]


class Loud:
    deaths = []

    def __init__(self, number):
        self.number = number

    def __del__(self):
        Loud.deaths.append(self.number)


@case((60,))
def shifted_pair_of_loud_objects(n):
    """The first store of the pair takes the home of what the second one stores."""
    Loud.deaths.clear()
    a, b = Loud(-1), Loud(-2)
    seen = []
    for i in range(n):
        a, b = b, Loud(i)
        seen.append((a.number, b.number, len(Loud.deaths)))
    return seen, list(Loud.deaths)
