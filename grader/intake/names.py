"""Names that others chose: of members, of files and folders, and of students.

Everything here is text in, text out; nothing looks at a disk.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from grader.intake.limits import MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, is_visible

MAX_ID = 80
TAR_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar", ".tgz", ".tbz", ".tbz2", ".txz")
# A single packed file, or a tar whose name does not say so.
PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
# They are seen, so that no student vanishes, but not read.
CLOSED_SUFFIXES = (".rar", ".7z", ".tar.zst", ".tzst", ".zst", ".tar.z", ".tar.lz", ".lzh", ".ace")
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, ".zip", ".zipx", *CLOSED_SUFFIXES)
SOURCE_SUFFIXES = (".py", ".ipynb")
_DATA_SUFFIXES = (".npy", ".csv", ".txt", ".json", ".safetensors")

# How archives begin, at the byte that is stated.
_MAGIC = (
    (0, b"PK\x03\x04"),
    (0, b"PK\x05\x06"),
    (0, b"\x1f\x8b"),
    (0, b"BZh"),
    (0, b"\xfd7zXZ\x00"),
    (0, b"Rar!"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (0, b"\x28\xb5\x2f\xfd"),
    (257, b"ustar"),
)
MAGIC_BYTES = 512

# What lies in a class and is nobody's: lists, scripts and pages of platforms and teachers. A folder
# or an archive may be somebody's of that name, and so may a kind of file that students hand in.
_LITTER = re.compile(
    r"(?i)readme|licen[cs]e|makefile"
    r"|(?:(?:readme|licen[cs]e|roster|handout|instructions|rubric|requirements|gradebook)"
    r"(?:[ ._-].*)?|index|grades?|marks)\.(?:md|txt|rst|html?|pdf|docx?|odt)"
    r"|.*\.(?:csv|tsv|xlsx?|ods|ya?ml|toml|ini|log|db|sqlite|md5|sha\d+|sh|bat)"
    r"|\.?ds_store|thumbs\.db"
)

_JUNK = frozenset(
    {
        "__macosx",
        "__pycache__",
        "venv",
        "site-packages",
        "node_modules",
        "desktop.ini",
        "thumbs.db",
    }
)
_SET_ASIDE = re.compile(
    r"(?:^|[^a-z])(?:originals?|templates?|starter|skeleton|handout|backups?|bak|old|archived?"
    r"|previous|unused|deprecated)(?:[^a-z]|$)"
)

# What browsers and file managers make of a name that is taken: "gan (1)", "gan - Copy (2)",
# "gan copy 2", "gan (copy)", and Canvas for a second upload: "gan-1".
_RENAMED = re.compile(
    r"^(?:copy of )?(?P<stem>.+?)"
    r"(?: ?\(\d+\)| ?- ?copy(?: ?\(\d+\))?| copy(?: \d+)?| \((?:another )?copy\)|-\d{1,2})?$"
)


class UnsafeNameError(Exception):
    """A member's name leads out of the submission; the message is the reason."""


class Person(NamedTuple):
    """Whose a submission is.

    Attributes:
        who: the name, with the platform's id where there is one; an id is made of it.
        key: what stays the same when the class is given again, e.g. the platform's id.
        place: where it was found; tells those with one key apart.
    """

    who: str
    key: str
    place: str


