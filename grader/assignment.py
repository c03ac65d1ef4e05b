"""The model of an assignment folder: what `assignment.toml` may say, and how it is found.

A key that is wrong is reported with the file, the line, the key and what was expected, because the
reader of the message is an instructor in a hurry.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Kind = Literal["unit", "run", "written"]
ProfileName = Literal["smoke", "cpu", "full"]
PROFILES: tuple[ProfileName, ...] = ("smoke", "cpu", "full")
# What a profile says of itself alone; all else it takes from the one before it.
OF_ITSELF = ("cases", "note")
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
DottedName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+\.(py|ipynb)$")]
CaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Setting = bool | int | float | str | tuple[int, ...]

MARKS_TOLERANCE = 1e-9
# Sizes that show whether everything works together, and not what it is worth: never marks.
REHEARSALS: frozenset[ProfileName] = frozenset({"smoke"})


class AssignmentError(Exception):
    """An assignment folder cannot be used; the message names the file and the remedy."""


class Strict(BaseModel):
    """A table of the TOML file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limits(Strict):
    """What student code may use. Every worker gets these."""

    call_seconds: float = Field(5.0, gt=0, le=3600)
    import_seconds: float = Field(20.0, gt=0, le=3600)
    question_seconds: float = Field(180.0, gt=0, le=86400)
    memory_mib: int = Field(2048, ge=64)
    scratch_mib: int = Field(64, ge=1)
    processes: int = Field(64, ge=1, le=4096)
    reply_mib: int = Field(64, ge=1, le=1024)
    output_kib: int = Field(64, ge=1, le=16384)


class SourceFile(Strict):
    """A file that students fill in; tests reach it as `submission.<name>`."""

    name: Identifier
    path: FileName
    aliases: tuple[FileName, ...] = ()

    @property
    def accepted_names(self) -> tuple[str, ...]:
        """File names under which a submission may hold it, the usual one first."""
        return (self.path, *self.aliases)


class Question(Strict):
    """A numbered part of the assignment, worth marks."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9]+)*$")]
    title: str = Field(min_length=1)
    kind: Kind = "unit"
    marks: float = Field(gt=0)
    contracts: tuple[DottedName, ...] = ()
    about: str = ""


class Profile(Strict):
    """The size of a run.

    What a profile does not say, it takes from the one before it (`smoke`, `cpu`, `full`), except
    `cases` and `note`, which say what is left out in that one.

    Attributes:
        steps: what the run's budget is counted in.
        seconds: the limit, of processor time; a run that needs more has failed.
        step_seconds: the limit of one step, so that one that hangs is noticed soon.
        data: whether the embedded data serve or the real ones are needed.
        cases: the cases that are run in this size; by default all.
        settings: what runs and measures are given.
        note: what is smaller here than in the assignment's text, for the report.
    """

    steps: int = Field(ge=1)
    seconds: float = Field(gt=0, le=7 * 86400)
    step_seconds: float = Field(10.0, gt=0, le=3600)
    data: Literal["embedded", "real"] = "embedded"
    cases: tuple[CaseName, ...] | None = None
    settings: dict[Identifier, Setting] = {}
    note: str = ""

    def is_as_large_as(self, other: Profile) -> bool:
        """Whether a case has the same figures in both."""
        return (self.steps, self.settings, self.data) == (other.steps, other.settings, other.data)


class Declaration(Strict):
    """What `[runs.measures]` says of a figure: what it is, and what it must reach.

    Attributes:
        question: the question it counts towards; without one it is shown but not marked.
        better: whether more is better, or less, or being near `target`.
        within: for `near`: the distance from the target that is still right.
        weight: share of the question's marks, relative to its other measures.
        asked: what the assignment's text itself demands, by profile; else what
            `grader calibrate` found is the yardstick.
        margin: how much worse than the reference is still right, by profile, beyond the luck of
            its seeds: where a run is so short that right programs differ by more than seeds do.
            For `near` it is added to `within`.
        lowest, highest: between which values the figure can be at all, whatever was handed in: a
            distance is never below 0. A threshold beyond them is refused.
        shown_only: sizes, with their cases or `"all"`, in which the figure is shown but not
            marked, because what is trivial comes as far there as the reference.
    """

    title: str = Field(min_length=1)
    unit: str = ""
    question: str | None = None
    better: Literal["higher", "lower", "near"]
    target: float | None = None
    within: float | None = Field(None, gt=0)
    weight: float = Field(1.0, gt=0)
    asked: dict[ProfileName, float] = {}
    margin: dict[ProfileName, Annotated[float, Field(gt=0)]] = {}
    lowest: float | None = None
    highest: float | None = None
    shown_only: dict[ProfileName, Literal["all"] | tuple[CaseName, ...]] = {}

    @model_validator(mode="after")
    def _near_what(self) -> Self:
        if (self.better == "near") != (self.target is not None and self.within is not None):
            raise _wrong((), "target and within belong to better = 'near', and only to it")
        if self.lowest is not None and self.highest is not None and self.lowest >= self.highest:
            raise _wrong(("lowest",), f"lowest = {self.lowest:g} must be below the highest value")
        return self


class Measure(Declaration):
    """A figure that is computed from a run's artefacts, by its name and the id of its run."""

    name: Identifier
    run: Identifier

    def question_in(self, profile: ProfileName, case: str) -> str | None:
        """The question that the figure counts towards in a case of a size; None: shown only."""
        cases = self.shown_only.get(profile, ())
        return None if cases == "all" or case in cases else self.question


