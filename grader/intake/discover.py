"""Decides which paths of the command line hold which submissions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment, Description
from grader.intake.limits import IntakeError, Notes, shown
from grader.intake.listing import Child, Listing, contracts_under, listing_of
from grader.intake.locate import name_rank
from grader.intake.names import (
    handed_by,
    identifiers,
    is_archive,
    is_online_text,
    is_set_aside,
    without_suffix,
)
from grader.intake.tree import Candidate

Layout = Literal["auto", "single", "class"]

_Found = tuple[str, Path, tuple[str, ...]]

# So many folders and archives without any file of the assignment are a class all the same.
MANY = 10


def find_submissions(
    paths: Sequence[Path],
    assignment: Assignment,
    layout: Layout = "auto",
    out: Path | None = None,
) -> tuple[list[Candidate], list[str]]:
    """Find the submissions in what was given on the command line.

    A Python file or notebook is one submission. For a folder or archive, `layout` says what it is;
    "auto" decides by the first of these rules that applies:

    1. A child is named as Moodle, Canvas or Gradescope name them: a class.
    2. A file of the assignment lies directly in it: one submission.
    3. The same file of the assignment lies under two different children: a class. A flat folder
       of `.py` files counts likewise, by what they define. Folders called backup, old, template
       and the like do not count.
    4. All it holds is one folder: as for that folder; if a class lies in it, the class is meant.
    5. Files of the assignment were found: one submission.
    6. Two archives or more, or ten folders or more: a class. Else one submission.

    Of a class, every folder, archive, Python file and notebook directly in it is a submission;
    files that Canvas or Moodle name as one student's belong together. Other files, links and what
    Moodle calls onlinetext are passed over.

    Args:
        paths: files and folders.
        assignment: whose files are looked for.
        layout: "single" or "class" to say what every folder and archive is.
        out: where results go; what a class's folder holds there is nobody's submission.

    Returns:
        The candidates, in the order of `paths` and by name within a class, with unique ids; and
        notes on what was decided or passed over.

    Raises:
        IntakeError: a path is missing or cannot be read; the message names it.
    """
    notes = Notes()
    found: dict[tuple[Path, tuple[str, ...]], _Found] = {}
    for path in paths:
        for who, place, members in _in_path(path, assignment.about, layout, notes):
            key = (place.resolve(), members)
            if out is not None and place != path and place.resolve() == out.resolve():
                notes.add(f"{shown(str(place))}: results go there; passed over")
                continue
            if key in found:
                notes.add(f"{shown(str(place))}: was given twice; it counts once")
            found.setdefault(key, (who, place, members))
    ids = identifiers(who for who, _, _ in found.values())
    candidates = [
        Candidate(id, path, members)
        for id, (_, path, members) in zip(ids, found.values(), strict=True)
    ]
    return candidates, notes.texts


def _in_path(path: Path, about: Description, layout: Layout, notes: Notes) -> list[_Found]:
    if not path.exists():
        raise IntakeError(f"{shown(str(path))}: there is no such file or folder; check the path")
    name = path.resolve().name
    single: list[_Found] = [(_who(name), path, ())]
    if layout == "single" or not (path.is_dir() or is_archive(name)):
        return single
    inside: str | None = ""
    reason = ""
    looked = Notes()
    try:
        listing = listing_of(path, looked)
        if layout == "auto":
            inside, reason = _class_within(listing, about, "")
    except IntakeError as error:
        if path.is_dir():
            raise
        notes.add(str(error))
        return single  # so that it is reported as the submission that cannot be read
    if inside is None:
        notes.add(f"{shown(str(path))}: taken as one submission: {reason}")
        return single
    notes.extend(looked)
    if reason:
        notes.add(f"{shown(str(path))}: taken as a class: {reason}")
    groups = _groups(listing.children(inside), path, notes)
    if not groups:
        notes.add(f"{shown(str(path))}: no submissions in it")
    return [
        (who, path / members[0], ())
        if path.is_dir() and len(members) == 1
        else (who, path, tuple(members))
        for who, members in groups
    ]


def _class_within(listing: Listing, about: Description, inside: str) -> tuple[str | None, str]:
    """The folder whose children are a class's submissions, or None; and why."""
    children = [child for child in listing.children(inside) if child.may_be_submission]
    for child in children:
        if handed_by(child.name):
            return inside, f"{shown(child.name)} is named as learning platforms name submissions"
    for child in children:
        for source in about.files:
            if not child.is_folder and name_rank(child.name, source) is not None:
                return None, f"{shown(child.name)} lies directly in it"
    holder: dict[str, Child] = {}
    for child in children:
        if is_set_aside(child.name + "/"):
            continue
        for file in sorted(contracts_under(listing, child, about)):
            first = holder.setdefault(file, child)
            if first is not child:
                return inside, f"{file} is in {shown(first.name)} and in {shown(child.name)}"
    folders = [child for child in children if child.is_folder]
    if len(children) == len(folders) == 1:
        return _class_within(listing, about, folders[0].path)
    if holder:
        files = ", ".join(sorted(holder))
        remedy = "; if it is a class, give --layout class" if len(folders) > 1 else ""
        return None, f"no file is in it twice; {files} found{remedy}"
    archives = [child for child in children if is_archive(child.name)]
    if len(archives) >= 2:
        return inside, f"it holds {len(archives)} archives"
    if len(folders) >= MANY:
        return inside, f"it holds {len(folders)} folders"
    return None, "none of the assignment's files was found by name"


def _groups(children: Sequence[Child], path: Path, notes: Notes) -> list[tuple[str, list[str]]]:
    """Whose the submissions in a class are, and the paths that belong to each."""
    groups: list[tuple[str, list[str]]] = []
    in_parts: dict[str, list[str]] = {}
    for child in children:
        handed = handed_by(child.name)
        if is_online_text(child.name) or not (child.may_be_submission or handed):
            notes.add(f"{shown(str(path / child.path))}: is no submission; passed over")
        elif handed and handed.who in in_parts:
            in_parts[handed.who].append(child.path)
        else:
            groups.append((_who(child.name), [child.path]))
            if handed and handed.rest:
                in_parts[handed.who] = groups[-1][1]
    return groups


def _who(name: str) -> str:
    """Whose submission it is, or what to call it, by the name of a file or folder."""
    handed = handed_by(name)
    return handed.who if handed else without_suffix(name)
