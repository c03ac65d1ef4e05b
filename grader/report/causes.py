"""Failed checks that have one cause: a function that is not written, a file that is not there.

A student mends the cause once, so it is told once and not for every check that it fails.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.assignment import Assignment
from grader.results import Check, Excerpt

_NAME = re.compile(r"[A-Za-z_][\w.]*")
_PLACE = re.compile(r"\bin (?P<file>[^,()]+?), line (?P<line>\d+)")
# Nothing but this is to be mended, however many checks or whichever inputs it was met in.
_NOTHING_TO_COMPARE = re.compile(
    r"not written yet|is not defined|\bhas no \w|not tried|not handed in|was not found"
    r"|cannot be imported|^importing "
)


def cause_of(assignment: Assignment, check: Check, code: Sequence[Excerpt]) -> str:
    """The sentence that failed checks with the same cause share; empty where there is none.

    Args:
        assignment: tells the names of its files.
        check: a failed one.
        code: the student's definitions, by whose lines one that is not written is named.
    """
    if check.outcome != "failed" or check.hints or check.ending == "returned":
        return ""
    sentence = _without_arguments(check.rationale)
    if "not written yet" in sentence:
        function = _function_at(assignment, sentence, code) or _leading_name(sentence)
        if function:
            return f"{function} is not written yet"
    return sentence


def is_shared(cause: str, checks: int) -> bool:
    """Whether so many checks with this cause are told as one."""
    return bool(cause) and (checks > 1 or bool(_NOTHING_TO_COMPARE.search(cause)))


def _without_arguments(sentence: str) -> str:
    """The sentence with `jsd(tensor(5,) float32)` at its start shortened to `jsd`."""
    name = _NAME.match(sentence)
    if name is None or not sentence.startswith("(", name.end()):
        return sentence
    depth = 0
    for place, character in enumerate(sentence[name.end() :], start=name.end()):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return name[0] + sentence[place + 1 :]
    return sentence


def _leading_name(sentence: str) -> str:
    """A function that the sentence starts with, as `gan.jsd` or `jsd`; else nothing."""
    found = re.match(r"([A-Za-z_][\w.]*)(?:: not| is not) written yet", sentence)
    return found[1] if found else ""


def _function_at(assignment: Assignment, sentence: str, code: Sequence[Excerpt]) -> str:
    """The innermost contract that the place named in the sentence lies in."""
    place = _PLACE.search(sentence)
    if place is None:
        return ""
    modules = {f.path: f.name for f in assignment.description.files}
    module = modules.get(place["file"], "")
    around = [
        excerpt
        for excerpt in code
        if excerpt.first <= int(place["line"]) <= excerpt.last
        and (excerpt.contract.startswith(f"{module}.") if module else excerpt.file == place["file"])
    ]
    return min(around, key=lambda e: e.last - e.first).contract if around else ""
