"""Running a program under the tools: it must not be able to tell."""

import os
import re
import subprocess
import sys
import textwrap

import pytest

import backedge

PACKAGE = os.path.dirname(os.path.dirname(backedge.__file__))


def python(*args, cwd, stdin="", env=None, safe_path=False):
    """As a user would: without -P, so that sys.path[0] is the program's."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONSAFEPATH", "BACKEDGE_LOG")}
    if safe_path:
        environment["PYTHONSAFEPATH"] = "1"
    environment.update({"PYTHONPATH": PACKAGE, "PYTHONHASHSEED": "1", **(env or {})})
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, cwd=cwd, input=stdin, env=environment, timeout=120
    )


def both(tmp_path, args, command=("run",), **options):
    """Runs it plain and under a tool, in the same folder; gives both after comparing them."""
    plain = python(*args, cwd=tmp_path, **options)
    under = python("-m", "backedge", *command, *args, cwd=tmp_path, **options)
    assert under.stdout == plain.stdout
    assert under.returncode == plain.returncode
    if command == ("run",):
        assert under.stderr == plain.stderr
    return plain, under


PROGRAMS = {
    "what it sees": """
        "Doc."
        import sys
        print(__name__, __doc__, __file__, __package__, __spec__ and __spec__.name, type(__loader__), list(globals()))
        print(sys.argv, sys.path[:2], sys.orig_argv[-4:], sys.flags)
        print(sys.modules["__main__"].__dict__ is globals())
        """,
    "frames": """
        import inspect, sys, traceback
        def f():
            traceback.print_stack(file=sys.stdout)
            return len(inspect.stack()), sys._getframe(1).f_back and sys._getframe(1).f_back.f_code.co_name
        print(f())
        """,
    "a debugger, with an audit hook": """
        import io, pdb, sys
        sys.addaudithook(lambda *event: None)  # Python code that runs between the audit of settrace and its effect
        def f():
            commands = io.StringIO("step\\nstep\\nwhere\\ncontinue\\n")
            pdb.Pdb(nosigint=True, readrc=False, stdin=commands, stdout=sys.stdout).set_trace()
            x = 1
            return x
        for _ in range(3): f()
        """,
    "audited id": """
        import sys
        seen = []
        def f(x):
            for i in range(2000): a = id(x)
            return a
        print(id is __builtins__.id, f(seen) == id(seen), len(seen), hex(id(seen)) in repr(f.__get__(1)) or repr(id))
        sys.addaudithook(lambda event, args: seen.append(args[0]) if event == "builtins.id" else None)
        print(f(seen) == id(seen), len(seen), set(seen[:2001]) == {id(seen)}, list(map(id, [seen])) == [id(seen)])
        """,
    "recursion": """
        import sys
        depth = 0
        def f():
            global depth
            depth += 1
            f()
        try:
            f()
        except RecursionError as error:
            print(error, depth)
        sys.setrecursionlimit(500)
        depth = 0
        try:
            f()
        except RecursionError as error:
            print(error, depth)
        """,
    "raise": "def f(n):\n    for i in range(n):\n        if i == 900:\n            raise ValueError(i)\n\n\nf(1000)\n",
    "chained": "try:\n    1 // 0\nexcept ZeroDivisionError as e:\n    raise ValueError('x') from e\n",
    "group": "raise ExceptionGroup('all', [ValueError(1), TypeError(2)])\n",
    "syntax": "def f(:\n",
    "encoding": "# -*- coding: latin-1 -*-\nprint('x')\n",
    "bad import": "import nosuchmodule\n",
    "exit 7": "import sys\nsys.exit(7)\n",
    "exit text": "import sys\nsys.exit('message')\n",
    "exit none": "import sys\nsys.exit()\n",
    "exit big": "raise SystemExit(300)\n",
    "os exit": "import os\nos._exit(9)\n",
    "interrupt": "raise KeyboardInterrupt\n",
    "abort": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hook', a[1], a[2].tb_frame.f_back)\n1 // 0\n",
    "stdin": "import sys\nprint(input(), sys.stdin.read())\n",
    "at exit": """
        import atexit, threading, time
        def later():
            time.sleep(.05)
            print("thread")
        threading.Thread(target=later).start()
        atexit.register(lambda: print("at exit", sorted(k for k in globals() if k.startswith("__"))))
        print("main")
        """,
    "fork": """
        import os, sys
        def f(n):
            return sum(i for i in range(n))
        sys.stdout.flush()
        if os.fork() == 0:
            print("child", f(1000), flush=True)
            sys.exit(3)
        print(os.waitstatus_to_exitcode(os.wait()[1]), f(1000))
        """,
    "pickle": "import pickle\n\n\nclass A:\n    x = 1\n\n\nprint(pickle.loads(pickle.dumps(A())).x)\n",
    "shadow": "import argparse, fnmatch\nprint(argparse.what, fnmatch.__file__ is not None)\n",
    "own loops": """
        def f(n):
            s = 0
            for i in range(n):
                s += i % 7
            return s
        print(f(200000))
        exec("t = 0\\nfor i in range(1000): t += i")
        print(t, [f(i) for i in range(300)][-1])
        """,
    "tools": """
        import sys
        lines = []
        def f():
            for i in range(3):
                lines.append(i)
        sys.settrace(lambda frame, event, arg: lines.append(event) or sys.gettrace())
        f()
        sys.settrace(None)
        print(lines)
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_script_cannot_tell(tmp_path, name):
    (tmp_path / "argparse.py").write_text("what = 'the program has its own argparse'\n")
    (tmp_path / "p.py").write_text(textwrap.dedent(PROGRAMS[name]))
    both(tmp_path, ["p.py", "a", "-m", "--stage", "b"], stdin="line\nrest\nof it")


