"""Some of CPython's own tests with all loops watched (./dev cpython runs the rest)."""

import importlib.util

import pytest
from cpython.run import HOT, differences, run

WATCHED = ["-m", "backedge", "run", "--stdlib"]


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("test.libregrtest"), reason="CPython came without its test package")
@pytest.mark.parametrize(
    "module", "test_grammar test_scope test_patma test_float test_heapq test_code test_sys_settrace".split()
)
def test_module(module):
    plain = run(module, [], {}, 50)
    assert plain[0] == 0 and plain[1], plain[3]
    assert differences(plain, run(module, WATCHED, HOT, 60)) == []


def test_a_difference_is_seen():
    plain, watched = (0, {"test_a (x)": "ok"}, 1.0, ""), (2, {"test_a (x)": "FAIL"}, 1.0, "")
    assert differences(plain, plain) == []
    assert len(differences(plain, watched)) == 2
