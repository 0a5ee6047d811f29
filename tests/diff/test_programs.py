"""Every program of tests/programs/, plain against compiled, under each setting."""
import glob
import os

import pytest

from .harness import SETTINGS, compare, programs_of

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs")
SLOW_SETTINGS = ("usual", "worker")


def collect():
    for path in sorted(glob.glob(os.path.join(FOLDER, "[a-z]*.py"))):
        source, programs = programs_of(path)
        topic = os.path.basename(path)[:-3]
        for name, the_case in programs:
            for setting in SETTINGS:
                marks = [pytest.mark.slow] if setting in SLOW_SETTINGS else [pytest.mark.stress]
                if setting == "low":
                    marks.append(pytest.mark.asan)
                yield pytest.param(source, path, name, the_case, setting, id=f"{topic}-{name}-{setting}", marks=marks)


@pytest.mark.parametrize("source, path, name, the_case, setting", list(collect()))
def test_program(source, path, name, the_case, setting):
    options = SETTINGS[setting]
    must_compile = the_case.compiled and setting == "low"
    the_case.compiled, keep = must_compile, the_case.compiled
    try:
        compare(source, path, name, the_case, options)
    finally:
        the_case.compiled = keep
