"""What a course asks of notebooks is looked up in the cells, and nothing is run."""

from __future__ import annotations

import pytest

from grader.assignment import NotebookRules
from grader.intake.notebooks.cells import Cell
from grader.intake.rules import Notebook, rule_findings

SEED = NotebookRules(seed=1234)
TORCH = "import torch\n"
NUMPY = "import numpy as np\n"


def code(*cells: str) -> Notebook:
    return Notebook("hw.ipynb", [Cell("code", cell) for cell in cells])


def problem(rules: NotebookRules, *notebooks: Notebook) -> str:
    """What is wrong; empty where the one rule is kept."""
    (finding,) = rule_findings(rules, notebooks)
    assert finding.kept == (not finding.detail)
    return finding.detail


@pytest.mark.parametrize(
    "cells",
    [
        [NUMPY + "np.random.seed(1234)"],
        [NUMPY, "rng = np.random.default_rng(1234)"],
        ["from numpy.random import default_rng\nrng = default_rng(seed=1234)"],
        ["from numpy import random\nrandom.seed(1234)"],
        [NUMPY + TORCH + "SEED = 1234", "np.random.seed(SEED)", "torch.manual_seed(SEED)"],
        [TORCH + "g = torch.Generator().manual_seed(1234)"],
        [
            NUMPY
            + TORCH
            + "def seed_all(s=1234):\n    np.random.seed(s)\n    torch.manual_seed(s)\nseed_all()"
        ],
        ["import torch\nfrom lightning import seed_everything\nseed_everything(1234)"],
        # Seeded once more for another purpose.
        [NUMPY + "np.random.seed(1234)\nrng = np.random.default_rng(7)"],
        # What does not use a library need not seed it.
        ["import math\nx = math.pi"],
        [NUMPY + "%matplotlib inline\nnp.random.seed(1234)"],
    ],
)
def test_a_seed_is_seen_however_it_is_set(cells: list[str]) -> None:
    assert problem(SEED, code(*cells)) == ""


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([NUMPY + "np.random.seed(42)"], "hw.ipynb: NumPy is seeded with 42"),
        ([NUMPY + TORCH + "np.random.seed(1234)"], "PyTorch is not seeded"),
        ([TORCH + "import random\nrandom.seed(1234)"], "PyTorch is not seeded"),
        ([NUMPY + "s = 42\nnp.random.seed(s)"], "NumPy is seeded, but 1234 stands nowhere"),
        ([NUMPY + "x = np.random.default_rng()"], "NumPy is not seeded"),
        ([NUMPY + "np.random.seed(True)"], "NumPy is seeded with True"),
    ],
)
def test_a_seed_that_is_missing_or_another_is_told(cells: list[str], told: str) -> None:
    assert told in problem(SEED, code(*cells))


def test_text_has_to_stand_before_every_code_cell() -> None:
    text, empty = Cell("markdown", "We draw."), Cell("markdown", "  ")
    run, nothing = Cell("code", "x = 1"), Cell("code", "\n")
    rules = NotebookRules(markdown_before_code=True)
    assert problem(rules, Notebook("a", [text, run, text, text, run, nothing])) == ""
    assert problem(rules, Notebook("a", [text, nothing, run])) == ""
    bare = problem(rules, Notebook("a", [run, text, run, run, empty, run]))
    assert bare == "a: no text stands before code cells 1, 3, 4"
    many = problem(rules, Notebook("a", [run] * 12))
    assert many.endswith("1, 2, 3, 4, 5, 6, 7, 8 and 4 more")


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("device = torch.device('cpu')", True),
        ("if device.type == 'cuda':\n    print('no')", True),
        ("device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')", False),
        ("model.to('cuda:0')", False),
        ("model.cuda()", False),
        ("print('cuda is not used')", True),
    ],
)
def test_a_device_that_is_no_processor_is_told(cell: str, kept: bool) -> None:
    told = problem(NotebookRules(cpu_only=True), code("import torch", cell))
    assert told == (
        "" if kept else "hw.ipynb: code cell 2 would compute on a GPU where there is one"
    )


def test_every_notebook_has_to_keep_a_rule() -> None:
    good, bad = code(NUMPY + "np.random.seed(1234)"), Notebook("b.ipynb", [Cell("code", NUMPY)])
    assert problem(SEED, good, bad) == "b.ipynb: NumPy is not seeded"


def test_without_notebooks_or_rules_there_is_nothing_to_say() -> None:
    assert rule_findings(SEED, []) == []
    assert rule_findings(NotebookRules(), [code("x = 1")]) == []


@pytest.mark.parametrize("cell", ["this is no Python", "(" * 5000, "x = '\ud800'"])
def test_cells_that_do_not_parse_are_passed_over(cell: str) -> None:
    rules = NotebookRules(markdown_before_code=True, seed=1, cpu_only=True)
    assert len(rule_findings(rules, [code(cell)])) == 3
