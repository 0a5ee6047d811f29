"""Recursion: native functions calling each other, exits and exceptions at depth, the recursion limit, objects."""

import math
import sys

from diff.harness import case


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


@case((18,), (12,), jit=("fib",))
def fib_in_a_loop(n):
    return [fib(i) for i in range(n)], sum(fib(i) for i in (3, 4, 5))


@case((20,), jit=("fib",))
def fib_summed(n):
    s = 0
    for i in range(n):
        s += fib(i % 15)
    return s


@case((12,), (12.0,), (True,), (14,))
def fib_alone(n):
    if n < 2:
        return n
    return fib_alone(n - 1) + fib_alone(n - 2)


def ack(m, n):
    if m == 0:
        return n + 1
    if n == 0:
        return ack(m - 1, 1)
    return ack(m - 1, ack(m, n - 1))


@case((2, 9), (3, 4), jit=("ack",))
def ackermann(m, n):
    s = 0
    for i in range(n):
        s = s * 3 + ack(m, i)
    return s


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


@case((60,), jit=("even", "odd"))
def parity(n):
    r = []
    for i in range(n):
        r.append((even(i), odd(i)))
    return r


def one(n, s):
    return s if n <= 0 else two(n - 1, s + 1)


def two(n, s):
    return s if n <= 0 else three(n - 2, s * 2)


def three(n, s):
    return s if n <= 0 else one(n - 1, s - 3)


@case((40,), jit=("one", "two", "three"))
def three_ways(n):
    s = 0
    for i in range(n):
        s ^= one(i, i)
    return s


# ---- exits at depth


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


@case((40,), jit=("factorial",))
def overflow_at_depth(n):
    return [factorial(i) for i in range(n)]


@case((30,), jit=("factorial",))
def overflow_in_a_loop(n):
    s = 0
    for i in range(n):
        s += factorial(i)
    return s


def divide(n, k):
    if n == 0:
        return 100 // k
    return divide(n - 1, k) + 1


