"""Events: callbacks, the log file, reading it back."""

import pytest

import backedge
from backedge import _core, _model

HOT = """import backedge


@backedge.jit(sync=1)
def hot(n):
    s = 0
    for i in range(n):
        s += i & 3
    return s
"""


def run_logged(run_python, tmp_path, text, name="log", **env):
    done = run_python(text=text, env={"BACKEDGE_LOG": str(tmp_path / name), **env})
    return done


def test_callback_gets_events_in_order():
    events = []

    @backedge.jit(sync=1)
    def f(n):
        s = 0
        for i in range(n):
            s += i
        return s

    with backedge.on_event(events.append):
        f(5000)
        f(5000)
    f(10)
    kinds = [e["event"] for e in events]
    assert kinds[0] == "recording" and {"compiling", "compiled", "recorded"} <= set(kinds)
    compiled = next(e for e in events if e["event"] == "compiled")
    assert compiled["file"] == __file__ and compiled["function"].endswith("f") and compiled["code_bytes"] > 0
    assert _model.parse_identity(compiled["loop"]) == tuple(compiled[k] for k in ("file", "line", "function", "offset"))
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)


def test_callback_of_some_kinds_and_its_errors(capfd):
    events, unraisable = [], []

    @backedge.jit(sync=1)
    def f(n):
        s = 0
        for i in range(n):
            s -= i
        return s

    def broken(event):
        raise ZeroDivisionError("in the callback")

    import sys

    before, sys.unraisablehook = sys.unraisablehook, lambda u: unraisable.append(u.exc_value)
    try:
        with backedge.on_event(broken, "compiled"), backedge.on_event(events.append, "compiled"):
            assert f(5000) == -sum(range(5000))
    finally:
        sys.unraisablehook = before
    assert [e["event"] for e in events] == ["compiled"]
    assert [str(e) for e in unraisable] == ["in the callback"]


def test_callback_must_be_callable_and_kinds_known():
    with pytest.raises(TypeError):
        backedge.on_event(3)
    with pytest.raises(ValueError, match="no event 'nonsense'"):
        backedge.on_event(print, "nonsense")


def test_hot_exit_and_invalidation_are_told():
    events = []
    space = {"backedge": backedge}
    source = """
k = 1
@backedge.jit(sync=1)
def f(xs):
    s = 0
    for x in xs:
        s = s + x * k
    return s
"""
    exec(compile(source, "some.py", "exec"), space)
    f = space["f"]
    with backedge.on_event(events.append):
        for _ in range(10):
            f(list(range(200)))
        for _ in range(200):
            f([1] * 90 + [0.5] * 2)
        space["k"] = 2
        f(list(range(200)))
    by = {e["event"]: e for e in events}
    assert "hot-exit" in by and by["hot-exit"]["kind"] in _core.guard_kinds() and by["hot-exit"]["count"] >= 1
    assert by["hot-exit"]["exit_line"] in (6, 7)
    assert by["invalidated"]["by"] and "'k'" in by["invalidated"]["by"]


def test_every_kind_has_a_sentence():
    kinds = _core.event_kinds()
    assert {"recording", "compiled", "aborted", "blacklisted", "hot-exit", "invalidated", "loop", "end"} <= set(kinds)
    assert all(kinds.values())


def test_log_is_written_and_read(run_python, tmp_path):
    run_logged(run_python, tmp_path, HOT + "hot(5000)\nhot(5000)\n")
    log = _model.read_log(tmp_path / "log")
    assert log.header["backedge_log"] == _core.LOG_VERSION == _model.LOG_VERSION
    assert log.header["argv"][-1].endswith("script.py") and not log.cut
    assert [e["event"] for e in log.events][-2:] == ["loop", "end"]
    (loop,) = _model.loops_of_logs([log]).values()
    assert loop["state"] == "compiled" and loop["function"] == "hot" and loop["line"] == 7 and loop["entries"] >= 1
    assert log.events[-1]["compiles"] == 1


def test_process_id_in_the_name(run_python, tmp_path):
    run_logged(run_python, tmp_path, HOT + "hot(100)\n", name="log.%d.x")
    (path,) = tmp_path.glob("log.*.x")
    assert path.name == f"log.{_model.read_log(path).header['pid']}.x"