def clean_path(raw: str) -> str:
    """A member's name as a relative path with forward slashes, one spelling for each place.

    Backslashes count as separators, as in zips made on Windows. Characters that cannot be seen or
    that turn the reading direction become underscores.

    Raises:
        UnsafeNameError: the name is absolute, has `..` in it, is too long, too deep or empty.
    """
    name = raw.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise UnsafeNameError("its name is an absolute path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeNameError("its name leads out of the submission")
    if len(parts) > MAX_DEPTH:
        raise UnsafeNameError(f"it lies more than {MAX_DEPTH} folders deep")
    parts = [_visible(part) for part in parts]
    if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        raise UnsafeNameError(f"its name is longer than {MAX_NAME_BYTES} bytes")
    if not parts:
        raise UnsafeNameError("its name is empty")
    path = "/".join(parts)
    if len(path.encode()) > MAX_PATH_BYTES:
        raise UnsafeNameError(f"its path is longer than {MAX_PATH_BYTES} bytes")
    return path


def _visible(part: str) -> str:
    return "".join(character if is_visible(character) else "_" for character in part)


def is_junk(path: str) -> bool:
    """Does the path lie in what tools leave behind: hidden folders, caches, environments?"""
    return any(part.startswith(".") or part.lower() in _JUNK for part in path.split("/"))


def is_set_aside(path: str) -> bool:
    """Does the path lie in a folder for what does not count: backup, old, template and the like?"""
    return any(_SET_ASIDE.search(part.lower()) for part in path.split("/")[:-1])


def is_archive(name: str) -> bool:
    """Is it an archive by its name, readable or not? A packed file of data is none."""
    name = name.lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        return True
    return name.endswith(PACKED_SUFFIXES) and not (
        name.rpartition(".")[0].endswith(_DATA_SUFFIXES) or "ubyte" in name
    )


def is_archive_content(start: bytes) -> bool:
    """Is it an archive by its first MAGIC_BYTES, readable or not?"""
    return any(start[at : at + len(magic)] == magic for at, magic in _MAGIC)


def may_be_archive(name: str) -> bool:
    """Does only the content tell whether it is an archive, because the name has no suffix?"""
    return not re.search(r"\.[A-Za-z][A-Za-z0-9]{0,9}$", name)


def is_litter(name: str) -> bool:
    """Is it, by its name, what lies in a class and is nobody's submission?"""
    return _LITTER.fullmatch(name) is not None or is_junk(name)


def is_source(name: str) -> bool:
    """Is it a Python file or a notebook by its name?"""
    return name.lower().endswith(SOURCE_SUFFIXES)


def without_suffix(name: str) -> str:
    """The name without the suffix of an archive, a Python file or a notebook."""
    for suffix in (*ARCHIVE_SUFFIXES, *PACKED_SUFFIXES, *SOURCE_SUFFIXES):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


# What mail, chat and text editors append to a name, and slips of the hand.
_APPENDED = re.compile(
    r"(?i)(?P<stem>.*?) ?\.(?P<suffix>py|ipynb)"
    r"(?:[ _]|\.(?:py|ipynb|txt|text|json|download|rtf|html?|log))*"
)


def meant_name(path: str) -> str:
    """The path that a Python file or notebook was meant to have: gan.py.txt is gan.py."""
    folder, slash, name = path.rpartition("/")
    match = _APPENDED.fullmatch(name)
    if match is None or not match["stem"]:
        return path
    return f"{folder}{slash}{match['stem']}.{match['suffix'].lower()}"


def renamed_from(name: str) -> str:
    """The name before a download changed it, in lower case: "GAN (1).py" becomes "gan.py"."""
    stem, dot, suffix = name.lower().rpartition(".")
    match = _RENAMED.match(stem)
    return f"{match['stem']}{dot}{suffix}" if match else name.lower()


# Letters that have no accent to lose.
_PLAIN = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
    }
)


def display_name(name: str) -> str:
    """A name as people are shown it: in its own script, on one line, not without end."""
    text = unicodedata.normalize(
        "NFC", name.encode(errors="surrogateescape").decode("utf-8", "replace")
    )
    return _visible(text).strip()[:120]


def spellings(name: str) -> frozenset[str]:
    """The name's words in every order, without accents and spaces; empty for what has no letters.

    Platforms write "Jane Doe", "doejane" and "Doe, Jane".
    """
    words = re.findall(r"[^\W\d_]+", _folded(name))
    if len(words) > 4:
        words = sorted(words)
        return frozenset({"".join(words)})
    return frozenset("".join(order) for order in permutations(words)) - {""}


def identifiers(people: Sequence[Person], known: Mapping[str, str] | None = None) -> list[str]:
    """Ids for submissions: readable, safe as file names anywhere, and unique in whatever case.

    An id is made of the person's own name and of nothing that changes when others come or go.
    Letters lose their accents, everything else outside `[A-Za-z0-9._-]` becomes an underscore. A
    name with other letters, or one that several people have, ends in a digest of the name, of what
    the platform knows the person by, or of the place.

    Args:
        people: whose they are.
        known: the key of whoever had each id before; nobody else gets it.
    """
    before = {id.lower(): key for id, key in (known or {}).items()}
    keys = Counter(person.key for person in people)
    had = {key: id for id, key in (known or {}).items() if keys[key] == 1}
    bases = [_base(person.who) for person in people]
    times = Counter(base.lower() for base in bases)
    result: list[str] = []
    for person, base in zip(people, bases, strict=True):
        if person.key in had:
            result.append(had[person.key])
        elif times[base.lower()] == 1 and before.get(base.lower(), person.key) == person.key:
            result.append(base)
        else:
            fact = person.key if keys[person.key] == 1 else f"{person.key}\0{person.place}"
            result.append(_with_digest(base, fact))
    taken = Counter(id.lower() for id in result)
    return [
        id
        if taken[id.lower()] == 1
        else _with_digest(id, f"{person.key}\0{person.place}\0{person.who}", 16)
        for id, person in zip(result, people, strict=True)
    ]


def _base(who: str) -> str:
    name = unicodedata.normalize("NFKD", who.translate(_PLAIN))
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name.encode("ascii", "ignore").decode())
    base = plain.strip("._-")[:MAX_ID].rstrip("._-")
    is_lossy = any(c.isalnum() and not c.isascii() for c in name) or len(plain) > MAX_ID
    return _with_digest(base or "submission", who) if is_lossy or not base else base


def _with_digest(base: str, fact: str, length: int = 6) -> str:
    text = unicodedata.normalize("NFC", fact).encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(text).hexdigest()[:length]
    return f"{base[: MAX_ID - length - 1].rstrip('._-')}-{digest}"


def _folded(name: str) -> str:
    text = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    return "".join(c for c in text if not unicodedata.combining(c)).casefold()
