"""The stand-ins: that they are what their descriptions say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.datasets import load_digits

from grader.data import digits, load, planar, prose

NAMES = ("mnist", "fashion_mnist", "kmnist_test", "cifar10", "binarized_mnist")
P = 1e-6  # chance that a right implementation would fail, were the seeds not fixed


@pytest.mark.parametrize("side", [28, 32])
def test_enlarging_agrees_with_torch(side: int) -> None:
    small = load_digits().images[:200]
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(small)[:, None] * (255 / 16), size=side, mode="bilinear"
    )[:, 0].numpy()
    found = digits.enlarge(small, side)
    assert found.dtype == np.uint8 and found.max() == 255 and found.min() == 0
    assert np.abs(found - expected).max() <= 0.5 + 1e-9


def test_every_digit_is_used_once() -> None:
    found = digits.labelled(28)
    assert len(found["train_images"]) == 1437 and len(found["test_images"]) == 360
    assert np.bincount(found["test_labels"]).tolist() == [36] * 10
    whole = np.concatenate([found["train_images"], found["test_images"]]).reshape(1797, -1)
    expected = digits.enlarge(load_digits().images, 28).reshape(1797, -1)
    np.testing.assert_array_equal(np.unique(whole, axis=0), np.unique(expected, axis=0))


def test_labels_belong_to_their_images() -> None:
    found = digits.labelled(28)
    digit_of = {
        image.tobytes(): label
        for image, label in zip(
            digits.enlarge(load_digits().images, 28), load_digits().target, strict=True
        )
    }
    for part in ("train", "test"):
        for image, label in zip(found[f"{part}_images"], found[f"{part}_labels"], strict=True):
            assert digit_of[image.tobytes()] == label


def test_colour_images_have_three_equal_channels() -> None:
    images = load("cifar10", embedded=True).arrays["train_images"]
    assert images.shape == (1437, 3, 32, 32)
    assert (images[:, 0] == images[:, 1]).all() and (images[:, 0] == images[:, 2]).all()


def test_pixels_are_drawn_with_probability_of_their_grey() -> None:
    found = digits.binarized()
    assert {s: len(v) for s, v in found.items()} == {"train": 1077, "valid": 360, "test": 360}
    assert set(np.unique(found["train"])) == {0, 1}
    grey = digits.labelled(28)["test_images"].reshape(360, 784) / 255
    ink = found["test"]
    assert (ink[grey == 0] == 0).all() and (ink[grey == 1] == 1).all()
    for low in np.arange(0.05, 0.95, 0.1):
        chosen = (grey >= low) & (grey < low + 0.1)
        expected, variance = grey[chosen].sum(), (grey * (1 - grey))[chosen].sum()
        z = (ink[chosen].sum() - expected) / np.sqrt(variance)
        assert abs(z) < stats.norm.isf(P / 2)


def test_text_is_prose_in_ascii() -> None:
    dataset = load("tiny_shakespeare", embedded=True)
    text = dataset.text("train") + dataset.text("valid")
    assert text.isascii() and len(text) > 300_000
    assert len(dataset.arrays["train"]) == int(0.9 * len(text))
    assert text.count(" the ") > 3_000
    assert dataset.alphabet == "".join(sorted(set(text)))


def test_coding_is_a_bijection() -> None:
    arrays, alphabet = prose.encode("hello, world" * 10)
    assert "".join(alphabet[c] for c in arrays["train"]) == ("hello, world" * 10)[:108]


@pytest.mark.parametrize("name", planar.DENSITIES)
def test_the_box_holds_the_mass_and_the_bound_holds(name: str) -> None:
    density = planar.DENSITIES[name]
    grid = np.stack(
        np.meshgrid(np.linspace(-9, 9, 1201), np.linspace(-9, 9, 1201)), axis=-1
    ).reshape(-1, 2)
    energy = density.energy(grid)
    assert energy.min() >= density.lowest
    mass = np.exp(-energy)
    size = (density.half_width, density.half_height)
    outside = (np.abs(grid) > size).any(axis=1)
    assert mass[outside].sum() < 1e-10 * mass.sum()


def test_arcs_follow_their_density() -> None:
    """A chi-squared test over cells whose probabilities come from quadrature."""
    edges = np.array([-5.0, -2.2, -1.6, -1.0, 0.0, 1.0, 1.6, 2.2, 5.0])

    def mass(a: float, b: float, c: float, d: float) -> float:
        def density(y: float, x: float) -> float:
            return float(np.exp(-planar.arcs_energy(np.array([[x, y]])))[0])

        return float(integrate.dblquad(density, a, b, c, d, epsabs=1e-6, epsrel=1e-5)[0])

    # The density is even in both coordinates: a quadrant tells all.
    half = edges[4:]
    quadrant = np.array(
        [[mass(*half[i : i + 2], *half[j : j + 2]) for j in range(4)] for i in range(4)]
    )
    mirrored = np.concatenate([quadrant[::-1], quadrant])
    whole = np.concatenate([mirrored[:, ::-1], mirrored], axis=1)
    points = load("planar_arcs", embedded=True).arrays["points"]
    expected = whole / whole.sum() * len(points)
    observed = np.histogram2d(points[:, 0], points[:, 1], bins=(edges, edges))[0]
    often = expected > 5
    statistic = ((observed - expected)[often] ** 2 / expected[often]).sum()
    assert stats.chi2.sf(statistic, often.sum() - 1) > P
    assert observed[~often].sum() < stats.poisson.isf(P, expected[~often].sum())


def test_the_sine_follows_its_density() -> None:
    points = load("planar_sine", embedded=True).arrays["points"].astype(float)
    assert points.shape == (5000, 2)
    assert stats.kstest(points[:, 0], stats.uniform(-6, 12).cdf).pvalue > P
    residual = (points[:, 1] - np.sin(np.pi * points[:, 0] / 2)) / 0.4
    assert stats.kstest(residual, stats.norm.cdf).pvalue > P
    assert abs(stats.spearmanr(points[:, 0], residual).statistic) < 0.08


def test_energies_are_those_of_their_formulas() -> None:
    z = np.random.default_rng(0).uniform(-4, 4, (50, 2))
    for (x, y), arcs, sine in zip(z, planar.arcs_energy(z), planar.sine_energy(z), strict=True):
        terms = np.exp(-0.5 * ((x - 2) / 0.6) ** 2) + np.exp(-0.5 * ((x + 2) / 0.6) ** 2)
        ring = 0.5 * (((x**2 + y**2) ** 0.5 - 2) / 0.4) ** 2
        assert arcs == pytest.approx(ring - np.log(terms), rel=1e-12)
        band = 0.5 * ((y - np.sin(2 * np.pi * x / 4)) / 0.4) ** 2
        assert sine == pytest.approx(band, rel=1e-12)
    assert np.isinf(planar.sine_energy(np.array([[6.01, 0.0]])))[0]
    assert np.isfinite(planar.arcs_energy(np.array([[60.0, -60.0]])))[0]


# A change of these is a change of every figure that was measured on embedded data.
DIGESTS = {
    "mnist": "e2de1d29",
    "cifar10": "3bb7c7e1",
    "binarized_mnist": "becdd58e",
    "planar_arcs": "c12c5e8c",
    "planar_sine": "6c3ce770",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_stand_ins_are_the_same_on_every_machine(name: str) -> None:
    assert load(name, embedded=True).digest.startswith(DIGESTS[name])


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_say_that_digits_stand_in(name: str) -> None:
    description = load(name, embedded=True).description
    assert description.startswith("Embedded digits") and "in place of" in description
