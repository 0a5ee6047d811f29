"""What a user of the package sees: the decorator, settings, errors, and that a function stays what it was."""

import copy
import doctest
import functools
import inspect
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
from diff.harness import require_compiled

import backedge

LOW = {"threshold": 3, "call_threshold": 3, "sync": 1}

pytestmark = [pytest.mark.stress, pytest.mark.asan]


def total(n, start=0, *, step=1):
    """Adds.

    >>> total(4)
    6
    """
    s = start
    for i in range(0, n, step):
        s += i
    return s


def test_same_object_bare_and_with_options():
    def f(n):
        return sum(range(n))

    assert backedge.jit(f) is f
    assert backedge.jit(threshold=5)(f) is f
    assert backedge.jit(f, threshold=5) is f

    @backedge.jit
    def g():
        return 1

    @backedge.jit()
    def h():
        return 2

    assert (g(), h()) == (1, 2)
    assert type(g) is types.FunctionType


def test_function_stays_what_it_was():
    f = backedge.jit(total, **LOW)
    before = f.__code__, f.__name__, f.__doc__, f.__defaults__, f.__kwdefaults__, f.__code__.co_code
    assert f(1000) == 499500
    require_compiled(f)
    assert (f.__code__, f.__name__, f.__doc__, f.__defaults__, f.__kwdefaults__, f.__code__.co_code) == before
    assert str(inspect.signature(f)) == "(n, start=0, *, step=1)"
    assert inspect.getsource(f).startswith("def total")
    assert pickle.loads(pickle.dumps(f)) is f
    assert copy.deepcopy(f) is f
    assert doctest.run_docstring_examples(f, {"total": f}) is None
    wrapped = functools.wraps(f)(lambda *a, **k: f(*a, **k))
    assert inspect.unwrap(wrapped) is f and wrapped(10) == 45
    assert f.__code__ == f.__code__.replace() and hash(f.__code__) == hash(f.__code__.replace())
    assert f(10, step=3) == 18 and f(3, start=1.5) == 4.5


def test_methods_static_class_nested():
    class A:
        def __init__(self):
            self.total = 0

        @backedge.jit(**LOW)
        def method(self, n):
            for i in range(n):
                self.total += i
            return self.total

        @backedge.jit(**LOW)
        @staticmethod
        def static(n):
            s = 0
            for i in range(n):
                s += i
            return s

        @staticmethod
        @backedge.jit(**LOW)
        def static2(n):
            s = 0
            for i in range(n):
                s += i
            return s

        @backedge.jit(**LOW)
        @classmethod
        def klass(cls, n):
            s = 0
            for i in range(n):
                s += i
            return cls.__name__, s

    class B(A):
        def method(self, n):
            return super().method(n) + 1

    assert A().method(300) == 44850 and B().method(300) == 44851
    assert A.static(300) == A().static2(300) == 44850
    assert B.klass(300) == ("B", 44850)
    assert isinstance(vars(A)["static"], staticmethod) and isinstance(vars(A)["klass"], classmethod)
    for f in (A.method, A.static, A.static2, A.klass):
        require_compiled(f)


def test_bound_method_can_be_decorated():
    class A:
        def f(self, n):
            s = 0
            for i in range(n):
                s += i
            return s

    a = A()
    bound = a.f
    assert backedge.jit(bound, **LOW) is bound
    assert a.f(200) == 19900
    require_compiled(A.f)


def test_closures_of_one_def_share_code():
    def make(k):
        @backedge.jit(**LOW)
        def f(n):
            s = 0
            for i in range(n):
                s += i * k
            return s

        return f

    fs = [make(k) for k in (1, 2, 2.5, 3)]
    assert [f(200) for f in fs] == [19900, 39800, 49750.0, 59700]
    assert fs[0].__code__ is fs[1].__code__
    require_compiled(fs[0])


@pytest.mark.parametrize(
    "what",
    [
        len,
        5,
        "f",
        None.__class__,
        int,
        type("C", (), {}),
        functools.partial(len),
        property(lambda self: 1),
        np.sin,
        [].append,
        None,
    ],
)
def test_decorating_something_else(what):
    if what is None:
        assert callable(backedge.jit(None))
        return
    with pytest.raises(TypeError, match=r"backedge\.jit needs a Python function, not "):
        backedge.jit(what)


def test_bad_options():
    with pytest.raises(TypeError, match="no option 'treshold'"):
        backedge.jit(treshold=3)
    with pytest.raises(ValueError, match="option threshold must be from 1 to"):
        backedge.jit(total, threshold=0)
    with pytest.raises(TypeError, match="option threshold must be an int, not str"):
        backedge.jit(threshold="3")
    with pytest.raises(TypeError, match="no option"):
        backedge.config(nonsense=1)
    with pytest.raises(ValueError, match="must be from"):
        backedge.config(sync=7)


def test_config_reads_and_sets():
    before = backedge.config()
    assert {"threshold", "call_threshold", "versions", "inline_depth", "sync", "off"} <= set(before)
    after = backedge.config(threshold=77)
    assert after["threshold"] == 77 and backedge.config()["threshold"] == 77
    backedge.config(threshold=before["threshold"])
    assert backedge.config() == before


def test_disabled_block_runs_plain():
    @backedge.jit(**LOW)
    def f(n):
        s = 0
        for i in range(n):
            s += i
        return s

    with backedge.disabled():
        assert f(500) == 124750
        assert not backedge.explain(f).compiled
    assert f(500) == 124750
    require_compiled(f)
    before = backedge.stats()["entries"]
    with backedge.disabled():
        assert f(500) == 124750
    assert backedge.stats()["entries"] == before
    assert f(500) == 124750


