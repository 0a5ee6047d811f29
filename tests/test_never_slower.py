"""What keeps programs that gain nothing from losing: idle events end, compiles keep to their budget, code that is left
again and again is given up."""

import json
import os

import pytest

MANY_LOOPS = """
import backedge, json, time
source = '''def f{0}(n):
    t = 0
    for i in range(n):
        t += (i ^ {0}) % 7
        if t > 1000: t -= i & {0}
    return t
'''
space = {}
for k in range(40): exec(source.format(k), space)
fs = [backedge.jit(space[f"f{k}"], compile_percent=0) for k in range(40)]
plain = {}
for k in range(40): exec(source.format(k), plain)
for r in range(20):
    for k, f in enumerate(fs): assert f(3000) == plain[f"f{k}"](3000)
stats = backedge.stats()
loops = [backedge.explain(f).loops[0] for f in fs]
print(json.dumps([stats["worker_cpu_ms"], [l["back_edges"] for l in loops if l["state"] != "compiled"]]))
"""


HEAPS = """
import sys
sys.modules["_heapq"] = None
import heapq

def work(rounds):
    t, x = 0, 12345
    for r in range(rounds):
        q = []
        for i in range(300):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
            heapq.heappush(q, x)
        while q:
            t ^= heapq.heappop(q)
    return t

work(400)
"""


@pytest.mark.skipif(bool(os.environ.get("BACKEDGE_STRESS")), reason="needs compiles that succeed")
def test_a_recording_ends_though_the_loop_around_is_compiled_already(run_python, tmp_path):
    (tmp_path / "heaps.py").write_text(HEAPS)
    env = {"BACKEDGE_FIXED_ORDER": "0", "BACKEDGE_LOG": str(tmp_path / "log")}
    run_python("-m", "backedge", "run", "--stdlib", "heaps.py", env=env)
    events = [e for e in map(json.loads, open(tmp_path / "log")) if "event" in e]
    started = [e["t"] for e in events if e["event"] == "recording"]
    ended = [e["t"] for e in events if e["event"] == "recorded"]
    assert ended and (len(started) == len(ended) or started[-1] > 0.8 * events[-1]["t"])


WATCHED = """
def in_calls(rounds, data):
    t = 0
    for i in range(rounds):
        t += len(sorted(data, key=str)) + i
    return t

def in_the_loop(rounds):
    t = 0
    for i in range(rounds):
        t = (t * 31 + i) & 0xFFFFFF
        if t % 7 == 3:
            t ^= i
    return t

print({call})
"""


@pytest.mark.skipif(bool(os.environ.get("BACKEDGE_STRESS")), reason="needs compiles that succeed")
@pytest.mark.parametrize(
    "call, name", [("in_calls(1500, list(range(2000)))", None), ("in_the_loop(5000000)", "in_the_loop")]
)
def test_of_watched_code_only_what_is_likely_to_gain_is_compiled(run_python, tmp_path, call, name):
    (tmp_path / "watched.py").write_text(WATCHED.format(call=call))
    env = {"BACKEDGE_FIXED_ORDER": "0", "BACKEDGE_LOG": str(tmp_path / "log")}
    plain = run_python("watched.py")
    assert run_python("-m", "backedge", "run", "watched.py", env=env).stdout == plain.stdout
    events = [e for e in map(json.loads, open(tmp_path / "log")) if "event" in e]
    assert {e["function"] for e in events if e["event"] == "compiled"} == ({name} if name else set())


@pytest.mark.skipif(bool(os.environ.get("BACKEDGE_STRESS")), reason="needs compiles that succeed")
def test_without_budget_places_rest(run_python):
    ms, events = json.loads(run_python(text=MANY_LOOPS, env={"BACKEDGE_FIXED_ORDER": "0"}).stdout)
    assert len(events) >= 10, "not all loops can be compiled in 25 ms"
    assert sum(events) < 20 * 3000 * len(events) / 3


@pytest.mark.timing
def test_code_that_is_left_in_each_pass_is_given_up():
    import backedge

    empty = {}

    @backedge.jit(compile_percent=100)
    def missing(n):
        t = 0
        for i in range(n):
            try:
                t += empty[i]
            except KeyError:
                t += 1
        return t

    for _ in range(2000):
        assert missing(5000) == 5000
        (loop,) = backedge.explain(missing).loops
        if loop["state"] == "blacklisted":
            break
    assert loop["state"] == "blacklisted"
