"""A short run of the program generator (./dev fuzz runs it longer)."""

import operator
import random

import hypothesis
import pytest
from diff.harness import SETTINGS, Case, compare
from diff.outcome import any_nan, canonical
from fuzz.generate import generate
from fuzz.run import CALLS, runs_fast
from hypothesis import strategies as st


def same(source, setting):
    if not runs_fast(source):
        return
    with any_nan():
        compare(source, "<fuzz>", "run", Case(CALLS, compiled=False, rounds=1), SETTINGS[setting])


@pytest.mark.stress
@pytest.mark.asan
@pytest.mark.timeout(400)  # under exit stress one takes 22 s, and the machine may do other work
@pytest.mark.parametrize("seed", range(60))
def test_program_by_seed(seed):
    same(generate(random.Random(seed)), ("low", "narrow", "usual")[seed % 3])


@pytest.mark.slow
@hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.given(st.randoms(use_true_random=False), st.sampled_from(["low", "narrow", "usual"]))
def test_program_drawn_by_hypothesis(randoms, setting):
    same(generate(randoms), setting)


def test_generated_programs_differ_and_run_long_enough():
    """The generator is worth something: most programs reach the end of their loop without a stopping error."""
    finished = 0
    sources = set()
    for seed in range(60):
        source = generate(random.Random(seed), numpy=False)
        sources.add(source)
        space = {}
        exec(compile(source, "<fuzz>", "exec"), space)
        try:
            space["run"](60)
            finished += 1
        except Exception:
            pass
    assert len(sources) == 60 and finished > 35, finished


def test_nan_signs_are_an_accident_in_plain_cpython():
    """Why the fuzzer lets all NaNs be equal: one addition, two signs, by how CPython happens to run it."""

    def add(a, b):
        return a + b

    nan = float("nan")
    results = [add(nan, -nan), operator.add(nan, -nan), add(-nan, nan)]
    for _ in range(100):
        add(1.5, 2.5)  # now specialised
    results += [add(nan, -nan), add(-nan, nan)]
    assert len(set(map(canonical, results))) == 2
    with any_nan():
        assert len(set(map(canonical, results))) == 1
        assert canonical(-0.0) != canonical(0.0)
