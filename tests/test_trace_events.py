"""backedge trace-events: what Chrome's tracing and Perfetto open."""

import json

import pytest
from test_run import python

PROGRAM = """
import os, sys
k = 1
def f(n):
    s = 0
    for i in range(n):
        s += i * k
    return s
def g(n):
    for i in range(n):
        yield i
f(5000)
k = 2
f(5000)
sum(g(500))
if os.fork() == 0:
    k = 3
    f(5000)
    sys.exit()
os.wait()
"""


def check(trace):
    """What both programs need: phases, times, spans that are opened once and closed once, later."""
    spans = {}
    for event in trace["traceEvents"]:
        assert {"ph", "name", "pid", "tid", "ts"} <= set(event) and event["ph"] in "Mbei" and event["ts"] >= 0
        assert isinstance(event["pid"], int) and isinstance(event["name"], str)
        if event["ph"] == "i":
            assert event["s"] == "t"
        if event["ph"] in "be":
            spans.setdefault((event["cat"], event["id"]), []).append(event)
    for opened, closed in spans.values():
        assert (opened["ph"], closed["ph"]) == ("b", "e") and opened["ts"] <= closed["ts"]
        assert opened["name"] == closed["name"] and opened["pid"] == closed["pid"]
    return spans


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    (folder / "p.py").write_text(PROGRAM)
    env = {"BACKEDGE_FIXED_ORDER": "1"}
    done = python("-m", "backedge", "trace-events", "--save", "log.%d", "p.py", cwd=folder, env=env)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return folder


def test_structure(folder):
    trace = json.loads((folder / "trace.json").read_text())
    spans = check(trace)
    assert [e["ts"] for e in trace["traceEvents"]] == sorted(e["ts"] for e in trace["traceEvents"])
    assert len({e["pid"] for e in trace["traceEvents"] if e["ph"] == "M"}) == 2
    compiles = [closed for (cat, _), (_, closed) in spans.items() if cat == "compiling"]
    assert len(compiles) >= 2 and all(c["name"] == "f p.py:6" and c["args"]["code_bytes"] > 0 for c in compiles)
    assert any(e["ph"] == "i" and e["cat"] == "invalidated" and "'k'" in e["args"]["by"] for e in trace["traceEvents"])


def test_from_logs(folder):
    logs = sorted(str(path) for path in folder.glob("log.*"))
    assert len(logs) == 2
    done = python("-m", "backedge", "trace-events", "-o", "again.json", "--from", *logs, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "again.json").read_text()) == json.loads((folder / "trace.json").read_text())


def test_a_log_that_was_cut_off(folder):
    log = next(path for path in folder.glob("log.*") if b'"compiling"' in path.read_bytes())
    text = log.read_bytes()
    (folder / "cut").write_bytes(text[: text.index(b'"compiling"') + 400])
    done = python("-m", "backedge", "trace-events", "-o", "cut.json", "--from", "cut", cwd=folder)
    assert done.returncode == 0, done.stderr
    spans = check(json.loads((folder / "cut.json").read_text()))
    assert any(closed["args"].get("unfinished") for _, closed in spans.values())
