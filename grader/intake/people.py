"""Whose is what in a class: one entry for each person, whatever the class holds of them."""

from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Description
from grader.intake.limits import (
    MAX_COMPANION,
    IntakeError,
    Notes,
    UnreadableEntryError,
    shown,
)
from grader.intake.listing import Child, Listing, Looks, holds_classes
from grader.intake.names import (
    display_name,
    is_litter,
    is_source,
    meant_name,
    without_suffix,
)
from grader.intake.platforms import (
    METADATA,
    Named,
    handed_in_class,
    moment,
    submitters,
    uploaded_as,
)
from grader.intake.tree import Candidate
from grader.results import Handed

_ONLY_TEXT = "only a text in the platform's own form was handed in, and no file"
# What comes before or after a file's name and names nobody: jane_gan.py, but final_gan.py.
_NOBODY = re.compile(
    r"(?i)(?:v|ver|version|rev|copy|draft|attempt|part|q|question|task|hw|assignment)?[ _-]?\d*"
    r"|final|old|new|my|the|test|tests|solution|answer|submission|template|starter|backup|bak|orig"
    r"|original|fixed|updated|latest|notebook|code|copy of|student|main|train|run|utils?|base"
)
_FORMS = {
    "moodle": "Moodle",
    "canvas": "Canvas",
    "blackboard": "Blackboard",
    "brightspace": "Brightspace",
    "gradescope": "Gradescope",
}


@dataclass(frozen=True)
class Found:
    """One person's submission, before it has an id; the rest is as in `Candidate`.

    Attributes:
        who: what to make the id of.
        name: to be shown.
        where: the class in which it was found, to be shown.
        age: larger is newer; compares what one platform gave out of one person.
    """

    who: str
    name: str
    path: Path
    members: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    own_names: tuple[str, ...] = ()
    handed: Handed | None = None
    where: str = ""
    age: tuple[str, int, int, str] = ("", 0, 0, "")
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    problem: str = ""

    @property
    def key(self) -> str:
        """What the person is known by when the class is given again."""
        if self.handed is None:
            return unicodedata.normalize("NFC", self.who)
        return f"{self.handed.platform}:{self.handed.person or self.who}"

    @property
    def place(self) -> str:
        return "/".join((self.where, self.path.name, *self.members))

    @property
    def form(self) -> str:
        """The platform's name, to be shown."""
        return _FORMS[self.handed.platform] if self.handed else ""

    def candidate(self, id: str) -> Candidate:
        return Candidate(
            id,
            self.path,
            self.members,
            self.within,
            self.own_names,
            self.name,
            self.handed,
            self.key,
            self.notes,
            self.doubts,
            self.problem,
            in_class=bool(self.where),
        )


def people_in(
    listing: Listing,
    inside: str,
    description: Description,
    notes: Notes,
    looks: Looks,
    root: Path | None = None,
) -> list[Found]:
    """Everybody in a class, those in the exports that it holds included.

    Args:
        listing: the folder or archive.
        inside: the folder in it whose children are the class.
        description: whose files tell how a flat folder is named.
        notes: told of what is nobody's.
        looks: how much may be looked at.
        root: the path that was given, if the class lies in another.
    """
    root = root or listing.path
    children = listing.children(inside)
    named = handed_in_class(child.name for child in children)
    flat = flat_names(
        [c.name for c in children if not c.is_folder and c.name not in named], description
    )
    groups: dict[object, list[Child]] = {}
    for child in children:
        if child.name in named:
            groups.setdefault(named[child.name].key, []).append(child)
        elif child.name in flat:
            groups.setdefault(flat[child.name][0].casefold(), []).append(child)
        else:
            groups[child] = [child]
    place = _Place(listing, inside, root, _names_of(listing, children))
    found: list[Found] = []
    for mine in groups.values():
        first = mine[0]
        if first.name in named:
            found.append(place.of_platform([(c, named[c.name]) for c in mine]))
        elif first.name in flat:
            found.append(place.of(mine, flat[first.name][0], [flat[c.name][1] for c in mine]))
        elif is_litter(first.name) or _is_beside(first, children):
            notes.add(f"{shown(str(listing.path / first.path))}: is not a submission; passed over")
        elif holds_classes(listing, first, looks):
            inner = listing if first.is_folder else listing.opened(first)
            deeper = first.path if first.is_folder else ""
            found += people_in(inner, deeper, description, notes, looks, root)
        else:
            found.append(place.of(mine, without_suffix(meant_name(first.name)), [""]))
    return found


