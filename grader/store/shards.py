"""Which shard of a batch does what, where its results lie, and the secret that all shards share.

Shards meet in nothing but a folder: the first to come settles the secret there, each keeps a store
of its own below it, and `grader.store.merge` makes one of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.store.store import SECRET_BYTES, Store, StoreError, read_batch

SECRET_FILE = "secret"
_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)
_FOLDER = re.compile(r"shard-([0-9]{1,6})-of-([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, order=True)
class Shard:
    """The `number`-th of `of` shards, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/8`.

        Raises:
            ValueError: it is not a shard; the message says what one looks like.
        """
        match = _TEXT.fullmatch(text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.of:
            raise ValueError(
                f"{text!r} is not a shard; the shards of four are 1/4, 2/4, 3/4 and 4/4"
            )
        return shard

    @classmethod
    def of_folder(cls, folder: Path) -> Shard | None:
        """The shard that a folder is named after; None if after none."""
        match = _FOLDER.fullmatch(folder.name)
        return cls(int(match[1]), int(match[2])) if match else None

    def folder(self, out: Path) -> Path:
        """Where its results lie in the output folder of the whole."""
        return out / f"shard-{self.number}-of-{self.of}"

    def owns(self, submission: str) -> bool:
        """Whether a submission is this shard's.

        It depends on the id and nothing else, so that shards agree even if one of them starts
        before the last submission was put there.
        """
        digest = hashlib.sha256(b"shard\0" + submission.encode()).digest()
        return int.from_bytes(digest[:8]) % self.of == self.number - 1


def begin(store: Store, shard: Shard, seen: Mapping[str, str]) -> None:
    """Note in a shard's store that it is at work, and on what.

    Args:
        store: the shard's.
        shard: which one.
        seen: where each submission of the whole class was found, by id. What was seen before
            stays: a class may be graded in several commands.
    """
    known = read_seen({"class": store.remembered("class") or "{}"})
    store.remember("complete", "no")
    store.remember("shard", str(shard))
    store.remember("class", json.dumps({**known, **seen}))


def complete(store: Store) -> None:
    """Note that a shard has gone through all that it saw."""
    store.remember("complete", "yes")


def read_seen(batch: Mapping[str, str]) -> dict[str, str]:
    """Where a shard found each submission of the whole class, from what its store remembers."""
    return {str(k): str(v) for k, v in json.loads(batch.get("class", "{}")).items()}


def agree(out: Path, wanted: str | None) -> str:
    """The secret of all shards below an output folder; the first to come settles it.

    Args:
        out: the output folder of the whole, which all shards see.
        wanted: the secret if it was given.

    Raises:
        StoreError: another secret is in use there, or the folder cannot be written.
    """
    path = out / SECRET_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        known = settled(out)
        if known is None:
            _settle(path, wanted or _of_store(out) or secrets.token_hex(SECRET_BYTES))
            known = settled(out)
    except OSError as error:
        # Some network folders know no hard links. A secret that everybody was given needs none.
        if wanted is not None:
            return wanted
        raise StoreError(
            f"{path}: the secret of the shards cannot be settled there: {error.strerror}; "
            "give every shard the same --secret"
        ) from None
    if not known:
        raise StoreError(f"{path}: is empty; remove it and start the shards again")
    if wanted is not None and wanted != known:
        raise StoreError(
            f"{out} was graded with another secret; give another --out, or leave --secret away "
            "to go on with the one in use"
        )
    return known


def settled(out: Path) -> str | None:
    """The secret that shards have agreed on in an output folder; None if there is none."""
    try:
        return (out / SECRET_FILE).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None  # the latter is the store's to complain of


def _of_store(out: Path) -> str | None:
    """The secret of a batch that was graded there before."""
    if not (out / "grades.sqlite").exists():
        return None
    return read_batch(out).get("secret")


def _settle(path: Path, secret: str) -> None:
    """Write the secret unless somebody else just did; whole or not at all, also over NFS."""
    temporary = path.with_name(f".{SECRET_FILE}-{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