@case((30,), jit=("divide",))
def raise_at_depth(n):
    s = 0
    for i in range(n):
        try:
            s += divide(i, i - n // 2)
        except ZeroDivisionError as e:
            s += len(e.args[0])
    return s


@case((30,), jit=("divide",))
def raise_through(n):
    s = 0
    for i in range(n):
        s += divide(i % 7, n - 1 - i)
    return s


def guarded(n, k):
    if n == 0:
        return 1 // k
    try:
        return guarded(n - 1, k) * 2
    except ZeroDivisionError:
        if n < 3:
            raise
        return n


@case((30,), jit=("guarded",))
def caught_at_depth(n):
    s = 0
    for i in range(n):
        s += guarded(i % 8, (i + 1) % 5)
    return s


def pick(xs, i, n):
    return xs[i] if n == 0 else pick(xs, i + 1, n - 1) + 1


@case(([3, 1, 4, 1, 5, 9, 2, 6], 40), (list(range(60)), 40), jit=("pick",))
def index_error(xs, n):
    r = []
    for i in range(n):
        try:
            r.append(pick(xs, 0, i % 12))
        except IndexError as e:
            r.append(str(e))
    return r


def typed(n, x):
    return x if n == 0 else typed(n - 1, x + x)


@case((40,), jit=("typed",))
def types_at_depth(n):
    r = []
    for i in range(n):
        x = (i, i + 0.5, "ab", 1 << 70, True, [i])[i % 6]
        r.append(typed(i % 5, x))
    return r


def unseen(n, k):
    if n > 7 and k == 33:
        return "rare", n
    return (k, n) if n == 0 else unseen(n - 1, k)


@case((40,), jit=("unseen",))
def rare_branch(n):
    r = []
    for i in range(n):
        r.append(unseen(i % 10, i))
    return r


# ---- the recursion limit


def endless(n):
    return endless(n + 1) + 1


@case((6,), jit=("endless",), compiled=False)
def endless_caught(n):
    r = 0
    for i in range(n):
        try:
            endless(i)
        except RecursionError as e:
            r += len(str(e))
    return r


@case((1,), jit=("endless",), compiled=False)
def endless_seen(n):
    endless(n)


def descend(n, seen):
    seen[0] = n
    return descend(n + 1, seen) + 1


@case((8,), jit=("descend",), compiled=False)
def limit_is_where_it_is(n):
    """Absolute depths differ by the frames outside: what is compared is how they change with the limit."""
    old = sys.getrecursionlimit()
    depths = []
    try:
        for i in range(n):
            sys.setrecursionlimit(old + 37 * i)
            seen = [0]
            try:
                descend(0, seen)
            except RecursionError:
                depths.append(seen[0])
    finally:
        sys.setrecursionlimit(old)
    return [b - a for a, b in zip(depths, depths[1:], strict=False)], max(depths) - min(depths)


def deep(n):
    return 0 if n == 0 else deep(n - 1) + 1


@case((12,), jit=("deep",))
def deeper_than_usual(n):
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(30_000)
    try:
        s = 0
        for i in range(n):
            s += deep(i * 2000)
        return s
    finally:
        sys.setrecursionlimit(old)


def catch_low(n):
    try:
        return catch_low(n + 1)
    except RecursionError:
        return 7


@case((5,), jit=("catch_low",), compiled=False)
def caught_at_the_limit(n):
    return [catch_low(i) for i in range(n)]


# ---- objects


class Node:
    def __init__(self, left, right, value):
        self.left = left
        self.right = right
        self.value = value

    def total(self):
        s = self.value
        if self.left is not None:
            s += self.left.total()
        if self.right is not None:
            s += self.right.total()
        return s

    def depth(self, best=0):
        for child in (self.left, self.right):
            if child is not None:
                best = max(best, child.depth())
        return best + 1


def tree(depth, value=1):
    if depth == 0:
        return None
    return Node(tree(depth - 1, value * 2), tree(depth - 1, value * 2 + 1), value)


def walk(node):
    if node is None:
        return 0
    return walk(node.left) + walk(node.right) + node.value


@case((lambda: (tree(6), 20))(), lambda: (tree(4), 20), jit=("walk",))
def tree_walk(root, n):
    s = 0
    for i in range(n):
        s += walk(root) + i
    return s


@case(lambda: (tree(6), 20), jit=("Node.total", "Node.depth"))
def tree_methods(root, n):
    s = 0
    for i in range(n):
        s += root.total() + root.depth() * i
    return s


@case((6, 12), jit=("tree", "Node.__init__", "walk"))
def tree_built(depth, n):
    s = 0
    for i in range(n):
        s += walk(tree(i % depth))
    return s


def insert(node, key):
    if node is None:
        return Node(None, None, key)
    if key < node.value:
        node.left = insert(node.left, key)
    elif key > node.value:
        node.right = insert(node.right, key)
    return node


@case((60,), jit=("insert", "walk"))
def search_tree(n):
    root = None
    for i in range(n):
        root = insert(root, i * 37 % 64)
    return walk(root)


def nested(x):
    s = 0
    for item in x:
        if type(item) is list:
            s += nested(item)
        else:
            s += item
    return s


def listing(depth):
    return [1, listing(depth - 1), 2, listing(depth - 1)] if depth else [5]


@case(lambda: (listing(6), 20), jit=("nested",))
def nested_lists(x, n):
    s = 0
    for i in range(n):
        s += nested(x) + i
    return s


def pairs(t):
    if t is None:
        return 0.5
    a, b = t
    return pairs(a) + 2 * pairs(b)


def cons(n):
    return (cons(n - 1), cons(n - 2)) if n > 0 else None


@case(lambda: (cons(8), 20), jit=("pairs",))
def nested_tuples(t, n):
    s = 0.0
    for i in range(n):
        s += pairs(t) * i
    return s


def carry(o, n):
    return o if n == 0 else carry(o, n - 1)


@case((["kept"], 40), jit=("carry",))
def same_object(o, n):
    k = 0
    for i in range(n):
        k += carry(o, i % 9) is o
        k += carry(i, 3) == i
    return k


class Dies:
    log: list = []

    def __init__(self, n):
        self.n = n

    def __del__(self):
        Dies.log.append(self.n)


def holder(o, n):
    if n == 0:
        return o.n
    return holder(Dies(o.n + 1), n - 1) + 1


@case((12,), jit=("holder", "Dies.__init__"), compiled=False)
def dying_arguments(n):
    Dies.log.clear()
    s = 0
    for i in range(n):
        s += holder(Dies(i * 100), i % 5)
    return s, list(Dies.log)


def memo_fib(n, memo):
    if n in memo:
        return memo[n]
    r = n if n < 2 else memo_fib(n - 1, memo) + memo_fib(n - 2, memo)
    memo[n] = r
    return r


@case((40,), jit=("memo_fib",), compiled=False)
def memoised(n):
    s = 0
    for i in range(n):
        s += memo_fib(i, {})
    return s


# ---- what looks or changes things


def looking(n):
    if n == 0:
        f, names = sys._getframe(), []
        while f is not None and len(names) < 6:
            names.append((f.f_code.co_name, f.f_lineno, f.f_locals.get("n")))
            f = f.f_back
        return names
    return looking(n - 1)


@case((30,), jit=("looking",), compiled=False)
def frames_at_depth(n):
    r = []
    for i in range(n):
        r.append(looking(i % 7)[: i % 7])
    return r


def step(n):
    if n == 20:
        change(n)
    return 0 if n == 0 else step(n - 1) + 1


def other_step(n):
    return 1000 + n


def change(n):
    globals()["step"] = other_step


@case((30,), jit=("step", "other_step", "change"))
def callee_rebound(n):
    globals()["step"] = saved_step
    s = 0
    for i in range(n):
        s += step(i)
    return s


saved_step = step


def recoded(n):
    return 0 if n == 0 else recoded(n - 1) + 1


def recoded_later(n):
    return 5 if n == 0 else recoded(n - 1) + 2


@case((40,), jit=("recoded",))
def code_replaced(n):
    s, code = 0, recoded.__code__
    for i in range(n):
        if i == n // 2:
            recoded.__code__ = recoded_later.__code__
        s += recoded(i % 10)
    recoded.__code__ = code
    return s


def defaulted(n, k=2, *, limit=5):
    return k if n <= limit else defaulted(n - 1, limit=limit) + k


def with_default(n, k=3):
    return k if n == 0 else with_default(n - 1) + k


@case((30,), jit=("defaulted", "with_default"))
def defaults(n):
    s = 0
    for i in range(n):
        s += defaulted(i) + with_default(i % 6, i)
    return s


def loops_inside(n):
    s = 0
    for i in range(n):
        s += loops_inside(i) + i
    return s


@case((9,), jit=("loops_inside",))
def recursion_in_loops(n):
    s = 0
    for i in range(n):
        s += loops_inside(i)
    return s


def queens(n, row, cols, d1, d2):
    if row == n:
        return 1
    c = 0
    for i in range(n):
        if not (cols >> i & 1 or d1 >> (row + i) & 1 or d2 >> (row - i + n) & 1):
            c += queens(n, row + 1, cols | 1 << i, d1 | 1 << (row + i), d2 | 1 << (row - i + n))
    return c


@case((6,), jit=("queens",))
def queens_counted(n):
    return [queens(i, 0, 0, 0, 0) for i in range(n + 1)]


def gcd(a, b):
    return a if b == 0 else gcd(b, a % b)


@case((40,), jit=("gcd",))
def greatest_divisors(n):
    s = 0
    for i in range(1, n):
        s += gcd(i * 12, 90 * i + 30) - math.gcd(i, 6)
    return s


def simpson(a, b, fa, fb, eps, n):
    m = (a + b) / 2
    fm = m * m * m - m
    if n == 0 or abs(fa + fb - 2 * fm) < eps:
        return (fa + 4 * fm + fb) * (b - a) / 6
    return simpson(a, m, fa, fm, eps, n - 1) + simpson(m, b, fm, fb, eps, n - 1)


@case((15,), jit=("simpson",))
def floats_at_depth(n):
    s = 0.0
    for i in range(n):
        s += simpson(0.0, float(i), 0.0, i * i * i - float(i), 1e-3, 6)
    return s


def maybe_none(n):
    if n % 3 == 0:
        return None
    r = maybe_none(n - 1)
    return 1 if r is None else r + 1


@case((40,), jit=("maybe_none",))
def none_or_int(n):
    return [maybe_none(i) for i in range(n)]


def no_result(n, out):
    if n > 0:
        no_result(n - 1, out)
        out.append(n)


@case((30,), jit=("no_result",))
def nothing_returned(n):
    out: list = []
    for i in range(n):
        no_result(i % 6, out)
    return out


def hanoi(n, a, b, c):
    if n == 0:
        return 0
    return hanoi(n - 1, a, c, b) + 1 + hanoi(n - 1, c, b, a)


@case((9,), jit=("hanoi",))
def strings_passed(n):
    s = 0
    for i in range(n):
        s += hanoi(i, "left", "right", "middle")
    return s


def outer(n):
    def inner(k):
        return n if k == 0 else inner(k - 1) + 1

    s = 0
    for i in range(n):
        s += inner(i % 5)
    return s


@case((30,), jit=("outer",))
def closures(n):
    s = 0
    for i in range(n):
        s += outer(i)
    return s


def same(a, b, n):
    return a is b if n == 0 else same(a, b, n - 1)


@case((30,), jit=("same",))
def same_number(n):
    r = []
    for i in range(n):
        x = i * 1000.5
        r.append((same(x, x, i % 4), same(i * 1000, i * 1000 + 1, i % 4)))
    return r


def nested_sum(x):
    s = 0
    for v in x:
        if isinstance(v, list):
            s += nested_sum(v)
        else:
            s += v
    return s


class Says:
    """isinstance() asks it what it is."""

    asked = 0

    @property
    def __class__(self):
        Says.asked += 1
        return list if Says.asked % 2 else Says


class Listlike(list):
    pass


def count_lists(xs, kinds):
    n = 0
    for v in xs:
        n += isinstance(v, list) + 10 * isinstance(v, int) + 100 * isinstance(v, Says) + 1000 * isinstance(v, kinds)
    return n


@case((40,), jit=("nested_sum", "count_lists"))
def isinstance_of_unknown_types(n):
    data = [1, [2, 3, [4, 5, [6, 7]], 8], [9, [10, 11]], 12] * n
    Says.asked = 0
    plain = [1, [], Listlike(), True, None, "x", 2.5, {}, list, int] * n
    asked = [1, [], Says(), 2] * n
    counts = [count_lists(plain, dict), count_lists(plain, (dict, str)), count_lists(asked, Says)]
    return nested_sum(data), counts, Says.asked


# ---- identity of numbers: what is passed, kept and returned is the caller's object ----


def first_or_sum(x, y, n):
    if n == 0:
        return x
    if n == 1:
        return x + y
    return first_or_sum(y, x, n - 2)


def keep_all(out, x, n):
    out.append(x)
    if n:
        keep_all(out, x, n - 1)
    out.append(x)
    return n


def constant(n):
    if n < 0:
        return 12345678
    if n == 0:
        return 1.5 if n else 987654321
    return constant(n - 2)


def floats(n):
    return 2.5 if n <= 0 else floats(n - 1)


def latest(xs, i, best):
    if i == len(xs):
        return best
    x = xs[i]
    return latest(xs, i + 1, x if x > best else best)


def loops(x, n):
    y = x
    for i in range(3):
        if i == n:
            y = x + 1.0
    if n > 3:
        return loops(y, n - 4)
    return y


def are_same(x, y, n):
    if n == 0:
        return x is y
    return are_same(x, y, n - 1)


def leaves(log, x, n):
    """Leaves native code at its end in some calls: all frames hold one object then."""
    if n == 0:
        if x > 60:
            log.append(lambda: x)
            return log[-1]() is x
        return True
    r = leaves(log, x, n - 1)
    log.append(x)
    return r and log[-1] is x


class Slot:
    pass


def put(o, x, n):
    if n == 0:
        o.x = x
        return 0
    return put(o, x, n - 1) + 1


@case((60, 0.5), (60, 10**12), (60, 1))
def identity_of_arguments(n, step):
    total, out, o, log = [0] * 12, [], Slot(), []
    o.x = None
    xs = [step * k for k in range(5, 25)]
    for i in range(n):
        a = i * step + step
        b = a + step
        for k in range(5):
            r = first_or_sum(a, b, k)
            total[0] += (r is a) + 2 * (r is b)
        keep_all(out, a, 3)
        total[1] += sum(x is a for x in out[-8:])
        total[2] += latest(xs, 0, a) is a
        total[3] += latest(xs, 0, a) is xs[-1]
        total[4] += loops(a, i % 9) is a
        total[5] += are_same(a, a, 3) + 2 * are_same(a, b, 3)
        total[6] += are_same(xs[3], xs[3], i % 4) + 2 * are_same(xs[3], xs[4], 2)
        put(o, b, 2)
        total[7] += o.x is b
        total[8] += leaves(log, a, 3)
        total[9] += log[-1] is a
        c = first_or_sum(xs[i % 20], b, 0)
        total[10] += c is xs[i % 20]
        total[11] += first_or_sum(a * 2, b, 4) is a
    return total, len(log)


@case((60,))
def identity_of_results(n):
    total = [0] * 6
    codes = constant.__code__.co_consts, floats.__code__.co_consts
    for i in range(n):
        total[0] += any(constant(i % 7) is k for k in codes[0])
        total[1] += any(constant(2 * i) is k for k in codes[0])
        total[2] += any(floats(i % 5) is k for k in codes[1])
        x, y = 10**9 * (i + 1), 0
        total[3] += gcd(x, y) is x
        total[4] += gcd(y, x) is x
        total[5] += gcd(x * 6, x) is x
    return total


def deep_index(x, n, log):
    if n == 0:
        return log[1000 if x > 45 else 0]
    return deep_index(x, n - 1, log)


@case((60,))
def identity_in_traceback(n):
    same = 0
    for i in range(n):
        a = i * 1.25
        try:
            same += deep_index(a, 3, [1])
        except IndexError as e:
            frames, tb = [], e.__traceback__
            while tb:
                frames.append(tb.tb_frame.f_locals.get("x", a))
                tb = tb.tb_next
            same += 10 * sum(x is a for x in frames)
    return same
