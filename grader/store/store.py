"""One SQLite file per output folder: the secret, and the latest result of every submission.

Every result is one transaction, so a batch that is killed keeps what it had finished. The JSON file
beside it is written first to another name and then renamed, so it is whole or not there; one that
a kill, a full disk or a power cut took away is written again when the store is next opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from grader.assignment import Assignment
from grader.results import SCHEMA_VERSION, Result

LAYOUT = 1
SECRET_BYTES = 16
LOCK_SECONDS = 30.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS submissions (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    source_digest TEXT NOT NULL,
    assignment_digest TEXT NOT NULL,
    secret_id TEXT NOT NULL,
    status TEXT NOT NULL,
    awarded REAL NOT NULL,
    stored_at TEXT NOT NULL,
    result TEXT NOT NULL
) STRICT;
"""


class StoreError(Exception):
    """The output folder cannot be used; the message names the file and the remedy."""


class Store:
    """The results in an output folder.

    Args:
        folder: the output folder; made if it is not there.
        assignment: what is graded there; one folder holds one assignment.
        secret: the course's secret, for a new folder; by default one is made.

    Raises:
        StoreError: the folder is another assignment's, in use, not writable, or damaged.
    """

    def __init__(self, folder: Path, assignment: Assignment, secret: str | None = None) -> None:
        self.folder = folder
        self.path = folder / "grades.sqlite"
        try:
            (folder / "results").mkdir(parents=True, exist_ok=True)
            self._lock = (folder / ".lock").open("w")
        except OSError as error:
            raise StoreError(f"{folder}: cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise StoreError(
                f"{folder}: another batch is writing there; wait for it or give another --out"
            ) from None
        try:
            self._refuse_emptied()
        except StoreError:
            self._lock.close()
            raise
        try:
            self._database = sqlite3.connect(self.path, timeout=LOCK_SECONDS)
            with self._database:
                self._database.executescript(SCHEMA)
            self._check(assignment)
            self.secret = self._settle_secret(secret)
            self._mend_files()
        except (sqlite3.OperationalError, OSError) as error:
            self._lock.close()
            raise StoreError(
                f"{self.path}: cannot be used now ({error}); see whether another program has it "
                "open, whether it may be written and whether the disk is full"
            ) from None
        except sqlite3.DatabaseError as error:
            self._lock.close()
            raise StoreError(
                f"{self.path}: not a store of results ({error}); move it away or give another --out"
            ) from None
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def secret_id(self) -> str:
        """Tells secrets apart without giving one away."""
        return secret_id(self.secret)

    def save(self, result: Result) -> None:
        """Keep a result, in the database and as JSON."""
        text = result.model_dump_json(indent=1)
        try:
            with self._database:
                self._database.execute(
                    "INSERT OR REPLACE INTO submissions VALUES (?,?,?,?,?,?,?,?,?)",
                    (
                        result.submission,
                        result.source,
                        result.source_digest,
                        result.assignment_digest,
                        result.secret_id,
                        result.status,
                        result.awarded,
                        datetime.now(UTC).isoformat(timespec="seconds"),
                        text,
                    ),
                )
            self._write(result.submission, text)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreError(f"{self.path}: the result cannot be saved: {error}") from None

    def finished(self, submission: str, source_digest: str, assignment_digest: str) -> bool:
        """Whether this very submission has been graded by this very suite with this secret."""
        row = self._database.execute(
            "SELECT 1 FROM submissions WHERE id=? AND source_digest=? AND assignment_digest=? "
            "AND secret_id=? AND status<>'not_graded'",
            (submission, source_digest, assignment_digest, self.secret_id),
        ).fetchone()
        return row is not None

    def known(self, submission: str) -> bool:
        """Whether there is any result of this submission."""
        query = "SELECT 1 FROM submissions WHERE id=?"
        return self._database.execute(query, (submission,)).fetchone() is not None

    def result(self, submission: str) -> Result | None:
        """The result of one submission; None if there is none."""
        row = self._database.execute(
            "SELECT id, result FROM submissions WHERE id=?", (submission,)
        ).fetchone()
        return None if row is None else _parse(row[0], row[1], self.path)

    def results(self) -> list[Result]:
        """Every result, by id."""
        return list(_read(self._database, self.path))

    def drop(self, submission: str) -> None:
        """Forget a result; its id stays the person's."""
        try:
            with self._database:
                self._database.execute("DELETE FROM submissions WHERE id=?", (submission,))
            self._file(submission).unlink(missing_ok=True)
        except (sqlite3.DatabaseError, OSError) as error:
            raise StoreError(f"{self.path}: the result cannot be removed: {error}") from None

    def remember(self, key: str, value: str) -> None:
        """Keep a text about the batch as a whole."""
        try:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO batch VALUES (?, ?)", (key, value))
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path}: cannot be written: {error}") from None

    def remembered(self, key: str) -> str | None:
        """What was kept under a key about the batch as a whole."""
        return self._value(key)

    def close(self) -> None:
        """Let the folder go."""
        self._database.close()
        self._lock.close()

    def _file(self, submission: str) -> Path:
        return self.folder / "results" / f"{submission}.json"

    def _write(self, submission: str, text: str) -> None:
        path = self._file(submission)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)

    def _mend_files(self) -> None:
        """Make the JSON files what the database says."""
        for leftover in (self.folder / "results").glob("*.tmp"):
            leftover.unlink()
        for submission, text in self._database.execute("SELECT id, result FROM submissions"):
            try:
                whole = self._file(submission).read_bytes() == text.encode()
            except FileNotFoundError:
                whole = False
            if not whole:
                self._write(submission, text)

    def _refuse_emptied(self) -> None:
        """A store that lost its content must not become a new one with another secret."""
        emptied = self.path.exists() and self.path.stat().st_size == 0
        if emptied and any((self.folder / "results").glob("*.json")):
            raise StoreError(
                f"{self.path}: is empty, though results were stored in it; put a copy of it back, "
                "or give another --out"
            )

    def _check(self, assignment: Assignment) -> None:
        with self._database:
            for key, value in (("layout", str(LAYOUT)), ("assignment", assignment.name)):
                self._database.execute("INSERT OR IGNORE INTO batch VALUES (?, ?)", (key, value))
        layout, name = self._value("layout"), self._value("assignment")
        if layout != str(LAYOUT):
            raise StoreError(f"{self.path}: layout {layout} is not known to this version")
        if name != assignment.name:
            raise StoreError(f"{self.folder} holds results of {name}; give another --out")

    def _settle_secret(self, wanted: str | None) -> str:
        stored = self._value("secret")
        if wanted is not None and stored is not None and wanted != stored:
            raise StoreError(
                f"{self.folder} was graded with another secret; give another --out, "
                "or leave --secret away to go on with the one in use"
            )
        secret = stored or wanted or secrets.token_hex(SECRET_BYTES)
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO batch VALUES ('secret', ?)", (secret,))
        # Whoever can read it could prepare for the hidden inputs.
        self.path.chmod(0o600)
        return secret

    def _value(self, key: str) -> str | None:
        row = self._database.execute("SELECT value FROM batch WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])


def secret_id(secret: str) -> str:
    """A short name of a secret that does not give it away."""
    return hashlib.sha256(b"secret-id\0" + secret.encode()).hexdigest()[:12]


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise StoreError(f"{path}: there is no such file; give the --out folder of a batch")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=LOCK_SECONDS)
    try:
        yield database
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: not a store of results ({error})") from None
    finally:
        database.close()


def read_results(folder: Path) -> tuple[str, list[Result]]:
    """Name of the assignment and all results in an output folder, without locking it.

    Raises:
        StoreError: there are none, or they cannot be read.
    """
    path = folder / "grades.sqlite"
    with _reading(path) as database:
        return _about(database, path)["assignment"], list(_read(database, path))


def read_batch(folder: Path) -> dict[str, str]:
    """What a store remembers of its batch as a whole, without locking it.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    path = folder / "grades.sqlite"
    with _reading(path) as database:
        return _about(database, path)


def _about(database: sqlite3.Connection, path: Path) -> dict[str, str]:
    about = dict(database.execute("SELECT key, value FROM batch"))
    if "assignment" not in about:
        raise StoreError(f"{path}: no batch has been started there")
    return about


def _read(database: sqlite3.Connection, path: Path) -> Iterator[Result]:
    for name, text in database.execute("SELECT id, result FROM submissions ORDER BY id"):
        yield _parse(name, text, path)


def _parse(name: str, text: str, path: Path) -> Result:
    try:
        return Result.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(
            f"{path}: the result of {name} is not of schema {SCHEMA_VERSION}: "
            f"{error.errors()[0]['msg']}; grade it again"
        ) from None
