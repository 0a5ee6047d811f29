"""Line tables of machine code: what they say, and that the code is the same with and without them."""

import ctypes
import glob
import os
import re
import shutil
import subprocess

import pytest
from diff.harness import programs_of

import backedge
from backedge import _core, _stages

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
TOPICS = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(FOLDER, "[a-z]*.py")))
ALL, CHECK = 15, 16  # keep_stages: every text; the check


@pytest.fixture
def stages():
    _core.keep_stages(ALL)
    yield
    _core.keep_stages(0)


def plus(x, y):
    z = x + y
    return z * 3


@backedge.jit(sync=1)
def inlines(n):
    s = 0
    for i in range(n):
        s = plus(s, i) & 0xFFFF
        if i % 7 == 0:
            s += 1
    return s


@backedge.jit(sync=1, call_threshold=3)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def asm_of(function, *codes):
    regions = [region for loop in backedge.explain(function).loops for region in loop["regions"]]
    names = _stages.opnames([function.__code__, *codes])
    return _stages.annotate(regions[0], names)


def test_every_line_of_the_loop_has_machine_code(stages):
    inlines(20000)
    asm = list(asm_of(inlines, plus.__code__)["asm"])
    first, inner = inlines.__code__.co_firstlineno, plus.__code__.co_firstlineno
    places = {(line.place.function, line.place.line) for line in asm if line.place}
    expected = {("inlines", first + n) for n in (3, 4, 5)} | {("plus", inner + n) for n in (1, 2)}
    assert expected <= places <= expected | {("inlines", first + 6)}


def test_instructions_name_values_of_the_ir(stages):
    inlines(20000)
    annotated = asm_of(inlines, plus.__code__)
    by_value = {}
    for line in annotated["opt"]:
        defined = re.match(r"\s*v(\d+) = ", line.text)
        if defined and line.place:
            by_value[defined[1]] = line.place
    found = [(re.search(r"# v(\d+)$", line.text)[1], line.place) for line in annotated["asm"] if line.place]
    known = [(by_value[value], place) for value, place in found if value in by_value]
    assert len(known) > 5 and all(a == b for a, b in known)
    multiplies = [line for line in annotated["asm"] if re.search(r"\b(imul|lea)", line.text) and line.place]
    assert any(line.place.function == "plus" and line.place.opname == "BINARY_OP" for line in multiplies)


def test_llvm_ir_without_its_debug_information(stages):
    inlines(20000)
    llvm = asm_of(inlines, plus.__code__)["llvm"]
    text = "\n".join(line.text for line in llvm)
    assert "!dbg" not in text and "DILocation" not in text and "; origins" not in text
    branches = [line for line in llvm if line.text.startswith("  br i1")]
    assert branches and all(line.place for line in branches)


def test_native_functions_have_lines_of_their_own(stages):
    for _ in range(4):
        assert fib(15) == 610
    asm = list(asm_of(fib)["asm"])
    heads = [n for n, line in enumerate(asm) if line.text.startswith("native.")]
    assert heads
    line = fib.__code__.co_firstlineno + 2
    for head in heads:
        assert any(row.place and row.place[:2] == ("fib", line) for row in asm[head + 1 :])


@pytest.mark.parametrize("topic", TOPICS)
def test_code_is_the_same_with_and_without(topic):
    """The core compares the bytes of each region, and fails where they differ. Programs are taken from all over a file:
    all of them would take minutes."""
    failures = []
    programs = list(programs_of(os.path.join(FOLDER, topic + ".py")))
    before = backedge.stats()["compiles"]
    _core.keep_stages(CHECK)
    try:
        with backedge.on_event(failures.append, "aborted", "blacklisted"):
            for program in programs[:: max(1, len(programs) // 4)]:
                program.check("low", must_compile=False)
    finally:
        _core.keep_stages(0)
    assert backedge.stats()["compiles"] > before
    assert not [event for event in failures if "differs" in (event.get("detail") or "")]


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_the_comparison_sees_differences(tmp_path):
    root = os.path.dirname(os.path.dirname(FOLDER))
    source = os.path.join(root, "jit", "engine_debug.c")
    library = str(tmp_path / "same.so")
    include = ["-I", os.path.join(root, "include"), "-I", os.path.join(root, "jit")]
    subprocess.run(["cc", "-std=gnu17", "-shared", "-fPIC", *include, source, "-o", library], check=True)
    same = ctypes.CDLL(library).bk_same_code
    same.restype = ctypes.c_bool

    def compiled(constant, callee, *options):
        text = f"int {callee}(int); int f(int x) {{ return {callee}(x + {constant}) * 2; }}\n"
        path = str(tmp_path / "f.o")
        subprocess.run(["cc", "-O1", *options, "-x", "c", "-c", "-", "-o", path], input=text, text=True, check=True)
        with open(path, "rb") as file:
            return file.read()

    plain = compiled(7, "g")
    assert same(plain, plain) and same(plain, compiled(7, "g", "-g")) and same(compiled(7, "g", "-g"), plain)
    assert not same(plain, compiled(8, "g"))
    assert not same(plain, compiled(8, "g", "-g"))
    assert not same(plain, compiled(7, "g", "-fPIC", "-fno-plt"))
