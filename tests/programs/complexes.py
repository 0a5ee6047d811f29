"""Complex arithmetic, mixed minimum and maximum, negative powers, globals that change, membership of ints."""

import math

from diff.harness import case

counter = 0
label = "a"
NAMES = [0.0, -0.0, 1.5, -2.25, 1e308, 5e-324, math.inf, -math.inf, math.nan]


@case((90,))
def arithmetic(n):
    z = 1 + 1j
    out = []
    for i in range(n):
        z = (z * (0.9 + 0.1j) + i) / (1.5 - 0.5j)
        w = complex(i, -2) ** 2 - complex(i) + (z + 1) ** 0.5 + z**-3
        out.append((z, w, abs(w), -z, z == w, z != z, bool(z), z.real, z.imag, w / 2, 2 / (w + 1), w - True))
    return out


@case((9,))
def edges(n):
    out = []
    for k in range(8):
        for a in NAMES:
            for b in NAMES:
                z = complex(a, b)
                try:
                    out.append((z + 1, z * 2.0, z - 1j, z / (2 - 1j), abs(z), z == complex(b, a), bool(z), not z))
                    out.append(z**2)
                    out.append(1 / z)
                except (ZeroDivisionError, OverflowError) as e:
                    out.append(str(e))
    return repr(out[-400:])


@case((60, 0j), (60, 0), (60, 0.0))
def division_by_zero(n, zero):
    z = 1 + 2j
    s = 0j
    for i in range(n):
        s += z / (zero if i == 50 else complex(i, 1))
    return s


@case((60, 0j, -1), (60, 0j, 1j), (60, 1e200 + 1e200j, 7), (60, 2 + 1j, 101), (60, 0j, 0))
def powers(n, base, exponent):
    s = 0j
    for i in range(n):
        z = base if i == 50 else complex(i + 1, 1)
        s += z ** (exponent if i >= 50 else 2)
    return s


@case((70,))
def equality_with_ints(n):
    s = 0
    for i in range(n):
        z = complex(i * (1 << 50), 0)
        s += (z == i * (1 << 50)) + (z != i) + (z == float(i)) + (2 == z)
        s += (complex(2.0**53) == (1 << 53) + 1) * 1000
    return s


@case((70,))
def constructor(n):
    out = []
    for i in range(n):
        z = complex(i)
        out.append((z, complex(z) is z, complex(i, -0.0), complex(True, i * 0.5), complex(1j, i), complex()))
    return out


@case((80,))
def mixed_extremes(n):
    out = []
    for i in range(n):
        f = i * 0.5 - 10
        out.append((min(i, 20.5), max(0, f), min(True, f, i), max(i, f, 3)))
        out.append((min(f, i, 7.0, 2), max(1, 1.0), min(1.0, 1)))
    return out


@case((70, 65, 0), (70, 200, 0))
def negative_powers(n, k, bad):
    s = 0.0
    for i in range(1, n):
        s += i**-2 + (bad if i == k else i) ** -1 + (-i) ** -3
    return s


@case((80,))
def global_counter(n):
    global counter, label
    counter = 0
    for i in range(n):
        counter += i
        if counter > 1000:
            counter = 0
        label = label + "x" if i % 9 else "y"
    return counter, label


@case((80,))
def global_of_many_types(n):
    global counter
    out = []
    for i in range(n):
        counter = i if i % 3 else [i]
        out.append(counter)
        counter = 2.5
        out.append(counter)
        if i == 60:
            del counter
            try:
                out.append(counter)
            except NameError as e:
                out.append(str(e))
            counter = 1
    return out


@case((60,))
def global_read_by_callee(n):
    global counter
    counter = 0

    def bump():
        global counter
        counter += 1
        return counter

    s = 0
    for _ in range(n):
        s += bump() + counter
    return s


@case((90,))
def membership(n):
    s = 0
    for i in range(n):
        s += (i in (1, 2, 50)) + (i not in (3, 4)) * 2 + (i in range(10, 60)) * 4 + (i in range(60, 10, -1)) * 8
        s += (i in range(0, 90, 7)) * 16 + (True in (1, 2)) + ((i == 3) in (0, 5)) + (i in (1, 2.0, 5))
    return s


@case((60,))
def exceptions_then_calls(n):
    s = 0
    for i in range(n):
        try:
            if i % 20 == 5:
                raise ValueError(i)
            s += i
        except ValueError as e:
            s += e.args[0] * 1000
        s += len(str(i))
    return s
