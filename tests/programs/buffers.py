"""array.array, bytes, bytearray and memoryview elements."""

from array import array

from diff.harness import case

CODES = "bBhHiIlLqQfd"


@case(*[lambda c=c: (array(c, [i % 100 for i in range(120)]),) for c in CODES])
def array_sum_and_store(a):
    s = 0
    for i in range(len(a)):
        s = s + a[i]
        a[i] = i % 50
    return s, a


@case(
    lambda: (array("b", [0] * 100), 2),
    lambda: (array("B", [0] * 100), 3),
    lambda: (array("h", [0] * 100), 500),
    lambda: (array("i", [0] * 100), 2**26),
    lambda: (array("q", [0] * 100), 2**58),
    lambda: (array("Q", [0] * 100), -1),
)
def array_overflow_late(a, k):
    for i in range(len(a)):
        a[i] = i * k
    return a


@case(lambda: (array("d", [0.0] * 100), 130), lambda: (array("i", [0] * 100), 130))
def array_index_error(a, n):
    for i in range(n):
        a[i] = i
    return a


@case(lambda: (array("d", [0.5] * 100),), lambda: (array("i", range(100)),))
def array_wrong_type_late(a):
    for i in range(len(a)):
        a[i] = "x" if i == 90 else i
    return a


@case(lambda: (array("d", [i * 0.5 for i in range(100)]),), lambda: (array("q", range(100)),))
def array_negative_and_append(a):
    s = 0
    for i in range(1, 100):
        s += a[-i]
        if i % 10 == 0:
            a.append(i)
        if i % 25 == 0:
            a.pop()
    return s, a


@case(
    lambda: (memoryview(bytearray(range(200))),),
    lambda: (memoryview(bytes(range(200))),),
    lambda: (memoryview(array("d", range(150))),),
    lambda: (memoryview(array("h", range(150)))[::2],),
    lambda: (memoryview(bytearray(200))[10:100],),
    lambda: (memoryview(b"abc" * 50)[::-1],),
)
def memoryview_reads(m):
    s = 0
    for i in range(len(m)):
        s += m[i] * (i & 3)
        s += m[-1]
    return s


@case(
    lambda: (memoryview(bytearray(150)),),
    lambda: (memoryview(array("i", [0] * 150)),),
    lambda: (memoryview(b"x" * 150),),
)
def memoryview_writes(m):
    for i in range(len(m)):
        m[i] = i % 120
    return bytes(m)


@case(
    lambda: (memoryview(bytearray(200)),),
)
def memoryview_released(m):
    s = 0
    for i in range(200):
        s += m[i]
        if i == 150:
            m.release()
    return s


@case(
    lambda: (memoryview(bytearray(range(120))).cast("B", (10, 12)),),
)
def memoryview_two_dimensions(m):
    s = 0
    for i in range(10):
        for j in range(12):
            s += m[i, j]
            m[i, j] = j
    return s


@case(lambda: (bytearray(200),))
def bytearray_resized(b):
    s = 0
    for i in range(150):
        b[i] = i
        s += b[i]
        if i % 40 == 39:
            b.extend(b"xyz")
        if i == 120:
            del b[140:]
    return s


@case((1500,))
def array_scan(n):
    a = array("d", [((i * 7919) % 1009) * 0.01 for i in range(n)])
    raw = memoryview(bytearray((i * 31 + (i >> 5)) & 255 for i in range(n)))
    out = array("d", [0.0]) * n
    acc = 0.0
    flips = 0
    for i in range(n):
        b = raw[i]
        if b & 1:
            acc = acc * 0.5 + a[i]
        else:
            acc = acc - a[i] * 0.125
            flips += b
        out[i] = acc
    s = 0.0
    for i in range(0, n, 3):
        s += out[i]
    return s + flips
