"""A small assignment with a reference and a public suite, to make a template of."""

from pathlib import Path

import pytest

from grader.assignment import Assignment

TOML = """
name = "toy"
title = "A toy"
course = "IFT 1"
university = "U"
given = ["plot.py"]

[[files]]
name = "gan"
path = "gan.py"

[[files]]
name = "flow"
path = "solution.py"

[[parts]]
id = "q1"
title = "Losses"
marks = 3

[[parts]]
id = "q2"
title = "Words"
marks = 2.5

[[questions]]
id = "q1.1"
title = "The divergence"
kind = "unit"
marks = 2
contracts = ["gan.jsd"]

[[questions]]
id = "q1.2"
title = "The flow"
kind = "unit"
marks = 1
contracts = ["flow.Flow.forward"]

[[questions]]
id = "q2.1"
title = "Explain"
kind = "written"
marks = 2.5
"""

GAN = '''"""Losses."""

import torch


def jsd(cp, cq):
    """The divergence."""
    n = cp.numel()
    ### BEGIN SOLUTION
    # Twice the mean: a secret comment.
    secret_total = (cp - cq).sum() * 2
    return secret_total / n
    ### END SOLUTION


def make(kind):
    """A pair of functions."""
    if kind != "JSD":
        raise NotImplementedError(kind)

    def metric(p):
        ### BEGIN SOLUTION
        return p * 3
        ### END SOLUTION

    return metric
'''

FLOW = '''"""A flow."""

from gan import jsd


class Flow:
    def forward(self, x):
        ### BEGIN SOLUTION
        if x is None:
            raise ValueError("x is needed")
        ### END SOLUTION
        y = x + 1
        ### BEGIN SOLUTION
        return y + 0 * jsd(x, x)
        ### END SOLUTION
'''

PROBES = '''"""Probes."""


def forward(impl, *, x):
    return impl.flow.Flow().forward(x)


def draws(impl, *, shape):
    import torch

    return torch.rand(shape)
'''

PUBLIC = '''"""Public checks."""

import pytest
import torch


@pytest.mark.question("q1.1")
def test_jsd_of_equal_values_is_zero(submission, expect, draw):
    """Two equal
    distributions are no distance apart."""
    x = draw.normal(4)
    expect.close(submission.gan.jsd(x, x), torch.tensor(0.0), what="jsd", help="Look at the sign.")


@pytest.mark.question("q1.1")
def test_jsd_is_a_scalar(submission, expect, draw):
    """The loss is one number."""
    expect.shape(submission.gan.jsd(draw.normal(4), draw.normal(4)), (), what="jsd")


@pytest.mark.question("q1.2")
@pytest.mark.parametrize("n", [1, 2])
def test_forward_adds_one(submission, expect, probes, n):
    """A shift."""
    x = torch.zeros(n)
    expect.close(submission(probes.forward, x=x), torch.ones(n), what="Flow.forward")
    expect.unchanged(x, torch.zeros(n), what="x")


@pytest.mark.question("q1.2")
def test_random_numbers_are_the_same_on_every_run(submission, expect, probes):
    first = submission(probes.draws, shape=[3])
    expect.true(not torch.equal(first, submission(probes.draws, shape=[3])), "two calls, one seed")
'''


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference" / "toy"
    folder.mkdir(parents=True)
    (folder / "gan.py").write_text(GAN)
    (folder / "solution.py").write_text(FLOW)
    (folder / "plot.py").write_text("import matplotlib.pyplot as plt\nfrom PIL import Image\n")
    return folder


@pytest.fixture
def assignment(tmp_path: Path, reference: Path) -> Assignment:
    folder = tmp_path / "assignments" / "toy"
    (folder / "public").mkdir(parents=True)
    (folder / "assignment.toml").write_text(TOML)
    (folder / "handout.md").write_text("# What is asked\n")
    (folder / "probes.py").write_text(PROBES)
    (folder / "public" / "test_toy.py").write_text(PUBLIC)
    return Assignment(folder, reference)
