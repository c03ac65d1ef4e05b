"""The definitions that an assignment asks for, cut out of what was handed in, for whoever marks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from grader.assignment import Assignment
from grader.intake.notebooks.source import parse, scopes
from grader.results import Excerpt, TakenFile

MAX_TEXT = 12_000
_CUT = "\n# ... and more, which is left out here"


def excerpts(
    files: Mapping[str, bytes], taken: Sequence[TakenFile], assignment: Assignment
) -> list[Excerpt]:
    """The definition of each contract that can be found; of several, the last one, as in Python.

    Args:
        files: what is graded, by the assignment's own paths.
        taken: which of the student's files each of them is.
        assignment: whose contracts.
    """
    contracts = {c for q in assignment.description.questions for c in q.contracts}
    origin = {t.name: t.taken for t in taken}
    found = []
    for file in assignment.description.files:
        content = files.get(file.path, b"")
        tree = parse(content)
        if tree is None:
            continue
        # Only what ends a line for Python does so here.
        lines = re.split("\r\n|\r|\n", content.decode("utf-8", errors="replace"))
        nodes = {f"{file.name}.{name}": node for name, node in scopes(tree.body)}
        for contract in sorted(contracts & nodes.keys()):
            node = nodes[contract]
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            last = node.end_lineno or first
            text = "\n".join(lines[first - 1 : last])
            if len(text) > MAX_TEXT:
                text = text[:MAX_TEXT] + _CUT
            found.append(
                Excerpt(
                    contract=contract,
                    file=origin.get(file.name) or file.path,
                    first=first,
                    last=last,
                    text=text,
                )
            )
    return found
