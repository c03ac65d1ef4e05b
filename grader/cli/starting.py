"""`grader new`: the files of a smallest assignment."""

from __future__ import annotations

import keyword
import os
from pathlib import Path
from typing import Annotated

import typer

from grader.assignment import AssignmentError, author_page, known_assignments
from grader.cli.app import app, console, stop

# By their paths; NAME stands for the name of the assignment.
FILES = {
    "assignments/NAME/assignment.toml": """\
name = "NAME"
title = "Two kinds of means"
course = "Example course"
university = "Example university"

[[files]]
name = "means"
path = "means.py"

[[parts]]
id = "q1"
title = "Means"
marks = 3

[[questions]]
id = "q1.1"
title = "Geometric mean"
marks = 3
contracts = ["means.geometric_mean"]
""",
    "assignments/NAME/handout.md": """\
# Two kinds of means

Fill in `geometric_mean` in `means.py`; its docstring says what it must do. `pytest` runs the tests
that you were given.
""",
    "assignments/NAME/hidden/test_means.py": '''\
"""The tests that give marks."""

import pytest

from grader.suite.laws import form


@pytest.mark.question("q1.1", weight=2)
def test_geometric_mean_has_the_right_value(submission, reference, draw, expect):
    """The mean is taken of the logarithms."""
    x = draw.uniform(5, 8, low=0.1, high=3.0)
    expect.close(
        expect.each(submission.means.geometric_mean(x), 5, what="the geometric mean"),
        reference.means.geometric_mean(x),
        what="the geometric mean",
        help="Take logarithms, then the mean of each row, then the exponential.",
        terms=8,
    )


@form
@pytest.mark.question("q1.1")
def test_geometric_mean_gives_one_number_per_row(submission, draw, expect):
    """Code that uses the result adds it to other values of shape (B,)."""
    result = submission.means.geometric_mean(draw.uniform(4, 3, low=0.1, high=3.0))
    expect.shape(result, (4,), what="the geometric mean")
''',
    "assignments/NAME/public/test_means.py": '''\
"""The tests that students get."""

import pytest
import torch


@pytest.mark.question("q1.1")
def test_geometric_mean_of_equal_values(submission, expect):
    """The mean of equal values is that value."""
    expect.close(submission.means.geometric_mean(torch.full((2, 3), 4.0)), torch.full((2,), 4.0))
''',
    "assignments/NAME/mistakes/means.py": '''\
"""What students get wrong, with the hint that they read then."""

from grader.catalogue import Mistakes

value = Mistakes("means.geometric_mean", "test_geometric_mean_has_the_right_value")
shape = Mistakes("means.geometric_mean", "test_geometric_mean_gives_one_number_per_row")

value.edit(
    "arithmetic_mean",
    "torch.log(x).mean(1).exp()",
    "x.mean(1)",
    "This is the arithmetic mean: nothing is multiplied, and no logarithm is taken.",
)

shape.edit(
    "mean_as_a_column",
    "mean(1)",
    "mean(1, keepdim=True)",
    "The result has a further axis of size one, which broadcasts later on.",
)
''',
    "assignments/NAME/variants/means.py": '''\
"""What is right as well, in another style."""

import torch

from grader.catalogue import Variants

geometric_mean = Variants("means.geometric_mean")


@geometric_mean
def root_of_the_product(x):
    """The D-th root of the product of D values."""
    return torch.prod(x, 1) ** (1 / x.shape[1])
''',
    "reference/NAME/means.py": '''\
"""Means of rows."""

import torch
from torch import Tensor


def geometric_mean(x: Tensor) -> Tensor:
    """exp of the mean of log x over the last axis: positive values (B, D) to (B,)."""
    ### BEGIN SOLUTION
    return torch.log(x).mean(1).exp()
    ### END SOLUTION
''',
}


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Name of the assignment, e.g. cs101_a2.")],
) -> None:
    """Make the files of a smallest assignment, to be replaced one by one: it grades, it passes its
    audit, and it can be published. They go into the current folder, or into that of --home.

    Example: grader new cs101_a2
    """
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        stop(f"{name!r} cannot be a name; take letters, digits and underscores, as in cs101_a2")
    try:
        known = known_assignments()
    except AssignmentError as error:
        stop(str(error))
    home = Path(os.environ.get("GRADER_HOME") or ".")
    folders = [home / "assignments" / name, home / "reference" / name]
    taken = [str(f) for f in folders if f.exists()]
    if name in known or taken:
        where = f": {taken[0]} is there already" if taken else ""
        stop(f"the name {name!r} is taken{where}; choose another")
    for path, text in FILES.items():
        file = home / path.replace("NAME", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("NAME", name), encoding="utf-8")
        console.print(str(file), markup=False, highlight=False, soft_wrap=True)
    console.print(f"Try: grader audit {name}", markup=False, highlight=False)
    page = f"How it goes on: {author_page()}"
    console.print(page, markup=False, highlight=False, soft_wrap=True)