def flat_names(names: Sequence[str], description: Description) -> dict[str, tuple[str, str]]:
    """Whose each file of a flat folder is, and the student's own name for it.

    A person is what several names have in common before or after the name of a file of the
    assignment: `jane_gan.py`, `jane_vae.py`, and so `jane_helpers.py`. Files that name nobody are
    left out; so are all if they name only one person once.
    """
    accepted = {
        posixpath.splitext(name)[0].lower()
        for source in description.files
        for name in source.accepted_names
    }
    stems = "|".join(re.escape(stem) for stem in sorted(accepted, key=len, reverse=True))
    before = re.compile(rf"(?i)(?P<who>.+?)[ _.-]+(?P<stem>(?:{stems})(?: ?\(\d+\)|-\d{{1,2}})?)")
    after = re.compile(rf"(?i)(?P<stem>{stems})[ _.-]+(?P<who>.+)")
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        stem, suffix = posixpath.splitext(meant_name(name))
        if not is_source(suffix):
            continue
        match = before.fullmatch(stem) or after.fullmatch(stem)
        if match and not _NOBODY.fullmatch(match["who"]):
            found[name] = (match["who"], match["stem"] + suffix)
    people = sorted({who for who, _ in found.values()}, key=len, reverse=True)
    if len(people) < 2 and len(found) < 2:
        return {}
    for name in names:
        if name not in found:
            for who in people:
                if own := _beside(name, who):
                    found[name] = (who, own)
                    break
    return found


def _beside(name: str, who: str) -> str:
    """What a person called a file whose name has theirs before or after it; empty if it has not."""
    if match := re.fullmatch(rf"(?i){re.escape(who)}[ _.-]+(.+\..+)", name):
        return match[1]
    if match := re.fullmatch(rf"(?i)(.+?)[ _-]+{re.escape(who)}(\.[^.]+)", name):
        return match[1] + match[2]
    return ""


def _is_beside(child: Child, children: Sequence[Child]) -> bool:
    """Is it a document with the name of somebody's folder, archive or Python file?"""
    stem = posixpath.splitext(child.name)[0].casefold()
    return (
        not child.may_be_submission
        and not child.problem
        and any(c.may_be_submission and without_suffix(c.name).casefold() == stem for c in children)
    )


def _names_of(listing: Listing, children: Sequence[Child]) -> dict[str, list[tuple[str, str]]]:
    """Who submitted what, if Gradescope's file about that is there and can be read."""
    for child in children:
        if child.name == METADATA and not child.is_folder:
            try:
                content = next(listing.entries(child)).read(MAX_COMPANION)
            except (UnreadableEntryError, IntakeError, StopIteration):
                return {}
            return submitters(content.decode("utf-8", "replace"))
    return {}


