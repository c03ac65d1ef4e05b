"""Likelihoods, integrals and energy losses of normal distributions, whose figures are known."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.measures.density import energy_loss, grid_integral, negative_log_likelihood
from grader.measures.estimate import MeasureError

BOX = [(-6.0, 6.0), (-6.0, 6.0)]


def standard_normal(x: Tensor) -> Tensor:
    return -0.5 * (x.square() + math.log(2 * math.pi)).sum(dim=1)


def test_the_likelihood_of_normal_points_is_the_entropy() -> None:
    points = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    estimate = negative_log_likelihood(standard_normal, points, batch_size=777)
    entropy = 1 + math.log(2 * math.pi)
    assert abs(estimate.value - entropy) < 5 * estimate.standard_error
    assert estimate.standard_error == pytest.approx(1 / math.sqrt(20_000), rel=0.05)
    assert estimate.unit == "nats per point"


def test_a_column_of_log_densities_is_as_good_and_a_square_is_refused() -> None:
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    flat = negative_log_likelihood(standard_normal, points)
    column = negative_log_likelihood(lambda x: standard_normal(x)[:, None], points)
    assert flat == column
    with pytest.raises(MeasureError, match=r"one value per point.*got \(50, 50\)"):
        negative_log_likelihood(lambda x: standard_normal(x) + torch.zeros(50, 1), points)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_density_that_is_no_number_has_no_likelihood(value: float) -> None:
    def spoilt(x: Tensor) -> Tensor:
        return standard_normal(x).where(torch.arange(len(x)) != 3, value)

    with pytest.raises(MeasureError, match=r"1 of 10 log-densities .* at 3"):
        negative_log_likelihood(spoilt, torch.zeros(10, 2))


@pytest.mark.parametrize("factor", [1.0, 0.5, 3.0])
def test_the_integral_is_the_normalisation(factor: float) -> None:
    integral = grid_integral(lambda x: standard_normal(x) + math.log(factor), BOX, 200)
    assert integral.estimate.value == pytest.approx(factor, rel=1e-6)
    assert integral.estimate.standard_error < 1e-5
    assert integral.frame_mass < 1e-6


@pytest.mark.parametrize("dimensions", [1, 3])
def test_the_integral_is_that_of_any_dimension(dimensions: int) -> None:
    integral = grid_integral(standard_normal, [(-6.0, 6.0)] * dimensions, 60)
    assert integral.estimate.value == pytest.approx(1.0, abs=1e-5)


def test_mass_at_the_edge_of_the_box_is_told() -> None:
    box = [(-6.0, 6.0), (-1.0, 1.0)]
    integral = grid_integral(standard_normal, box, 400)
    share = math.erf(1 / math.sqrt(2))
    assert integral.estimate.value == pytest.approx(share, abs=1e-3)
    inner = math.erf(0.9 / math.sqrt(2))
    assert integral.frame_mass == pytest.approx(share - inner, abs=2e-3)
    assert "outer frame" in integral.estimate.note


def test_a_coarse_grid_says_so() -> None:
    narrow = grid_integral(lambda x: standard_normal(x / 0.02) - 2 * math.log(0.02), BOX, 50)
    assert abs(narrow.estimate.value - 1) <= narrow.estimate.standard_error
    assert narrow.estimate.standard_error > 0.1


def test_an_error_bounds_that_of_a_kinked_density() -> None:
    for shift in np.linspace(0, 0.2, 7):

        def laplace(x: Tensor, shift: float = shift) -> Tensor:
            return -(x - shift).abs().sum(dim=1) - 2 * math.log(2)

        integral = grid_integral(laplace, [(-15.0, 15.0)] * 2, 100)
        assert abs(integral.estimate.value - 1) <= integral.estimate.standard_error + 1e-5


def test_a_density_of_zero_is_no_fault_and_a_nan_is() -> None:
    def square(x: Tensor) -> Tensor:
        return torch.zeros(len(x)).where((x.abs() < 0.5).all(dim=1), -math.inf)

    assert grid_integral(square, [(-1.0, 1.0)] * 2, 200).estimate.value == pytest.approx(1.0)
    with pytest.raises(MeasureError, match="densities on the grid are not finite"):
        grid_integral(lambda x: x[:, 0] * math.nan, BOX, 10)
    with pytest.raises(MeasureError, match="densities on the grid are not finite"):
        grid_integral(lambda x: torch.full((len(x),), 1e4), BOX, 10)


@pytest.mark.parametrize(
    ("box", "resolution"),
    [([(1.0, 1.0)], 10), ([], 10), (BOX, 11), (BOX, 0), (BOX, 4000), ([(math.nan, 1.0)], 10)],
)
def test_a_grid_that_cannot_be_is_refused(box: list[tuple[float, float]], resolution: int) -> None:
    with pytest.raises(MeasureError, match=r"box|resolution"):
        grid_integral(standard_normal, box, resolution)


def affine(z: Tensor) -> tuple[Tensor, Tensor]:
    """z to 2 z + 1: q is N(1, 4 I)."""
    return 2 * z + 1, torch.full((len(z), 1), 2 * math.log(2))


def test_the_energy_loss_of_a_normalised_density_is_the_divergence() -> None:
    estimate = energy_loss(
        affine, lambda x: -standard_normal(x), dimensions=2, samples=40_000, seed=1
    )
    divergence = 2 * 0.5 * (4 + 1 - 1 - math.log(4))  # KL(N(1, 4) || N(0, 1)), twice
    assert abs(estimate.value - divergence) < 5 * estimate.standard_error < 0.2
    again = energy_loss(affine, lambda x: -standard_normal(x), dimensions=2, samples=40_000, seed=1)
    assert again == estimate


def test_a_flow_that_fits_loses_minus_the_logarithm_of_the_constant() -> None:
    """Every term is -log Z then, and the standard error 0."""

    def energy(x: Tensor) -> Tensor:
        return (((x - 1) / 2).square() / 2).sum(dim=1)

    estimate = energy_loss(affine, energy, dimensions=2, samples=1000, seed=0, batch_size=300)
    assert estimate.value == pytest.approx(-math.log(2 * math.pi * 4), abs=1e-5)
    assert estimate.standard_error < 1e-6
    assert estimate.n == 1000


def test_an_infinite_energy_is_no_figure() -> None:
    with pytest.raises(MeasureError, match="terms of the energy loss"):
        energy_loss(affine, lambda x: x[:, 0] / 0, dimensions=2, samples=10, seed=0)
