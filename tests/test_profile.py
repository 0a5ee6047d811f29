"""backedge profile and backedge log: where the time went, and what happened."""

import linecache
import os
import pty
import re
import subprocess
import sys
import types

import pytest
from test_run import PACKAGE, python

from backedge import _model, _stages, _text

PROGRAM = """
import sys, threading, time

def native(n):
    t = 0
    for i in range(n):
        for j in range(300):
            t += i ^ j
    return t

def generator(n):
    for i in range(n):
        yield i

def consume(n):
    s = 0
    for x in generator(n):
        s += x
    return s

{body}
"""


def profile(tmp_path, body, *options, env=None, args=()):
    (tmp_path / "p.py").write_text(PROGRAM.format(body=body))
    env = {"BACKEDGE_FIXED_ORDER": "1", **(env or {})}  # what gets compiled does not depend on the machine's load
    done = python("-m", "backedge", "profile", *options, "p.py", *args, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    return done


def loops_of(tmp_path, body, *options, **more):
    profile(tmp_path, body, "--save", "saved.%d", *options, **more)
    logs = [_model.read_log(path) for path in sorted(tmp_path.glob("saved.*"))]
    return {loop["function"] + ":" + str(loop["line"]): loop for loop in _model.loops_of_logs(logs).values()}, logs


def busy(call, seconds=0.4):
    return f"t = time.thread_time()\nwhile time.thread_time() - t < {seconds}:\n    {call}\n"


def test_native_time_is_found(tmp_path):
    loops, _ = loops_of(tmp_path, "native(1000)\n" + busy("native(2000)"), env={"BACKEDGE_FIXED_ORDER": "1"})
    ticks = loops["native:6"]["ticks"]
    assert ticks["native"] > 50 and ticks["native"] > ticks["interpreted"] + ticks["recording"]


def test_interpreted_time_is_found_with_its_reason(tmp_path):
    body = "def module():\n    pass\n" + busy("[x for x in generator(3000)]")
    loops, _ = loops_of(tmp_path, body)
    (generator,) = [x for k, x in loops.items() if k.startswith("generator")]
    assert generator["ticks"]["interpreted"] > 20 and generator["abort"] == "GENERATOR"
    done = python("-m", "backedge", "profile", "--from", *map(str, tmp_path.glob("saved.*")), cwd=tmp_path)
    assert "a generator or coroutine frame" in done.stderr and "p.py:12 generator" in done.stderr


def test_building_is_found(tmp_path):
    body = (
        "for k in range(60):\n    space = {}\n    exec(f'def f(n):\\n    s = {k}\\n    for i in range(n):\\n"
        "        s += i*{k} + (i^3)\\n    return s\\n', space)\n    space['f'](3000)\n"
    )
    loops, _ = loops_of(tmp_path, body, env={"BACKEDGE_FIXED_ORDER": "1"})
    assert loops["f:3"]["ticks"]["building"] > 50 and loops["f:3"]["compiles"] >= 50


def test_other_threads_are_seen(tmp_path):
    body = f"def work():\n{''.join('    ' + line + chr(10) for line in busy('native(1000)').splitlines())}"
    loops, _ = loops_of(tmp_path, body + "x = threading.Thread(target=work)\nx.start()\nx.join()\n")
    assert sum(loops["native:6"]["ticks"].values()) > 10


def test_waiting_is_idle(tmp_path):
    _, (log,) = loops_of(tmp_path, "time.sleep(.3)")
    assert log.events[-1]["ticks_idle"] > 150


def test_children_are_added_up(tmp_path):
    work = busy("native(1000)", 0.3).replace("\n", "\n    ")
    body = f"import os\nif os.fork() == 0:\n    {work}\n    sys.exit()\nos.wait()"
    loops, logs = loops_of(tmp_path, body)
    assert len(logs) == 2 and sum(loops["native:6"]["ticks"].values()) > 50


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_are_added_up(tmp_path, method):
    body = f"""
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(native, [200] * 8, chunksize=1) == [native(200)] * 8)
        pool.close()
        pool.join()
"""
    loops, logs = loops_of(tmp_path, body)
    assert len(logs) >= 3 and not any(log.cut for log in logs if log.of("loop"))
    in_workers = [log for log in logs if log.header["ppid"] in {other.header["pid"] for other in logs}]
    calls = sum(loop["back_edges"] for log in in_workers for loop in log.of("loop") if loop["function"] == "native")
    assert calls > 0 and loops["native:6"]["state"] == "compiled"


def test_signals_and_sleeps_are_the_programs(tmp_path):
    body = """
import signal
seen = []
signal.signal(signal.SIGALRM, lambda *a: seen.append("alarm"))
signal.signal(signal.SIGPROF, lambda *a: seen.append("prof"))
before = time.monotonic()
time.sleep(.2)
assert time.monotonic() - before >= .2
signal.setitimer(signal.ITIMER_REAL, .05)
signal.pause()
print(seen)
"""
    assert profile(tmp_path, body).stdout == "['alarm']\n"


def test_table(tmp_path):
    done = profile(tmp_path, busy("native(500)", 0.2) + "consume(5000)\n", "-o", "out")
    text = (tmp_path / "out").read_text()
    assert done.stderr == "" and "time %" in text
    rows = [line.split() for line in text.splitlines()[1:-1]]
    shares = [0 if row[0] == "-" else float(row[0]) for row in rows]
    assert shares == sorted(shares, reverse=True) and shares[0] > 0
    assert any("p.py:6" in row and "compiled" in row for row in rows)
    assert re.search(r"\d+ samples", text)


def test_choosing_loops(tmp_path):
    body = busy("native(500)", 0.2) + "consume(5000)\n"
    for options, has, has_not in [
        (("--function", "consume"), "consume", "native"),
        (("--loop", "p.py:17"), "consume", "native"),
        (("--outcome", "compiled"), "native", "generator"),
        (("--min-share", "40"), "native", "consume"),
    ]:
        profile(tmp_path, body, "-o", "out", *options, env={"BACKEDGE_FIXED_ORDER": "1"})
        text = (tmp_path / "out").read_text()
        names = set(re.findall(r"p\.py:\d+ (\w+)", text))
        assert has in names and has_not not in names, (options, text)


def test_reading_what_is_no_log(tmp_path):
    (tmp_path / "x").write_text("hello\n")
    for command in ("profile", "log"):
        done = python("-m", "backedge", command, "--from", "x", cwd=tmp_path)
        assert done.returncode == 2 and "x is no log of backedge" in done.stderr and "Traceback" not in done.stderr
    assert python("-m", "backedge", "profile", "--from", "nosuch", cwd=tmp_path).returncode == 2


def test_log_lines(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM.format(body="native(2000)\nprint('done')"))
    env = {"BACKEDGE_FIXED_ORDER": "1", "BACKEDGE_LOG": str(tmp_path / "l")}
    done = python("-m", "backedge", "log", "p.py", cwd=tmp_path, env=env)
    assert done.stdout == "done\n"
    assert re.search(r" ms  recording +p\.py:7 native", done.stderr), done.stderr
    assert re.search(r" ms  compiled +p\.py:6 native  #1 \d+ bytes", done.stderr), done.stderr
    again = python("-m", "backedge", "log", "--from", "l", cwd=tmp_path)
    assert [line.split("ms", 1)[1] for line in again.stdout.splitlines()] == [
        line.split("ms", 1)[1] for line in done.stderr.splitlines()
    ]


def times_of(lines):
    return [float(re.search(r"([\d.]+) ms  ", line)[1]) for line in lines]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_log_lines_of_workers(tmp_path, method):
    body = f"""
import multiprocessing, os, backedge
def work(n):
    native(n)
    return os.getpid()
if __name__ == "__main__":
    native(2000)
    print(os.getpid())
    context = multiprocessing.get_context({method!r})
    with context.Pool(1) as pool:
        print(*pool.map(work, [2000]))
        pool.close()
        pool.join()
"""
    (tmp_path / "p.py").write_text(PROGRAM.format(body=body))
    env = {"BACKEDGE_FIXED_ORDER": "1"}
    for option in ([], ["-o", "out"], ["--only", "recording"]):
        done = python("-m", "backedge", "log", *option, "p.py", cwd=tmp_path, env=env)
        first, worker = done.stdout.split()
        text = (tmp_path / "out").read_text() if option[:1] == ["-o"] else done.stderr
        assert done.returncode == 0 and (text == done.stderr or done.stderr == "")
        lines = text.splitlines()
        own = [line for line in lines if not line.startswith("[")]
        others = [line for line in lines if line.startswith(f"[{worker}] ")]
        assert lines == own + others and f"[{first}]" not in text, text
        assert any(" recording " in line and "p.py:7 native" in line for line in own)
        if method != "fork" and not option:  # a forked worker has the native code already
            assert any(" compiled " in line and "p.py:6 native" in line for line in others), text
        assert times_of(lines) == sorted(times_of(lines))


def test_log_of_a_program_that_closes_everything(tmp_path):
    body = "import os\nos.closerange(3, 50)\nfiles = [open(f'f{n}', 'w') for n in range(10)]\nnative(2000)"
    (tmp_path / "p.py").write_text(PROGRAM.format(body=body))
    done = python("-m", "backedge", "log", "p.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert [(tmp_path / f"f{n}").read_text() for n in range(10)] == [""] * 10


def test_saved_logs_are_one_stream(tmp_path):
    body = "import os\nif os.fork():\n    os.wait()\nexec('def f(n):\\n for i in range(n): pass')\nf(9000)"
    profile(tmp_path, body, "--save", "l.%d", env={"BACKEDGE_FIXED_ORDER": "1"})
    logs = sorted(tmp_path.glob("l.*"))
    done = python("-m", "backedge", "log", "--from", *map(str, logs), cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert {line.split()[0] for line in lines} == {f"[{path.suffix[1:]}]" for path in logs} and len(logs) == 2
    assert times_of(lines) == sorted(times_of(lines))


@pytest.mark.parametrize("stage", ["trace", "opt", "llvm"])
def test_lines_of_a_stage_say_where_they_came_from(tmp_path, stage):
    (tmp_path / "p.py").write_text(PROGRAM.format(body="native(2000)"))
    done = python("-m", "backedge", "dump", f"--stage={stage}", "p.py", cwd=tmp_path, env={"BACKEDGE_FIXED_ORDER": "1"})
    lines = [line for line in done.stderr.splitlines() if re.search(r"; line \d+ @\d+", line)]
    assert any("FOR_ITER" in line for line in lines)
    if stage != "llvm":  # LLVM may have made vectors of the inner loop
        assert any("line 8 " in line and "BINARY_OP" in line and re.search(r"\bxor\b", line) for line in lines)
        assert any("line 7 " in line and "FOR_ITER" in line for line in lines)


def test_exits_show_their_slots(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM.format(body="native(2000)"))
    options = ("--stage=exits,source", "--function=native")
    done = python("-m", "backedge", "dump", *options, "p.py", cwd=tmp_path, env={"BACKEDGE_FIXED_ORDER": "1"})
    assert re.search(r"exit \d+: loop-end x [1-9].*; native line 6 @\d+\n +frame .* int v\d+", done.stderr)
    assert re.search(r" 6     for i in range\(n\): +# compiled, ", done.stderr)
    assert "consume" not in done.stderr


def test_parts_of_values_in_llvm_ir():
    place = _stages.Place("f", 3, 20, "BINARY_OP")
    text = (
        "  %5 = call { i64, i1 } @x(i64 %v1)\n  %v35 = extractvalue { i64, i1 } %5, 0\n"
        "exit:\n  store i64 %v35, ptr %b\n"
    )
    lines = _stages._llvm(text, [types.SimpleNamespace(values={"v35": place})])
    assert [line.place for line in lines] == [None, place, None, None]  # %5 is no value of the IR and has no location


@pytest.mark.parametrize("command", [["profile"], ["log"], ["dump"], ["trace-events", "-o", "/dev/stderr"]])
def test_a_working_directory_that_is_gone(tmp_path, command):
    body = "import os\nos.mkdir('x')\nos.chdir('x')\nos.rmdir('../x')\nnative(2000)"
    (tmp_path / "p.py").write_text(PROGRAM.format(body=body))
    done = python("-m", "backedge", *command, "p.py", cwd=tmp_path, env={"BACKEDGE_FIXED_ORDER": "1"})
    assert done.returncode == 0 and "Traceback" not in done.stderr and "native" in done.stderr, done.stderr


def test_no_files_are_left(tmp_path):
    (tmp_path / "tmp").mkdir()
    profile(tmp_path, "native(100)", env={"TMPDIR": str(tmp_path / "tmp")})
    assert os.listdir(tmp_path / "tmp") == []


def imported(tmp_path, *args):
    """Names of modules that a program in p.py imports, or that are imported for it."""
    done = python("-X", "importtime", *args, cwd=tmp_path)
    assert done.returncode == 0 and ("profile" not in args or re.search(r" \d+:1 code that must see", done.stderr))
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_little_is_imported_for_it(tmp_path):
    """Imports are most of what a profile of a short program costs."""
    (tmp_path / "p.py").write_text(PROGRAM.format(body="native(2000)\nfor i in range(1000):\n    pass"))
    run = imported(tmp_path, "-m", "backedge", "run", "p.py")
    usual = imported(tmp_path, "-c", "import argparse, json, locale, shutil")
    own = {f"backedge.{name}" for name in ("_commands", "_events", "_model", "_profile", "_text")}
    assert imported(tmp_path, "-m", "backedge", "profile", "--all", "p.py") - run - usual == own


@pytest.mark.parametrize("options", [(), ("--stdlib",)])
def test_next_to_nothing_is_imported_for_a_run(tmp_path, options):
    """Short programs should not pay for it, nor find in sys.modules what they did not import."""
    (tmp_path / "p.py").write_text("print(sum(range(10)))")
    plain = imported(tmp_path, "-c", "import runpy")
    own = {"atexit", "backedge", "backedge._core", "backedge._run", "backedge._worker"}
    assert imported(tmp_path, "-m", "backedge", "run", *options, "p.py") - plain <= own


def test_lines_of_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in (b"a\nb c\n", b"a\nb", b"# coding: latin-1\n\xe4\n", "\ufeffa = 1\nü\n".encode(), b"a\r\nb\rc\n", b""):
        (tmp_path / "x.py").write_bytes(text)
        linecache.clearcache()
        for line in range(1, 5):
            assert _text.source_line("x.py", line).rstrip() == linecache.getline("x.py", line).rstrip()
    assert _text.source_line("nosuch.py", 1) == "" == _text.source_line("<string>", 1)


# ---- rich: tables on a terminal --------------------------------------------------------------------------------------
def on_a_terminal(tmp_path, log, **env):
    """What `backedge profile --from LOG` prints where standard error is a terminal."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": PACKAGE, "COLUMNS": "300", "TERM": "xterm", **env}
    command = [sys.executable, "-m", "backedge", "profile", "--from", str(log)]
    done = subprocess.Popen(command, cwd=tmp_path, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    text = b""
    try:
        while part := os.read(leader, 10000):
            text += part
    except OSError:
        pass  # the end, on Linux
    os.close(leader)
    assert done.wait() == 0, text
    return text.decode().replace("\r\n", "\n")


@pytest.fixture
def saved_log(tmp_path):
    profile(tmp_path, "native(2000)\nconsume(3000)", "--save", "saved")
    return tmp_path / "saved"


def cells(text):
    return [line.split() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines() if "p.py:" in line]


def test_tables_in_colour(tmp_path, saved_log):
    pytest.importorskip("rich")
    text = on_a_terminal(tmp_path, saved_log)
    plain = on_a_terminal(tmp_path, saved_log, BACKEDGE_PLAIN="1")
    assert "\x1b[32m" in text and "\x1b[" not in plain
    assert cells(text) == cells(plain) != []


@pytest.mark.parametrize("plain", ["", "1"])
def test_a_table_that_is_too_wide_for_its_terminal(tmp_path, saved_log, plain):
    text = on_a_terminal(tmp_path, saved_log, COLUMNS="60", BACKEDGE_PLAIN=plain)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()[:-2]
    (head,) = [n for n, line in enumerate(lines) if line.startswith("p.py:6 native  compiled")]
    assert lines[head + 1].startswith("    ") and "iterations 2,000" in " ".join(lines[head + 1 : head + 4])
    assert all(len(line) <= 60 for line in lines), text


def test_tables_without_rich(tmp_path, saved_log):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "rich.py").write_text("raise ImportError('there is no rich')\n")
    text = on_a_terminal(tmp_path, saved_log, PYTHONPATH=f"{tmp_path / 'none'}:{PACKAGE}")
    assert "\x1b[" not in text and cells(text)


# ---- programs that end in other ways ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body, status, cut",
    [
        ("os._exit(3)", 3, True),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9, True),
        ("sys.exit(4)", 4, False),
        ("1 // 0", 1, False),
        ("print(sys.stdin.read() == 'line')", 0, False),
        ("os.fork() or os._exit(0)\nos.wait()", 0, False),
    ],
)
def test_logs_of_programs_however_they_end(tmp_path, body, status, cut):
    (tmp_path / "p.py").write_text(PROGRAM.format(body=f"import os, signal\nnative(2000)\n{body}"))
    env = {"BACKEDGE_FIXED_ORDER": "1"}
    done = python("-m", "backedge", "profile", "--save", "log", "p.py", cwd=tmp_path, env=env, stdin="line")
    assert done.returncode == status
    log = _model.read_log(tmp_path / "log")
    (loop,) = [x for x in _model.loops_of_logs([log]).values() if x["function"] == "native" and x["line"] == 6]
    assert log.cut == cut and loop["state"] == "compiled" and loop["code_bytes"] > 0
    again = python("-m", "backedge", "profile", "--from", "log", cwd=tmp_path)
    assert again.returncode == 0 and "p.py:6 native" in again.stderr and ("was cut off" in again.stderr) == cut


def test_a_log_of_another_version_says_so(tmp_path):
    (tmp_path / "old").write_text('{"event": "header", "backedge_log": 99}\n')
    for command in ("profile", "log", "report", "trace-events"):
        done = python("-m", "backedge", command, "--from", "old", cwd=tmp_path)
        assert done.returncode == 2 and "a log of format 99" in done.stderr and "Traceback" not in done.stderr
