"""Makes one store of the shards of a batch, or says why they do not belong together.

A merged store must be what one batch would have left. So whatever could make it another one is
refused: a shard that is missing or was interrupted, a submission that none has graded, another
secret, suite or harness.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment
from grader.results import Result
from grader.store.people import Member, read_people, settle_class
from grader.store.shards import Shard, read_seen
from grader.store.store import Store, StoreError, read_batch, read_results

ARTEFACTS = "artefacts"
# Names that a message gives before it says "and so many more".
MOST_NAMES = 5


@dataclass(frozen=True)
class Part:
    """What one shard left.

    Attributes:
        folder: its output folder.
        assignment: name of what was graded.
        secret: what inputs were drawn from.
        complete: whether it came to its end.
        seen: where it found each submission of the whole class, by id.
        people: the key of whoever had each id.
        results: of its own submissions.
    """

    folder: Path
    shard: Shard
    assignment: str
    secret: str
    complete: bool
    seen: Mapping[str, str]
    people: Mapping[str, str]
    results: Sequence[Result]


def read_parts(folders: Sequence[Path]) -> list[Part]:
    """The shards in some folders, by number, if they are a whole.

    Args:
        folders: output folders of shards, or folders that hold such.

    Raises:
        StoreError: there are none, they do not belong together, or something is missing. The
            message says which, and what to do.
    """
    found = [place for folder in folders for place in _places(folder)]
    parts = sorted((_read(place) for place in dict.fromkeys(found)), key=lambda p: p.shard)
    _one_split(parts)
    _all_complete(parts)
    _one_origin(parts)
    _nothing_missing(parts)
    return parts


def merge(parts: Sequence[Part], out: Path, assignment: Assignment) -> list[Result]:
    """Put the results of shards into one store, with the artefacts of their runs.

    Args:
        parts: what `read_parts` gave.
        out: the output folder; results of other submissions in it stay, and so does a later
            result of the same one.
        assignment: what was graded.

    Returns:
        Every result in the store, by id.

    Raises:
        StoreError: the output folder cannot be used, or holds another secret.
    """
    with Store(out, assignment, parts[0].secret) as store:
        for part in parts:
            for result in part.results:
                before = store.result(result.submission)
                if before is not None and before.graded_at > result.graded_at:
                    continue
                _bring_artefacts(part.folder, out, result)
                store.save(result)
        given = {
            result.submission: Member(
                part.people.get(result.submission, result.submission), result.name, result.handed
            )
            for part in parts
            for result in part.results
            if result.given_last
        }
        settle_class(store, given, whole=True)
        return store.results()


def _places(folder: Path) -> list[Path]:
    if Shard.of_folder(folder.resolve()) is not None:
        return [folder.resolve()]
    inside = [path for path in sorted(folder.glob("shard-*-of-*")) if Shard.of_folder(path)]
    if not inside:
        raise StoreError(
            f"{folder}: holds no shards; `grader grade ... --out {folder} --shard 1/4` makes the "
            "first of four"
        )
    return [path.resolve() for path in inside]


def _read(folder: Path) -> Part:
    batch = read_batch(folder)
    shard = Shard.of_folder(folder)
    assert shard is not None
    if batch.get("shard") != str(shard):
        raise StoreError(
            f"{folder}: is named after shard {shard}, but holds "
            f"{'shard ' + batch['shard'] if 'shard' in batch else 'no shard'}; name it as it was"
        )
    name, results = read_results(folder)
    return Part(
        folder=folder,
        shard=shard,
        assignment=name,
        secret=batch.get("secret", ""),
        complete=batch.get("complete") == "yes",
        seen=read_seen(batch),
        people=read_people(batch),
        results=results,
    )


def _one_split(parts: Sequence[Part]) -> None:
    """One of each of the shards of a single split."""
    splits = sorted({part.shard.of for part in parts})
    if len(splits) > 1:
        first, second = (next(p for p in parts if p.shard.of == n) for n in splits[:2])
        raise StoreError(
            f"{first.folder} and {second.folder} are of two splits, one in {splits[0]} and one in "
            f"{splits[1]}; name the folders of one of them, and an --out"
        )
    by_shard: dict[Shard, Part] = {}
    for part in parts:
        if (other := by_shard.setdefault(part.shard, part)) is not part:
            raise StoreError(
                f"{other.folder} and {part.folder} are both shard {part.shard}; name one of them"
            )
    missing = [
        str(shard)
        for shard in (Shard(n, splits[0]) for n in range(1, splits[0] + 1))
        if shard not in by_shard
    ]
    if missing:
        raise StoreError(f"no results of shard {_some(missing)}; grade it, then merge again")


def _all_complete(parts: Sequence[Part]) -> None:
    open_ = [str(part.shard) for part in parts if not part.complete]
    if open_:
        raise StoreError(
            f"shard {_some(open_)} is still at work or was interrupted; wait for it, or give its "
            "command again and it goes on where it was"
        )


def _one_origin(parts: Sequence[Part]) -> None:
    """One assignment, secret, suite and harness: else marks could not be compared."""
    again = "grade the older again with --again"
    anew = (
        "shards with one --out share theirs; grade one of them anew there, or with the --secret "
        "of the other"
    )
    results = [(result, part.folder) for part in parts for result in part.results]
    for what, remedy, found in (
        ("assignments", "name folders of one", [(p.assignment, p.folder) for p in parts]),
        ("secrets", anew, [(p.secret, p.folder) for p in parts]),
        ("versions of the suite", again, [(r.assignment_digest, f) for r, f in results]),
        ("versions of the harness", again, [(r.harness, f) for r, f in results]),
    ):
        first_with: dict[str, Path] = {}
        for value, folder in found:
            first_with.setdefault(value, folder)
        if len(first_with) > 1:
            one, other, *_ = first_with.values()
            where = f"{one} and {other}" if one != other else f"results in {one}"
            raise StoreError(f"{where} come from two {what}; {remedy}")


def _nothing_missing(parts: Sequence[Part]) -> None:
    """Every submission that any shard saw has a result, and only one."""
    there: dict[str, Part] = {}
    for part in parts:
        for result in part.results:
            if (other := there.setdefault(result.submission, part)) is not part:
                raise StoreError(
                    f"{result.submission} is in {other.folder} and in {part.folder}; "
                    "start the shards again with a new --out"
                )
    found: dict[str, str] = {}
    for part in parts:
        for submission, where in part.seen.items():
            if found.setdefault(submission, where) != where:
                raise StoreError(
                    f"{submission} was {found[submission]} to one shard and {where} to another: "
                    "submissions came or went in between; start the shards again with a new --out"
                )
    lost = sorted(set(found) - set(there))
    if lost:
        owners = sorted({str(p.shard) for p in parts for name in lost if p.shard.owns(name)})
        raise StoreError(
            f"no result of {_some(lost)}, which came after shard {_some(owners)} had begun; give "
            "its command again, or start with a new --out if the submission was taken away"
        )


def _bring_artefacts(source: Path, out: Path, result: Result) -> None:
    """What the runs of a submission left; each folder appears whole or not at all."""
    for run in result.runs:
        folder = source / ARTEFACTS / run.key
        target = out / ARTEFACTS / run.key
        if not run.key or target.exists() or not folder.is_dir():
            continue
        temporary = target.with_name(f".{run.key}")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(folder, temporary)
        temporary.replace(target)


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
