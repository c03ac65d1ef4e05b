"""Finds, among a submission's files, the one that stands for each file of the assignment."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from grader.assignment import Description, SourceFile
from grader.intake.gathering import Part
from grader.intake.limits import MAX_PARSED_TOTAL, Notes, UnreadableEntryError, shown
from grader.intake.names import is_set_aside, is_source, renamed_from
from grader.intake.notebooks.cells import exported_cells, is_notebook
from grader.intake.notebooks.notebook import definitions
from grader.intake.notebooks.source import Outline, outline, parse
from grader.results import TakenFile


@dataclass(frozen=True)
class Choice:
    """The file taken for one file of the assignment; `path` and `content` are None if none was.

    Attributes:
        others: candidates that were not taken.
        parts: what is taken from other files besides.
    """

    source: SourceFile
    path: str | None
    content: bytes | None
    others: Sequence[str]
    parts: Sequence[Part] = ()

    @property
    def taken_file(self) -> TakenFile:
        return TakenFile(name=self.source.name, taken=self.path, others=list(self.others))


def name_rank(path: str, source: SourceFile) -> tuple[int, int] | None:
    """How well a file's name fits, smaller is better; None if it does not.

    A name fits in whatever case, as the notebook of the same name, and with what a download or
    file manager appended ("gan (1).py", "gan - Copy.py", Canvas's "gan-1.py").

    Returns:
        Whether it was renamed, and the place among the accepted names.
    """
    name = posixpath.basename(path)
    for renamed, spelling in enumerate((name.lower(), renamed_from(name))):
        for place, accepted in enumerate(source.accepted_names):
            accepted = accepted.lower()
            if spelling in (accepted, posixpath.splitext(accepted)[0] + ".ipynb"):
                return renamed, place
    return None


def contracts_in(source: SourceFile, description: Description) -> frozenset[str]:
    """Qualified names inside the file of all contracts that the questions have there."""
    prefix = source.name + "."
    return frozenset(
        contract.removeprefix(prefix)
        for question in description.questions
        for contract in question.contracts
        if contract.startswith(prefix)
    )


def all_contracts(description: Description) -> frozenset[str]:
    """Those of every file."""
    return frozenset(c for f in description.files for c in contracts_in(f, description))


def overlap(found: Outline | None, wanted: frozenset[str]) -> int:
    """How many of the top-level names of the contracts a file defines."""
    if found is None:
        return 0
    return len({name.split(".")[0] for name in wanted} & found.defined)


def spelled(path: str, content: bytes) -> str:
    """The path as it should have been: with the suffix of what is in the file."""
    stem, suffix = posixpath.splitext(path)
    inner = posixpath.splitext(stem)[1].lower()
    if suffix.lower() in (".txt", ".json") and inner in (".ipynb", ".py"):
        return stem
    if suffix.lower() == ".json" and is_notebook(content):
        return stem + ".ipynb"
    return path


class Files:
    """The Python files and notebooks of a submission with what they define, found when asked.

    Args:
        files: the submission.
        notes: told of what is left out of notebooks.
        contracts: the assignment's, without the names of files.
    """

    def __init__(
        self, files: Mapping[str, bytes], notes: Notes, contracts: Collection[str]
    ) -> None:
        self._files = files
        self._wanted = {contract.split(".")[0] for contract in contracts}
        self._notes = notes
        self._modules: dict[str, bytes | None] = {}
        self._outlines: dict[str, Outline | None] = {}
        self._to_parse = MAX_PARSED_TOTAL
        self.spelled = {path: spelled(path, content) for path, content in files.items()}
        self.sources = sorted(path for path in files if is_source(self.spelled[path]))
        self.notebooks = {
            path
            for path in self.sources
            if is_notebook(files[path])
            or (path.lower().endswith(".ipynb") and parse(files[path]) is None)
        }

    def module(self, path: str) -> bytes | None:
        """The source text; a notebook's definitions, or None if it cannot be read."""
        if path not in self._modules:
            if path not in self.notebooks and not exported_cells(self._files[path]):
                self._modules[path] = self._files[path]
                return self._files[path]
            self._modules[path] = self.definitions(path, self._wanted, self._notes)
        return self._modules[path]

    def definitions(
        self, path: str, wanted: Collection[str], notes: Notes, execute: bool = True
    ) -> bytes | None:
        """What a file defines, of whatever kind it is; None if it cannot be read."""
        try:
            return definitions(self._files[path], path, notes, wanted, execute)
        except UnreadableEntryError as error:
            notes.add(f"{shown(path)}: {error}; left out")
            return None

    def source(self, path: str) -> bytes:
        """The file as it was handed in."""
        return self._files[path]

    def outline(self, path: str) -> Outline | None:
        """What the file defines; None if it cannot be told."""
        if path not in self._outlines:
            content = self.module(path)
            if content is not None and len(content) <= self._to_parse:
                self._to_parse -= len(content)
                self._outlines[path] = outline(content)
            else:
                self._outlines[path] = None
        return self._outlines[path]


def locate(
    files: Mapping[str, bytes],
    description: Description,
    notes: Notes,
    known: Files | None = None,
) -> list[Choice]:
    """Choose a file for each file of the assignment.

    By name first. Of several, in this order of importance: one that somebody has begun to fill in,
    one that is not in a folder for backups, old versions or templates, a `.py` over a notebook, a
    name that no download has changed, the usual name over an alias, the shallowest, the first by
    path. Where no `.py` of that name is begun, the file or notebook that defines most of the
    contracts is taken, whatever its name. A note tells of every choice that was not plain.
    """
    contracts = all_contracts(description)
    known = known or Files(files, notes, contracts)
    choices = []
    for source in description.files:
        wanted = contracts_in(source, description)
        choice = _choose(source, wanted, known, notes)
        choices.append(_with_parts(choice, wanted, known, notes))
    if not all(choice.path for choice in choices):
        _note_strangers(known, choices, {c.split(".")[0] for c in contracts}, notes)
    return choices


def _note_strangers(
    known: Files, choices: Sequence[Choice], wanted: Collection[str], notes: Notes
) -> None:
    """Tell of notebooks, or where nothing was taken of any files, that define other names."""
    taken = {path for choice in choices for path in (choice.path, *choice.others)}
    taken |= {part.path for choice in choices for part in choice.parts}
    for path in known.sources:
        found = known.outline(path)
        if path in taken or found is None or (any(taken - {None}) and path not in known.notebooks):
            continue
        names = sorted(name for name in found.defined if "." not in name)
        some = ", ".join(shown(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
        if not names:
            notes.add(f"{shown(path)}: defines no function or class")
        elif asked := sorted(found.defined & set(wanted)):
            notes.add(
                f"{shown(path)}: defines {shown(', '.join(asked))}, taken from elsewhere instead"
            )
        else:
            notes.add(f"{shown(path)}: defines {some}, and none of the names that are asked for")


def _completeness(found: Outline | None, name: str, wanted: Collection[str]) -> int:
    """Of a function or class: 0, not defined; 1, defined as in the template; 2, filled in."""
    if found is None or name not in found.defined:
        return 0
    methods = [c for c in wanted if c.startswith(name + ".")] or [
        n for n in found.defined if n.startswith(name + ".")
    ]
    asked = methods or [name]
    is_class = name not in found.functions
    return 2 if found.written & {name, *asked} or (is_class and not methods) else 1


def _with_parts(choice: Choice, wanted: Collection[str], known: Files, notes: Notes) -> Choice:
    """The choice with what it lacks and other files have: what is filled in before what is not."""
    own = known.outline(choice.path) if choice.path is not None else None
    if choice.path is None or own is None:
        return choice
    parts: dict[str, dict[str, bool]] = {}
    for name in sorted({contract.split(".")[0] for contract in wanted}):
        here = _completeness(own, name, wanted)
        if here == 2 or (not here and name in own.bound):
            continue
        for path in sorted(known.sources, key=lambda p: (is_set_aside(p), p.count("/"), p)):
            if path != choice.path and _completeness(known.outline(path), name, wanted) == 2:
                parts.setdefault(path, {})[name] = here > 0
                break
    for path, names in parts.items():
        notes.add(
            f"{choice.source.path}: {', '.join(names)} taken from {shown(path)}, since "
            f"{shown(choice.path)} does not have {'it' if len(names) == 1 else 'them'} filled in"
        )
    return replace(choice, parts=[Part(path, names) for path, names in parts.items()])


def _choose(source: SourceFile, wanted: frozenset[str], known: Files, notes: Notes) -> Choice:
    named = {
        path: rank
        for path in known.sources
        if (rank := name_rank(known.spelled[path], source)) is not None
    }

    def is_begun(path: str) -> bool:
        found = known.outline(path)
        return found is None or not wanted or bool(found.written & wanted)

    candidates = [path for path in named if path not in known.notebooks]
    if any(is_begun(path) for path in candidates):
        passed_over = [path for path in named if path in known.notebooks]
    else:
        passed_over = []
        counts = {
            path: overlap(known.outline(path), wanted)
            for path in known.sources
            if path not in candidates
        }
        most = max(counts.values(), default=0)
        candidates += [
            path
            for path, count in counts.items()
            if count and (path in named or count == most) and (not candidates or is_begun(path))
        ]
    if not candidates:
        return Choice(source, None, None, ())

    def order(path: str) -> tuple[object, ...]:
        return (
            not is_begun(path),
            is_set_aside(path),
            path not in named,
            path in known.notebooks,
            named.get(path, (0, 0)),
            posixpath.basename(path) not in source.accepted_names,  # but for its case
            path.count("/"),
            path,
        )

    best, *others = [*sorted(candidates, key=order), *passed_over]
    if best not in named:
        notes.add(
            f"{source.path}: no file of that name is filled in; {shown(best)} was taken for it, "
            "since it defines the same names"
        )
    elif posixpath.basename(best) not in source.accepted_names and best not in known.notebooks:
        notes.add(f"{source.path}: {shown(best)} was taken for it")
    if best != known.spelled[best] or (best in known.notebooks and best.lower().endswith(".py")):
        kind = "notebook" if best in known.notebooks else "Python file"
        notes.add(f"{shown(best)}: is a {kind}, whatever its name says")
    if best in known.notebooks:
        notes.add(f"{shown(best)}: a notebook; its definitions were taken, nothing else is run")
    elif known.module(best) is not known.source(best):
        notes.add(
            f"{shown(best)}: a notebook that was exported to Python; its definitions were taken, "
            "nothing else is run"
        )
    if others:
        notes.add(
            f"{source.path}: {shown(best)} was taken, not {', '.join(shown(o) for o in others[:5])}"
            + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        )
    return Choice(source, best, known.module(best), others)
