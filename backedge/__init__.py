"""A tracing JIT for stock CPython.

    import backedge

    @backedge.jit
    def f(...): ...

`f` stays the same function object and means what it meant; its hot loops run as native code.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "config", "disabled", "explain", "jit", "on_event", "stats"]

try:
    from . import _core
except ImportError as _error:  # another interpreter than the extension was built for, or its self-check failed
    import os
    import warnings

    _core = None
    _why_not = str(_error)
    if os.path.exists(os.path.join(os.path.dirname(__file__), "meson.build")):
        _why_not = "this is its source folder, which shadows the built package (use ./dev run, or another directory)"
    warnings.warn(f"backedge is off, functions run as plain Python: {_why_not}", RuntimeWarning, stacklevel=2)

_Function = type(lambda: None)
_Code = type((lambda: None).__code__)
_Method = type(type("_", (), {"f": lambda self: None})().f)
_params = None  # name -> (default, minimum, maximum, text), filled when first asked for


def _parameters():
    global _params
    if _params is None:
        _params = {} if _core is None else _core.params()
    return _params


def _check_options(options):
    """The options as ints, or TypeError for an unknown name and ValueError for a bad value."""
    known = _parameters()
    checked = {}
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"backedge has no option {name!r}; there are: {', '.join(known)}")
        _, low, high, _ = known[name]
        if not isinstance(value, int):
            raise TypeError(f"option {name} must be an int, not {type(value).__name__}")
        if not low <= value <= high:
            raise ValueError(f"option {name} must be from {low} to {high}, not {value}")
        checked[name] = int(value)
    return checked


def _function_of(obj):
    """The Python function inside a function, method, staticmethod or classmethod; None if there is none."""
    while isinstance(obj, (staticmethod, classmethod, _Method)):
        obj = obj.__func__
    return obj if isinstance(obj, _Function) else None


def _describe(obj):
    if isinstance(obj, type):
        return f"the class {obj.__name__}: decorate its methods instead"
    if isinstance(obj, property):
        return "a property: put @backedge.jit below @property"
    if callable(obj):
        return f"a {type(obj).__name__}, which has no Python code of its own"
    return f"a {type(obj).__name__}"


def jit(func=None, /, **options):
    """Let the hot loops of `func` run as native code; gives back `func` itself.

    Use it bare (`@jit`) or with options (`@jit(threshold=10, sync=1)`); `config()` lists them. Works on functions,
    methods, nested functions, and staticmethod and classmethod objects.
    """
    if func is None:
        if _core is not None:
            _check_options(options)
        return lambda func: jit(func, **options)
    function = _function_of(func)
    if function is None:
        raise TypeError(f"backedge.jit needs a Python function, not {_describe(func)}")
    if _core is not None:
        _core.enable(function.__code__, _check_options(options) if options else None)
    return func


def config(**settings):
    """Change process-wide settings; gives all of them as they are now."""
    if _core is None:
        return {}
    return _core.config(**_check_options(settings))


class disabled:
    """`with backedge.disabled(): ...` runs everything as plain Python, in all threads, until the block ends."""

    def __enter__(self):
        self._before = config().get("off", 0)
        config(off=1) if _core is not None else None
        return self

    def __exit__(self, *exc):
        if _core is not None:
            config(off=self._before)


def stats():
    """Process-wide counters as a dict: what was recorded, compiled, entered, left, given up, and the time it took."""
    return {} if _core is None else _core.stats()


def on_event(callback, *kinds):
    """Call `callback(event)` with a dict for each thing that happens to a loop: recording, compiled, aborted, hot-exit,
    invalidated... (`docs/tools.md`); only for those of `kinds` if any are named.

    It is called soon after, on the thread where it happened, while backedge and other tools see nothing of what it
    runs. An exception that it raises is reported as unraisable. Ends with `close()` of what this gives, or as a context
    manager.
    """
    from . import _events

    return _events.on_event(callback, *kinds)


class Explanation(dict):
    """What backedge knows of one function: a dict that prints as a report."""

    __slots__ = ()

    @property
    def loops(self):
        return self.get("loops", [])

    @property
    def compiled(self):
        """True if any loop of it, or the function itself, has native code."""
        return any(loop.get("state") == "compiled" for loop in self.loops)

    def __str__(self):
        from ._dump import report

        return report(self)


def explain(func):
    """What became of `func` (a function, method or code object): its loops, their counts, exits and reasons."""
    function = _function_of(func)
    code = function.__code__ if function is not None else func
    if not isinstance(code, _Code):
        raise TypeError(f"backedge.explain needs a Python function, not {_describe(func)}")
    if _core is None:
        return Explanation(
            function=code.co_qualname, file=code.co_filename, line=code.co_firstlineno, loops=[], reason=_why_not
        )
    return Explanation(_core.explain(code))


if _core is not None:
    import os

    _core.calibrate()
    if os.environ.get("BACKEDGE_LOG"):
        from . import _events

        _events.follow_workers()
