"""Side exits with many unboxed values: values, and which variables are one object."""

import gc
import sys

import pytest
from diff.harness import require_compiled

import backedge

pytestmark = [pytest.mark.stress, pytest.mark.asan]


def make(live, one):
    """f(n, stop): `live` pairs of locals that hold one number each; at `stop` it tells them and their identity."""
    lines = ["def f(n, stop):"]
    lines += [f"    a{k} = b{k} = {1000 + k} * {one}" for k in range(live)]
    lines += ["    for i in range(n):"]
    lines += [f"        a{k} += {one}; b{k} = a{k}" for k in range(live)]
    names = ", ".join(f"a{k}, b{k}" for k in range(live))
    same = ", ".join(f"a{k} is b{k}" for k in range(live))
    lines += ["        if i == stop:", f"            return ({names}), ({same})"]
    namespace = {}
    exec("\n".join(lines), namespace)
    return namespace["f"]


@pytest.mark.parametrize("one", [1, 0.5])
@pytest.mark.parametrize("live", [2, 48, 60])
def test_one_value_in_two_variables_is_one_object(live, one):
    plain = make(live, one)
    f = backedge.jit(threshold=2, sync=1, recompiles=0)(make(live, one))
    assert f(60, -1) is None
    require_compiled(f)
    before = backedge.stats()["exits"]
    values, same = f(60, 40)
    assert backedge.stats()["exits"] > before
    assert all(same)
    assert (values, same) == plain(60, 40)
    assert [type(v) for v in values] == [type(one)] * (2 * live)


def test_exits_leak_nothing():
    f = backedge.jit(threshold=2, sync=1, recompiles=0, early_leaves=1000000)(make(60, 1))
    f(60, -1)
    require_compiled(f)
    f(60, 40)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(200):
        f(60, 40)
    gc.collect()
    assert sys.getallocatedblocks() - before < 50
