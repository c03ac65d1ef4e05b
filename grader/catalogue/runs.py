"""What is tried in an assignment's runs: `wrong_runs/` and `right_runs/`."""

from __future__ import annotations

from dataclasses import dataclass

from grader.assignment import Assignment
from grader.catalogue.entries import (
    RUN_KINDS,
    CatalogueFile,
    Entry,
    Group,
    Kind,
    grafted_file,
    read_catalogue,
)
from grader.catalogue.errors import CatalogueError


@dataclass(frozen=True)
class RunEntry:
    """A wrong or a right run.

    Attributes:
        kind: "wrong run" or "right run".
        run: the id of the run.
        keeps: the share of the run's marks that it may keep; a right one keeps all.
        name, text, place: of the entry.
        changed: the entry that changes a contract; None for one that makes artefacts.
    """

    kind: Kind
    run: str
    keeps: float
    name: str
    text: str
    place: str
    changed: Entry | None


def read_runs(assignment: Assignment) -> list[RunEntry]:
    """All entries of both folders, the wrong ones first.

    Raises:
        CatalogueError: an entry is malformed, its edit does not fit, it names a run, a contract or
            an entry that is not there, or two have one name.
    """
    found: list[RunEntry] = []
    others: dict[str, Entry] = {}
    for kind, folder in zip(RUN_KINDS, (assignment.wrong_runs, assignment.right_runs), strict=True):
        for path in sorted(folder.glob("*.py")):
            file = CatalogueFile(path, kind)
            entries = file.entries()
            if len({bool(entry.replaces) for entry in entries}) > 1:
                raise CatalogueError(
                    f"{path}: functions that make artefacts have a file of their own: what is "
                    "beside a contract's entries goes behind the wall with them"
                )
            for entry in entries:
                if entry.replaces:
                    entry.question(assignment)
                    grafted_file(assignment, entry)
                changed = entry if entry.replaces else None
                found.append(_run_entry(entry.group, entry, entry.place, changed))
            if file.named and not others:
                others = {entry.name: entry for entry in read_catalogue(assignment)}
            wanted = "mistake" if kind == "wrong run" else "variant"
            for group, name, place in file.named:
                if name not in others or others[name].kind != wanted:
                    raise CatalogueError(f"{place}: the catalogue has no {wanted} {name!r}")
                found.append(_run_entry(group, others[name], place, others[name]))
    runs = {run.id for run in assignment.description.runs}
    places: dict[tuple[str, str], str] = {}
    for each in found:
        if each.run not in runs:
            known = ", ".join(sorted(runs)) or "none"
            raise CatalogueError(f"{each.place}: there is no run {each.run!r}; there are {known}")
        if (each.run, each.name) in places:
            before = places[each.run, each.name]
            raise CatalogueError(f"{each.place}: {each.name} is in {before} already")
        places[each.run, each.name] = each.place
    return found


def _run_entry(group: Group, entry: Entry, place: str, changed: Entry | None) -> RunEntry:
    return RunEntry(group.kind, group.run, group.keeps, entry.name, entry.text, place, changed)