class Run(Strict):
    """A training job that turns the submission's functions into artefacts.

    Attributes:
        cases: configurations that are trained apart from each other; none: a single one.
        modules: names of the `[[files]]` that it needs.
        data: names of the data sets that it is given.
        seed: drawn from the course's secret, or made of the student's number, as some courses ask.
        submitted: stem of the files in which a student hands in the artefacts of this run.
        measures: the figures that it is measured by, by name.
    """

    id: Identifier
    title: str = Field(min_length=1)
    about: str = ""
    cases: tuple[CaseName, ...] = ()
    modules: tuple[Identifier, ...] = Field(min_length=1)
    data: tuple[Identifier, ...] = ()
    seed: Literal["secret", "student"] = "secret"
    submitted: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]+$")
    memory_mib: int = Field(4096, ge=64)
    reply_mib: int = Field(256, ge=1, le=1024)
    profiles: dict[ProfileName, Profile] = Field(min_length=1)
    measures: dict[Identifier, Declaration] = {}

    @field_validator("profiles", mode="before")
    @classmethod
    def _inherited(cls, profiles: Any) -> Any:
        if not isinstance(profiles, dict):
            return profiles
        found: dict[str, Any] = dict(profiles)
        before: dict[str, Any] = {}
        for name in PROFILES:
            if isinstance(table := profiles.get(name), dict):
                found[name] = before | table
                before = {key: v for key, v in found[name].items() if key not in OF_ITSELF}
        return found

    def cases_of(self, profile: ProfileName) -> tuple[str, ...]:
        """The cases that are run in a profile; one without a name where there are none."""
        chosen = self.profiles[profile].cases
        return (self.cases if chosen is None else chosen) or ("",)


class NotebookRules(Strict):
    """What a course asks of the notebooks themselves. It is reported and costs no marks.

    Attributes:
        markdown_before_code: a Markdown cell before every code cell.
        seed: what NumPy and PyTorch must be seeded with, where they are used.
        cpu_only: nothing may be computed on a GPU.
    """

    markdown_before_code: bool = False
    seed: int | None = None
    cpu_only: bool = False


class Part(Strict):
    """A group of questions with the total that the assignment text states for it."""

    id: str
    title: str
    marks: float = Field(gt=0)


