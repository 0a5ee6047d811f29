"""Other people's tools: perf."""

import glob
import os
import re
import shutil
import struct
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


# ---- jitdump: the code itself, with lines and unwind tables ----------------------------------------------------------
INLINING = """
import backedge, os
def mix(x, y):
    return (x * 31 + y) & 0xFFFFFF
@backedge.jit(sync=1)
def hot(n):
    s = 0
    for i in range(n):
        s = mix(s, i)
        if s % 3 == 0:
            s += i ^ 5
    return s
@backedge.jit(sync=1)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
hot(1000)
for _ in range(int(os.environ.get("ROUNDS", "1"))):
    hot(1000000)
for _ in range(300):
    fib(12)
print(os.getpid())
"""


class Dump:
    """A jitdump file: loads of name, address, code, and the line table before it: a list of address, line, file.
    Unwind tables are checked, and how much is mapped behind each piece of code kept."""

    def __init__(self, data):
        magic, version, size, machine, _, self.pid, _, flags = struct.unpack_from("=IIIIIIQQ", data)
        assert (magic, version, size, machine, flags) == (0x4A695444, 1, 40, 62, 0)
        self.loads, self.lines, self.unwind, self.mapped, times, at = [], None, None, {}, [], size
        while at < len(data):
            kind, size, time = struct.unpack_from("=IIQ", data, at)
            times.append(time)
            {0: self.load, 2: self.debug, 4: self.unwinding}[kind](data[at + 16 : at + size])
            at += size
        assert at == len(data) and times == sorted(times) and self.lines is None

    def load(self, body):
        pid, tid, vma, address, size, number = struct.unpack_from("=IIQQQQ", body)
        name, _, code = body[40:].partition(b"\0")
        assert pid == self.pid and tid and vma == address and len(code) == size and number == len(self.loads) + 1
        where, rows = self.lines
        self.loads.append((name.decode(), address, code, rows))
        self.lines = None
        assert where == address
        self.mapped[address] = size, check_unwind(self.unwind, size)
        self.unwind = None

    def unwinding(self, body):
        assert self.unwind is None
        self.unwind = body

    def debug(self, body):
        address, count = struct.unpack_from("=QQ", body)
        rows, at = [], 16
        for _ in range(count):
            where, line, _ = struct.unpack_from("=Qii", body, at)
            end = body.index(b"\0", at + 16)
            rows.append((where, line, body[at + 16 : end].decode()))
            at = end + 1
        assert at == len(body) and rows == sorted(rows, key=lambda row: row[0])
        self.lines = address, rows


def check_unwind(body, code_size):
    """Tables for code at address 0, behind which they stand as perf puts them: .eh_frame, then .eh_frame_hdr. Gives how
    many bytes are mapped."""
    size, header_size, mapped = struct.unpack_from("=QQQ", body)
    tables, start = body[24 : 24 + size], (code_size + 7) & ~7
    assert len(body) == 24 + (size + 7 & ~7) and (mapped == 0 or mapped >= start + size - code_size)
    at = size - header_size  # of .eh_frame_hdr
    version, frames_form, count_form, table_form, frames, count, code, entry = struct.unpack_from("=4BiIii", tables, at)
    assert (version, frames_form, count_form, table_form, count) == (1, 0x1B, 3, 0x3B, 1)
    assert at + 4 + frames == 0 and start + at + code == 0
    cie_length, cie_id = struct.unpack_from("=II", tables)
    assert cie_id == 0 and at + entry == cie_length + 4 and tables[9:12] == b"zR\0"
    fde_length, back = struct.unpack_from("=II", tables, at + entry)
    where = at + entry + 8
    begin, length = struct.unpack_from({0x1B: "=iI", 0x1C: "=qQ"}[tables[16]], tables, where)
    assert back == cie_length + 8 and start + where + begin == 0 and length == code_size
    assert tables[at - 4 : at] == bytes(4) and at == where - 4 + fde_length + 4
    return mapped