def test_forked_children_have_files_of_their_own(run_python, tmp_path):
    text = HOT + "import os\nhot(5000)\nif os.fork() == 0:\n    hot(5000)\n    raise SystemExit\nos.wait()\nhot(5000)\n"
    run_logged(run_python, tmp_path, text)
    logs = [_model.read_log(path) for path in sorted(tmp_path.glob("log*"))]
    assert len(logs) == 2 and not any(log.cut for log in logs)
    pids = {log.header["pid"]: log for log in logs}
    child = next(log for log in logs if log.header["ppid"] in pids)
    parent = pids[child.header["ppid"]]
    entries = [log.of("loop")[0]["entries"] for log in (parent, child)]
    assert entries[1] == 1  # since the fork
    assert _model.loops_of_logs(logs)[parent.of("loop")[0]["loop"]]["entries"] == sum(entries)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes_have_files_of_their_own(run_python, tmp_path, method):
    text = f"""{HOT}
import multiprocessing

if __name__ == "__main__":
    hot(100)
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(hot, [4000, 4000, 4000, 4000]))
        pool.close()
        pool.join()
"""
    done = run_logged(run_python, tmp_path, text)
    assert done.stdout == f"{[sum(i & 3 for i in range(4000))] * 4}\n"
    logs = [_model.read_log(path) for path in tmp_path.glob("log*")]
    workers = [log for log in logs if log.of("loop") and log.path.name != "log"]
    assert workers and all(log.of("end") for log in workers)
    assert sum(log.of("loop")[0]["entries"] for log in workers) >= 4


def test_a_cut_off_log_is_read_to_its_last_whole_event(run_python, tmp_path):
    run_logged(run_python, tmp_path, HOT + "import os\nhot(5000)\nos._exit(0)\n")
    log = _model.read_log(tmp_path / "log")
    assert log.cut and log.of("compiled")
    assert next(iter(_model.loops_of_logs([log]).values()))["state"] == "compiled"
    whole = (tmp_path / "log").read_bytes()
    (tmp_path / "short").write_bytes(whole[:-20])
    short = _model.read_log(tmp_path / "short")
    assert short.cut and short.events == log.events[:-1]


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x"
    for text, message in [
        ("", "is empty"),
        ("hello\n", "is no log"),
        ('{"a": 1}\n', "is no log"),
        ('{"event": "header", "backedge_log": 99}\n', "format 99; this version of backedge reads format 1"),
        ('{"event": "header", "backedge_log": 1}\n{"event": \n{"event": "end"}\n', "line 2"),
    ]:
        path.write_text(text)
        with pytest.raises(_model.LogError, match=message):
            _model.read_log(path)


def test_a_log_that_cannot_be_written_is_a_warning(run_python, tmp_path):
    done = run_logged(run_python, tmp_path, HOT + "print(hot(5000))\n", name="no/such/dir/log")
    assert done.stdout == "7500\n" and "backedge writes no log" in done.stderr


def test_text_is_json_whatever_names_have(run_python, tmp_path):
    path = tmp_path / 'odd "name"\t\\ ü.py'
    path.write_text(HOT + "hot(5000)\n")
    run_python(str(path), env={"BACKEDGE_LOG": str(tmp_path / "log")})
    assert _model.read_log(tmp_path / "log").of("loop")[0]["file"] == str(path)


def test_identity_is_the_same_in_every_run(run_python, tmp_path):
    seen = []
    for name in "ab":
        run_logged(run_python, tmp_path, HOT + "hot(5000)\n", name=name)
        seen.append(sorted(_model.loops_of_logs([_model.read_log(tmp_path / name)])))
    assert seen[0] == seen[1] != []


def test_counts_outlive_the_code_they_are_of():
    source = """
k = 1
@backedge.jit(sync=1)
def f(n):
    s = 0
    for i in range(n):
        s += i * k
    return s
"""
    space = {"backedge": backedge}
    exec(compile(source, "some.py", "exec"), space)
    for k in range(3):
        space["k"] = k
        space["f"](500)
        space["f"](500)
    (loop,) = backedge.explain(space["f"]).loops
    assert loop["past_regions"] >= 1 and loop["entries"] >= 4
    ends = [e for e in loop["exits"] if e["kind"] == "loop-end"]
    assert sum(e["count"] for e in ends) >= 4 and any(e["region"] == -1 for e in ends)


def test_explain_shows_every_version_of_a_loop():
    @backedge.jit(sync=1)
    def f(xs):
        s = xs[0]
        for x in xs:
            s = s + x
        return s

    for _ in range(40):
        f([1, 2, 3] * 40)
        f([1.0, 2.0, 3.0] * 40)
    (loop,) = backedge.explain(f).loops
    assert len(loop["regions"]) >= 2 or loop["past_regions"] >= 1
    past = loop["entries"] - sum(r["entries"] for r in loop["regions"])
    assert past >= 0 and loop["code_bytes"] == sum(r["code_bytes"] for r in loop["regions"])


def test_an_inlined_function_may_lose_its_code():
    source = """
def g(x):
    return x + 1 if x < 1000 else -x
def h(x):
    return x
@backedge.jit(sync=1)
def f(n):
    s = 0
    for i in range(n):
        s += g(i)
    return s
"""
    space = {"backedge": backedge}
    exec(compile(source, "some.py", "exec"), space)
    for _ in range(3):
        space["f"](1500)
    space["g"].__code__ = space["h"].__code__
    assert space["f"](2000) == sum(range(2000))
    assert any(e["function"] == "g" for e in backedge.explain(space["f"]).loops[0]["exits"])
