"""Integers: 64 bits and beyond, division and shifts, bool arithmetic."""

from diff.harness import case


@case((100, 2**61, 2**54), (200, 2**62, 2**57), (150, -(2**62), -(2**56)), (60, 2**63 - 30, 1), (60, -(2**63) + 30, -1))
def sum_leaves_64_bits(n, s, step):
    for i in range(n):
        s += step
    return s


@case((90, 3), (70, -2), (200, 1), (100, 2**31))
def product_leaves_64_bits(n, k):
    p = 1
    for i in range(n):
        p *= k
    return p


@case((120,), (90,))
def factorial(n):
    p = 1
    for i in range(1, n + 1):
        p = p * i
    return p


@case((300,))
def fibonacci_big_and_back(n):
    a, b = 0, 1
    for i in range(n):
        a, b = b, a + b
        if i == 200:
            a >>= 100
            b >>= 100
    return a, b


@case((80,))
def grows_and_shrinks(n):
    x = 1
    log = []
    for r in range(3):
        for i in range(n):
            x = x * 2 + 1
        log.append(x)
        for i in range(n):
            x //= 2
        log.append(x)
    return log


@case((150, 7), (150, -7), (150, 1), (150, -1), (150, 64), (150, -64), (150, 2**40), (150, -(2**62)))
def floor_division_and_remainder(n, d):
    out = 0
    for i in range(-n, n):
        x = i * 37
        out = out * 5 + x // d
        out = out * 3 + x % d
        out &= (1 << 60) - 1
        q, r = divmod(x, d)
        if q * d + r != x:
            return "wrong", x
    return out


@case((100, 50), (100, 99), (30, 200))
def division_by_zero_late(n, zero_at):
    s = 0
    for i in range(n):
        s += 1000 // (i - zero_at)
    return s


@case((100, 50))
def remainder_by_zero_late(n, zero_at):
    s = 0
    try:
        for i in range(n):
            s += 7 % (zero_at - i)
    except ZeroDivisionError as e:
        return s, i, str(e)
    return s


