"""Names the misconception behind a wrong answer, when a catalogued mistake gives the very same one.

Every mistake of the catalogue is grafted onto the reference and asked, in this process, what the
submission was asked. A mistake *shows* in a call where its answer differs clearly from the
reference's. It explains a submission when, wherever it shows in the question, the submission gave
its answer, and so in every direct call of its contract.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grader.assignment import Assignment
from grader.catalogue import CatalogueError, Entry, read_catalogue
from grader.marks.observed import Expected, Observed
from grader.results import Hint
from grader.suite.calls import Call
from grader.suite.grafted import graft
from grader.suite.local import Local, ReferenceFailed, SharedAnswers

# Two float32 computations of one quantity agree to this; a mistake shows when it is off by more
# than the second, so that rounding is never taken for a misconception.
SAME = 1e-5
CLEARLY_OTHER = 1e-3
# What is made of differences, as a slope is, holds far more rounding for its size: such an answer
# is the mistake's when it is this many times nearer to it than the right one is.
NEARER = 0.01
# Where more mistakes than this agree on all inputs, naming any of them would be a guess.
MOST_NAMED = 2


class Misconceptions:
    """The mistakes of an assignment, ready to be compared with what submissions answer.

    Args:
        assignment: whose catalogue.
        reference: the reference, which remembers its answers.
        answers: a folder in which the processes of a batch share the mistakes' answers; None:
            this process keeps its own.
    """

    def __init__(
        self, assignment: Assignment, reference: Local, answers: Path | None = None
    ) -> None:
        self._assignment = assignment
        self._reference = reference
        self._folder = answers
        self._mistakes: dict[str, list[tuple[Entry, Local]]] | None = None

    def explain(self, expected: Sequence[Expected], observed: Mapping[str, Observed]) -> None:
        """Give the failed checks of a submission their hints.

        Args:
            expected: every check.
            observed: what each reported; `hints` are filled in, and what a mistake explains
                is an attempt.
        """
        questions = {
            e.question for e in expected if observed.get(e.id, Observed()).outcome == "failed"
        }
        for question in sorted(questions):
            checks = {
                e.id: observed[e.id]
                for e in expected
                if e.question == question and e.id in observed
            }
            if any(seen.outcome == "failed" and _answers(seen) for seen in checks.values()):
                explained = self._explain_question(question, checks)
                for check in expected:
                    if check.question == question and check.contract in explained:
                        observed[check.id].attempted = True

    def _explain_question(self, question: str, checks: Mapping[str, Observed]) -> set[str]:
        """Hints for the checks of a question; the contracts in which mistakes are found."""
        matches: list[tuple[Entry, frozenset[tuple[str, int]]]] = []
        for entry, mistaken in self._of(question):
            shown = self._shown(entry, mistaken, checks)
            if shown:
                matches.append((entry, shown))
        kept = [
            (entry, shown)
            for entry, shown in matches
            if not any(_gives_way(entry, shown, *other) for other in matches)
        ]
        for check, seen in checks.items():
            if seen.outcome != "failed":
                continue
            hints = [e for e, s in kept if any(c == check for c, _ in s)]
            if 0 < len(hints) <= MOST_NAMED:
                seen.hints = [Hint(mistake=e.name, text=e.text) for e in hints]
        return {entry.replaces for entry, _ in matches}

    def _shown(
        self, entry: Entry, mistaken: Local, checks: Mapping[str, Observed]
    ) -> frozenset[tuple[str, int]]:
        """Calls in which the mistake shows and is what the submission did; empty if it is not."""
        shown = set()
        for check, seen in checks.items():
            for number, call in enumerate(seen.calls):
                direct = call.operation == "call" and call.target == entry.replaces
                try:
                    wrong = mistaken.answer(call)
                    right = self._reference.answer(call)
                except ReferenceFailed:
                    if direct and not call.problem:
                        return frozenset()
                    continue
                off = distance(wrong, right)
                shows = off > CLEARLY_OTHER
                room = max(SAME, NEARER * min(off, 1.0)) if shows and not direct else SAME
                if (shows or direct) and (call.problem or distance(call.value, wrong) > room):
                    return frozenset()
                if shows:
                    shown.add((check, number))
        return frozenset(shown)

    def _of(self, question: str) -> list[tuple[Entry, Local]]:
        if self._mistakes is None:
            self._mistakes = self._load()
        return self._mistakes.get(question, [])

    def _load(self) -> dict[str, list[tuple[Entry, Local]]]:
        loaded: dict[str, list[tuple[Entry, Local]]] = {}
        try:
            entries = read_catalogue(self._assignment)
        except CatalogueError:
            return loaded  # the audit says so; a mark needs no hint
        for entry in entries:
            if entry.kind == "mistake":
                answers = SharedAnswers(self._folder / entry.name) if self._folder else None
                mistaken = graft(self._assignment, self._reference, entry, answers)
                loaded.setdefault(entry.question(self._assignment), []).append((entry, mistaken))
        return loaded


def _gives_way(
    entry: Entry,
    shown: frozenset[tuple[str, int]],
    other: Entry,
    shown_by_other: frozenset[tuple[str, int]],
) -> bool:
    """Whether a mistake explains nothing that another does not explain better.

    Of two that explain the same, one that has another contract beside it gives way: it is there
    for what becomes of that contract.
    """
    if shown == shown_by_other:
        return bool(entry.group.beside) and not other.group.beside
    return shown < shown_by_other


def _answers(seen: Observed) -> bool:
    return any(isinstance(call, Call) and not call.problem for call in seen.calls)


def distance(left: Any, right: Any) -> float:
    """How far two answers are apart, relative to their size; infinity for other shapes or kinds."""
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return math.inf
        return max((distance(left[k], right[k]) for k in left), default=0.0)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        if len(left) != len(right):
            return math.inf
        return max((distance(a, b) for a, b in zip(left, right, strict=True)), default=0.0)
    if _is_array(left) and _is_array(right):
        return _array_distance(left, right)
    return 0.0 if type(left) is type(right) and left == right else math.inf


def _is_array(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, np.ndarray, np.generic, int, float))


def _array_distance(left: Any, right: Any) -> float:
    try:
        tensors = [torch.as_tensor(value) for value in (left, right)]
        kind = torch.complex128 if any(t.is_complex() for t in tensors) else torch.float64
        a, b = (np.asarray(t.to(kind).numpy()) for t in tensors)
    # An integer without end, or what torch has no kind for.
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return math.inf
    if a.shape != b.shape:
        return math.inf
    if a.size == 0:
        return 0.0
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(a - b))
    if not np.isfinite(difference).all():
        return math.inf
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max(initial=0.0)) or 1.0
    return float(difference.max()) / scale
