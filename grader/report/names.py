"""File names for submissions whose ids may be anything that a student typed."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,78}[A-Za-z0-9_-])?")
_WINDOWS_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SLUG_LENGTH = 40
# Two students can choose their ids, so a short digest could be made to collide.
_DIGEST_LENGTH = 16


def file_names(ids: Sequence[str]) -> dict[str, str]:
    """A file name, without suffix, for every submission id of a class.

    An ordinary id is its own name. One that is not safe on every system, or that differs from
    another only in case, gets a readable part and a digest: `zoe-muller~3f0c...`. The tilde occurs
    in no ordinary name, so neither kind can be taken for the other.

    Raises:
        ValueError: an id occurs twice; one page would overwrite the other.
    """
    twice = sorted(i for i, times in Counter(ids).items() if times > 1)
    if twice:
        raise ValueError(f"submission ids must be unique, but {twice[0]!r} occurs more than once")
    folded = Counter(i.casefold() for i in ids)
    return {
        i: i if _is_ordinary(i) and folded[i.casefold()] == 1 else _slug_with_digest(i) for i in ids
    }


def _is_ordinary(submission: str) -> bool:
    return bool(_PLAIN.fullmatch(submission)) and not _WINDOWS_DEVICE.fullmatch(submission)


def _slug_with_digest(submission: str) -> str:
    digest = hashlib.sha256(submission.encode("utf-8", "surrogatepass")).hexdigest()
    plain = unicodedata.normalize("NFKD", submission).encode("ascii", "ignore").decode()
    slug = _UNSAFE.sub("-", plain)[:_SLUG_LENGTH].strip("-._").lower()
    return f"{slug or 'submission'}~{digest[:_DIGEST_LENGTH]}"
