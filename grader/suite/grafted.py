"""The reference with an entry of the catalogue in the place of a contract, in this process."""

from __future__ import annotations

import difflib
import functools
import types

from grader.assignment import Assignment
from grader.catalogue import CatalogueError, Entry, grafted_file, read_catalogue
from grader.suite.local import Local, SharedAnswers, load_text


def graft(
    assignment: Assignment,
    reference: Local,
    entry: Entry,
    answers: SharedAnswers | None = None,
) -> Local:
    """The reference with this entry in its contract's place; loaded when it is first asked.

    Args:
        assignment: of the entry.
        reference: whose other files it keeps.
        entry: what is grafted.
        answers: where its answers are remembered beyond this process.
    """

    def modules() -> dict[str, types.ModuleType]:
        module = load_text(grafted_file(assignment, entry), f"{entry.kind}_{entry.name}")
        return {**reference.modules, entry.module: module}

    return Local(modules, reference.probes, answers)


@functools.lru_cache(maxsize=4)
def _variants(assignment: Assignment) -> dict[str, Entry]:
    return {e.name: e for e in read_catalogue(assignment) if e.kind == "variant"}


def reading_of(assignment: Assignment, reference: Local, name: str, contract: str) -> Local:
    """A variant of the catalogue whose values are right though the reference's differ.

    Raises:
        CatalogueError: there is no variant of this name for this contract.
    """
    variants = {n: e for n, e in _variants(assignment).items() if e.replaces == contract}
    if name not in variants:
        near = difflib.get_close_matches(name, variants, 1)
        raise CatalogueError(
            f"{assignment.folder / 'variants'}: readings of {contract}: there is no variant "
            f"{name!r} of it{f'; is {near[0]!r} meant?' if near else ''}"
        )
    return graft(assignment, reference, variants[name])
