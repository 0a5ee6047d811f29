"""A short run of the program generator (./dev fuzz runs it longer)."""

import random

import hypothesis
import pytest
from diff.harness import SETTINGS, Case, compare
from fuzz.generate import generate
from fuzz.run import CALLS
from hypothesis import strategies as st


@pytest.mark.stress
@pytest.mark.asan
@pytest.mark.parametrize("seed", range(60))
def test_program_by_seed(seed):
    source = generate(random.Random(seed))
    compare(
        source, "<fuzz>", "run", Case(CALLS, compiled=False, rounds=1), SETTINGS[("low", "narrow", "usual")[seed % 3]]
    )


@pytest.mark.slow
@hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.given(st.randoms(use_true_random=False), st.sampled_from(["low", "narrow", "usual"]))
def test_program_drawn_by_hypothesis(randoms, setting):
    compare(generate(randoms), "<fuzz>", "run", Case(CALLS, compiled=False, rounds=1), SETTINGS[setting])


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
