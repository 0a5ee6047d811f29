"""Loops of every kind, and how they are left."""

from array import array

from diff.harness import case


@case((0,), (1,), (5,), (200,), (-3,))
def range_up(n):
    s = 0
    for i in range(n):
        s += i
    return s


@case((0, 300, 1), (300, 0, -1), (5, 500, 7), (500, 5, -7), (10, 10, 3), (3, -200, -2), (-100, 100, 3))
def range_any_step(a, b, step):
    s = 0
    last = None
    for i in range(a, b, step):
        s = s * 3 + i & 0xFFFFFF
        last = i
    return s, last


@case((2**62, 120, 1), (2**63 - 60, 120, 1), (-(2**63) + 60, 120, -1), (2**70, 100, 3), (-(2**80), 100, 2**70))
def range_big_bounds(start, n, step):
    out = []
    for i in range(start, start + n * step, step):
        out.append(i ^ 1)
    return out


@case((300, 1), (300, 0), (0, 1))
def range_variable_kept_after_loop(n, step):
    i = "unset"
    try:
        for i in range(0, n, step):
            pass
    except ValueError as e:
        return str(e), i
    return i


@case((250,))
def loop_variable_rebound(n):
    out = []
    for i in range(n):
        out.append(i)
        i = i * 2
        out.append(i)
    return out[-6:], i


@case((200,), (0,))
def one_range_object_twice(n):
    r = range(3, n)
    s = 0
    for i in r:
        s += i
    for i in r:
        s -= 2 * i
    return s, r


@case((150,))
def iterator_shared_by_two_loops(n):
    it = iter(range(n))
    s = 0
    for i in it:
        s += i
        if i > n // 2:
            break
    rest = []
    for i in it:
        rest.append(i)
    return s, rest[:3], len(rest), next(it, "end")


@case((200,))
def iterator_used_inside(n):
    it = iter(range(n))
    pairs = []
    for i in it:
        pairs.append((i, next(it, -1)))
    return pairs[-2:], len(pairs)


@case(([3, 1, 4, 1, 5] * 40,), ([],), ([1.5, 2.5] * 60,))
def over_list(xs):
    s = 0
    for x in xs:
        s = s + x * 2
    return s


@case(lambda: (list(range(150)),))
def list_grows_while_iterated(xs):
    n = 0
    for x in xs:
        n += 1
        if x < 50 and len(xs) < 400:
            xs.append(x + 25)
    return n


@case(lambda: (list(range(200)),))
def list_shrinks_while_iterated(xs):
    seen = []
    for x in xs:
        seen.append(x)
        if x % 3 == 0:
            xs.pop()
    return seen


@case((tuple(range(180)),), ((),), ((1, 2.5, "x", None) * 40,))
def over_tuple(xs):
    n = 0
    for x in xs:
        if x == 1:
            n += 1
        elif x is None:
            n += 100
    return n


@case(("the quick brown fox " * 15,), ("äöü€" * 40,))
def over_str(s):
    vowels = 0
    for ch in s:
        if ch in "aeiouäöü":
            vowels += 1
    return vowels


@case(
    (b"abc\x00\xff" * 50,),
    (bytearray(range(200)),),
    (memoryview(bytes(range(256))),),
    (array("i", range(200)),),
    (array("d", [0.5] * 150),),
)
def over_buffers(b):
    s = 0
    for x in b:
        s += x
    return s


@case(([10, 20, 30] * 50,), (tuple("abc") * 40,))
def over_enumerate(xs):
    out = []
    for i, x in enumerate(xs):
        if i % 2:
            out.append((i, x))
    return out[-3:]


@case(([1, 2, 3] * 40, 5), ([1, 2] * 40, -7), ([1.5] * 100, 2**63 - 20))
def over_enumerate_start(xs, start):
    s = 0
    for i, x in enumerate(xs, start):
        s += i * 3 - x
    return s


@case(([1, 2, 3] * 50, [4, 5] * 60), ([1.0] * 120, range(120)), ([], [1]), ((1, 2) * 60, [0.5] * 200))
def over_zip(a, b):
    s = 0
    for x, y in zip(a, b):
        s += x * y
    return s