def test_stats_and_explain_are_data():
    @backedge.jit(**LOW)
    def f(n):
        s = 0.0
        for i in range(n):
            s += i * 0.5
        return s

    f(1000)
    f(1000)
    require_compiled(f)
    stats = backedge.stats()
    assert stats and all(isinstance(k, str) for k in stats)
    info = backedge.explain(f)
    assert info["function"].endswith("f") and info["line"] == f.__code__.co_firstlineno
    assert info["file"] == __file__
    assert info.compiled
    loop = next(x for x in info.loops if x["state"] == "compiled")
    assert loop["entries"] >= 1 and loop["code_bytes"] > 0 and sum(loop["ms"].values()) > 0
    assert "compiled" in str(info) and "line" in str(info)


def test_explain_of_what_never_ran_and_what_is_no_function():
    def f(n):
        for i in range(n):
            pass

    assert backedge.explain(f).loops == []
    backedge.jit(f)
    assert not backedge.explain(f).compiled
    with pytest.raises(TypeError, match="needs a Python function"):
        backedge.explain(5)


def test_options_of_one_function_only():
    @backedge.jit(threshold=10**9, call_threshold=10**9)
    def cold(n):
        s = 0
        for i in range(n):
            s += i
        return s

    assert cold(20000) == 199990000
    assert not backedge.explain(cold).compiled


@pytest.mark.parametrize(
    "name, value",
    [
        ("BACKEDGE_THRESHOLD", "many"),
        ("BACKEDGE_THRESHOLD", "0"),
        ("BACKEDGE_SYNC", "2"),
        ("BACKEDGE_STRESS", "nonsense"),
    ],
)
def test_bad_environment_value_is_one_warning_or_error(run_python, name, value):
    done = run_python(
        "-c", "import backedge\n@backedge.jit\ndef f(): return 5\nprint(f())", env={name: value}, check=False
    )
    assert name in done.stderr, done.stderr
    assert done.stderr.count(name) == 1, done.stderr
    assert done.returncode == 0 and done.stdout == "5\n" or done.returncode == 1 and "Error" in done.stderr


def test_environment_value_is_used(run_python):
    done = run_python("-c", "import backedge; print(backedge.config()['threshold'])", env={"BACKEDGE_THRESHOLD": "123"})
    assert done.stdout.strip() == "123"


def test_switched_off_by_environment(run_python):
    done = run_python(
        text="""
import backedge
@backedge.jit(threshold=2, sync=1)
def f(n):
    s = 0
    for i in range(n):
        s += i
    return s
print(f(5000), backedge.explain(f).compiled)
""",
        env={"BACKEDGE_OFF": "1"},
    )
    assert done.stdout == "12497500 False\n"


def test_tool_id_taken_is_one_warning(run_python):
    done = run_python(
        text="""
import sys, warnings
sys.monitoring.use_tool_id(5, "somebody")
warnings.simplefilter("always")
import backedge
@backedge.jit
def f(n):
    s = 0
    for i in range(n):
        s += i
    return s
@backedge.jit
def g(n):
    return f(n)
print(f(5000), g(10), sys.monitoring.get_tool(5))
"""
    )
    assert done.stdout == "12497500 45 somebody\n"
    assert done.stderr.count("RuntimeWarning") == 1 and "5" in done.stderr, done.stderr


def test_works_without_numpy(run_python):
    done = run_python(
        text="""
import sys
sys.modules["numpy"] = None
import backedge
@backedge.jit(threshold=2, sync=1)
def f(n):
    s = 0
    for i in range(n):
        s += i
    return s
print(f(5000), backedge.explain(f).compiled)
"""
    )
    assert done.stdout == "12497500 True\n"


def test_import_brings_neither_numpy_nor_llvm(run_python):
    done = run_python(
        "-c",
        "import sys, backedge; print('numpy' in sys.modules, 'dataclasses' in sys.modules, "
        "'inspect' in sys.modules, any('llvm' in m for m in open('/proc/self/maps')))",
    )
    assert done.stdout == "False False False False\n"


@pytest.mark.timing
def test_import_is_fast_and_small(run_python):
    code = """
import os, time
def kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
before, start = kib(), time.process_time()
import backedge
print((time.process_time() - start) * 1000, kib() - before)
"""
    runs = [tuple(map(float, run_python("-c", code).stdout.split())) for _ in range(5)]
    assert min(ms for ms, _ in runs) < 15, runs
    assert min(more for _, more in runs) < 10 * 1024, runs


def test_same_version_everywhere():
    import os
    import tomllib

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with open(os.path.join(root, "pyproject.toml"), "rb") as file:
        assert tomllib.load(file)["project"]["version"] == backedge.__version__
    with open(os.path.join(root, "meson.build")) as file:
        assert f"version: '{backedge.__version__}'" in file.read()


def test_missing_core_is_one_warning_and_identity(tmp_path):
    import os
    import shutil

    shutil.copytree(
        os.path.dirname(backedge.__file__), tmp_path / "backedge", ignore=shutil.ignore_patterns("*.so*", "__pycache__")
    )
    code = (
        "import backedge\n@backedge.jit(sync=1)\ndef f(n): return n + 1\nwith backedge.disabled(): print(f(1))\n"
        "print(backedge.stats(), backedge.explain(f).compiled, backedge.config())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout == "2\n{} False {}\n", done
    assert done.stderr.count("RuntimeWarning") == 1, done.stderr
