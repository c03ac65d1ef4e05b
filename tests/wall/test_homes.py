"""Files are where the student had them; a file that fails at import gives its definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch

from grader.assignment import Assignment
from grader.intake import Candidate, read_submission
from grader.suite.failures import SubmissionFailed
from grader.suite.remote import Remote
from grader.wall.isolation import WallKind
from tests.conftest import RIGHT, SharedWarm

Asked = Callable[[Mapping[str, str | bytes]], Remote]
TOTAL = RIGHT["total.py"]


@pytest.fixture
def asked(
    wall: WallKind, shared_warm: SharedWarm, toy: Assignment, tmp_path: Path
) -> Iterator[Asked]:
    """A submission of these files behind the wall."""
    made: list[Remote] = []
    warm = shared_warm(wall, toy.description.limits)

    def asked(files: Mapping[str, str | bytes]) -> Remote:
        root = tmp_path / f"handed_in_{len(made)}"
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text if isinstance(text, bytes) else text.encode())
        submission = read_submission(Candidate("jane", root), toy)
        made.append(
            Remote(
                warm,
                toy,
                submission.files,
                places=submission.modules,
                otherwise=submission.definitions_of,
            )
        )
        return made[-1]

    yield asked
    for remote in made:
        remote.close()


def total(remote: Remote) -> float:
    return float(remote.ask("call", "total.total", {"args": [torch.ones(3)], "kwargs": {}}))


@pytest.mark.parametrize(
    "files",
    [
        {"total.py": "open('a.yaml').read()\n", "a.yaml": ""},
        {"total.py": "from pathlib import Path\n(Path(__file__).parent / 'a.npz').read_bytes()\n",
         "a.npz": b"\0"},
        {"src/total.py": "open('../a.json').read()\n", "a.json": "{}"},
        {"src/total.py": "open('data/a.txt').read()\n", "data/a.txt": "x"},
        {"src/total.py": "open('cache.bin', 'wb').write(b'x')\n", "b/a.txt": "x"},
        {"src/total.py": "from mine.parts import ONE\n", "mine/parts.py": "ONE = 1\n"},
    ],
    ids=["cwd", "beside", "above", "from-above", "written", "own-package"],
)  # fmt: skip
def test_files_are_where_the_student_had_them(asked: Asked, files: dict[str, str | bytes]) -> None:
    home = next(path for path in files if path.endswith("total.py"))
    remote = asked({**files, home: f"{files[home]}{TOTAL}"})  # type: ignore[str-bytes-safe]
    assert total(remote) == 3
    assert remote.fallen_back == []


def test_companions_of_one_name_in_two_folders_are_two(asked: Asked) -> None:
    """Also where they are imported only when a function is called."""
    remote = asked(
        {
            "a/mean.py": "def mean(x):\n    import helper\n    return x.sum() * helper.N\n",
            "a/helper.py": "N = 10\n",
            "b/total.py": "import helper\ndef total(x):\n    import helper as h\n"
            "    return x.sum() * helper.N * h.N / open('n.txt').read().count('1')\n",
            "b/helper.py": "N = 2\n",
            "b/n.txt": "11",
            "a/n.txt": "1",
        }
    )
    for _ in range(2):
        assert float(remote.ask("call", "mean.mean", {"args": [torch.ones(3)], "kwargs": {}})) == 30
        assert total(remote) == 6


@pytest.mark.parametrize(
    "top",
    [
        "DATA = open('/not/there').read()\n",
        "N = int(input('how many? '))\n",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('x')\nA = p.parse_args()\n",
        "import urllib.request\nurllib.request.urlretrieve('https://x.invalid', 'x')\n",
        "model = undefined_model()\nfor _ in range(3):\n    model.step()\n",
        "import os\nos._exit(3)\n",
        "import sys\nsys.exit(0)\n",
        "print(1 / 0)\n",
        "from mean import no_such_name\n",
    ],
    ids=["file", "input", "arguments", "download", "train", "exit", "sys-exit", "error", "import"],
)
def test_a_script_whose_top_level_fails_keeps_its_functions(asked: Asked, top: str) -> None:
    remote = asked({"mean.py": RIGHT["mean.py"], "total.py": top + TOTAL})
    assert total(remote) == 3
    (told,) = remote.fallen_back
    said = ("total.py cannot be imported", "importing total.py ended", "total.py ends itself")
    assert told.startswith(said)
    assert "its definitions were taken" in told


def test_what_needs_what_failed_fails_alone(asked: Asked) -> None:
    top = "N = len(open('/not/there').read())\n"
    remote = asked({"mean.py": RIGHT["mean.py"], "total.py": f"{top}def total(x):\n    return N\n"})
    with pytest.raises(SubmissionFailed, match=r"raised NameError in total\.py, line 3"):
        total(remote)


def test_a_file_that_nothing_can_be_taken_from_says_what_it_said(asked: Asked) -> None:
    remote = asked({"mean.py": RIGHT["mean.py"], "total.py": "def total(x:\n"})
    with pytest.raises(SubmissionFailed, match=r"total\.py cannot be imported: SyntaxError"):
        total(remote)
    assert remote.fallen_back == []


def test_each_definition_comes_with_the_helpers_of_its_own_file(asked: Asked) -> None:
    remote = asked(
        {
            "mean.py": RIGHT["mean.py"],
            "total.py": "N = 5\ndef other():\n    return N\n",
            "losses.py": "N = 2\ndef total(x):\n    return x.sum() * N\n",
        }
    )
    assert total(remote) == 6
