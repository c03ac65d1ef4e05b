"""Decides which paths of the command line hold which submissions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from grader.assignment import Assignment, Description
from grader.intake.limits import MAX_NESTED_DEPTH, IntakeError, Notes, shown
from grader.intake.listing import (
    Child,
    Listing,
    Looks,
    contracts_under,
    holds_classes,
    listing_of,
)
from grader.intake.locate import name_rank
from grader.intake.names import (
    Person,
    display_name,
    identifiers,
    is_archive,
    is_litter,
    is_set_aside,
    meant_name,
    spellings,
    without_suffix,
)
from grader.intake.people import Found, people_in
from grader.intake.platforms import handed_in_class
from grader.intake.tree import Candidate, is_archive_file

Layout = Literal["auto", "single", "class"]

# So many folders and archives without any file of the assignment are a class all the same.
MANY = 10
# What nbgrader keeps beside the folder with what was handed in.
_NBGRADER = {"source", "release", "autograded", "feedback"}


def find_submissions(
    paths: Sequence[Path],
    assignment: Assignment,
    layout: Layout = "auto",
    out: Path | None = None,
    known: Mapping[str, str] | None = None,
) -> tuple[list[Candidate], list[str]]:
    """Find the submissions in what was given on the command line.

    A Python file or notebook is one submission. For a folder or archive, `layout` says what it is;
    "auto" decides by the first of these rules that applies:

    1. A child is named as Moodle, Canvas, Blackboard, Brightspace or Gradescope name them, or holds
       nothing but such names, at whatever depth: a class.
    2. A file of the assignment lies directly in it: one submission.
    3. The same file of the assignment lies under two different children: a class. A flat folder
       of `.py` files counts likewise, by what they define. Folders called backup, old, template
       and the like do not count.
    4. All it holds is one folder: as for that folder; if a class lies in it, the class is meant.
    5. Files of the assignment were found: one submission.
    6. Two archives or more, or ten folders or more: a class. Else one submission.

    Of a class, whatever lies directly in it is a submission, readable or not, but for lists, pages
    and what tools leave behind. What platforms, or names such as `jane_gan.py` and `jane_vae.py`,
    say is one person's belongs together. An export of a platform in a class is a class in it.

    Args:
        paths: files and folders.
        assignment: whose files are looked for.
        layout: "single" or "class" to say what every folder and archive is.
        out: where results go; what a class's folder holds there is nobody's submission.
        known: the key of whoever had each id before.

    Returns:
        The candidates, in the order of `paths` and by name within a class, with unique ids; and
        notes: first how many people were found in which form, then what was decided or passed over.

    Raises:
        IntakeError: a path is missing or cannot be read; the message names it.
    """
    notes = Notes()
    found: dict[tuple[Path, tuple[str, ...], tuple[str, ...]], Found] = {}
    for path in paths:
        for one in _in_path(path, assignment.description, layout, notes):
            # A link is not what it leads to.
            place = one.path.parent.resolve() / one.path.name if one.problem else one.path.resolve()
            key = (place, one.within, one.members)
            if out is not None and one.path != path and place == out.resolve():
                notes.add(f"{shown(str(one.path))}: results go there; passed over")
                continue
            if key in found:
                notes.add(f"{shown(str(one.path))}: was given twice; it counts once")
            found.setdefault(key, one)
    people = _namesakes(_once(list(found.values()), notes))
    ids = identifiers([Person(one.who, one.key, one.place) for one in people], known)
    candidates = [one.candidate(id) for id, one in zip(ids, people, strict=True)]
    return candidates, [_counted(people), *notes.texts] if people else notes.texts


def _counted(people: Sequence[Found]) -> str:
    """How many people there are, and where they were found."""
    what = "submission" if any(p.handed and p.handed.team for p in people) else "student"
    counts = Counter((one.form, one.where) for one in people)
    listed = [
        f"{n} {'from ' + form + ' ' if form else ''}in {where}" if where else f"{n} given by path"
        for (form, where), n in counts.items()
    ]
    more = f" and {len(listed) - 8} more places" if len(listed) > 8 else ""
    plural = "" if len(people) == 1 else "s"
    return f"{len(people)} {what}{plural}: {', '.join(listed[:8])}{more}"


def _once(found: list[Found], notes: Notes) -> list[Found]:
    """Everybody once: whom a platform knows by one id is one person, in however many exports."""
    groups: dict[tuple[str, str], list[Found]] = {}
    for n, one in enumerate(found):
        known = one.handed is not None and bool(one.handed.person)
        groups.setdefault((one.key, "" if known else str(n)), []).append(one)
    result = []
    for same in groups.values():
        *older, newest = sorted(same, key=lambda one: one.age)
        if older:
            places = ", ".join(sorted({one.where for one in older}))
            text = (
                f"{newest.name}: is in {len(same)} exports; the newer files, in {newest.where}, "
                f"count, not those in {places}"
            )
            notes.add(text)
            newest = replace(newest, doubts=(*newest.doubts, text))
        result.append(newest)
    return result


def _namesakes(people: list[Found]) -> list[Found]:
    """Tell of people of one name whom no platform tells apart."""
    named: defaultdict[str, list[int]] = defaultdict(list)
    for n, one in enumerate(people):
        for spelling in spellings(one.name):
            named[spelling].append(n)
    others: defaultdict[int, set[int]] = defaultdict(set)
    for same in named.values():
        for n in same[:20]:
            others[n] |= {m for m in same[:20] if m != n and not _told_apart(people[n], people[m])}
    return [
        replace(one, doubts=(*one.doubts, *(_may_be(people[m]) for m in sorted(others[n])[:3])))
        for n, one in enumerate(people)
    ]


def _may_be(other: Found) -> str:
    return f"May be the same person as {other.name} in {other.where or other.path}"


def _told_apart(one: Found, other: Found) -> bool:
    """Does a platform know the two by different ids?"""
    return (
        one.handed is not None
        and other.handed is not None
        and one.handed.platform == other.handed.platform
        and one.key != other.key
    )


def _in_path(path: Path, description: Description, layout: Layout, notes: Notes) -> list[Found]:
    if not path.exists():
        raise IntakeError(f"{shown(str(path))}: there is no such file or folder; check the path")
    name = path.resolve().name
    who = without_suffix(meant_name(name))
    named = handed_in_class([name]).get(name)
    single = [Found(named.who if named else who, display_name(named.name if named else who), path)]
    if layout == "single" or not (path.is_dir() or is_archive_file(path)):
        return single
    inside: str | None = ""
    reason = ""
    looked, looks = Notes(), Looks()
    try:
        listing = listing_of(path, looked)
        if layout == "auto":
            inside, reason = _class_within(listing, description, "", looks)
            if inside is None and (opened := _class_in_archive(listing, description, looks)):
                listing, inside, reason = opened
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
    people = people_in(listing, inside, description, notes, looks)
    if looks.unseen:
        notes.add(
            f"{shown(str(path))}: {len(looks.unseen)} archives in it, {shown(looks.unseen[0])} the "
            "first, were too large to look into, and each counts as one submission; if one of them "
            f"is a class, unpack {shown(path.name)} and give the folder"
        )
    if not people:
        notes.add(f"{shown(str(path))}: no submissions in it")
    return people


def _class_in_archive(
    listing: Listing, description: Description, looks: Looks, depth: int = 0
) -> tuple[Listing, str, str] | None:
    """The class in the only archive that a folder holds, and why it is one; None if it is not."""
    inside = ""
    while len(only := _candidates(listing.children(inside))) == 1 and only[0].is_folder:
        inside = only[0].path
    if len(only) != 1 or not is_archive(only[0].name) or depth == MAX_NESTED_DEPTH:
        return None
    try:
        opened = listing.opened(only[0])
        place, reason = _class_within(opened, description, "", looks)
    except IntakeError:
        return None  # reported as the submission that cannot be read
    if place is None:
        return _class_in_archive(opened, description, looks, depth + 1)
    return opened, place, f"in {shown(only[0].name)} {reason}"


def _candidates(children: Sequence[Child]) -> list[Child]:
    """Children that may be a submission each."""
    return [c for c in children if c.may_be_submission and not is_litter(c.name)]


def _class_within(
    listing: Listing, description: Description, inside: str, looks: Looks
) -> tuple[str | None, str]:
    """The folder whose children are a class's submissions, or None; and why."""
    everything = listing.children(inside)
    children = _candidates(everything)
    if named := handed_in_class(child.name for child in everything):
        first = shown(next(iter(named)))
        return inside, f"{first} is named as learning platforms name submissions"
    for child in children:
        for source in description.files:
            if not child.is_folder and name_rank(meant_name(child.name), source) is not None:
                return None, f"{shown(child.name)} lies directly in it"
    for child in children:
        if holds_classes(listing, child, looks):
            return inside, f"{shown(child.name)} holds what a learning platform gave out"
    submitted = next((c for c in children if c.is_folder and c.name == "submitted"), None)
    if submitted and {c.name for c in children if c.is_folder} <= {"submitted", *_NBGRADER}:
        return submitted.path, "submitted is where nbgrader keeps what was handed in"
    holder: dict[str, Child] = {}
    for child in children:
        if is_set_aside(child.name + "/"):
            continue
        for file in sorted(contracts_under(listing, child, description)):
            first_child = holder.setdefault(file, child)
            if first_child is not child:
                return inside, f"{file} is in {shown(first_child.name)} and in {shown(child.name)}"
    folders = [child for child in children if child.is_folder]
    if len(children) == len(folders) == 1:
        return _class_within(listing, description, folders[0].path, looks)
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
