"""What rubbish keeps of the marks: every kind of it, in the place of all contracts at once."""

from __future__ import annotations

import functools
import multiprocessing
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from grader.assignment import Assignment
from grader.catalogue.rubbish import KINDS, Heap, Kind
from grader.marks.scoring import score
from grader.results import Check, QuestionMark
from grader.suite.local import load_file
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.trial import Trial

# What a submission may keep that computes nothing of its task.
MOST_OF_ALL = 0.05
MOST_OF_A_QUESTION = 0.10
# Its first statement may be all that a check asks for, as one of two terms of a loss is: of that
# kind the assignment's limit alone is held.
HALVES = frozenset({"half_by_rote"})
# Every audit grades one kind of each family, and some of the others that its secret draws.
ALWAYS = frozenset(
    {
        "zeros",
        "noise",
        "sine",
        "mean_of_first",
        "sum_of_all",
        "first_argument",
        "neighbour",
        "half_by_rote",
    }
)
DRAWN = 4


class Kept(BaseModel):
    """What one kind of rubbish keeps of the marks of the unit questions that were asked."""

    model_config = ConfigDict(extra="forbid")

    name: str
    text: str
    share: float
    dearest: str  # the question of which it keeps most
    dearest_share: float
    passed: list[str]  # ids of the checks that it passes
    problems: list[str]


def grade_rubbish(
    assignment: Assignment,
    secret: str,
    only: str | None = None,
    questions: frozenset[str] | None = None,
    *,
    thorough: bool = False,
    jobs: int = 1,
) -> list[Kept]:
    """Grade the kinds of rubbish, without a wall: they are the harness's own.

    Args:
        assignment: whose suite and contracts.
        secret: what inputs are drawn from.
        only: kinds whose name contains this; None: all.
        questions: those whose checks are asked; None: all.
        thorough: grade all kinds, not a sample.
        jobs: processes among which the kinds are divided.

    Raises:
        SuiteError: the suite does not collect.
        ReferenceFailed: the reference cannot be imported.
    """
    names = [name for name in KINDS if only is None or only in name]
    others = [name for name in names if name not in ALWAYS]
    if not (thorough or only) and len(others) > DRAWN:
        drawn = random.Random(f"{secret} rubbish").sample(others, DRAWN)
        names = [name for name in names if name in ALWAYS or name in drawn]
    jobs = min(jobs, len(names))
    grade = functools.partial(_grade, assignment.folder, assignment.reference, secret, questions)
    if jobs <= 1:
        return grade(names)
    # Not forked: where autograd has threads, it does not work in a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        portions = pool.map(grade, [names[n::jobs] for n in range(jobs)])
        found = {kept.name: kept for portion in portions for kept in portion}
    return [found[name] for name in names]


def _grade(
    folder: Path,
    reference: Path,
    secret: str,
    questions: frozenset[str] | None,
    names: Sequence[str],
) -> list[Kept]:
    assignment = Assignment(folder, reference)
    heap = Heap(
        [c for q in assignment.description.questions if q.kind == "unit" for c in q.contracts],
        lambda: {
            f.name: load_file(assignment.reference / f.path, f"rubbish_{assignment.name}_{f.name}")
            for f in assignment.description.files
        },
    )
    found: list[Kept] = []

    def serve(plugin: SuitePlugin) -> None:
        expected = plugin.of(questions)
        asked = {check.question for check in expected}
        # From what the reference answers the heap learns the forms of answers.
        plugin.run(Trial(assignment, heap.watched()), secret, expected)
        for name in names:
            observed = plugin.run(Trial(assignment, heap.of(KINDS[name])), secret, expected)
            marks, checks = score(assignment, expected, observed)
            marks = [q for q in marks if q.id in asked]
            found.append(kept_by(KINDS[name], marks, checks, whole=questions is None))

    if names:
        torch.set_num_threads(1)
        serve_suite(assignment, assignment.hidden, serve)
    return found


def kept_by(
    kind: Kind, marks: Sequence[QuestionMark], checks: Sequence[Check], *, whole: bool
) -> Kept:
    """What a kind keeps, and whether that is too much.

    Args:
        kind: of rubbish.
        marks: of each question that was asked; at least one.
        checks: that were asked.
        whole: whether these are all unit questions, of which there is a limit for the sum.
    """
    shares = {q.id: (q.awarded or 0.0) / q.marks for q in marks}
    dearest = max(shares, key=lambda question: shares[question])
    share = sum(q.awarded or 0.0 for q in marks) / sum(q.marks for q in marks)
    problems = [f"{q.id}: not graded ({q.note})" for q in marks if q.awarded is None]
    if whole and share > MOST_OF_ALL:
        problems.append(f"keeps {share:.1%} of the assignment; it may keep {MOST_OF_ALL:.0%}")
    problems += [
        f"{question}: keeps {part:.0%} of its marks; it may keep {MOST_OF_A_QUESTION:.0%}"
        for question, part in shares.items()
        if part > MOST_OF_A_QUESTION and kind.name not in HALVES
    ]
    return Kept(
        name=kind.name,
        text=kind.text,
        share=share,
        dearest=dearest,
        dearest_share=shares[dearest],
        passed=[check.id for check in checks if check.outcome == "passed"],
        problems=problems,
    )
