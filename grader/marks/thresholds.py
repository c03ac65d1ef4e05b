"""`thresholds.csv` and `costs.csv`: what the reference reaches, and what that cost to find.

`grader calibrate` alone writes them. A profile of a run that has the size of the one before it
(the same steps, settings and data) has the same figures: its lines are left out, and read from
that one.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grader.assignment import PROFILES, Assignment, AssignmentError, ProfileName


class Entry(BaseModel):
    """What a line says of a case of a run; see `Calibrated`, `Trivial` and `Cost`."""

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
M = TypeVar("M", Calibrated, Trivial)


class Thresholds(BaseModel):
    """The lines of both files, with or without those that a profile takes from another."""

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

    def whole(self, assignment: Assignment) -> Thresholds:
        """These thresholds with what each profile takes from the one before it."""
        same = _of_one_size(assignment)
        return Thresholds(
            figures=_sorted(_whole(self.figures, same)),
            costs=_sorted(_whole(self.costs, same)),
            trivial=_sorted(_whole(self.trivial, same)),
        )

    def still_in(self, assignment: Assignment) -> Thresholds:
        """These thresholds without cases and measures that the assignment no longer has.

        What is trivial is kept for figures that are marked.
        """
        description = assignment.description
        cases = {
            (profile, run.id, case)
            for run in description.runs
            for profile in run.profiles
            for case in run.cases_of(profile)
        }
        measures = {(m.run, m.name) for m in description.measures}

        def known(entry: Calibrated | Trivial) -> bool:
            return (entry.profile, entry.run, entry.case) in cases and (
                entry.run,
                entry.measure,
            ) in measures

        marked = {(m.run, m.name): m for m in description.measures}
        return Thresholds(
            figures=tuple(filter(known, self.figures)),
            costs=tuple(c for c in self.costs if (c.profile, c.run, c.case) in cases),
            trivial=tuple(
                t
                for t in self.trivial
                if known(t) and marked[t.run, t.measure].question_in(t.profile, t.case)
            ),
        )


PLACE = ("profile", "run", "case", "measure")
FIGURE = ("mean", "sd", "n")
# The best of the trivial solutions, in the line of the figure that it reaches.
TRIVIAL = {"trivial": "solution", "reaches": "value", "error": "standard_error"}
COLUMNS = (*PLACE, *FIGURE, *TRIVIAL)
COST_COLUMNS = tuple(Cost.model_fields)


def _of(entries: Sequence[M], profile: str, run: str, case: str, measure: str) -> M | None:
    wanted = (profile, run, case, measure)
    return next((e for e in entries if _place(e) == wanted), None)


def _place(entry: Entry) -> tuple[str, ...]:
    return (entry.profile, entry.run, entry.case, getattr(entry, "measure", ""))


def _sorted(entries: Iterable[E]) -> tuple[E, ...]:
    return tuple(sorted(entries, key=lambda e: (e.profile, e.run, e.case, repr(e))))


def read_thresholds(assignment: Assignment) -> Thresholds:
    """The thresholds of an assignment; none where it has not been calibrated.

    Raises:
        AssignmentError: a file is damaged; the message has its line and the remedy.
    """
    return written_thresholds(assignment).whole(assignment)


def written_thresholds(assignment: Assignment) -> Thresholds:
    """What the two files say, without what a profile takes from the one before it.

    Raises:
        AssignmentError: as `read_thresholds`.
    """
    figures: list[Calibrated] = []
    trivial: list[Trivial] = []

    def figure(row: Mapping[str, str]) -> None:
        place = {key: row[key] for key in PLACE}
        if any(row[key] for key in FIGURE):
            figures.append(_entry(Calibrated, place | {key: row[key] for key in FIGURE}))
        if any(row[key] for key in TRIVIAL):
            solution = {name: row[key] for key, name in TRIVIAL.items()}
            trivial.append(_entry(Trivial, place | solution))

    costs: list[Cost] = []
    _read(assignment, assignment.thresholds, COLUMNS, figure)
    _read(assignment, assignment.costs, COST_COLUMNS, lambda row: costs.append(_entry(Cost, row)))
    return Thresholds(figures=tuple(figures), costs=tuple(costs), trivial=tuple(trivial))


def _read(
    assignment: Assignment,
    path: Path,
    columns: Sequence[str],
    take: Callable[[Mapping[str, str]], None],
) -> None:
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(assignment, path, 1, error) from None
    # Strict: a quotation mark that never ends would swallow the lines after it.
    rows = csv.reader(io.StringIO(text), strict=True)
    seen = set()
    try:
        if (head := next(rows, [])) != list(columns):
            raise ValueError(f"its columns are {', '.join(head)}; expected {', '.join(columns)}")
        for cells in rows:
            if len(cells) != len(columns):
                raise ValueError(f"it has {len(cells)} cells; expected {len(columns)}")
            row = dict(zip(columns, cells, strict=True))
            place = tuple(row.get(key, "") for key in PLACE)
            if place in seen:
                raise ValueError(f"a second line for {' '.join(filter(None, place))}")
            seen.add(place)
            take(row)
    except (ValueError, csv.Error) as error:
        raise _damaged(assignment, path, max(rows.line_num, 1), error) from None


def _damaged(assignment: Assignment, path: Path, line: int, error: Exception) -> AssignmentError:
    return AssignmentError(
        f"{path}:{line}: cannot be used: {error}; "
        f"`grader calibrate {assignment.name}` writes it again"
    )


def _entry(kind: type[E], row: Mapping[str, str]) -> E:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = wrong["loc"][0]
        raise ValueError(f"{key}: {wrong['msg']}, got {wrong['input']!r:.80}") from None


def _of_one_size(assignment: Assignment) -> dict[tuple[str, str], ProfileName]:
    """For (run, profile): the profile before it, if the run has the same size in both."""
    found = {}
    for run in assignment.description.runs:
        known = [name for name in PROFILES if name in run.profiles]
        for before, name in itertools.pairwise(known):
            if run.profiles[before].is_as_large_as(run.profiles[name]):
                found[run.id, str(name)] = before
    return found


def _whole(entries: Sequence[E], same: Mapping[tuple[str, str], ProfileName]) -> list[E]:
    """The entries, and for each profile those of the one before it that it has not itself."""
    places = {_place(entry): entry for entry in entries}
    for name in PROFILES:
        for entry in list(places.values()):
            place = (name, *_place(entry)[1:])
            if same.get((entry.run, name)) == entry.profile and place not in places:
                places[place] = entry.model_copy(update={"profile": name})
    return list(places.values())


def write_thresholds(assignment: Assignment, thresholds: Thresholds) -> None:
    """Write both files, each as a whole or not at all."""
    same = _of_one_size(assignment)
    figures = {_place(f): f.model_dump() for f in _told(thresholds.figures, same)}
    for solution in _told(thresholds.trivial, same):
        row = figures.setdefault(_place(solution), solution.model_dump(include=set(PLACE)))
        row |= {key: getattr(solution, name) for key, name in TRIVIAL.items()}
    _write(assignment.thresholds, COLUMNS, figures.values())
    costs = [cost.model_dump() for cost in _told(thresholds.costs, same)]
    _write(assignment.costs, COST_COLUMNS, costs)


def _told(entries: Sequence[E], same: Mapping[tuple[str, str], ProfileName]) -> Iterator[E]:
    """The entries without those that are equal in the profile before, of the same size."""
    places = {_place(entry): entry for entry in entries}
    for place, entry in places.items():
        before = places.get((same.get((entry.run, entry.profile), ""), *place[1:]))
        if before is None or before.model_copy(update={"profile": entry.profile}) != entry:
            yield entry


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(key, "")) for key in columns] for row in rows)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text.getvalue(), encoding="utf-8")
    temporary.replace(path)


def _cell(value: str | float) -> str:
    # Eight digits and not so many decimals: a squared error may well be 1e-7.
    return repr(float(f"{value:.8g}")) if isinstance(value, float) else str(value)
