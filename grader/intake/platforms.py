"""How learning platforms name what they give out: one table of patterns, read name by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from grader.results import Platform

METADATA = "submission_metadata.yml"  # beside the folders of a Gradescope export

# What the groups say: `name`, the person or team as the platform writes it; `person`, the number of
# the person there; `late`; `attempt`, when or which; `attachment`, the number of the file; `kind`,
# where it is not a file that was handed in; `rest`, the student's own name of the file.
_TABLE: tuple[tuple[Platform, str], ...] = (
    # Jane Doe_12345_assignsubmission_file, up to 4.0 with a _ after it; then, in a download without
    # folders, the file's name.
    (
        "moodle",
        r"(?P<name>.+)_(?P<person>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<rest>.*))?",
    ),
    # Assignment 3_jdoe_attempt_2025-11-01-10-00-00_gan.py; ....txt tells of the attempt.
    (
        "blackboard",
        r"(?P<name>.+)_attempt_(?P<attempt>\d{4}(?:-\d\d){5})(?:_(?P<rest>.+)|(?P<kind>\.txt))?",
    ),
    # 123456-7890 - Jane Doe - Oct 31, 2025 1159 PM - gan.py
    (
        "brightspace",
        r"(?P<person>\d+-\d+) ?- (?P<name>.+?) ?- (?P<attempt>[^-]*\d{4}[^-]*?)"
        r"(?: ?- (?P<rest>.+))?",
    ),
    # anon_LATE_yBV4d_900001_gan.py
    (
        "canvas",
        r"(?P<late>LATE_)?(?P<name>anon)(?P<late_>_LATE)?_(?P<person>[A-Za-z0-9]{4,8})"
        r"_(?:(?P<attachment>\d{3,})_(?P<rest>.+)|(?P<kind>text|link)\.html)",
    ),
    # doejane_LATE_12345_67890_gan.py; the name of a group may have underscores and small numbers.
    (
        "canvas",
        r"(?P<late_>LATE_)?(?P<name>[^\W_].*?)(?P<late>_LATE)?"
        r"_(?P<person>\d{3,})_(?P<attachment>\d{5,})_(?P<rest>.+)",
    ),
    (
        "canvas",
        r"(?P<name>[^\W_][^_]*)(?P<late>_LATE)?_(?P<person>\d+)_(?P<attachment>\d{3,})_(?P<rest>.+)",
    ),
    # doejane_12345_text.html, which Canvas makes of a text in its form
    ("canvas", r"(?P<name>[^\W_].*?)(?P<late>_LATE)?_(?P<person>\d+)_(?P<kind>text|link)\.html"),
    ("gradescope", r"(?P<name>submission_(?P<attempt>\d{5,}))"),
)
_PATTERNS = [(platform, re.compile(pattern, re.DOTALL)) for platform, pattern in _TABLE]

_FEW_DIGITS = re.compile(r"submission_(\d+)")
_TEAM = re.compile(
    r"(?i)(?:default group|(?:group|team|groupe|gruppe|grupo|gruppo|groep|[eé]quipe|equipo)"
    r"\s*[-#]?\s*\w{1,8})"
)
# Canvas appends it to the name of a file that the person has uploaded before.
_AGAIN = re.compile(r"(?P<stem>.+)-\d{1,2}(?P<suffix>\.[^.]+)?")


@dataclass(frozen=True)
class Named:
    """What one name says.

    Attributes:
        name: the person or team as the platform writes it.
        person: the platform's id of the person; empty where the name has none, and for teams.
        rest: the student's own name of the file; empty for a folder.
        is_file: whether it is what was handed in, not a text typed into a form or about an attempt.
        late: None where the platform's names do not tell.
    """

    platform: Platform
    name: str
    person: str = ""
    rest: str = ""
    is_file: bool = True
    team: bool = False
    late: bool | None = None
    attempt: str = ""
    attachment: str = ""

    @property
    def who(self) -> str:
        """What to make an id of."""
        return "_".join(dict.fromkeys(part for part in (self.name, self.person) if part))

    @property
    def key(self) -> tuple[str, str]:
        """The same for all names of one person or team, and of nobody else on the platform."""
        if self.platform == "brightspace":  # which of its numbers is the person's is not certain
            return self.platform, f"{self.person} {self.name}"
        return self.platform, self.person or self.name


def handed_by(name: str) -> Named | None:
    """Whose a file or folder is, by the platform that named it; None if none did."""
    for platform, pattern in _PATTERNS:
        if match := pattern.fullmatch(name):
            return _named(platform, match.groupdict())
    return None


def handed_in_class(names: Iterable[str]) -> dict[str, Named]:
    """Whose each of the names in one folder is, of those that a platform made.

    Some names can only be read beside others: which part of Blackboard's is the assignment's, which
    of Brightspace's two numbers is the person's.
    """
    names = list(names)
    found = {name: named for name in names if (named := handed_by(name))}
    if METADATA in names:
        found |= {
            name: Named("gradescope", name, attempt=match[1])
            for name in names
            if (match := _FEW_DIGITS.fullmatch(name))
        }
    return _without_assignment(_with_one_number(found))


def uploaded_as(name: str) -> str:
    """The name that a file had before Canvas made it another: gan-1.py becomes gan.py."""
    match = _AGAIN.fullmatch(name)
    return f"{match['stem']}{match['suffix'] or ''}" if match else name


def moment(attempt: str) -> str:
    """When an attempt was, as text that sorts by time; empty if that cannot be told.

    Blackboard writes 2025-11-01-10-00-00, Brightspace "Oct 31, 2025 1159 PM" or a like of it.
    """
    if re.fullmatch(r"\d{4}(-\d\d){5}", attempt):
        return attempt
    text = re.sub(r"[,._:]", "", attempt)
    for style in ("%b %d %Y %I%M %p", "%B %d %Y %I%M %p", "%d %B %Y %I%M %p", "%d %b %Y %I%M %p"):
        try:
            return datetime.strptime(text, style).strftime("%Y-%m-%d-%H-%M-00")
        except ValueError:
            continue
    return ""


def _named(platform: Platform, groups: Mapping[str, str | None]) -> Named:
    name, person = groups["name"] or "", groups.get("person") or ""
    rest, kind = groups.get("rest") or "", groups.get("kind") or "file"
    team = platform == "moodle" and _TEAM.fullmatch(name.strip()) is not None
    late = None
    if platform == "canvas":
        late = bool(groups.get("late") or groups.get("late_"))
        # A text that was typed in has, in some versions, the number of an attachment too.
        kind = "text" if rest in ("text.html", "link.html") else kind
    return Named(
        platform,
        # The number is the team's, and might be a person's elsewhere.
        f"{name}_{person}" if team else name,
        "" if team else person,
        rest,
        kind == "file",
        team,
        late,
        (groups.get("attempt") or "").strip(),
        groups.get("attachment") or "",
    )


def _with_one_number(found: dict[str, Named]) -> dict[str, Named]:
    """Brightspace's `123-456`, of which one may be the same for the whole class."""
    pairs = {
        name: named.person.split("-")
        for name, named in found.items()
        if named.platform == "brightspace"
    }
    firsts = {pair[0] for pair in pairs.values()}
    which = 1 if len(firsts) == 1 and len({pair[1] for pair in pairs.values()}) > 1 else 0
    return found | {name: replace(found[name], person=pair[which]) for name, pair in pairs.items()}


