"""Which harness gave a mark: two that differ may mark differently."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from grader import __version__

DIGITS = 12


@functools.cache
def harness_version() -> str:
    """The version, with a digest of the harness's own sources, as `0.1.0+5f0c...`.

    The number alone would not do: a checkout changes without it.
    """
    package = Path(__file__).resolve().parent
    sha = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        inside = path.relative_to(package)
        # An installed package holds the assignments too; they have a digest of their own.
        if inside.parts[0] != "bundled":
            sha.update(inside.as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{sha.hexdigest()[:DIGITS]}"
