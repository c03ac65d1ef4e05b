"""Reads one submission: what goes behind the wall, and what a person should know about it."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment
from grader.intake.cells import read_cells
from grader.intake.limits import MAX_COMPANIONS, MAX_FILES, MIB, IntakeError, Notes, shown
from grader.intake.locate import Choice, locate
from grader.intake.rivals import rivals
from grader.intake.rules import Notebook, rule_findings
from grader.intake.source import encoding_problem
from grader.intake.suffixes import name_what_was_meant
from grader.intake.tree import Candidate, Tree, read_tree
from grader.results import RuleFinding, TakenFile


@dataclass(frozen=True)
class Submission:
    """What one student handed in, read and sorted.

    Attributes:
        id: the candidate's id.
        source: the path that was given.
        digest: SHA-256 over the paths and contents of all files that were read. Packing the same
            files again, by whatever program, does not change it.
        files: what goes behind the wall, by relative path: each file of the assignment that was
            found, under its usual name, and what lies beside them.
        handed_in: what a run may have left, by path: weights, arrays and claims.
        unread: paths of files whose kind is not read, e.g. pickles.
        taken: which file stands for which file of the assignment.
        rules: whether the course's rules for notebooks are kept.
        notes: what was decided, left out or odd.
        doubts: what a person should decide: two files of one name, a person found twice.
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
    name_what_was_meant(tree.files, assignment.about, notes)
    choices = locate(tree.files, assignment.about, notes)
    if not any(choice.path for choice in choices):
        raise IntakeError(_nothing_found(candidate, assignment, tree, notes))
    for choice in choices:
        if choice.path is None or choice.content is None:
            notes.add(f"{choice.source.path}: not found in the submission")
        elif problem := encoding_problem(choice.content):
            notes.add(f"{shown(choice.path)}: {problem}")
    return Submission(
        id=candidate.id,
        source=candidate.path,
        digest=_digest(tree.files),
        files=_behind_the_wall(choices, tree.files, notes),
        handed_in={
            path: content
            for path, content in tree.files.items()
            if path.lower().endswith((".safetensors", ".npy", ".json"))
        },
        unread=tuple(tree.unread),
        taken=[choice.taken_file for choice in choices],
        rules=rule_findings(assignment.about.notebook_rules, _notebooks(choices, tree.files)),
        notes=notes.texts,
        doubts=[*candidate.doubts, *rivals(choices, tree.files)],
    )


def _notebooks(choices: Sequence[Choice], files: Mapping[str, bytes]) -> list[Notebook]:
    """The notebooks that were taken for a file, each once."""
    taken = {c.path for c in choices if c.content is not None and c.path is not None}
    return [
        Notebook(path, read_cells(files[path]))
        for path in sorted(taken)
        if path.lower().endswith(".ipynb")
    ]


def _nothing_found(candidate: Candidate, assignment: Assignment, tree: Tree, notes: Notes) -> str:
    wanted = ", ".join(source.path for source in assignment.about.files)
    there = sorted([*tree.files, *tree.unread])
    holds = ", ".join(shown(path) for path in there[:8]) or "nothing that can be read"
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    # What became of single cells does not tell why no file was found.
    telling = [text for text in notes.texts if ": code cell " not in text]
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


def _behind_the_wall(
    choices: Sequence[Choice], files: Mapping[str, bytes], notes: Notes
) -> dict[str, bytes]:
    """The taken files under their usual names, then their companions as far as there is room."""
    result: dict[str, bytes] = {}
    for choice in choices:
        if choice.content is not None:
            result[choice.source.path] = choice.content
    # A module, and a folder that Python would import in its place.
    ours = {choice.source.path.lower() for choice in choices}
    ours |= {posixpath.splitext(path)[0] for path in ours}
    folders = [posixpath.dirname(choice.path) for choice in choices if choice.path is not None]
    room = MAX_FILES - sum(len(content) for content in result.values())
    count = left_out = 0
    # Python files first: a data file must not take the room of a module. A taken file of another
    # name comes along under that name too, since the student's other modules import it so.
    for path in sorted(files, key=lambda path: (not path.lower().endswith(".py"), path)):
        home = _home(path, folders)
        if home is None or path.lower().endswith((".ipynb", ".safetensors")):
            continue
        key = path[len(home) + 1 :] if home else path
        if key.split("/")[0].lower() in ours:
            continue
        if key in result:
            if result[key] != files[path]:
                notes.add(
                    f"{shown(path)}: another file of that name lies beside another of the taken "
                    "files; the first by path counts for all of them"
                )
            continue
        if len(files[path]) > room or count == MAX_COMPANIONS or _is_in_the_way(key, result):
            left_out += 1
            continue
        result[key] = files[path]
        room -= len(files[path])
        count += 1
    if left_out:
        notes.add(
            f"{left_out} files beside the taken ones were left out; there is room for "
            f"{MAX_COMPANIONS} files and {MAX_FILES // MIB} MiB"
        )
    return result


def _is_in_the_way(key: str, taken: Mapping[str, bytes]) -> bool:
    """Would the path have to be a file and a folder at once? Archives can say so."""
    parts = key.split("/")
    return any("/".join(parts[:n]) in taken for n in range(1, len(parts))) or any(
        other.startswith(key + "/") for other in taken
    )


def _home(path: str, folders: Sequence[str]) -> str | None:
    """The innermost of the folders that holds the path; None if none does."""
    homes = [folder for folder in folders if not folder or path.startswith(folder + "/")]
    return max(homes, key=len, default=None)
