"""The optimiser's passes on text: tests/ir/*.txt each hold a function, the passes to run and what must come out.

A case is `; passes: NAMES` on the first line, the function, a line `----`, the expected print. After a deliberate
change of a pass run with BACKEDGE_IR_UPDATE=1 and read the difference.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted((ROOT / "tests" / "ir").glob("*.txt"))
SOURCES = ["jit/ir*.c", "jit/opt*.c", "jit/helpers.c", "jit/eval.c"]
FUZZ_COUNT = int(os.environ.get("BACKEDGE_IR_FUZZ", "400"))


def build(tool, to):
    """The tool from the environment (BACKEDGE_IR_TOOL, BACKEDGE_IR_FUZZ_TOOL), or compiled here with cc."""
    given = os.environ.get({"ir_opt_tool": "BACKEDGE_IR_TOOL", "ir_fuzz_tool": "BACKEDGE_IR_FUZZ_TOOL"}[tool])
    if given:
        return given
    cc = shutil.which("cc")
    if not cc:
        pytest.skip("no C compiler, and no tool given in the environment")
    out = to / tool
    sources = [str(p) for pattern in SOURCES for p in sorted(ROOT.glob(pattern))]
    subprocess.run(
        [cc, "-std=gnu17", "-O1", "-ffp-contract=off", "-I", str(ROOT / "include"), "-I", str(ROOT / "jit"),
         str(ROOT / "tests" / "unit" / f"{tool}.c"), *sources, "-lm", "-o", str(out)],
        check=True,
    )
    return str(out)


@pytest.fixture(scope="session")
def opt_tool(tmp_path_factory):
    return build("ir_opt_tool", tmp_path_factory.mktemp("ir"))


@pytest.fixture(scope="session")
def fuzz_tool(tmp_path_factory):
    return build("ir_fuzz_tool", tmp_path_factory.mktemp("ir"))


def run(tool, passes, text):
    return subprocess.run([tool, *passes], input=text, capture_output=True, text=True)


@pytest.mark.parametrize("case", CASES, ids=lambda p: p.stem)
def test_pass(case, opt_tool):
    text = case.read_text()
    head, _, expected = text.partition("\n----\n")
    passes = re.match(r"; passes: (.*)", head).group(1).split()
    got = run(opt_tool, passes, head)
    assert got.returncode == 0, got.stderr
    if os.environ.get("BACKEDGE_IR_UPDATE"):
        case.write_text(head + "\n----\n" + got.stdout)
        return
    assert got.stdout == expected


HEAD = 'fn "t" home 1 xhome 0 consts 0 codes 1\nb0:\n'
SNAP = "snap s1 resume none\n  frame code 0 depth 0 resume 0 func 0 home 0: home\n"


@pytest.mark.parametrize(
    "body, complaint",
    [
        ("  v1 = k.i64 1\n  v2 = add v1, v3\n  exit -> s1\n", "stands nowhere"),
        ("  v1 = k.i64 1\n  v2 = fadd.f v1, v1\n  exit -> s1\n", "type of operand"),
        ("  v2 = add v1, v1\n  v1 = k.i64 1\n  exit -> s1\n", "does not dominate"),
        ("  v1 = k.i64 1\n", "terminator"),
        ("  v1 = k.i64 1\n  jmp b1\nb1:\n  exit -> s1\n", "disagree"),
        ("  exit -> s7\n", "no snapshot"),
        ("  v1 = hload 4\n  exit -> s1\n", "home slot"),
        ("  jmp b1\nb1: preds b0 b1\n  jmp b1\n", "not marked"),
    ],
)
def test_verifier_refuses(body, complaint, opt_tool):
    got = run(opt_tool, [], HEAD + body + SNAP)
    assert got.returncode == 2
    assert complaint in got.stderr


@pytest.mark.parametrize(
    "body, complaint",
    [
        ("  v1 = nonsense v2\n", "line 3: unknown op"),
        ("  v1 = k.i64 1 2\n", "line 3: unexpected text"),
        ("  v1 = k.i64 1\n  v1 = k.i64 2\n", "line 4: v1 is defined twice"),
        ("  v1 = load.f64.nowhere v2\n", "line 3: unknown name 'nowhere'"),
        ("  k.i64 1\n", "line 3: k.i64 has a result"),
        ("  v1 = call.p no_such(v2)\n", "line 3: unknown helper"),
    ],
)
def test_parser_refuses(body, complaint, opt_tool):
    got = run(opt_tool, [], HEAD + body)
    assert got.returncode == 2
    assert complaint in got.stderr


@pytest.mark.parametrize("passes", [[], ["fold"], ["cse"], ["range"], ["hoist"], ["strip", "fpdefer"],
                                    ["strip", "fpdefer", "stage"], ["dce"]],
                         ids=lambda p: "-".join(p) or "all")
def test_random_functions(passes, fuzz_tool):
    """Before and after the passes, random functions leave in the same state (see tests/unit/ir_fuzz_tool.c)."""
    got = subprocess.run([fuzz_tool, "1", str(FUZZ_COUNT), *passes], capture_output=True, text=True)
    assert got.returncode == 0, got.stdout[:2000] + got.stderr[-2000:]
