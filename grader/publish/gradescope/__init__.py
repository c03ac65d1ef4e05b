"""Makes an autograder for Gradescope: a zip with the harness, one assignment and two scripts.

What Gradescope does with it is described at
https://gradescope-autograders.readthedocs.io/en/latest/specs/ : the zip is unpacked to
`/autograder/source`, `setup.sh` is run once, `run_autograder` for each submission.
"""

from __future__ import annotations

import importlib.metadata
import re
import secrets
import shlex
from collections.abc import Iterator
from pathlib import Path

from grader.assignment import Assignment

_HERE = Path(__file__).parent
_PACKAGE = Path(__file__).parents[2]
# What an installed package holds besides its code: every assignment with its answers.
_NOT_PACKED = ("bundled", "__pycache__")

SCRIPTS = ("setup.sh", "run_autograder")


def autograder_files(assignment: Assignment, secret: str | None = None) -> dict[str, bytes]:
    """Every file of the autograder's zip, by its path in it, sorted.

    Args:
        assignment: the one that it grades; no other is in it.
        secret: what hidden inputs are drawn from, the same for the whole class; by default new.
    """
    files = {name: (_HERE / name).read_bytes() for name in SCRIPTS}
    files["requirements.txt"] = "".join(f"{line}\n" for line in _requirements()).encode()
    files["secret"] = (secret or secrets.token_hex(16)).encode()
    files["settings.sh"] = _settings(assignment).encode()
    for target, folder in (
        ("harness/grader", _PACKAGE),
        (f"home/assignments/{assignment.name}", assignment.folder),
        (f"home/reference/{assignment.name}", assignment.reference),
    ):
        files |= {f"{target}/{path}": content for path, content in _below(folder)}
    return dict(sorted(files.items()))


def _settings(assignment: Assignment) -> str:
    return f"""\
# Read by run_autograder; change it and upload the zip again.
ASSIGNMENT={shlex.quote(assignment.name)}
# auto: bubblewrap or Landlock, else nothing is graded.
# none: no wall, and students can read the suite.
ISOLATION=auto
# none, or submitted: measure the weights that students hand in. Training takes too long here.
RUNS=none
JOBS=1
"""


def _requirements() -> Iterator[str]:
    """What the harness needs to grade: its dependencies without its extras."""
    for line in importlib.metadata.requires("grader") or []:
        if not re.search(r";.*\bextra\b", line):
            yield line


def _below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(p in _NOT_PACKED or p.startswith(".") for p in inside.parts)
        if path.is_file() and not hidden:
            yield inside.as_posix(), path.read_bytes()
