"""Reads the documentation: its pages, tables, code blocks and links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Every page that a reader may open."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted(DOCS.glob("*.md"))]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str | None = None) -> list[str]:
    """Contents of the fenced code blocks; all of them, or those of one language."""
    return [body for found, body in _FENCE.findall(text) if language is None or found == language]


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Targets of the links and pictures."""
    return _LINK.findall(without_blocks(text))


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next of the same or a higher level."""
    lines = text.splitlines()
    start = lines.index(heading)
    level = len(heading) - len(heading.lstrip("#"))
    end = start + 1
    fenced = False
    while end < len(lines):
        fenced ^= lines[end].startswith("```")
        hashes = re.match(r"#+(?= )", lines[end])
        if hashes and not fenced and len(hashes[0]) <= level:
            break
        end += 1
    return "\n".join(lines[start + 1 : end])


def first_column(text: str) -> list[str]:
    """The code words in the first column of all tables of a text."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def anchors(text: str) -> set[str]:
    """Names by which the headings of a page are linked to."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found
