"""A small assignment, and the ways to hand something in for it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.intake import Candidate, Submission, read_submission

TOML = """
name = "toy"
title = "A toy"
course = "C"
university = "U"

[[files]]
name = "vae"
path = "q1_solution.py"
aliases = ["q1_vae.py"]

[[files]]
name = "gan"
path = "gan.py"

[[parts]]
id = "q1"
title = "VAE"
marks = 1

[[parts]]
id = "q2"
title = "GAN"
marks = 2

[[questions]]
id = "q1.1"
title = "log_mean_exp"
kind = "unit"
marks = 1
contracts = ["vae.log_mean_exp"]

[[questions]]
id = "q2.1"
title = "jsd"
kind = "unit"
marks = 2
contracts = ["gan.jsd", "gan.Critic.forward"]
"""


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    folder = tmp_path / "assignments" / "toy"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    return Assignment(folder, tmp_path / "reference" / "toy")


@pytest.fixture
def put(tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    """Writes files into a fresh folder."""

    def put(files: Mapping[str, bytes], name: str = "handed_in") -> Path:
        root = tmp_path / name
        root.mkdir()
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        return root

    return put


@pytest.fixture
def read(assignment: Assignment) -> Callable[[Path], Submission]:
    """Reads a path as one submission."""

    def read(path: Path, *members: str) -> Submission:
        return read_submission(Candidate("jane", path, members), assignment)

    return read
