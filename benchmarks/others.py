"""Other graders, compared only where they are installed."""

from __future__ import annotations

import importlib.util

OTHERS = {"otter-grader": "otter", "nbgrader": "nbgrader"}


def remarks() -> list[str]:
    """A line for each grader that is not here to be compared."""
    return [
        f"{name} is not installed here, so it is not compared."
        for name, module in OTHERS.items()
        if importlib.util.find_spec(module) is None
    ]