@case(([1, 2, 3] * 40, [4, 5, 6] * 40, (7, 8, 9) * 40))
def over_zip_three(a, b, c):
    out = []
    for x, y, z in zip(a, b, c):
        out.append(x + y * z)
    return sum(out), out[-1]


@case(([1, 2, 3] * 50, [1] * 149))
def over_zip_strict(a, b):
    n = 0
    try:
        for x, y in zip(a, b, strict=True):
            n += x + y
    except ValueError as e:
        return n, str(e)
    return n


@case((list(range(150)),), (tuple(range(150)),), (range(150),), ("abc" * 50,))
def over_reversed(xs):
    out = []
    for x in reversed(xs):
        out.append(x)
    return out[:2], out[-2:], len(out)


@case(({i: i * i for i in range(150)},))
def over_dict(d):
    s = 0
    for k in d:
        s += k
    for k, v in d.items():
        s += v - k
    for v in d.values():
        s ^= v
    return s


@case(({f"k{i}": i for i in range(120)},))
def dict_changed_while_iterated(d):
    d = dict(d)
    n = 0
    try:
        for k in d:
            n += 1
            if n == 90:
                d["new"] = 1
    except RuntimeError as e:
        return n, str(e)
    return n


@case((set(range(200)),), (frozenset(range(50, 250)),))
def over_set(s):
    total = 0
    for x in s:
        total += x
    return total


@case((300,), (0,), (1,))
def while_count(n):
    s = 0
    while n > 0:
        s += n
        n -= 1
    return s, n


@case((200,), (7,))
def while_true_break(n):
    i = 0
    while True:
        i += 3
        if i > n:
            break
    return i


@case((100, 50), (100, 500), (0, 0))
def for_else(n, stop):
    for i in range(n):
        if i == stop:
            break
    else:
        return "else"
    return "break", i


@case((100, 50), (100, 500))
def while_else(n, stop):
    i = 0
    while i < n:
        if i == stop:
            break
        i += 1
    else:
        i = -i
    return i


@case((250,))
def continues(n):
    s = 0
    for i in range(n):
        if i % 3 == 0:
            continue
        if i % 5 == 0:
            s -= i
            continue
        s += i
    return s


@case((40, 30), (1, 300), (300, 1), (0, 5), (5, 0))
def nested_two(n, m):
    s = 0
    for i in range(n):
        for j in range(m):
            s += i * j
    return s


@case((12,), (3,))
def nested_four(n):
    s = 0
    for a in range(n):
        for b in range(a):
            for c in range(b):
                for d in range(c):
                    s += a ^ b ^ c ^ d
    return s


@case((60,))
def triangle_with_breaks(n):
    out = 0
    for i in range(n):
        for j in range(n):
            if j > i:
                break
            if (i + j) % 7 == 3:
                continue
            out += i - j
        else:
            out += 1000
    return out


@case((30,))
def inner_while_in_for(n):
    steps = 0
    for k in range(1, n):
        x = k
        while x != 1:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            steps += 1
    return steps


@case((25,))
def return_from_inner(n):
    for i in range(n):
        for j in range(n):
            if i * j == 391 or i * n + j == 500:
                return i, j
    return None


