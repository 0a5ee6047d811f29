"""backedge bisect, and what it rests on: a fixed order of compiles, and a choice of loops."""

import sys
import textwrap

import pytest
from test_run import python

from backedge import _model

PROGRAM = """
import sys
def a(n):
    s = 0
    for i in range(n):
        s += i
    return s
def b(xs):
    s = 0
    for x in xs:
        for y in xs:
            s ^= x * y
    return s
def c(n):
    k = 0
    while k < n:
        k += 3
    return k
for _ in range(30):
    a(300), b(list(range(30))), c(900)
"""


def write(tmp_path, text):
    (tmp_path / "p.py").write_text(PROGRAM + textwrap.dedent(text))


def bisect(tmp_path, *check):
    return python("-m", "backedge", "bisect", "--", *check, cwd=tmp_path)


def run_it(*options):
    return sys.executable, "-m", "backedge", "run", *options, "p.py"


def test_finds_the_loop(tmp_path):
    write(tmp_path, "import backedge\nsys.exit(backedge.explain(b).compiled)\n")
    done = bisect(tmp_path, *run_it())
    assert done.returncode == 0, done.stderr
    assert f"loop: {tmp_path / 'p.py'}:10:b@" in done.stdout and "only if" not in done.stdout
    assert "part: it fails without our optimiser's passes too" in done.stdout


def test_finds_what_two_loops_do_together(tmp_path):
    write(tmp_path, "import backedge\nsys.exit(backedge.explain(a).compiled and backedge.explain(c).compiled)\n")
    done = bisect(tmp_path, *run_it())
    assert done.returncode == 0, done.stderr
    assert ":17:c@" in done.stdout and "only if this is compiled too: " in done.stdout and ":5:a@" in done.stdout


def test_finds_the_pass(tmp_path):
    (tmp_path / "p.py").write_text(
        "import backedge\nfrom backedge import _core\n_core.keep_stages(2)\n\n\ndef a(n):\n    k = 0\n"
        "    for i in range(n):\n        k = i + 7\n    return k\n\n\nfor _ in range(50):\n    a(300)\n"
        "text = backedge.explain(a).loops[0].get('stages', {}).get('opt')\n"
        "inside = [line for line in (text or '').splitlines() if 'add.ov' in line and 'hoisted' not in line]\n"
        "raise SystemExit(bool(text) and not inside)\n"
    )
    done = bisect(tmp_path, *run_it())
    assert done.returncode == 0, done.stderr
    assert "it passes without the pass `" in done.stdout


@pytest.mark.parametrize(
    "text, status, message",
    [
        ("sys.exit(0)", 1, "the check passes with all loops"),
        ("sys.exit(1)", 2, "fails without backedge too"),
        ("import backedge\nsys.exit(not backedge.config()['off'])", 2, "fails with no loop compiled"),
    ],
)
def test_checks_that_tell_nothing(tmp_path, text, status, message):
    write(tmp_path, text)
    done = bisect(tmp_path, *run_it())
    assert done.returncode == status and message in done.stderr, done.stderr


def test_no_such_command(tmp_path):
    done = bisect(tmp_path, "./no/such/command")
    assert done.returncode == 2 and "cannot run the check" in done.stderr


def test_the_order_is_fixed(tmp_path):
    write(tmp_path, "")
    seen = []
    for n in range(3):
        env = {"BACKEDGE_FIXED_ORDER": "1", "BACKEDGE_LOG": str(tmp_path / f"log{n}")}
        assert python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env).returncode == 0
        log = _model.read_log(tmp_path / f"log{n}")
        loops = _model.loops_of_logs([log])
        seen.append(
            (
                [(e["event"], e["loop"]) for e in log.events if "loop" in e],
                {k: (v["state"], v["entries"], v["back_edges"], v["compiles"]) for k, v in loops.items()},
            )
        )
    assert seen[0] == seen[1] == seen[2] and any(state[0] == "compiled" for state in seen[0][1].values())


def test_only_the_chosen_loops_are_compiled(tmp_path):
    write(tmp_path, "import backedge\nfor f in a, b, c:\n    print(backedge.explain(f).loops)")
    env = {"BACKEDGE_SYNC": "1", "BACKEDGE_LOG": str(tmp_path / "log")}
    python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env)
    (chosen,) = [x for x in _model.loops_of_logs([_model.read_log(tmp_path / "log")]) if ":a@" in x]
    (tmp_path / "only").write_text(chosen + "\n")
    env = {"BACKEDGE_SYNC": "1", "BACKEDGE_ONLY": str(tmp_path / "only")}
    done = python("-m", "backedge", "run", "p.py", cwd=tmp_path, env=env)
    first, second, third = done.stdout.splitlines()
    assert "'state': 'compiled'" in first
    assert "left out by BACKEDGE_ONLY" in second and "left out by BACKEDGE_ONLY" in third


def test_a_list_that_cannot_be_read_is_an_error(tmp_path):
    write(tmp_path, "")
    done = python("-c", "import backedge", cwd=tmp_path, env={"BACKEDGE_ONLY": "/no/such"})
    assert done.returncode and "BACKEDGE_ONLY" in done.stderr
