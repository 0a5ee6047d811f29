"""python -m backedge dump: runs the program as python would, then reports."""

import pytest

SCRIPT = """import sys
import backedge


@backedge.jit
def hot(n):
    s = 0
    for i in range(n):
        s += i
    return s


@backedge.jit
def never(n):
    return n


def undecorated(n):
    s = 0
    for i in range(n):
        s += i * 2
    return s


if __name__ == "__main__":
    print(sys.argv[1:], hot(20000), hot(20000), undecorated(20000), never(1))
    print(__name__, __file__ == sys.argv[0])
"""
PRINTED = "['a', '--stage', 'b'] 199990000 199990000 399980000 1\n__main__ True\n"
SYNC = {"BACKEDGE_SYNC": "1"}


def dump(run_python, tmp_path, text, *options, args=(), check=True):
    path = tmp_path / "script.py"
    path.write_text(text)
    return run_python("-m", "backedge", "dump", *options, str(path), *args, env=SYNC, check=check)


def test_runs_the_program_and_reports(run_python, tmp_path):
    done = dump(run_python, tmp_path, SCRIPT, "--decorated", args=("a", "--stage", "b"))
    assert done.stdout == PRINTED
    assert "hot  (" in done.stderr and "script.py:5" in done.stderr
    assert "compiled    | for i in range(n):" in done.stderr
    assert "loop-end" in done.stderr and "compile time: " in done.stderr and "totals: " in done.stderr
    assert "undecorated" not in done.stderr


def test_all_code_is_watched(run_python, tmp_path):
    done = dump(run_python, tmp_path, SCRIPT, args=("a", "--stage", "b"))
    assert done.stdout == PRINTED
    assert "undecorated  (" in done.stderr
    assert done.stderr.count("compiled    | for i in range(n):") == 2


@pytest.mark.parametrize(
    "stage, text",
    [
        ("bytecode", "LOAD_GLOBAL"),
        ("trace", "add.ov"),
        ("opt", "header"),
        ("llvm", "define "),
        ("asm", "ret"),
    ],
)
def test_stages(run_python, tmp_path, stage, text):
    done = dump(run_python, tmp_path, SCRIPT, f"--stage={stage}", args=("a", "--stage", "b"))
    assert done.stdout == PRINTED
    assert done.stderr.count("    ---- ") >= 1 and text in done.stderr
    assert "(not kept)" not in done.stderr


def test_output_file(run_python, tmp_path):
    done = dump(run_python, tmp_path, SCRIPT, "-o", str(tmp_path / "out.txt"), args=("a", "--stage", "b"))
    assert done.stdout == PRINTED and done.stderr == ""
    assert "compiled" in (tmp_path / "out.txt").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit(7)\n",
        "import sys\nsys.exit('message')\n",
        "import sys\nsys.exit()\n",
        "raise SystemExit(300)\n",
        "def f():\n    return 1 // 0\n\n\nf()\n",
        "def f(:\n",
        "import nosuchmodule\n",
        "try:\n    1 // 0\nexcept ZeroDivisionError as e:\n    raise ValueError('x') from e\n",
        "print(__name__, __doc__, sorted(k for k in globals() if k.startswith('__')))\n",
        "'Doc.'\nimport pickle\n\n\nclass A:\n    x = 1\n\n\nprint(__doc__, pickle.loads(pickle.dumps(A())).x)\n",
        "raise KeyboardInterrupt\n",
    ],
)
def test_status_and_traceback_are_pythons(run_python, tmp_path, text):
    path = tmp_path / "script.py"
    path.write_text(text)
    plain = run_python(str(path), check=False)
    dumped = dump(run_python, tmp_path, text, check=False)
    assert dumped.stdout == plain.stdout
    assert dumped.returncode == plain.returncode
    assert dumped.stderr.startswith(plain.stderr), (plain.stderr, dumped.stderr)


def test_reason_at_its_source_line(run_python, tmp_path):
    done = dump(
        run_python,
        tmp_path,
        """import backedge


@backedge.jit(region_insns=16)
def f(n):
    s = 0
    for i in range(n):
        if i % 3 == 0:
            s += i * 2
        elif i % 5 == 1:
            s -= i
        s = s * 3 % 1000 + (s >> 2) - (i << 1)
    return s


f(5000)
""",
    )
    assert "reason: " in done.stderr and "| for i in range(n):" in done.stderr


@pytest.mark.parametrize(
    "args, message",
    [
        ((), "required: command"),
        (("dump",), "required: script"),
        (("dump", "--stage=nonsense", "x.py"), "no stage 'nonsense'"),
        (("dump", "nosuchfile.py"), "can't open file"),
    ],
)
def test_bad_command_lines(run_python, args, message):
    done = run_python("-m", "backedge", *args, check=False)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
