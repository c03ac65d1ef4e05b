"""Attacks with training runs, graded in one batch for each kind of run with honest students."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from grader.results import Result
from grader.store.store import read_results
from tests.attacks.attack import HONEST
from tests.attacks.catalogue import ATTACKS
from tests.attacks.running import npy, safetensors
from tests.conftest import WITH_RUN, write_tree

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(600)]

Kind = Literal["smoke", "submitted"]
KINDS: tuple[Kind, ...] = ("smoke", "submitted")
CASES = [(attack.runs, name) for name, attack in ATTACKS.items() if attack.runs]
FIRST, LAST = "aa_honest_first", "zz_honest_last"
_MADE: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def _clear_away() -> Iterator[None]:
    yield
    for folder in _MADE:
        shutil.rmtree(folder, ignore_errors=True)
    batch.cache_clear()


@functools.cache
def batch(kind: Kind) -> dict[str, Result]:
    """The results of a class, by submission."""
    root = Path(tempfile.mkdtemp(prefix="running-"))
    _MADE.append(root)
    root.chmod(0o755)
    toml = WITH_RUN["assignments/toy/assignment.toml"]
    short = textwrap.dedent(toml).replace("seconds = 20\nsettings", "seconds = 6\nsettings")
    home = write_tree(root / "home", WITH_RUN | {"assignments/toy/assignment.toml": short})
    attacks = [attack for attack in ATTACKS.values() if attack.runs == kind]
    for attack in attacks:
        attack.write(root / "class", {})
    for name in (FIRST, LAST):
        folder = write_tree(root / "class" / name, dict(HONEST))
        for case in ("slow", "fast"):
            header = b'{"at":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
            (folder / f"fit-{case}.safetensors").write_bytes(safetensors(header, bytes(8)))
            shape = "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 2), }"
            (folder / f"fit-{case}-path.npy").write_bytes(npy(shape, bytes(2400)))
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-c", "from grader.cli import main; main()", "grade", "toy"),
            *(str(root / "class"), "--out", str(root / "out"), "--jobs", "1", "--runs", kind),
        ],
        env={**os.environ, "GRADER_HOME": str(home), "GRADER_CACHE": str(root / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (root / "out" / "reports" / "class.html").exists()
    results = {result.submission: result for result in read_results(root / "out")[1]}
    assert set(results) == {FIRST, LAST, *(attack.name for attack in attacks)}
    return results


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_an_attack_with_a_run_gains_nothing(kind: Kind, name: str) -> None:
    attack, result = ATTACKS[name], batch(kind)[name]
    marks = {q.id: q.awarded for q in result.questions}
    assert (result.status, marks["q1.1"], marks["q1.2"]) == (attack.status, *attack.marks)
    assert marks["q1.4"] in (0, None)
    assert len(result.runs) == 2
    for run in result.runs:
        assert run.status == "failed", run.problem
        assert re.search(attack.says, run.problem), run.problem


@pytest.mark.parametrize("kind", KINDS)
def test_honest_runs_beside_them_are_measured(kind: Kind) -> None:
    results = batch(kind)
    for name in (FIRST, LAST):
        assert [run.status for run in results[name].runs] == ["finished", "finished"]
        for run in results[name].runs:
            assert all(figure.value is not None for figure in run.figures)


def test_sleep_costs_less_than_a_busy_machine_may() -> None:
    runs = batch("smoke")["sleep_through_the_run"].runs
    assert "another case of this run hung" in runs[1].problem
    stopped = re.search(r"stopped at step (\d+) of .*; 6 s", runs[0].problem)
    # It sleeps 0.05 s a step, and a run of 6 s may wait for half as long of its own accord.
    assert stopped is not None and int(stopped[1]) < 2.5 * 6 / 0.05
