"""`thresholds.toml`: what the reference reaches, written by `grader calibrate` alone."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.assignment import Assignment, AssignmentError, ProfileName

HEAD = """\
# Written by `grader calibrate {name}`; do not edit. What the reference reaches in each run, over
# several seeds: mean and standard deviation of each figure, and processor seconds of the training.
# Below it the best that a trivial solution reaches in each figure that is marked.
"""


class Entry(BaseModel):
    """A line of the file; see `Calibrated` and `Cost`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    profile: ProfileName
    run: str
    case: str


class Calibrated(Entry):
    """What the reference reaches in one measure.

    Attributes:
        sd: standard deviation over the seeds, with n - 1 in the denominator.
        n: number of seeds.
    """

    measure: str
    mean: float
    sd: float = Field(ge=0)
    n: int = Field(ge=2)


class Trivial(Entry):
    """The best that a trivial solution reaches in a measure.

    Attributes:
        solution: which one it is: "an untrained network".
    """

    measure: str
    solution: str
    value: float
    standard_error: float = Field(ge=0)


class Cost(Entry):
    """What a case of a run costs: mean processor time of its training, in seconds."""

    steps: int
    seconds: float
    n: int
    data: str
    environment: str


E = TypeVar("E", bound=Entry)


class Thresholds(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    figures: tuple[Calibrated, ...] = ()
    costs: tuple[Cost, ...] = ()
    trivial: tuple[Trivial, ...] = ()

    def find(self, profile: str, run: str, case: str, measure: str) -> Calibrated | None:
        """What was found for a figure; None if it has not been calibrated."""
        return _of(self.figures, profile, run, case, measure)

    def find_trivial(self, profile: str, run: str, case: str, measure: str) -> Trivial | None:
        """The best of the trivial solutions in a figure; None where none is known."""
        return _of(self.trivial, profile, run, case, measure)

    def replaced_by(
        self,
        figures: Sequence[Calibrated],
        costs: Sequence[Cost],
        trivial: Sequence[Trivial] = (),
    ) -> Thresholds:
        """These thresholds, with the cases that were calibrated anew in place of the old ones."""
        anew = {(c.profile, c.run, c.case) for c in costs}

        def old(entry: Entry) -> bool:
            return (entry.profile, entry.run, entry.case) not in anew

        tried = {(t.profile, t.run, t.case) for t in trivial}
        others = [t for t in self.trivial if (t.profile, t.run, t.case) not in tried]
        return Thresholds(
            figures=_sorted([*filter(old, self.figures), *figures]),
            costs=_sorted([*filter(old, self.costs), *costs]),
            trivial=_sorted([*others, *trivial]),
        )

    def still_in(self, assignment: Assignment) -> Thresholds:
        """These thresholds without cases and measures that the assignment no longer has.

        What is trivial is kept for figures that are marked.
        """
        about = assignment.about
        cases = {
            (profile, run.id, case)
            for run in about.runs
            for profile in run.profiles
            for case in run.cases_of(profile)
        }
        measures = {(m.run, m.name) for m in about.measures}

        def known(entry: Calibrated | Trivial) -> bool:
            return (entry.profile, entry.run, entry.case) in cases and (
                entry.run,
                entry.measure,
            ) in measures

        marked = {(m.run, m.name): m for m in about.measures}
        return Thresholds(
            figures=tuple(filter(known, self.figures)),
            costs=tuple(c for c in self.costs if (c.profile, c.run, c.case) in cases),
            trivial=tuple(
                t
                for t in self.trivial
                if known(t) and marked[t.run, t.measure].question_in(t.profile, t.case)
            ),
        )


T = TypeVar("T", Calibrated, Trivial)


def _of(entries: Sequence[T], profile: str, run: str, case: str, measure: str) -> T | None:
    wanted = (profile, run, case, measure)
    return next((e for e in entries if (e.profile, e.run, e.case, e.measure) == wanted), None)


def _sorted(entries: list[E]) -> tuple[E, ...]:
    return tuple(sorted(entries, key=lambda e: (e.profile, e.run, e.case, repr(e))))


def read_thresholds(assignment: Assignment) -> Thresholds:
    """The thresholds of an assignment; none where it has not been calibrated.

    Raises:
        AssignmentError: the file is damaged.
    """
    path = assignment.thresholds
    if not path.exists():
        return Thresholds()
    try:
        return Thresholds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise AssignmentError(
            f"{path}: cannot be used: {str(error).splitlines()[0]}; "
            f"`grader calibrate {assignment.name}` writes it again"
        ) from None


def write_thresholds(path: Path, name: str, thresholds: Thresholds) -> None:
    """Write the file, as a whole or not at all."""
    lines = [HEAD.format(name=name)]
    tables: tuple[tuple[str, Sequence[Entry]], ...] = (
        ("figures", thresholds.figures),
        ("costs", thresholds.costs),
        ("trivial", thresholds.trivial),
    )
    for table, entries in tables:
        for entry in entries:
            lines.append(f"[[{table}]]")
            lines += [f"{key} = {_toml(value)}" for key, value in entry.model_dump().items()]
            lines.append("")
    temporary = path.with_suffix(".tmp")
    temporary.write_text("\n".join(lines), encoding="utf-8")
    temporary.replace(path)


def _toml(value: str | float) -> str:
    if isinstance(value, str):
        # Names and descriptions of ours: printable, without control characters.
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    # Eight digits and not so many decimals: a squared error may well be 1e-7.
    return repr(float(f"{value:.8g}")) if isinstance(value, float) else str(value)
