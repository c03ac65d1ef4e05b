"""Finds, among a submission's files, the one that stands for each file of the assignment."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from grader.assignment import Description, SourceFile
from grader.intake.cells import exported_cells
from grader.intake.limits import MAX_PARSED_TOTAL, Notes, UnreadableEntryError, shown
from grader.intake.names import is_set_aside, is_source, renamed_from
from grader.intake.notebook import definitions
from grader.intake.source import Outline, outline
from grader.results import TakenFile


@dataclass(frozen=True)
class Choice:
    """The file taken for one file of the assignment; `path` and `content` are None if none was."""

    source: SourceFile
    path: str | None
    content: bytes | None
    others: Sequence[str]

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


def overlap(found: Outline | None, wanted: frozenset[str]) -> int:
    """How many of the top-level names of the contracts a file defines."""
    if found is None:
        return 0
    return len({name.split(".")[0] for name in wanted} & found.defined)


class _Files:
    """The Python files and notebooks of a submission with what they define, found when asked."""

    def __init__(
        self, files: Mapping[str, bytes], notes: Notes, contracts: Collection[str]
    ) -> None:
        self._files = files
        self._wanted = {contract.split(".")[0] for contract in contracts}
        self._notes = notes
        self._modules: dict[str, bytes | None] = {}
        self._outlines: dict[str, Outline | None] = {}
        self._to_parse = MAX_PARSED_TOTAL
        self.sources = sorted(path for path in files if is_source(path))
        self.notebooks = {path for path in self.sources if path.lower().endswith(".ipynb")}

    def module(self, path: str) -> bytes | None:
        """The source text; a notebook's definitions, or None if it cannot be read."""
        if path not in self._modules:
            if path not in self.notebooks and not exported_cells(self._files[path]):
                self._modules[path] = self._files[path]
                return self._files[path]
            try:
                self._modules[path] = definitions(
                    self._files[path], path, self._notes, self._wanted
                )
            except UnreadableEntryError as error:
                self._notes.add(f"{shown(path)}: {error}; left out")
                self._modules[path] = None
        return self._modules[path]

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


def locate(files: Mapping[str, bytes], description: Description, notes: Notes) -> list[Choice]:
    """Choose a file for each file of the assignment.

    By name first. Of several, in this order of importance: one that somebody has begun to fill in,
    one that is not in a folder for backups, old versions or templates, a `.py` over a notebook, a
    name that no download has changed, the usual name over an alias, the shallowest, the first by
    path. Where no `.py` of that name is begun, the file or notebook that defines most of the
    contracts is taken, whatever its name. A note tells of every choice that was not plain.
    """
    contracts = {c for source in description.files for c in contracts_in(source, description)}
    known = _Files(files, notes, contracts)
    choices = [
        _choose(source, contracts_in(source, description), known, notes)
        for source in description.files
    ]
    if not all(choice.path for choice in choices):
        _note_strangers(known, choices, notes)
    return choices


def _note_strangers(known: _Files, choices: Sequence[Choice], notes: Notes) -> None:
    """Tell of notebooks, or where nothing was taken of any files, that define other names."""
    taken = {path for choice in choices for path in (choice.path, *choice.others)}
    for path in known.sources:
        found = known.outline(path)
        if path in taken or found is None or (any(taken - {None}) and path not in known.notebooks):
            continue
        names = sorted(name for name in found.defined if "." not in name)
        some = ", ".join(shown(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
        notes.add(
            f"{shown(path)}: defines {some or 'no function or class'}"
            + ("" if not names else ", and none of the names that are asked for")
        )


def _choose(source: SourceFile, wanted: frozenset[str], known: _Files, notes: Notes) -> Choice:
    named = {path: rank for path in known.sources if (rank := name_rank(path, source)) is not None}

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