@pytest.mark.parametrize("name", ["what it sees", "frames", "raise", "exit 7", "interrupt", "own loops"])
def test_a_module_cannot_tell(tmp_path, name):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "p.py").write_text(textwrap.dedent(PROGRAMS[name]))
    both(tmp_path, ["-m", "pack.p", "a", "--b"])


@pytest.mark.parametrize("name", ["what it sees", "raise"])
def test_other_ways_to_name_a_program(tmp_path, name):
    text = textwrap.dedent(PROGRAMS[name])
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "__main__.py").write_text(text)
    (tmp_path / "link.py").symlink_to(tmp_path / "d" / "__main__.py")
    both(tmp_path, ["d", "x"])
    both(tmp_path, ["./link.py", "x"])
    both(tmp_path, [str(tmp_path / "link.py"), "x"])
    both(tmp_path, ["link.py"], safe_path=True)
    both(tmp_path, ["-"], stdin=text)


@pytest.mark.parametrize("name", ["what it sees", "frames", "raise", "exit 7", "interrupt", "own loops", "fork"])
def test_a_command_cannot_tell(tmp_path, name):
    text = textwrap.dedent(PROGRAMS[name]).replace("__file__", "__name__")
    both(tmp_path, ["-c", text, "a", "-c", "--b"])


def test_a_command_that_is_no_program(tmp_path):
    both(tmp_path, ["-c", "1 +"])
    done = python("-m", "backedge", "run", "-c", cwd=tmp_path)
    assert done.returncode == 2 and "-c code" in done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path, method):
    (tmp_path / "p.py").write_text(
        f"""
import multiprocessing, sys

def f(n):
    s = 0
    for i in range(n):
        s += i
    return s

class A:
    pass

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(f, range(0, 4000, 500)), pool.map(type, [A()]))
"""
    )
    both(tmp_path, ["p.py"])


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_cannot_tell(tmp_path, method):
    (tmp_path / "p.py").write_text(
        f"""
import multiprocessing, os, re, sys, traceback

def look(queue):
    stack = "".join(traceback.format_stack())
    names = sorted(set(vars(sys.modules["__main__"])))
    queue.put((re.sub("=[0-9]+", "=", stack), names, sys.argv, [re.sub("=[0-9]+", "=", x) for x in sys.orig_argv[1:]]))
    1 // 0

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    queue = context.SimpleQueue()
    process = context.Process(target=look, args=(queue,))
    process.start()
    print(*queue.get(), sep="\\n")
    process.join()
    print(process.exitcode)
"""
    )
    both(tmp_path, ["p.py"])


def test_a_worker_whose_main_is_not_guarded(tmp_path):
    (tmp_path / "p.py").write_text(
        "import multiprocessing\nmultiprocessing.set_start_method('spawn')\n"
        "p = multiprocessing.Process(target=print)\np.start()\np.join()\nprint(p.exitcode)\n"
    )
    plain = python("p.py", cwd=tmp_path)
    under = python("-m", "backedge", "run", "p.py", cwd=tmp_path)
    assert (plain.stdout, plain.returncode) == (under.stdout, under.returncode)
    numbers = [re.sub(r"=\d+|~|\^", "", done.stderr) for done in (plain, under)]
    assert "RuntimeError" in numbers[0] and numbers[0] == numbers[1]


def test_no_such_file(tmp_path):
    both(tmp_path, ["nosuch.py"])