@case((200,))
def tuple_swap(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, (a + b) % 1000007
    return a, b


@case((90,))
def three_way_rotation(n):
    a, b, c = 1, 2.5, "x"
    for _ in range(n):
        a, b, c = c, a, b
    return a, b, c


@case((200,))
def conditional_expressions(n):
    s = 0
    for i in range(n):
        s += i if i & 1 else -i
        s ^= 3 if i < 50 else (7 if i < 100 else 11)
    return s


@case((200,))
def short_circuit(n):
    out = 0
    for i in range(n):
        x = i % 3 and i % 5 or i
        y = (i > 100 and "big") or (i > 50 and 2.5) or None
        if not (x and y) or i == 7:
            out += 1
        if i > 20 and i < 120 or i == 150:
            out += 3
    return out, x, y


@case((150,))
def chained_comparison(n):
    out = 0
    for i in range(n):
        if 10 < i <= 100 != 50:
            out += 1
        if 0 <= i < 20 or 60 > i >= 40 > 3:
            out += 10
    return out


@case((200,))
def walrus(n):
    out = []
    while (m := n % 17) + n > 20:
        n -= m or 1
        out.append(m)
    return out, n


@case((200,))
def augmented(n):
    a, b, c, d, e = 1, 2, 1.5, [0], "s"
    for i in range(1, n):
        a += i
        a -= 2
        a *= 3
        a %= 1000003
        b |= i
        b ^= i << 1
        b &= 0xFFFF
        b <<= 1
        b >>= 1
        c /= 1.01
        c **= 1.001
        d[0] += i
        d[0] //= 2
        if i % 50 == 0:
            e += "x"
    return a, b, c, d, e


@case((130,))
def if_chain(n):
    c = [0] * 6
    for i in range(n):
        k = (i * 7) % 11
        if k == 0:
            c[0] += 1
        elif k == 1:
            c[1] += 1
        elif k < 4:
            c[2] += 1
        elif k in (4, 6):
            c[3] += 1
        elif not k % 2:
            c[4] += 1
        else:
            c[5] += 1
    return c


@case((120,))
def match_statement(n):
    out = []
    for i in range(n):
        match i % 7, "ab"[i % 2]:
            case (0, _):
                out.append("zero")
            case (x, "a") if x > 3:
                out.append(x)
            case (1 | 2, y):
                out.append(y)
            case _:
                out.append(None)
    return out


@case((300, 299), (300, 100))
def branch_taken_only_late(n, when):
    s = 0
    for i in range(n):
        if i >= when:
            s += 1000000
        s += 1
    return s


@case((200,))
def many_diamonds(n):
    s = 0
    for i in range(n):
        if i & 1:
            s += 1
        if i & 2:
            s += 3
        if i & 4:
            s -= 5
        if i & 8:
            s ^= 7
        if i & 16:
            s += 11
        if i & 32:
            s -= 13
        if i & 64:
            s *= 3
    return s


@case((120,))
def del_and_unbound(n):
    x = 1
    caught = 0
    for i in range(n):
        if i % 10 == 5:
            del x
        try:
            x += 1
        except UnboundLocalError as e:
            caught += len(str(e))
            x = 0
    return x, caught


@case((100,), (3,))
def unbound_after_loop(n):
    for i in range(n):
        if i == 70:
            found = i
    return found


@case((100, 0), (100, 5))
def star_unpack(n, k):
    out = 0
    for i in range(n):
        first, *rest = [i] * (k + 1)
        a, (b, c) = i, (first, len(rest))
        out += a + b + c
    return out


@case((50,), (51,))
def unpack_error(n):
    pairs = [(i, i + 1) for i in range(n)] + [(1, 2, 3)] * (n % 2)
    s = 0
    for a, b in pairs:
        s += a * b
    return s


@case(([5, 3, 9, 1, 7, 3, 8, 2, 6, 4] * 8,))
def quicksort_with_a_stack(values):
    """Nested while loops whose ints come boxed from a tuple and are counted on unboxed."""
    a = list(values)
    stack = [(0, len(a) - 1)]
    while stack:
        lo, hi = stack.pop()
        if lo >= hi:
            continue
        pivot = a[(lo + hi) >> 1]
        i, j = lo, hi
        while i <= j:
            while a[i] < pivot:
                i += 1
            while a[j] > pivot:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        stack.append((lo, j))
        stack.append((i, hi))
    return a, lo, hi, i, j


@case((60, 0), (60, 1), (60, 2))
def int_from_a_tuple_then_wide(n, k):
    """The boxed int that a place takes unboxed does not fit 64 bits, or is none."""
    pairs = [(i, [i + 1, 2**70 + i, float(i)][k if i > 40 else 0]) for i in range(n)]
    total = 0
    seen = []
    while pairs:
        a, b = pairs.pop()
        j = b
        while j > a:
            j -= 1
            if j > 10**6:
                seen.append(j)
                break
        total += a
        seen.append((a, b, j, type(j).__name__))
    return total, seen


class Noisy:
    def __init__(self, log, n):
        self.log = log
        self.n = n

    def __del__(self):
        self.log.append(self.n)


@case((50,))
def unpacked_owner_dies(n):
    log = []
    stack = [(Noisy(log, i), i) for i in range(n)]
    lists = [[Noisy(log, -i), i] for i in range(n)]
    total = 0
    while stack:
        x, i = stack.pop()
        y, j = lists.pop()
        total += i + j + len(log)
    return total, log, x.n, y.n
