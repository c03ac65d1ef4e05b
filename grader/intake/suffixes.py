"""Finds the assignment's files under a suffix that a browser or an editor gave them."""

from __future__ import annotations

import json
import posixpath

from grader.assignment import Description
from grader.intake.limits import MAX_SOURCE, Notes, shown
from grader.intake.locate import contracts_in, name_rank, overlap
from grader.intake.notebooks.source import outline


def name_what_was_meant(files: dict[str, bytes], description: Description, notes: Notes) -> None:
    """Rename `gan.txt` to gan.py and `gan.json` to gan.ipynb, if that is what they hold.

    Only where nothing of the usual name is there: what is named rightly was meant.
    """
    for source in description.files:
        if any(name_rank(path, source) is not None for path in files):
            continue
        stems = {posixpath.splitext(name)[0].lower() for name in source.accepted_names}
        for path in sorted(files):
            start, suffix = posixpath.splitext(path)
            if posixpath.basename(start).lower().strip() not in stems:
                continue
            content = files[path]
            wanted = contracts_in(source, description)
            if suffix.lower() == ".txt" and _is_python(content, wanted):
                target = f"{start.rstrip()}.py"
            elif suffix.lower() == ".json" and _is_notebook(content):
                target = f"{start.rstrip()}.ipynb"
            else:
                continue
            files[target] = files.pop(path)
            notes.add(f"{shown(path)}: read as {shown(posixpath.basename(target))}")
            break


def _is_python(content: bytes, wanted: frozenset[str]) -> bool:
    return len(content) <= MAX_SOURCE and overlap(outline(content), wanted) > 0


def _is_notebook(content: bytes) -> bool:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(read, dict) and isinstance(read.get("cells"), list)
