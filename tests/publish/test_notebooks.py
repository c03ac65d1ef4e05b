"""Templates with notebooks to fill in: what is in them, and that they pass once filled in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.assignment import Assignment
from grader.intake import Candidate, read_submission
from grader.intake.notebooks.cells import read_cells
from grader.publish import publish
from tests.publish.conftest import TOML
from tests.publish.test_publish import run_pytest

RULES = "\n[notebook_rules]\nmarkdown_before_code = true\nseed = 1234\ncpu_only = true\n"


@pytest.fixture
def ruled(assignment: Assignment) -> Assignment:
    path = assignment.folder / "assignment.toml"
    path.write_text(TOML.replace("\n[[files]]", RULES + "\n[[files]]", 1))
    return Assignment(assignment.folder, assignment.reference)


@pytest.fixture
def template(ruled: Assignment, tmp_path: Path) -> Path:
    publish(ruled, tmp_path / "template", format="notebook")
    return tmp_path / "template"


def fill_in(notebook: Path, old: str, new: str) -> None:
    """Replace text of a notebook's code, as a student would type it."""
    content: dict[str, Any] = json.loads(notebook.read_text())
    found = 0
    for cell in content["cells"]:
        text = "".join(cell["source"])
        found += old in text
        cell["source"] = text.replace(old, new)
    assert found == 1
    notebook.write_text(json.dumps(content))


def solve(template: Path) -> None:
    unwritten = 'raise NotImplementedError("{} is not written yet")'
    jsd, metric = (unwritten.format(name) for name in ("gan.jsd", "gan.make.metric"))
    fill_in(template / "gan.ipynb", jsd, "return (cp - cq).sum() * 2 / n")
    fill_in(template / "gan.ipynb", metric, "return p * 3")
    content = json.loads((template / "solution.ipynb").read_text())
    for cell in content["cells"]:
        text = "".join(cell["source"])
        lines = text.split("\n")
        cell["source"] = "\n".join(
            line if "NotImplementedError" not in line else line.replace(line.strip(), "pass")
            for line in lines
        ).replace("y = x + 1\n        pass", "y = x + 1\n        return y")
    content["cells"].append(
        {
            "cell_type": "code",
            "metadata": {},
            "source": "for step in range(10**12):\n    pass",
            "outputs": [],
            "execution_count": None,
            "id": "mine",
        }
    )
    (template / "solution.ipynb").write_text(json.dumps(content))


def test_each_definition_has_a_cell_after_one_of_text(template: Path) -> None:
    assert not (template / "gan.py").exists() and (template / "plot.py").exists()
    cells = read_cells((template / "gan.ipynb").read_bytes())
    assert [cell.kind for cell in cells] == ["markdown", *["markdown", "code"] * 4]
    texts = [cell.source for cell in cells]
    assert texts[0].startswith("# Losses.")
    assert "SEED = 1234" in texts[2] and texts[4] == "import torch"
    assert texts[5] == "## `jsd`\n\nQuestion q1.1 The divergence (2 marks)."
    assert texts[6].startswith("def jsd(cp, cq):") and "secret" not in "".join(texts)
    assert texts[7] == "## `make`"


def test_they_are_notebooks_and_the_same_each_time(
    template: Path, ruled: Assignment, tmp_path: Path
) -> None:
    publish(ruled, tmp_path / "again", format="notebook")
    for name in ("gan.ipynb", "solution.ipynb"):
        nbformat.validate(nbformat.read(template / name, as_version=4))
        assert (tmp_path / "again" / name).read_bytes() == (template / name).read_bytes()


def test_filled_in_they_pass_where_there_is_no_grader(template: Path) -> None:
    status, output = run_pytest(template)
    assert status == 1 and "gan.jsd is not written yet" in output
    solve(template)
    status, output = run_pytest(template)
    assert status == 0, output
    assert "q1.1     2 of 2" in output and "q1.2     3 of 3" in output


def test_an_error_is_told_with_the_line_of_the_notebook(template: Path) -> None:
    solve(template)
    fill_in(template / "gan.ipynb", "return (cp - cq).sum() * 2 / n", "return 1 / 0 * n")
    assert "gan.ipynb, in jsd: return 1 / 0 * n" in run_pytest(template)[1]


def test_the_published_notebook_keeps_the_rules(template: Path, ruled: Assignment) -> None:
    solve(template)
    submission = read_submission(Candidate("ada", template), ruled)
    assert {f.name: f.taken for f in submission.taken} == {
        "gan": "gan.ipynb",
        "flow": "solution.ipynb",
    }
    kept = {rule.rule: rule.kept for rule in submission.rules}
    assert kept == {
        "A Markdown cell stands before every code cell": False,
        "The seed is 1234": True,
        "Everything is computed on the CPU": True,
    }
    (markdown,) = [rule.detail for rule in submission.rules if not rule.kept]
    assert markdown == "solution.ipynb: no text stands before code cell 4"


def test_given_scripts_can_import_the_notebooks(ruled: Assignment, tmp_path: Path) -> None:
    (ruled.reference / "plot.py").write_text(
        "import sys\n\nfrom gan import jsd\nfrom solution import Flow\n\n"
        "if __name__ == '__main__':\n"
        "    print(sys.argv[1], jsd.__module__, Flow().forward(1.0))\n"
    )
    folder = tmp_path / "template"
    publish(ruled, folder, format="notebook")
    solve(folder)
    done = subprocess.run(
        [sys.executable, "-I", "notebooks.py", "plot.py", "hello"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "hello gan 2.0\n", done.stderr
