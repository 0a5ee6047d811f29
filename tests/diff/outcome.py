"""What a call did, as data that compares equal only if a program could not tell the difference."""

import contextlib
import dataclasses
import io
import os
import struct
import sys
import types
import warnings

try:
    import numpy as np
except ImportError:
    np = None


_nan_bits_count = True


@contextlib.contextmanager
def any_nan():
    """Within it, all NaNs are equal. Which operand's sign an operation on two NaNs keeps is an accident in CPython:
    `nan + -nan` differs between the cold and the specialised instruction and operator.add (tests/test_fuzz.py)."""
    global _nan_bits_count
    _nan_bits_count = False
    try:
        yield
    finally:
        _nan_bits_count = True


def _bits(x):
    return struct.pack("<d", x).hex() if x == x or _nan_bits_count else "any nan"


def _np_bits(array):
    if array.dtype.char in "gG":  # 80-bit numbers have padding that says nothing
        return str([repr(x) for x in array.ravel()])
    if array.dtype.kind in "fc" and not _nan_bits_count:
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.tobytes().hex()


def canonical(obj, memo=None):
    """Nested tuples that name exact types and bits; shared and cyclic containers become references."""
    t = type(obj)
    if t is float:
        return "float", repr(obj), _bits(obj)
    if t is complex:
        return "complex", repr(obj), _bits(obj.real), _bits(obj.imag)
    if obj is None or t in (int, bool, str, bytes):
        return t.__name__, obj if t is not int or abs(obj) < 1 << 200 else hex(obj)
    if t is range or t is slice:
        return t.__name__, repr(obj)
    if np is not None and isinstance(obj, np.generic):
        return "np." + t.__name__, repr(obj), _np_bits(np.asarray(obj))
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType, type, types.ModuleType)):
        return "named", getattr(obj, "__qualname__", obj.__name__)
    memo = {} if memo is None else memo
    if id(obj) in memo:
        return "same as", memo[id(obj)]
    memo[id(obj)] = len(memo)
    name = t.__module__.rpartition(".")[2] + "." + t.__qualname__
    if np is not None and isinstance(obj, np.ndarray):
        flags = obj.flags
        body = tuple(canonical(x, memo) for x in obj.ravel()) if obj.dtype.hasobject else _np_bits(obj)
        return name, obj.dtype.str, obj.shape, obj.strides, flags.writeable, flags.c_contiguous, body
    if isinstance(obj, (list, tuple)):
        return name, tuple(canonical(x, memo) for x in obj)
    if isinstance(obj, dict):
        return name, tuple((canonical(k, memo), canonical(v, memo)) for k, v in obj.items())
    if isinstance(obj, (set, frozenset)):
        return name, tuple(sorted((canonical(x, memo) for x in obj), key=repr))
    if isinstance(obj, (bytearray, memoryview)):
        try:
            return name, bytes(obj)
        except ValueError as e:
            return name, str(e)
    if isinstance(obj, BaseException):
        return "exception", name, canonical(obj.args, memo), str(obj)
    if isinstance(obj, types.MethodType):
        return name, obj.__func__.__qualname__, canonical(obj.__self__, memo)
    if name == "array.array":
        return name, obj.typecode, obj.tobytes().hex()
    if isinstance(obj, (types.CellType, types.GeneratorType, types.CodeType)):
        return (name,)
    state = []
    if hasattr(obj, "__dict__"):
        state.append(canonical(vars(obj), memo))
    for cls in t.__mro__:
        for slot in cls.__dict__.get("__slots__", ()):
            if hasattr(obj, slot):
                state.append((slot, canonical(getattr(obj, slot), memo)))
    if not state and hasattr(obj, "__next__"):
        with contextlib.suppress(TypeError):
            state.append(canonical(obj.__reduce__()[1:], memo))
    return name, tuple(state)


def _positions(tb):
    for i, where in enumerate(tb.tb_frame.f_code.co_positions()):
        if i == tb.tb_lasti // 2:
            return where
    return None


def _traceback(error):
    """Below the harness's own frames: function, line, columns of every level, and the instruction that raised."""
    levels = []
    tb = error.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        if os.path.abspath(code.co_filename) != os.path.abspath(__file__):
            # 3.12: where a caller stands, at its call or behind it, depends on whether the call is specialised
            lasti = tb.tb_lasti if sys.version_info >= (3, 13) or tb.tb_next is None else None
            levels.append((os.path.basename(code.co_filename), code.co_qualname, tb.tb_lineno, lasti, _positions(tb)))
        tb = tb.tb_next
    return tuple(levels)


def _error(error, depth=4):
    if error is None or depth == 0:
        return None
    return (
        canonical(error),
        getattr(error, "__notes__", None),
        _traceback(error),
        error.__suppress_context__,
        _error(error.__cause__, depth - 1),
        _error(error.__context__, depth - 1),
    )


@dataclasses.dataclass
class Outcome:
    """Everything that a caller can see of one call."""

    result: object
    error: object
    warnings: tuple
    printed: str
    args: object
    globals: object
    exc_info: object = None

    def differences(self, other):
        for field in dataclasses.fields(self):
            mine, its = getattr(self, field.name), getattr(other, field.name)
            if mine != its:
                where, mine, its = first_difference(mine, its)
                yield f"{field.name}{where}:\n    plain {_short(mine)}\n    jit   {_short(its)}"


def first_difference(a, b, where=""):
    """Descends to the innermost place where two canonical values differ."""
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            if x != y:
                if not isinstance(x, tuple) or not isinstance(y, tuple) or len(x) != len(y):
                    return where, a if len(str(a)) < 200 else x, b if len(str(b)) < 200 else y
                return first_difference(x, y, f"{where}[{i}]")
    return where, a, b


def _short(x, limit=1500):
    text = str(x)
    return text if len(text) <= limit else text[:limit] + f"... ({len(text)} characters)"


PLAIN_TYPES = (int, float, complex, str, bytes, bool, list, tuple, dict, set, bytearray, type(None))


def _data_of(namespace):
    return {
        k: canonical(v)
        for k, v in namespace.items()
        if not k.startswith("_") and type(v) in PLAIN_TYPES and k != "CASES"
    }


def observe(func, args, namespace=None):
    """Calls func(*args) and gives its Outcome."""
    result = error = None
    out = io.StringIO()
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(out):
        warnings.simplefilter("always")
        try:
            result = canonical(func(*args))
        except BaseException as e:
            error = _error(e)
            e.__traceback__ = None
            del e
    return Outcome(
        result,
        error,
        tuple((w.category.__name__, str(w.message), os.path.basename(w.filename), w.lineno) for w in caught),
        out.getvalue(),
        canonical(args),
        _data_of(namespace) if namespace is not None else None,
        canonical(sys.exc_info()[1]),
    )
