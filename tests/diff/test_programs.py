"""Every program of tests/programs/, plain against compiled, under each setting."""

import glob
import os

import pytest

from .harness import SETTINGS, programs_of

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "programs")
SLOW_SETTINGS = ("usual", "worker")


def collect():
    for path in sorted(glob.glob(os.path.join(FOLDER, "[a-z]*.py"))):
        topic = os.path.basename(path)[:-3]
        for program in programs_of(path):
            for setting in SETTINGS:
                marks = [pytest.mark.slow] if setting in SLOW_SETTINGS else [pytest.mark.stress]
                if setting == "low":
                    marks.append(pytest.mark.asan)
                yield pytest.param(program, setting, id=f"{topic}-{program.name}-{setting}", marks=marks)


@pytest.mark.parametrize("program, setting", list(collect()))
def test_program(program, setting):
    program.check(setting, must_compile=setting == "low")
