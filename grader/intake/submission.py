"""Reads one submission: what goes behind the wall, and what a person should know about it."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.assignment import Assignment
from grader.intake.gathering import gathered
from grader.intake.limits import (
    MAX_COMPANIONS,
    MAX_FILES,
    MIB,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.locate import Choice, Files, all_contracts, locate
from grader.intake.names import UnsafeNameError, clean_path
from grader.intake.notebooks.cells import read_cells
from grader.intake.notebooks.magics import written_file
from grader.intake.notebooks.notebook import definitions
from grader.intake.notebooks.source import encoding_problem, outline
from grader.intake.notebooks.statements import cells_of
from grader.intake.rivals import rivals
from grader.intake.rules import Notebook, rule_findings
from grader.intake.suffixes import name_what_was_meant
from grader.intake.tree import LIMITS, Candidate, Tree, read_tree
from grader.results import RuleFinding, TakenFile

_SHOWN_LEFT_OUT = 8


@dataclass(frozen=True)
class Origin:
    """Where a module comes from, so that its definitions alone can be taken.

    Attributes:
        path: of the student's file.
        content: of that file.
        wanted: names that the contracts need of it.
        below: what was put below it.
    """

    path: str
    content: bytes
    wanted: frozenset[str]
    below: bytes = b""


@dataclass(frozen=True)
class Submission:
    """What one student handed in, read and sorted.

    Attributes:
        id: the candidate's id.
        source: the path that was given.
        digest: SHA-256 over the paths and contents of all files that were read. Packing the same
            files again, by whatever program, does not change it.
        files: what goes behind the wall, by relative path, where the student had it: each file of
            the assignment that was found, under its usual name, and all others that there is room
            for.
        modules: the path in `files` of each file of the assignment, by its name.
        handed_in: what a run may have left, by path: weights, arrays and claims.
        unread: paths of files whose kind is not read, e.g. pickles.
        taken: which file stands for which file of the assignment.
        rules: whether the course's rules for notebooks are kept.
        notes: what was decided, left out or odd.
        doubts: what a person should decide: two files of one name, a person found twice.
        origins: of each module of Python in `files`.
    """

    id: str
    source: Path
    digest: str
    files: Mapping[str, bytes]
    handed_in: Mapping[str, bytes]
    unread: Sequence[str]
    taken: list[TakenFile]
    rules: list[RuleFinding]
    notes: list[str]
    doubts: list[str]
    modules: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def definitions_of(self, name: str, attempt: int) -> Mapping[str, bytes]:
        """What to try where a file of the assignment cannot be imported as it was handed in.

        First the definitions of the file, and of those that it is gathered from, with what the
        contracts need executed. Then nothing is executed, and the student's other modules are read
        in the same way.

        Args:
            name: of the file.
            attempt: 1, or 2 for the second.

        Returns:
            Files to put in the place of some of `files`; none if there is nothing more to try.
        """
        place = self.modules.get(name)
        if place is None or place not in self.origins or attempt > 2:
            return {}
        needed = [place, *(p for p in self.origins if posixpath.basename(p).startswith("_from_"))]
        paths = needed if attempt == 1 else [*needed, *(p for p in self.origins if p not in needed)]
        texts = {}
        for path in paths:
            origin = self.origins[path]
            try:
                text = definitions(
                    origin.content, origin.path, Notes(), origin.wanted, execute=attempt == 1
                )
            except UnreadableEntryError:
                continue
            if text.strip():
                texts[path] = text + origin.below
        return (
            {}
            if place not in texts
            else {path: text for path, text in texts.items() if text != self.files[path]}
        )


def read_submission(candidate: Candidate, assignment: Assignment) -> Submission:
    """Read a candidate without running anything of it.

    A file with a syntax error is taken as it is: it fails where it is imported, and that is the
    student's to read.

    Raises:
        IntakeError: it cannot be read at all, or none of the assignment's files is in it. The
            message names the file and the remedy.
    """
    notes = Notes()
    for text in candidate.notes:
        notes.add(text)
    tree = read_tree(candidate, notes)
    name_what_was_meant(tree.files, assignment.description, notes)
    contracts = all_contracts(assignment.description)
    known = Files(tree.files, notes, contracts)
    choices = locate(tree.files, assignment.description, notes, known)
    if not any(choice.path for choice in choices):
        raise IntakeError(_nothing_found(candidate, assignment, tree, notes))
    for choice in choices:
        if choice.path is None or choice.content is None:
            notes.add(f"{choice.source.path}: not found in the submission")
        elif problem := encoding_problem(choice.content):
            notes.add(f"{shown(choice.path)}: {problem}")
    behind = _Behind(choices, known, tree.files, frozenset(c.split(".")[0] for c in contracts))
    behind.note_left_out(notes)
    return Submission(
        id=candidate.id,
        source=candidate.path,
        digest=_digest(tree.files),
        files=behind.files,
        handed_in={
            path: content
            for path, content in tree.files.items()
            if path.lower().endswith((".safetensors", ".npy", ".json"))
        },
        unread=(
            *tree.unread,
            *(p for p in tree.files if posixpath.splitext(p)[1].lower() not in LIMITS),
        ),
        taken=[choice.taken_file for choice in choices],
        rules=rule_findings(assignment.description.notebook_rules, _notebooks(choices, known)),
        notes=notes.texts,
        doubts=[*candidate.doubts, *rivals(choices, tree.files)],
        modules=behind.modules,
        origins=behind.origins,
    )


def _notebooks(choices: Sequence[Choice], known: Files) -> list[Notebook]:
    """The notebooks that were taken for a file, each once."""
    taken = {c.path for c in choices if c.content is not None and c.path is not None}
    return [
        Notebook(path, read_cells(known.source(path))) for path in sorted(taken & known.notebooks)
    ]


def _nothing_found(candidate: Candidate, assignment: Assignment, tree: Tree, notes: Notes) -> str:
    wanted = ", ".join(source.path for source in assignment.description.files)
    there = sorted([*tree.files, *tree.unread])
    holds = ", ".join(shown(path) for path in there[:8]) or "nothing that can be read"
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    # What became of single cells does not tell why no file was found, and what became of the whole
    # tells more than what became of one file.
    telling = [text for text in notes.texts if not re.search(r", cell \d", text)]
    telling.sort(key=lambda text: text.endswith("; left out"))
    about = "".join(f"; {text}" for text in telling[:5])
    return (
        f"{shown(candidate.path.name)}: holds none of {wanted}, but {holds}{more}{about}. "
        "If its files or functions have other names, rename them; else the right files have to be "
        "handed in again"
    )


def _digest(files: Mapping[str, bytes]) -> str:
    sha = hashlib.sha256()
    for path in sorted(files):
        for part in (path.encode(), files[path]):
            sha.update(hashlib.sha256(part).digest())
    return sha.hexdigest()


class _Behind:
    """What goes behind the wall: the taken files, and all others where the student had them."""

    def __init__(
        self,
        choices: Sequence[Choice],
        known: Files,
        tree: Mapping[str, bytes],
        wanted: frozenset[str],
    ) -> None:
        self._tree = tree
        self._known = known
        self._wanted = wanted
        self.files: dict[str, bytes] = {}
        self.modules: dict[str, str] = {}
        self.origins: dict[str, Origin] = {}
        self.left_out: dict[str, str] = {}
        for choice in choices:
            if choice.content is not None and choice.path is not None:
                self._add_taken(choice, choice.path, choice.content)
        self._room = MAX_FILES - sum(map(len, self.files.values()))
        self._count = 0
        ours = {path.lower() for path in self.files}
        self._ours = ours | {path.removesuffix(".py") for path in ours}
        self._add_written(choices)
        # Python files first, then the small ones: no data file may take the room of a module, nor
        # a large one that of many.
        for path in sorted(tree, key=lambda p: (not p.lower().endswith(".py"), len(tree[p]), p)):
            if path not in known.notebooks and not path.lower().endswith(".ipynb"):
                self._add(path, tree[path], path)
        self._add_imported_notebooks()
        self._without_common_folder()

    def _add_taken(self, choice: Choice, path: str, content: bytes) -> None:
        folder = posixpath.dirname(path)
        place = posixpath.join(folder, choice.source.path)
        below = gathered(folder, choice.parts)
        self.files[place] = content + below
        self.modules[choice.source.name] = place
        self.origins[place] = Origin(path, self._tree[path], self._wanted, below)
        for part in choice.parts:
            text = self._known.module(part.path)
            if text is not None:
                self.files[part.module] = text
                self.origins[part.module] = Origin(
                    part.path, self._tree[part.path], frozenset(part.names)
                )

    def _add(self, path: str, content: bytes, source: str) -> None:
        if path in self.files or any(self._hides(path)) or _is_in_the_way(path, self.files):
            return
        if len(content) > self._room or self._count == MAX_COMPANIONS:
            self.left_out[path] = (
                f"there is room for {MAX_COMPANIONS} files and {MAX_FILES // MIB} MiB"
            )
            return
        self.files[path] = content
        self._room -= len(content)
        self._count += 1
        if path.lower().endswith(".py"):
            # All that it defines, since nobody knows what the others need of it.
            self.origins[path] = Origin(source, self._tree[source], frozenset())

    def _hides(self, path: str) -> Iterable[bool]:
        """Would Python import it in the place of a taken file, or a folder that it is in?"""
        parts = path.lower().split("/")
        for depth in range(1, len(parts) + 1):
            yield "/".join(parts[:depth]) in self._ours

    def _add_written(self, choices: Sequence[Choice]) -> None:
        """The files that cells of the taken notebooks write with `%%writefile`."""
        for path in sorted({c.path for c in choices if c.path is not None}):
            if self._known.module(path) in (None, self._known.source(path)):
                continue
            texts: dict[str, str] = {}
            for cell in cells_of(self._known.source(path)):
                file = written_file(cell.source) if cell.is_code else None
                if file is not None:
                    before = texts.get(file.path, "") + "\n" if file.appends else ""
                    texts[file.path] = before + file.body
            for name, text in texts.items():
                try:
                    place = clean_path(posixpath.join(posixpath.dirname(path), name))
                except UnsafeNameError:
                    continue
                if place not in self._tree:
                    self._add(place, text.encode("utf-8", "replace"), path)

    def _add_imported_notebooks(self) -> None:
        """Other notebooks that something imports or runs, as the modules of their names."""
        for path in sorted(self._known.notebooks):
            stem = posixpath.splitext(posixpath.basename(self._known.spelled[path]))[0]
            used = re.compile(rb"\b(?:import|from)[ \t]+" + re.escape(stem.encode()) + rb"\b")
            if not stem.isidentifier() or not any(
                used.search(text) for place, text in self.files.items() if place in self.origins
            ):
                continue
            found = outline(self._known.module(path) or b"")
            names = {name.split(".")[0] for name in found.defined} if found else set()
            text = self._known.definitions(path, names, Notes())
            if text is not None:
                self._add(posixpath.join(posixpath.dirname(path), f"{stem}.py"), text, path)

    def _without_common_folder(self) -> None:
        """Leave out the folders around all of it, as platforms and archives put them there."""
        common = posixpath.commonpath([posixpath.dirname(path) for path in self.files])
        start = len(common) + 1 if common else 0
        self.files = {path[start:]: content for path, content in self.files.items()}
        self.modules = {name: path[start:] for name, path in self.modules.items()}
        self.origins = {path[start:]: origin for path, origin in self.origins.items()}

    def note_left_out(self, notes: Notes) -> None:
        if self.left_out:
            named = ", ".join(shown(path) for path in list(self.left_out)[:_SHOWN_LEFT_OUT])
            more = len(self.left_out) - _SHOWN_LEFT_OUT
            notes.add(
                f"{named}{f' and {more} more' if more > 0 else ''}: left out, so the code does not "
                f"find {'it' if len(self.left_out) == 1 else 'them'}; "
                f"{next(iter(self.left_out.values()))}"
            )


def _is_in_the_way(key: str, taken: Mapping[str, bytes]) -> bool:
    """Would the path have to be a file and a folder at once? Archives can say so."""
    parts = key.split("/")
    return any("/".join(parts[:n]) in taken for n in range(1, len(parts))) or any(
        other.startswith(key + "/") for other in taken
    )
