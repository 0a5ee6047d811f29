"""The embed layer under a scripted driver: each case of unit/embed_cases.py in a process of its own."""

import os
import re
import subprocess
import sys

import pytest

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "unit")
CASES = re.findall(r"^def case_(\w+)", open(os.path.join(HERE, "embed_cases.py")).read(), re.M)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    sys.path.insert(0, HERE)
    try:
        import embed_build
    finally:
        sys.path.remove(HERE)
    return embed_build.build(str(tmp_path_factory.mktemp("embed")))


@pytest.mark.parametrize("case", CASES)
def test_embed(module, case):
    env = {k: v for k, v in os.environ.items() if not k.startswith("BACKEDGE_")}
    done = subprocess.run(
        [sys.executable, os.path.join(HERE, "embed_cases.py"), module, case],
        capture_output=True,
        text=True,
        timeout=300,
        env=env,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
