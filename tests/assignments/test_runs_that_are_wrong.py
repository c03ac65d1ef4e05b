"""Wrong runs keep no more than they may, and right runs keep all: those that train in seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.assignment import Assignment, find_assignment
from grader.audit.runs import audit_runs
from grader.catalogue import read_runs
from grader.wall import isolation

# What takes longer is audited by hand: `grader audit NAME --runs smoke`.
CHEAP = {
    "ift6135_a3": ["dirac", "planar", "flow_from_samples"],
    "cs60073_a3": ["target", "rejection", "importance", "metropolis", "gibbs"],
}


@pytest.mark.parametrize("name", CHEAP)
def test_every_run_has_wrong_and_right_ones(name: str) -> None:
    """All but the classifier's, whose marks are a share of right answers."""
    assignment = find_assignment(name)
    found = read_runs(assignment)
    runs = {run.id for run in assignment.description.runs}
    for kind in ("wrong run", "right run"):
        tried = {entry.run for entry in found if entry.kind == kind}
        assert runs - tried <= WITHOUT[name, kind]


WITHOUT = {
    ("ift6135_a3", "wrong run"): set(),
    ("ift6135_a3", "right run"): {"images"},
    ("cs60073_a3", "wrong run"): {"classifier"},
    ("cs60073_a3", "right run"): {"classifier"},
}


@pytest.fixture
def assignment(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assignment]:
    """An assignment whose reference leaves no modules behind, since other tests use such names."""
    found, before = find_assignment(name), {*sys.modules}
    monkeypatch.syspath_prepend(str(found.reference))
    yield found
    for path in found.reference.glob("*.py"):
        if path.stem not in before:
            sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", CHEAP)
def test_runs_keep_what_they_may(name: str, assignment: Assignment, tmp_path: Path) -> None:
    found = audit_runs(
        assignment,
        profile="smoke",
        wall=isolation.choose(),
        jobs=1,
        out=tmp_path,
        secret="audit",
        runs=CHEAP[name],
    )
    assert found.problems == []
    decided = [v for v in found.verdicts if v.kept is not None]
    assert {v.run for v in decided} == set(CHEAP[name])
    assert len(decided) > len(CHEAP[name]) * 4
