"""Part A handed in with the files that the handout names, and nothing beside them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from grader.assignment import Run, find_assignment
from grader.batch.plan import PROFILE_OF_SUBMITTED
from grader.intake import Candidate, read_submission
from grader.marks.judging import decide, judge
from grader.marks.scoring import nothing
from grader.marks.thresholds import read_thresholds
from grader.results import RunResult
from grader.runs.loading import load_parts
from grader.runs.measuring import Measurer, given_module
from grader.runs.submitted import find_submitted

ASSIGNMENT = find_assignment("cs60073_a3")
ROWS = re.findall(
    r"^\| (\w+) \| (`\1-.*?) \| (.*?) ?\|$", (ASSIGNMENT.folder / "handout.md").read_text(), re.M
)


class Implementation:
    """The reference, as a run sees it."""

    sampling = given_module(ASSIGNMENT, "sampling")


def left_by(run: Run, case: str) -> dict[str, np.ndarray]:
    """The arrays of the reference's run in the size in which submitted ones are judged."""
    size = run.profiles[PROFILE_OF_SUBMITTED]
    training = vars(load_parts(ASSIGNMENT, "runs")["a"])[run.id]
    steps = training(Implementation, case, size.steps, size.settings, {})
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return dict(end.value["arrays"])


def test_the_handout_names_the_files_of_five_runs() -> None:
    assert [row[0] for row in ROWS] == ["target", "rejection", "importance", "metropolis", "gibbs"]


@pytest.mark.parametrize(("name", "arrays", "claims"), ROWS, ids=[row[0] for row in ROWS])
def test_what_the_handout_asks_for_earns_all_marks(
    name: str, arrays: str, claims: str, tmp_path: Path
) -> None:
    run = ASSIGNMENT.run(name)
    measurer = Measurer(ASSIGNMENT, PROFILE_OF_SUBMITTED, None)
    np.random.seed(1234)  # runs seed their generators from the global source
    (tmp_path / "sampling.py").write_bytes((ASSIGNMENT.reference / "sampling.py").read_bytes())
    results = []
    for case in run.cases or ("",):
        found = left_by(run, case)
        # `metropolis-s0.5-chain.npy` stands for the files of all cases.
        wanted = re.findall(rf"`{name}-(?:s0\.5-)?(\w+)\.npy`", arrays)
        told = {c: float(found[c]) for c in re.findall(r"`(\w+)`", claims) if c in found}
        stem = f"{name}-{case}" if case else name
        for array in wanted:
            np.save(tmp_path / f"{stem}-{array}.npy", found[array])
        if told:
            (tmp_path / f"{stem}.json").write_text(json.dumps(told))
        submission = read_submission(Candidate("alice", tmp_path), ASSIGNMENT)
        handed_in = find_submitted(submission, run, case).artefacts
        measured = measurer.measure(run, handed_in, measurer.context(run, case, 1))
        results.append(
            RunResult(
                run=name,
                case=case,
                title=name,
                profile=PROFILE_OF_SUBMITTED,
                origin="submitted",
                status="finished",
                figures=measurer.figures(run, measured),
            )
        )
    judged = judge(ASSIGNMENT, read_thresholds(ASSIGNMENT), results)
    marks = [
        q
        for q in decide(ASSIGNMENT, nothing(ASSIGNMENT, None, ""), judged)
        if q.id in {m.question for m in run.measures.values()}
    ]
    assert marks and [(q.id, q.awarded) for q in marks] == [(q.id, q.marks) for q in marks]