def _without_assignment(found: dict[str, Named]) -> dict[str, Named]:
    """Blackboard's `Assignment 3_jdoe`: what all have in common is the assignment."""
    mine = {name: named for name, named in found.items() if named.platform == "blackboard"}
    parts = [named.name.split("_") for named in mine.values()]
    columns = zip(*parts, strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    # One person's alone have everything in common.
    start = min([common, *(len(part) - 1 for part in parts)])
    users = {name: "_".join(named.name.split("_")[start:]) for name, named in mine.items()}
    return found | {
        name: replace(named, name=users[name], person=users[name]) for name, named in mine.items()
    }


def submitters(metadata: str) -> dict[str, list[tuple[str, str]]]:
    """Names and ids of who submitted what, of a Gradescope export's metadata.

    Only the lines that say so are read; it is YAML that Ruby wrote, with one key a line.

    Returns:
        By folder, for each submitter the name and the student id, or the mail address without one.
    """
    result: dict[str, list[dict[str, str]]] = {}
    folder, inside = "", -1
    for line in metadata.splitlines():
        if match := re.fullmatch(r"(submission_\d+):\s*", line):
            folder, inside = match[1], -1
            result[folder] = []
        elif match := re.fullmatch(r"( +):submitters:\s*", line):
            inside = len(match[1])
        elif inside >= 0 and folder:
            match = re.fullmatch(r"( *)(- )?\s*:(\w+):\s*(.*)", line)
            if match is None or (len(match[1]) <= inside and not match[2]):
                inside = -1
                continue
            if match[2] or not result[folder]:
                result[folder].append({})
            result[folder][-1][match[3]] = match[4].strip().strip("'\"")
    return {
        name: [(p.get("name", ""), p.get("sid") or p.get("email", "")) for p in people]
        for name, people in result.items()
    }
