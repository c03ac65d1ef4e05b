"""What intake reads at most, what it notes about the rest, and the error when nothing is left."""

from __future__ import annotations

import unicodedata

KIB = 1 << 10
MIB = 1 << 20

MAX_ENTRIES = 10_000
MAX_LISTED = 200_000  # of an archive that holds a class
MAX_DEPTH = 32
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_NOTES = 50

MAX_SOURCE = 2 * MIB
MAX_PARSED = 256 * KIB  # a syntax tree takes several hundred times as much
MAX_PARSED_TOTAL = 4 * MIB
MAX_NOTEBOOK = 64 * MIB  # its outputs included, which are dropped before anything else
MAX_COMPANION = 8 * MIB
MAX_WEIGHTS = 64 * MIB
MAX_NESTED_ARCHIVE = 64 * MIB
MAX_NESTED_ARCHIVES = 10  # that are opened
MAX_NESTED_STREAM = 128 * MIB  # what one of them may unpack to
MAX_NESTED_DEPTH = 3  # how many archives may lie in each other
MAX_LOOKED = 128 * MIB  # of files without a suffix, to see whether they are archives
MAX_LOOKED_INTO = 2048 * MIB  # of archives within archives, to see whether they hold classes
MAX_CLASS_DEPTH = 6  # how deep classes may lie in each other
MAX_CLASS_ARCHIVE = 256 * MIB  # of a class, within another archive
MAX_READ = 320 * MIB  # of one submission, nested archives included
MAX_FILES = 16 * MIB  # of what goes behind the wall
MAX_COMPANIONS = 500

MAX_STREAM = 512 * MIB  # what a compressed tar may unpack to, whether it is kept or not
MAX_RATIO = 200
RATIO_COUNTS_FROM = 1 * MIB
MAX_DIRECTORY = 8 * MIB  # the list of members at the end of a zip
MAX_XZ_MEMORY = 256 * MIB


class IntakeError(Exception):
    """A submission cannot be read at all; the message names the file and the remedy."""


class UnreadableEntryError(Exception):
    """One file of a submission cannot be read; the message is the reason."""


class Notes:
    """What a person should know about a submission: each note once, and not without end."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._left_out = 0

    def add(self, text: str) -> None:
        if text in self._texts:
            return
        if len(self._texts) < MAX_NOTES:
            self._texts[text] = None
        else:
            self._left_out += 1

    def extend(self, other: Notes) -> None:
        """Take over the notes of another."""
        for text in other._texts:
            self.add(text)
        self._left_out += other._left_out

    @property
    def texts(self) -> list[str]:
        more = [f"and {self._left_out} more notes like these"] if self._left_out else []
        return [*self._texts, *more]


def is_visible(character: str) -> bool:
    """Is it no control, direction or line separating character, and assigned to something?"""
    return unicodedata.category(character) not in ("Zl", "Zp") and (
        unicodedata.category(character)[0] != "C"
    )


def shown(name: str) -> str:
    """A name as it can be printed: one line, no control or direction characters, not too long."""
    safe = "".join(
        character if is_visible(character) else character.encode("unicode_escape").decode()
        for character in name
    )
    return safe if len(safe) <= 120 else f"{safe[:60]}...{safe[-57:]}"