@case((90,))
def smallest_int_divided(n):
    out = []
    x = -(2**63)
    for i in range(n):
        d = -1 if i % 3 == 0 else (1 if i % 3 == 1 else 2)
        out.append(x // d)
        out.append(x % d)
        out.append(-x if i % 7 == 0 else abs(x) if i % 7 == 1 else +x)
    return out[-12:]


@case((130, 3), (130, -3))
def true_division(n, d):
    s = 0.0
    for i in range(n):
        s += (i * 12345678901) / d
        s -= i / (d * 7 + i * i)
    return s


@case((100,))
def true_division_of_big(n):
    out = []
    x = 2**53 - 50
    for i in range(n):
        out.append((x + i) / 3)
        out.append((2**62 + i * 12345678912345) / (2**55 + i))
    return out[:4], out[-4:], sum(out)


@case((75,))
def shifts_left(n):
    out = []
    for i in range(n):
        out.append(1 << i)
        out.append(-3 << i)
        out.append(12345 << (i % 5))
    return out


@case((150,))
def shifts_right(n):
    s = 0
    for i in range(n):
        s += (1 << 62) >> (i % 63)
        s += (-(1 << 62)) >> i
        s += -1 >> i
        s += 77777 >> 200
    return s


@case((100, 60))
def negative_shift_count(n, k):
    s = 0
    for i in range(n):
        s += 1 << (k - i)
    return s


@case((200,))
def bitwise(n):
    a = 0x0123456789ABCDEF
    b = -1
    for i in range(n):
        a = (a ^ (a >> 3) ^ (i << 7)) & 0x7FFFFFFFFFFFFFFF
        b = ~b ^ (a | i) & -(i + 1)
        b = b & 0xFFFFFFFFFFFF | -2
    return a, b


@case((100,))
def bitwise_of_big(n):
    a = 1 << 100
    for i in range(n):
        a ^= 1 << (i + 5)
        a |= 3
        a &= ~(1 << 90)
    return a, ~a


@case((64, 2), (41, 3), (30, -3), (70, 1), (70, 0), (70, -1))
def powers(n, base):
    out = []
    for i in range(n):
        out.append(base**i)
        if base:
            out.append(base**-i)
    return out


@case((200,))
def squares_and_cubes(n):
    s = 0
    for i in range(n):
        s += i**2 - i**3 + (-i) ** 2
    return s


@case((130, 1000003))
def pow_three_arguments(n, m):
    s = 0
    for i in range(n):
        s += pow(i, i + 3, m) + pow(i + 2, 2)
    return s


@case((80, 40))
def zero_to_negative_power(n, k):
    s = 0
    for i in range(n):
        s += (i - k) ** -1
    return s


@case((200,))
def comparisons(n):
    c = [0] * 8
    for i in range(-n, n):
        c[0] += i < 5
        c[1] += i <= -5
        c[2] += i == 50
        c[3] += i != i * i
        c[4] += i > 2.5
        c[5] += i >= 2**70
        c[6] += i == float(i)
        c[7] += (i < 0) + (i > 0)
    return c


@case((100,))
def int_against_float_exactly(n):
    out = 0
    for i in range(n):
        x = 2**53 + i
        out = out * 2 + (x == float(x)) + (x < float(x)) + (x >= 2.0**53 + 2)
        out %= 1 << 61
    return out


@case((100,))
def bools_are_ints(n):
    t = True
    s = 0
    for i in range(n):
        t = i % 3 == 0
        u = not t
        s += t
        s += t + u
        s -= t * 2
        s += -t
        s += ~u
        s += t << 3
        s += t | 4
        s += (t & u) + (t | u) + (t ^ u)
    return s, t & u, t | u, t ^ u, t + u, +t, t - u, t / 1, t // 1, t**2


@case((100,))
def bool_results_keep_their_type(n):
    out = None
    for i in range(n):
        a = i > 50
        b = i < 70
        out = a & b, a | b, a ^ b, not a, a and b, a or i, a + b, a == b, a is b
    return out


@case((120,))
def int_and_bool_alternate(n):
    x = 0
    log = []
    for i in range(n):
        x = (i > 60) if i % 2 else i
        log.append(x)
    return log, [type(v).__name__ for v in log[-4:]]


@case((100,))
def builtins_of_ints(n):
    s = 0
    for i in range(-n, n):
        s += abs(i) + min(i, 3) + max(i, -3, 5) + round(i) + int(i) + bool(i) + i.bit_length() + len(bin(i))
        s += int(i * 0.37) + int(-i * 0.37) + round(i, -1)
    return s, sum(range(n)), sum([i for i in range(n)], 5)


@case((2000,))
def collatz(n):
    best = 0
    for start in range(1, n):
        x = start
        steps = 0
        while x != 1:
            if x % 2 == 0:
                x = x // 2
            else:
                x = 3 * x + 1
            steps += 1
        if steps > best:
            best = steps
    return best


@case((500, 1, 7))
def lcg(count, x, y):
    acc = 0
    for i in range(count):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        y = (y * y + x + i) & 0xFFFFFFFF
        acc = (acc + (y >> 7)) & 0xFFFFFFFF
    return acc


@case((300,))
def xorshift_masked(n):
    x = 88172645463325252
    for i in range(n):
        x ^= (x << 13) & 0xFFFFFFFFFFFFFFFF
        x ^= x >> 7
        x ^= (x << 17) & 0xFFFFFFFFFFFFFFFF
    return x


@case((400,))
def gcds(n):
    s = 0
    for i in range(1, n):
        a, b = i * 91, n * 7 - i
        while b:
            a, b = b, a % b
        s += a
    return s


@case((100,))
def int_methods_and_conversions(n):
    s = 0
    for i in range(n):
        s += int(str(i)) + int("7") + int("1f", 16) + (i).bit_count() + ord(chr(i + 32)) + hash(i)
        s += i.real + i.imag + i.numerator
    return s


@case((60,))
def huge_digits(n):
    x = 10**50
    for i in range(n):
        x = x * 10 + i
        if i % 7 == 0:
            x -= 10**40
    return x % 10**20, len(str(x))


@case((100,))
def int_overflow_in_condition(n):
    x = 2**62
    hits = 0
    for i in range(n):
        if x + x > 2**63 + i:
            hits += 1
        x -= 1 << 55
    return hits, x


@case((300,))
def overflow_in_the_middle_of_an_expression(n):
    x = 3
    out = []
    for i in range(n):
        y = (x * x - i) * 3 + (x * x * x) // (i + 1)
        x = y % (1 << 40) + 1
        out.append(y)
    return hash(tuple(out)), x


@case((1, 60), (3, 60), (2**61 + 1, 4), (3074457345618258602, 3), (3074457345618258603, 3), (-(2**62), 70))
def both_sides_of_a_branch_compute(start, n):
    """A branch that goes both ways becomes a selection; what overflows on a side that is not taken does not count."""
    x = start
    ups = downs = 0
    seen = []
    for i in range(80):
        if i >= n:
            x = start
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        if x > 40:
            ups += 1
        else:
            downs -= i
        seen.append(x)
    return x, ups, downs, seen


@case((40,))
def count_that_overflows_on_one_side(n):
    a = 2**63 - 12
    b = -(2**63) + 9
    for i in range(n):
        if i % 2:
            a += 1
        else:
            b -= 1
        if i & 2:
            a += i & 1
    return a, b


@case((2**62 // 7,), (-(2**62) // 7,))
def linear_then_too_large(start):
    out = []
    for i in range(60):
        y = (start + i) * 7 + 11 if i < 40 else (start * 2 + i) * 7 - 11
        out.append(y)
    return out
