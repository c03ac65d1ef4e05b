"""Files of one name in one submission, of which only one can be meant."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from grader.intake.limits import shown
from grader.intake.locate import Choice, name_rank
from grader.intake.names import is_set_aside


def rivals(choices: Sequence[Choice], files: Mapping[str, bytes]) -> list[str]:
    """What a person should decide: files that might be meant instead of those that were taken.

    Copies with the same content do not count, nor what lies in folders for old versions, nor a
    notebook beside the Python file of the same name.
    """
    texts = []
    for choice in choices:
        if choice.path is None:
            continue
        others = [
            path
            for path in choice.others
            if name_rank(path, choice.source) is not None
            and posixpath.splitext(path)[1].lower() == posixpath.splitext(choice.path)[1].lower()
            and not is_set_aside(path)
            and files[path] != files[choice.path]
        ]
        if others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            listed = ", ".join(shown(path) for path in others[:3])
            texts.append(
                f"Handed in more than once, with different content: {choice.source.path}; "
                f"{shown(choice.path)} was taken, not {listed}{more}"
            )
    return texts
