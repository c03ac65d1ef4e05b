"""The sentences that tests' names make."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.suite.titles import Titles

TOML = """
name = "toy"
title = "Flows and GANs"
course = "C"
university = "U"
[[files]]
name = "gan"
path = "gan.py"
[[parts]]
id = "q1"
title = "GAN"
marks = 1
[[questions]]
id = "q1.1"
title = "KL divergence"
kind = "unit"
marks = 1
contracts = ["gan.jsd", "gan.w1", "gan.ogp", "gan.integrand"]
"""
HANDOUT = """
The FID and the Inception Score (IS). It is what is asked. An ELBO is a bound, as is any other.
We call `jsd` with JSD, and w1, w1 and w1 with W1 of NumPy. The Jacobian of the integrand.
- Train the model, and show images. Images are small; train it long.
"""


@pytest.fixture
def titles(tmp_path: Path) -> Titles:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "assignment.toml").write_text(TOML, encoding="utf-8")
    (folder / "handout.md").write_text(HANDOUT, encoding="utf-8")
    return Titles(Assignment(folder, tmp_path / "reference"))


@pytest.mark.parametrize(
    ("name", "documentation", "title"),
    [
        ("test_kl_is_zero", "", "KL is zero"),
        ("test_jsd_is_zero[W1]", "", "JSD is zero (W1)"),
        ("test_w1_is_a_mean", "", "W1 is a mean"),
        ("test_estimate_is_the_elbo", "", "Estimate is the ELBO"),
        ("test_log_det_of_the_jacobian", "", "Log det of the Jacobian"),
        ("test_images_train_numpy", "", "Images train NumPy"),
        ("test_ogp_squares_first", "", "ogp squares first"),
        ("test_integrand_is_right", "", "Integrand is right"),
        ("test_ess_of_equal_weights", "The ESS is what counts.", "ESS of equal weights"),
        ("test_lm_is_trained", "An LM predicts.", "LM is trained"),
        ("test_takes_each_examples_maximum", "", "Takes each example's maximum"),
        ("test_every_layers_input", "", "Every layer's input"),
        ("test_after_the_generators_step", "The generator's step ends.",
         "After the generator's step"),
        ("test_all_layers_can_be_trained", "A layer's weights.", "All layers can be trained"),
        ("test_critics_learn", "", "Critics learn"),
    ],
)  # fmt: skip
def test_words_are_written_as_the_assignment_writes_them(
    titles, name, documentation, title
) -> None:
    assert titles.of(name, documentation) == title