class _Place:
    """A class's folder, and how what lies in it becomes people."""

    def __init__(
        self,
        listing: Listing,
        inside: str,
        root: Path,
        names: dict[str, list[tuple[str, str]]],
    ) -> None:
        self._listing = listing
        self._names = names
        below = listing.path.relative_to(root).as_posix()
        parts = ("" if below == "." else below, *listing.within, inside)
        self._where = "/".join(part for part in parts if part) or root.resolve().name
        self._on_disk = listing.path.is_dir()

    def of(
        self,
        children: Sequence[Child],
        who: str,
        own_names: Sequence[str],
        *,
        name: str = "",
        handed: Handed | None = None,
        age: tuple[str, int] = ("", 0),
        notes: Sequence[str] = (),
        doubts: Sequence[str] = (),
        problem: str = "",
    ) -> Found:
        """One person's children of the class."""
        first = children[0]
        alone = self._on_disk and len(children) == 1
        listing = self._listing
        if not problem and all(child.problem for child in children):
            problem = first.problem
        return Found(
            who=os.fsencode(who).decode(errors="replace"),
            name=display_name(name or who),
            path=listing.path / first.path if alone else listing.path,
            members=() if alone else tuple(child.path for child in children),
            within=listing.within,
            own_names=tuple(own_names),
            handed=handed,
            where=shown(self._where),
            age=(*age, listing.path.stat().st_mtime_ns, self._where),
            notes=tuple(notes),
            doubts=tuple(doubts),
            problem=problem,
        )

    def of_platform(self, items: Sequence[tuple[Child, Named]]) -> Found:
        """What a platform names as one person's."""
        named = items[0][1]
        files = [(child, n) for child, n in items if n.is_file]
        notes: list[str] = []
        doubts: list[str] = []
        if named.platform == "blackboard":
            files = _last_attempt(items, notes, doubts)
        elif named.platform in ("brightspace", "canvas"):
            files = _newest(files, doubts)
        own = [n.rest for _, n in files]
        if named.platform == "canvas":
            own = _before_again(own, notes)
        late = any(n.late for _, n in items)
        if late:
            notes.append("Canvas says that it came late")
        who, name, person, team = named.who, named.name, named.person, named.team
        if name == "anon":
            name = f"{name} {person}"
        if people := self._names.get(named.name):
            name = ", ".join(sorted(p or id for p, id in people))
            person, team = (people[0][1], False) if len(people) == 1 else ("", True)
            who = f"{name}_{person}" if person else name
        kept = [child for child, _ in files] or [items[0][0]]
        attachments = [n.attachment for _, n in files if n.attachment]
        return self.of(
            kept,
            who,
            own or [""],
            name=name,
            handed=Handed(
                platform=named.platform,
                person=display_name(person),
                name=display_name(name),
                team=team,
                late=None if named.late is None else late,
                attempt=max((n.attempt for _, n in files), default="", key=moment),
                attachments=tuple(attachments),
                entries=tuple(os.fsencode(c.name).decode(errors="replace") for c in kept),
            ),
            age=(
                max((moment(n.attempt) for _, n in files), default=""),
                max(map(int, attachments), default=0),
            ),
            notes=notes,
            doubts=doubts,
            problem="" if files else _ONLY_TEXT,
        )


def _last_attempt(
    items: Sequence[tuple[Child, Named]], notes: list[str], doubts: list[str]
) -> list[tuple[Child, Named]]:
    """The files of a person's last attempt that has any."""
    attempts = sorted({n.attempt for _, n in items})
    with_files = sorted({n.attempt for _, n in items if n.is_file})
    if not with_files:
        return []
    last = with_files[-1]
    if attempts[-1] != last:
        doubts.append(f"The attempt of {attempts[-1]} has no file; that of {last} was taken")
    if len(with_files) > 1:
        notes.append(f"the attempt of {last} counts, not those of {', '.join(with_files[:-1])}")
    return [(child, n) for child, n in items if n.is_file and n.attempt == last]


def _newest(files: Sequence[tuple[Child, Named]], doubts: list[str]) -> list[tuple[Child, Named]]:
    """Each file once, as it came last."""

    def age(item: tuple[Child, Named]) -> tuple[str, int, str]:
        return moment(item[1].attempt), int(item[1].attachment or 0), item[0].name

    groups: defaultdict[str, list[tuple[Child, Named]]] = defaultdict(list)
    names = {n.rest for _, n in files}
    for child, n in files:
        # gan-1.py is a later gan.py where there is a gan.py; else a-1.py and a-2.py are two files.
        plain = uploaded_as(n.rest) if n.platform == "canvas" else n.rest
        groups[plain if plain in names else n.rest].append((child, n))
    kept = []
    for name, same in groups.items():
        *older, newest = sorted(same, key=age)
        kept.append(newest)
        if older:
            listed = ", ".join(shown(child.name) for child, _ in older)
            doubts.append(
                f"{shown(name) or 'A folder'} was handed in {len(same)} times; the newest, "
                f"{shown(newest[0].name)}, counts, not {listed}"
            )
    return sorted(kept, key=lambda item: item[0].path)


def _before_again(own: Sequence[str], notes: list[str]) -> list[str]:
    """The names that files had before Canvas renamed a later upload, where that is one file's."""
    plain = [uploaded_as(name) for name in own]
    result = []
    for name, before in zip(own, plain, strict=True):
        if name != before and plain.count(before) == 1:
            notes.append(f"{shown(name)}: read as {shown(before)}; Canvas renames later uploads")
            name = before
        result.append(name)
    return result
