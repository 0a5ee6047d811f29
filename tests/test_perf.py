"""Other people's tools: perf."""

import os
import re
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import backedge, os, sys
@backedge.jit(sync=1)
def hot(n):
    s = 0
    for i in range(n):
        s += i ^ 5
    return s
hot(1000)
for _ in range(60):
    hot(1000000)
if len(sys.argv) > 1 and os.fork() == 0:
    @backedge.jit(sync=1)
    def child(n):
        s = 0
        while n:
            n -= 1
        return s
    child(1000)
    print(os.getpid())
    sys.stdout.flush()
    os._exit(0)
if len(sys.argv) > 1:
    os.wait()
print(os.getpid())
"""


def maps(stdout):
    for pid in stdout.split():
        path = f"/tmp/perf-{pid}.map"
        with open(path) as file:
            yield file.read()
        os.unlink(path)


def test_map_of_parent_and_child(run_python, tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    done = run_python(str(tmp_path / "p.py"), "fork", env={"BACKEDGE_PERF": "1"})
    child, parent = maps(done.stdout)
    line = r"^[0-9a-f]+ [0-9a-f]+ py::hot:p\.py:6$"
    assert re.search(line, parent, re.M) and "child" not in parent
    assert re.search(line, child, re.M) and re.search(r" py::child:p\.py:17$", child, re.M)


def test_no_map_unless_asked_for(run_python, tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    done = run_python(str(tmp_path / "p.py"))
    assert not os.path.exists(f"/tmp/perf-{done.stdout.strip()}.map")


@pytest.mark.skipif(not shutil.which("perf"), reason="there is no perf")
def test_perf_report_names_the_loop(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    record = ["perf", "record", "-e", "cpu-clock", "-o", str(tmp_path / "data"), sys.executable, "-P", "p.py"]
    env = {**os.environ, "BACKEDGE_PERF": "1"}
    done = subprocess.run(record, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120)
    if done.returncode != 0:
        pytest.skip("perf cannot record here: " + done.stderr.strip().splitlines()[-1])
    report = ["perf", "report", "-i", str(tmp_path / "data"), "--stdio"]
    shown = subprocess.run(report, capture_output=True, text=True, timeout=120)
    assert "py::hot:p.py:6" in shown.stdout, shown.stdout + shown.stderr
    list(maps(done.stdout))