def test_reports_come_after_the_program_and_once(tmp_path):
    (tmp_path / "p.py").write_text(textwrap.dedent(PROGRAMS["fork"]) + "\nf(5000)\n1 // 0\n")
    for command in (("profile",), ("dump",), ("log",)):
        plain, under = both(tmp_path, ["p.py"], command)
        assert plain.stderr in under.stderr
        if command != ("log",):
            assert under.stderr.startswith(plain.stderr) and len(under.stderr) > len(plain.stderr)


def test_the_report_outlives_a_closed_stderr(tmp_path):
    (tmp_path / "p.py").write_text("import sys, os\nsys.stderr.close()\nos.close(2) if 0 else None\n")
    done = python("-m", "backedge", "profile", "-o", "out", "p.py", cwd=tmp_path)
    assert done.returncode == 0 and "loop" in (tmp_path / "out").read_text()


WATCHED = """
import backedge, sys, textwrap, other
def f(n):
    s = 0
    for i in range(n):
        s += i
    return s
f(5000)
other.g(5000)
for _ in range(30):
    textwrap.dedent("  a\\n" * 20)
for _ in range(30):
    textwrap.TextWrapper().wrap("a b c d " * 100)
from backedge import _core
print(sorted({c.co_qualname for c in _core.codes() if _core.enabled(c)}))
"""


@pytest.mark.parametrize(
    "options, has, has_not",
    [
        ((), {"f", "g"}, {"TextWrapper._wrap_chunks"}),
        (("--stdlib",), {"f", "g", "TextWrapper._wrap_chunks"}, set()),
        (("--include", "other"), {"g"}, {"f"}),
        (("--include", "*p.py"), {"f"}, {"g"}),
        (("--exclude", "other.py"), {"f"}, {"g"}),
        (("--include", "textwrap"), {"TextWrapper._wrap_chunks"}, {"f", "g"}),
        (("--decorated",), set(), {"f", "g"}),
    ],
)
def test_what_is_watched(tmp_path, options, has, has_not):
    (tmp_path / "p.py").write_text(WATCHED)
    (tmp_path / "other.py").write_text("def g(n):\n    s = 0\n    while n:\n        n -= 1\n    return s\n")
    done = python("-m", "backedge", "run", *options, "p.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = set(eval(done.stdout))
    assert has <= names and not has_not & names


RECURSIVE = """
from backedge import _core
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def outer(n):
    def inner(k):
        return 0 if k == 0 else 1 + inner(k - 1)
    return inner(n)
def plain(n):
    return n
print(fib(20), [outer(5) for _ in range(400)][-1], plain(3))
_core.drain()
fib(20)
print({c.co_name: any(x["compiles"] for x in _core.explain(c)["loops"]) for c in _core.codes() if _core.enabled(c)})
"""


def test_recursive_functions_are_watched(tmp_path):
    (tmp_path / "p.py").write_text(RECURSIVE)
    done = python("-m", "backedge", "run", "p.py", cwd=tmp_path, env={"BACKEDGE_FIXED_ORDER": "1"})
    first, second = done.stdout.splitlines()
    seen = eval(second)
    assert first == "6765 5 3" and seen["fib"] and "inner" in seen and "plain" not in seen


def test_the_installed_command_is_main():
    from backedge import __main__

    with pytest.raises(SystemExit):
        __main__.parse(["dump"])
    assert __main__.parse(["run", "-m", "a", "-m", "b"]).args == ["-m", "b"]


@pytest.mark.parametrize(
    "words",
    [
        "p.py",
        "p.py -m x --stdlib -- y",
        "--stdlib p.py --include x",
        "--include a* --exclude=b p.py",
        "--include a* --exclude b --exclude c --decorated - -",
        "-m a -m b --stdlib",
        "--stdlib -c text -c -m",
        "--std p.py",
        "-mjson.tool x",
        "-- p.py -x",
    ],
)
def test_options_of_run_mean_the_same_without_argparse(words):
    from backedge import __main__, _commands

    quick, slow = __main__._plain_run(["run", *words.split()]), _commands.parse(["run", *words.split()])
    if quick is None:
        assert words.startswith("-")  # left to argparse
        return
    for name in ("include", "exclude", "stdlib", "decorated", "script", "args"):
        assert getattr(quick, name) == getattr(slow, name)
    assert bool(quick.module) == bool(slow.module) and bool(quick.code) == bool(slow.code)


@pytest.mark.parametrize("words", ["", "--include p.py", "--include", "-m", "-c", "--nothing p.py", "-x p.py"])
def test_mistakes_are_left_to_argparse(words):
    from backedge import __main__

    assert __main__._plain_run(["run", *words.split()]) is None
    with pytest.raises(SystemExit):
        __main__.parse(["run", *words.split()])
