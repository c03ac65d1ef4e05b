"""Who was in the class that was given last, and whose each id has ever been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.results import Handed
from grader.store.store import Store, StoreError, read_batch

_KEY = "people"


@dataclass(frozen=True)
class Member:
    """One of a class.

    Attributes:
        key: what the person is known by when the class is given again.
        name: whose the submission is, to be shown.
        handed: what the platform's names say.
    """

    key: str
    name: str
    handed: Handed | None = None


def known_people(out: Path) -> dict[str, str]:
    """The key of whoever had each id in an output folder; empty if there is none yet."""
    if not (out / "grades.sqlite").exists():
        return {}
    try:
        return read_people(read_batch(out))
    except StoreError:
        return {}  # whatever is wrong with it is said when it is opened


def settle_class(store: Store, given: Mapping[str, Member], *, whole: bool) -> list[str]:
    """Note who is in the class that was given, and who is in it no longer.

    Results that stay as they are learn the name under which they were handed in now.

    Args:
        store: where the results are.
        given: everybody, by id.
        whole: whether a class was given, so that whoever is not in it is gone.

    Returns:
        Ids of results whose submissions are in it no longer.
    """
    keys = {id: member.key for id, member in given.items()}
    before = read_people({_KEY: store.remembered(_KEY) or "{}"})
    store.remember(_KEY, json.dumps(before | keys))
    gone = []
    for result in store.results():
        changes: dict[str, object] = {}
        if member := given.get(result.submission):
            changes = {"name": member.name, "handed": member.handed, "given_last": True}
        elif whole:
            changes = {"given_last": False}
        if any(getattr(result, field) != value for field, value in changes.items()):
            result = result.model_copy(update=changes)
            store.save(result)
        if not result.given_last:
            gone.append(result.submission)
    return gone


def read_people(batch: Mapping[str, str]) -> dict[str, str]:
    """The key of whoever had each id, from what a store remembers."""
    return {str(id): str(key) for id, key in json.loads(batch.get(_KEY, "{}")).items()}