class Description(Strict):
    """The whole of `assignment.toml`."""

    name: Identifier
    title: str
    course: str
    university: str
    term: str = ""
    version: int = Field(1, ge=1)
    rounding: float = Field(0.01, ge=0.0001, le=1)  # step of the marks that are shown, half up
    given: tuple[FileName, ...] = ()
    limits: Limits = Limits()
    notebook_rules: NotebookRules = NotebookRules()
    files: tuple[SourceFile, ...] = Field(min_length=1)
    parts: tuple[Part, ...] = Field(min_length=1)
    questions: tuple[Question, ...] = Field(min_length=1)
    runs: tuple[Run, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for label, ids in (
            ("questions", [q.id for q in self.questions]),
            ("parts", [p.id for p in self.parts]),
            ("files", [f.name for f in self.files]),
            ("runs", [r.id for r in self.runs]),
            ("files", [*self.given, *(n for f in self.files for n in f.accepted_names)]),
        ):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise _wrong((label,), f"{', '.join(twice)} is listed more than once; keep one")
        part_ids = {p.id for p in self.parts}
        file_names = {f.name for f in self.files}
        for n, question in enumerate(self.questions):
            part_id = question.id.split(".")[0]
            if part_id not in part_ids:
                raise _wrong(
                    ("questions", n, "id"),
                    f"question {question.id} needs [[parts]] with id = {part_id!r}, "
                    f"but there are only {', '.join(sorted(part_ids))}",
                )
            if question.kind == "unit" and not question.contracts:
                raise _wrong(
                    ("questions", n, "kind"),
                    f"question {question.id} is of kind 'unit' and needs contracts, "
                    "for example contracts = ['gan.jsd']",
                )
            for contract in question.contracts:
                if contract.split(".")[0] not in file_names:
                    raise _wrong(
                        ("questions", n, "contracts"),
                        f"{contract!r} of question {question.id} must begin with the name of one "
                        f"of the [[files]]: {', '.join(sorted(file_names))}",
                    )
        for n, part in enumerate(self.parts):
            total = sum(q.marks for q in self.questions_of(part.id))
            if abs(total - part.marks) > MARKS_TOLERANCE:
                raise _wrong(
                    ("parts", n, "marks"),
                    f"part {part.id} states {part.marks:g} marks, "
                    f"but its questions add up to {total:g}",
                )
        self._check_runs(file_names)
        return self

    def _check_runs(self, file_names: set[str]) -> None:
        for n, run in enumerate(self.runs):
            for module in run.modules:
                if module not in file_names:
                    raise _wrong(
                        ("runs", n, "modules"),
                        f"{module!r} of run {run.id} is none of the [[files]]: "
                        f"{', '.join(sorted(file_names))}",
                    )
            for size, profile in run.profiles.items():
                unknown = sorted(set(profile.cases or ()) - set(run.cases))
                if unknown:
                    raise _wrong(
                        ("runs", n, "profiles", size, "cases"),
                        f"{unknown[0]!r} is none of the cases of run {run.id}",
                    )
        kinds = {q.id: q.kind for q in self.questions}
        for n, run in enumerate(self.runs):
            for name, measure in run.measures.items():
                at = ("runs", n, "measures", name)
                if measure.question is not None and kinds.get(measure.question) != "run":
                    raise _wrong(
                        (*at, "question"), f"{measure.question!r} is not a question of kind 'run'"
                    )
                for shown_in, cases in measure.shown_only.items():
                    unknown = sorted(set(() if cases == "all" else cases) - set(run.cases))
                    if unknown:
                        raise _wrong(
                            (*at, "shown_only"),
                            f"{unknown[0]!r} is none of the cases of run {run.id}; "
                            f'for all of them write {shown_in} = "all"',
                        )

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The figures of all runs, in the order of the file."""
        return tuple(
            Measure(run=run.id, name=name, **dict(declared))
            for run in self.runs
            for name, declared in run.measures.items()
        )

    def questions_of(self, part_id: str) -> tuple[Question, ...]:
        """The questions of one part, in the order of the file."""
        return tuple(q for q in self.questions if q.id.split(".")[0] == part_id)


def _wrong(at: tuple[str | int, ...], message: str) -> PydanticCustomError:
    """An error that several tables make together, to be reported at one of them."""
    return PydanticCustomError("inconsistent", "{message}", {"message": message, "at": at})


class Assignment:
    """An assignment folder with its reference.

    Args:
        folder: the folder that holds `assignment.toml`.
        reference: the folder of the reference solutions.

    Raises:
        AssignmentError: `assignment.toml` is missing or wrong.
    """

    def __init__(self, folder: Path, reference: Path) -> None:
        self.folder = folder
        self.reference = reference
        path = folder / "assignment.toml"
        self.description = read_description(path)
        if self.description.name != folder.name:
            line = _line_of(path.read_text(encoding="utf-8"), ("name",))
            raise AssignmentError(
                f"{path}:{line}: name: is {self.description.name!r}, "
                f"but the folder is called {folder.name!r}; make them equal"
            )

    @property
    def name(self) -> str:
        return self.description.name

    @property
    def hidden(self) -> Path:
        return self.folder / "hidden"

    @property
    def public(self) -> Path:
        return self.folder / "public"

    @property
    def probes(self) -> Path:
        return self.folder / "probes.py"

    @property
    def probe_files(self) -> dict[str, Path]:
        """The files of probes by what they are called behind the wall: `probes` for `probes.py`,
        `probes.stem` for each file of a folder `probes/`."""
        own = {"probes": self.probes} if self.probes.exists() else {}
        parts = sorted(self.probes.with_suffix("").glob("*.py"))
        return own | {f"probes.{path.stem}": path for path in parts}

    @property
    def adapters(self) -> Path:
        return self.folder / "adapters.py"

    @property
    def runs(self) -> Path:
        """The file, or the folder with one for each part."""
        return self._file_or_folder("runs")

    @property
    def measures(self) -> Path:
        """The file, or the folder with one for each part."""
        return self._file_or_folder("measures")

    def _file_or_folder(self, name: str) -> Path:
        file = self.folder / f"{name}.py"
        folder = self.folder / name
        return folder if folder.is_dir() and not file.exists() else file

    @property
    def trivial(self) -> Path:
        return self.folder / "trivial.py"

    @property
    def wrong_runs(self) -> Path:
        return self.folder / "wrong_runs"

    @property
    def right_runs(self) -> Path:
        return self.folder / "right_runs"

    @property
    def thresholds(self) -> Path:
        return self.folder / "thresholds.csv"

    @property
    def costs(self) -> Path:
        return self.folder / "costs.csv"

    def run(self, run_id: str) -> Run:
        """The run with this id.

        Raises:
            KeyError: there is none.
        """
        for run in self.description.runs:
            if run.id == run_id:
                return run
        raise KeyError(run_id)

    def question(self, question_id: str) -> Question:
        """The question with this id.

        Raises:
            KeyError: there is none.
        """
        for question in self.description.questions:
            if question.id == question_id:
                return question
        raise KeyError(question_id)

    @property
    def total_marks(self) -> float:
        return sum(q.marks for q in self.description.questions)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that decides a mark: a changed suite means marking again."""
        sha = hashlib.sha256()
        for root in (self.folder, self.reference):
            for path in self.content_of(root):
                sha.update(path.relative_to(root).as_posix().encode() + b"\0")
                sha.update(hashlib.sha256(path.read_bytes()).digest())
        return sha.hexdigest()

    @staticmethod
    def content_of(root: Path) -> list[Path]:
        """The files of the folder or the reference that may decide a mark, sorted.

        Caches of Python, mypy and ruff come and go without changing one.
        """
        return [
            path
            for path in sorted(root.rglob("*"))
            if path.is_file()
            and not any(
                part == "__pycache__" or part.startswith(".")
                for part in path.relative_to(root).parts
            )
        ]


def read_description(path: Path) -> Description:
    """Read and check one `assignment.toml`.

    Raises:
        AssignmentError: naming the file, the line, the key, what was found and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AssignmentError(f"{path}: there is no such file; an assignment needs one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{path}: cannot be read: {error}") from None
    try:
        raw = tomllib.loads(text)
    # Numbers of thousands of digits raise a plain ValueError, endless brackets the other.
    except (ValueError, RecursionError) as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else len(text.splitlines())
        raise AssignmentError(f"{path}:{line}: not valid TOML: {error}") from None
    try:
        return Description.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(path, text, dict(detail)) for detail in error.errors()]
        raise AssignmentError("\n".join(lines)) from None


def _explain(path: Path, text: str, detail: dict[str, object]) -> str:
    context = detail.get("ctx", {})
    assert isinstance(context, dict)
    location = context.get("at", detail["loc"])
    assert isinstance(location, tuple)
    key = "".join(f"[{k + 1}]" if isinstance(k, int) else f".{k}" for k in location).lstrip(".")
    where = f"{path}:{_line_of(text, location)}"
    if detail["type"] == "extra_forbidden":
        return f"{where}: {key}: no such key here; remove it or correct its spelling"
    if detail["type"] == "missing":
        return f"{where}: {key}: is missing"
    if detail["type"] == "inconsistent":
        return f"{where}: {key}: {detail['msg']}"
    return f"{where}: {key}: {detail['msg']}, got {_shown(detail['input'])}"


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):
        return "a number of thousands of digits, or something nested without end"


def _line_of(text: str, location: tuple[str | int, ...]) -> int:
    """Line (from 1) of the key at `location`, or of the nearest table above it.

    tomllib keeps no positions; headers are found by their order, which TOML guarantees.
    """
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    start = -1  # before the first line: keys of no table
    for depth, part in enumerate(location):
        if isinstance(part, int):
            continue
        following = location[depth + 1] if depth + 1 < len(location) else None
        index = following if isinstance(following, int) else 0
        header = re.compile(rf"\s*\[\[?\s*(?:[\w.]+\.)?{re.escape(part)}\s*\]\]?")
        headers = [n for n in heads if n > start and header.match(lines[n])]
        end = next((n for n in heads if n > start), len(lines))
        keys = [
            n
            for n in range(start + 1, end)
            if re.match(rf"\s*(?:[\w.]+\.)?{re.escape(part)}\s*=", lines[n])
        ]
        if keys:
            start = keys[0]
        elif len(headers) > index:
            start = headers[index]
    return max(start, 0) + 1


def _roots() -> list[tuple[Path, Path]]:
    """Pairs (assignments folder, reference folder), the first to be asked first.

    The current folder comes last: what lies there by chance must not replace an assignment.
    """
    package = Path(__file__).resolve().parent
    roots = [
        (package.parent / "assignments", package.parent / "reference"),
        (package / "bundled" / "assignments", package / "bundled" / "reference"),
        (Path.cwd() / "assignments", Path.cwd() / "reference"),
    ]
    extra = os.environ.get("GRADER_HOME")
    if extra:
        own = Path(extra) / "assignments"
        if not own.is_dir():
            raise AssignmentError(
                f"GRADER_HOME or --home is {extra!r}, but there is no folder {own}; let it name "
                "the folder that holds `assignments` and `reference`, or leave it out"
            )
        roots.insert(0, (own, Path(extra) / "reference"))
    return roots


def author_page() -> Path:
    """The page that says how an assignment is written."""
    package = Path(__file__).resolve().parent
    page = "docs/writing-an-assignment.md"
    bundled = package / "bundled" / page
    return bundled if bundled.is_file() else package.parent / page


def known_assignments() -> list[str]:
    """Names of the assignments that can be found, sorted.

    Raises:
        AssignmentError: `GRADER_HOME` names no folder of assignments.
    """
    names = {
        path.parent.name
        for assignments, _ in _roots()
        if assignments.is_dir()
        for path in assignments.glob("*/assignment.toml")
    }
    return sorted(names)


def find_assignment(name: str) -> Assignment:
    """The assignment of this name: from `GRADER_HOME`, the checkout or the installed package, or
    the current folder.

    Raises:
        AssignmentError: there is none, its `assignment.toml` is wrong, or `GRADER_HOME` is.
    """
    for assignments, reference in _roots():
        if (assignments / name / "assignment.toml").is_file():
            return Assignment(assignments / name, reference / name)
    known = ", ".join(known_assignments()) or "none"
    raise AssignmentError(f"there is no assignment {name!r}; known: {known}")
