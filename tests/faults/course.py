"""A small class that is graded by the command line, again and again, while things go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.results import Result
from grader.store.store import read_results
from tests.conftest import RIGHT, TOY, write_tree

SECRET = "the same secret in every run"
SLOW = "import time\n\ndef total(x):\n    time.sleep(0.2)\n    return x.sum()\n"
CLASS: Mapping[str, Mapping[str, str]] = {
    "a_right": RIGHT | {"total.py": SLOW},
    "b_shape": RIGHT | {"mean.py": "def mean(x):\n    return x.mean(1, keepdim=True)\n"},
    "c_value": RIGHT | {"mean.py": "def mean(x):\n    return x.sum(1)\n"},
    "d_quits": RIGHT | {"total.py": "import os\n\ndef total(x):\n    os._exit(3)\n"},
    "e_raises": RIGHT | {"mean.py": "def mean(x):\n    raise ValueError(x)\n"},
    "f_prints": RIGHT | {"total.py": "def total(x):\n    print('here')\n    return x.sum()\n"},
    "g_slow": RIGHT | {"total.py": SLOW},
    "h_unreadable": {"other.py": "x = 1\n"},
    "i_slow": RIGHT | {"total.py": SLOW},
}
MAIN = "from grader.cli import main; main()"


@dataclass(frozen=True)
class Course:
    """The toy assignment and a class, ready to be graded into an output folder."""

    home: Path
    submissions: Path
    out: Path

    @classmethod
    def make(cls, root: Path) -> Course:
        """Write everything below a folder."""
        write_tree(root / "home", TOY)
        for name, files in CLASS.items():
            write_tree(root / "class" / name, dict(files))
        return cls(root / "home", root / "class", root / "out")

    def command(self, *options: str, code: str = MAIN) -> list[str]:
        """The command that grades the class."""
        paths = ["grade", "toy", str(self.submissions), "--out", str(self.out)]
        rest = ["--layout", "class", "--secret", SECRET, "--no-report", "--jobs", "2"]
        return [sys.executable, "-P", "-c", code, *paths, *rest, *options]

    @property
    def environment(self) -> dict[str, str]:
        """Where the assignment is found."""
        return os.environ | {"GRADER_HOME": str(self.home), "OMP_NUM_THREADS": "1"}

    def start(self, *options: str, code: str = MAIN) -> subprocess.Popen[str]:
        """Start grading."""
        return subprocess.Popen(
            self.command(*options, code=code),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def grade(self, *options: str, code: str = MAIN) -> tuple[int, str]:
        """Grade over one slot, as each takes seconds to start; exit status and standard error."""
        process = self.start("--jobs", "1", *options, code=code)
        _, said = process.communicate()
        return process.returncode, said

    def results(self) -> dict[str, dict[str, object]]:
        """Every stored result without its times, by submission."""
        return {r.submission: timeless(r) for r in read_results(self.out)[1]}

    def pages(self) -> dict[str, dict[str, object]]:
        """The same, from the JSON files beside the store."""
        texts = [path.read_text() for path in sorted((self.out / "results").iterdir())]
        return {(r := Result.model_validate_json(t)).submission: timeless(r) for t in texts}


def timeless(result: Result) -> dict[str, object]:
    """A result without what differs from run to run: when, how long, and where it was."""
    where = str(Path(result.source).parent)
    content: dict[str, object] = json.loads(result.model_dump_json().replace(where, ""))
    del content["seconds"], content["graded_at"], content["source"]
    for check in content["checks"]:  # type: ignore[attr-defined]
        del check["seconds"]
    return content