def test_dump_has_code_and_lines(run_python, tmp_path):
    script = str(tmp_path / "p.py")
    (tmp_path / "p.py").write_text(INLINING)
    done = run_python(script, env={"BACKEDGE_PERF": "dump"})
    path = f"/tmp/jit-{done.stdout.strip()}.dump"
    with open(path, "rb") as file:
        dump = Dump(file.read())
    os.unlink(path)
    assert dump.pid == int(done.stdout)
    names = [load[0] for load in dump.loads]
    assert "py::hot:p.py:8" in names and names.count("py::fib:p.py:13") >= 2  # the entry, and a native function
    assert any(mapped for _, mapped in dump.mapped.values())
    for a, (size, mapped) in dump.mapped.items():
        assert not any(a < b < a + size + mapped for b in dump.mapped), "tables hide code"
    for name, address, code, rows in dump.loads:
        assert all(file == script and address <= where < address + len(code) for where, _, file in rows)
        if name == "py::hot:p.py:8":
            assert {4, 8, 10} <= {line for _, line, _ in rows} <= {4, 8, 9, 10, 11}


def test_dump_of_a_forked_child_is_its_own(run_python, tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    done = run_python(str(tmp_path / "p.py"), "fork", env={"BACKEDGE_PERF": "dump"})
    loads = []
    for pid in done.stdout.split():
        with open(f"/tmp/jit-{pid}.dump", "rb") as file:
            loads.append({load[0] for load in Dump(file.read()).loads})
        os.unlink(f"/tmp/jit-{pid}.dump")
    assert loads == [{"py::hot:p.py:6", "py::child:p.py:17"}, {"py::hot:p.py:6"}]


def test_a_bad_value_is_one_error(run_python):
    done = run_python("-c", "import backedge", env={"BACKEDGE_PERF": "jitdump"}, check=False)
    assert done.returncode != 0 and "BACKEDGE_PERF must be map or dump, not 'jitdump'" in done.stderr


def remove_dump(pid):
    """With what `perf inject` made of it."""
    for path in glob.glob(f"/tmp/jitted-{pid}-*.so") + [f"/tmp/jit-{pid}.dump"]:
        os.unlink(path)


@pytest.mark.skipif(not shutil.which("perf"), reason="there is no perf")
def test_perf_annotate_shows_source_lines(tmp_path):
    (tmp_path / "p.py").write_text(INLINING)
    env = {**os.environ, "BACKEDGE_PERF": "dump", "ROUNDS": "60"}

    def perf(*args):
        return subprocess.run(["perf", *args], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120)

    done = perf("record", "-N", "-k", "mono", "-e", "cpu-clock", "-o", "data", sys.executable, "-P", "p.py")
    if done.returncode != 0:
        pytest.skip("perf cannot record here: " + done.stderr.strip().splitlines()[-1])
    injected = perf("inject", "--jit", "-i", "data", "-o", "jitted")
    assert injected.returncode == 0, injected.stderr
    shown = perf("annotate", "-i", "jitted", "--stdio", "-s", "py::hot:p.py:8").stdout
    remove_dump(done.stdout.strip().splitlines()[0])
    assert "return (x * 31 + y) & 0xFFFFFF" in shown and "for i in range(n):" in shown, shown


@pytest.mark.skipif(not shutil.which("perf"), reason="there is no perf")
def test_perf_gets_through_native_frames(tmp_path):
    (tmp_path / "p.py").write_text(PROGRAM)
    env = {**os.environ, "BACKEDGE_PERF": "dump"}

    def perf(*args):
        return subprocess.run(["perf", *args], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120)

    options = ("-N", "-k", "mono", "-e", "cpu-clock", "-F", "300", "--call-graph", "dwarf,16384", "-o", "data")
    done = perf("record", *options, sys.executable, "-P", "p.py")
    if done.returncode != 0:
        pytest.skip("perf cannot record here: " + done.stderr.strip().splitlines()[-1])
    injected = perf("inject", "--jit", "-i", "data", "-o", "jitted")
    assert injected.returncode == 0, injected.stderr
    stacks = perf("script", "-i", "jitted", "-F", "comm,ip,sym").stdout.split("\n\n")
    remove_dump(done.stdout.strip().splitlines()[0])
    native = [stack for stack in stacks if " py::hot:p.py:6" in stack]
    if not any("_PyEval_EvalFrameDefault" in stack for stack in stacks if stack not in native):
        pytest.skip("this perf unwinds nothing")
    assert native and all("bk_py_enter" in stack and "_PyEval_EvalFrameDefault" in stack for stack in native), native
