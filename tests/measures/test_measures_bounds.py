"""The bounds of a model small enough that its log-likelihood is an integral one can do."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grader.measures.bounds import Bound, elbo, importance_bound
from grader.measures.estimate import MeasureError

D = 6


class Toy(nn.Module):
    """A model with one or two latent dimensions; its posterior may be as wrong as one likes."""

    def __init__(self, latent_size: int, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.loading = torch.randn(latent_size, D, generator=generator)
        self.guess = 0.5 * torch.randn(D, latent_size, generator=generator)
        # Wider than the prior, so that importance weights have all their moments.
        self.logvar = 0.2

    def decode(self, z: Tensor) -> Tensor:
        return torch.tanh(z) @ self.loading - 0.3

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean = (x.flatten(1) - 0.5) @ self.guess
        return mean, torch.full_like(mean, self.logvar)

    def log_likelihood(self, images: Tensor) -> np.ndarray:
        """log p(x) by quadrature on a grid of the latent space."""
        latent_size = self.loading.shape[0]
        axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
        z = torch.cartesian_prod(*[axis] * latent_size).reshape(-1, latent_size)
        log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
        p = torch.sigmoid(self.decode(z.float()).double())
        x = images.flatten(1).double()
        log_px = x @ p.log().T + (1 - x) @ (1 - p).log().T
        step = float(axis[1] - axis[0])
        total = torch.logsumexp(log_px + log_prior, dim=1) + latent_size * math.log(step)
        return total.numpy()


def binary_images(n: int = 40) -> Tensor:
    return torch.randint(0, 2, (n, 1, 2, 3), generator=torch.Generator().manual_seed(1)).float()


@pytest.mark.parametrize("latent_size", [1, 2])
def test_the_bounds_lie_in_their_order_below_the_likelihood(latent_size: int) -> None:
    toy, images = Toy(latent_size), binary_images()
    log_px = toy.log_likelihood(images)
    low = elbo(toy.encode, toy.decode, images, samples=4000, seed=3)
    high = importance_bound(toy.encode, toy.decode, images, samples=10, seed=3)
    # The ELBO's gap is a KL divergence, far larger than the errors here.
    assert (low.per_image < log_px).all()
    assert low.estimate.value < high.estimate.value < log_px.mean()


@pytest.mark.parametrize("latent_size", [1, 2])
def test_the_importance_bound_rises_to_the_likelihood(latent_size: int) -> None:
    toy, images = Toy(latent_size), binary_images()
    log_px = toy.log_likelihood(images)
    bound = importance_bound(toy.encode, toy.decode, images, samples=20_000, seed=4)
    assert bound.per_image == pytest.approx(log_px, abs=0.05)
    off = bound.estimate.value - log_px.mean()
    assert abs(off) < 6 * bound.estimate.standard_error < 0.02
    short = importance_bound(toy.encode, toy.decode, images, samples=5, seed=4)
    assert log_px.mean() - short.estimate.value > 10 * abs(off)


def test_the_elbo_is_the_integral_it_stands_for() -> None:
    toy, images = Toy(1), binary_images()
    mean, logvar = toy.encode(images)
    axis = torch.linspace(-8, 8, 2001, dtype=torch.float64)
    step = float(axis[1] - axis[0])
    p = torch.sigmoid(toy.decode(axis[:, None].float()).double())
    x = images.flatten(1).double()
    log_px = x @ p.log().T + (1 - x) @ (1 - p).log().T  # (N, grid)
    q = torch.distributions.Normal(mean.double(), (logvar / 2).exp().double()).log_prob(axis)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(axis)
    exact = (q.exp() * (log_px + prior - q)).sum(1).mul(step).mean().item()
    bound = elbo(toy.encode, toy.decode, images, samples=2000, seed=5)
    assert abs(bound.estimate.value - exact) < 6 * bound.estimate.standard_error < 0.05


def test_a_posterior_equal_to_the_prior_has_no_divergence() -> None:
    toy = Toy(2)
    toy.guess.zero_()
    toy.logvar = 0.0
    bound = elbo(toy.encode, toy.decode, binary_images(), seed=0)
    assert bound.kl == 0.0
    # And an importance weight is p(x|z) alone.
    high = importance_bound(toy.encode, toy.decode, binary_images(), samples=50_000, seed=0)
    assert high.per_image == pytest.approx(toy.log_likelihood(binary_images()), abs=0.08)


def test_a_model_whose_posterior_is_exact_has_a_tight_bound() -> None:
    """With a decoder that ignores z the posterior is the prior, and every weight is the same."""
    toy = Toy(1)
    toy.loading.zero_()
    toy.guess.zero_()
    toy.logvar = 0.0
    images = binary_images()
    log_px = toy.log_likelihood(images)
    for bound in (
        elbo(toy.encode, toy.decode, images, seed=0),
        importance_bound(toy.encode, toy.decode, images, samples=5, seed=0),
    ):
        assert bound.per_image == pytest.approx(log_px, abs=1e-5)
        assert bound.estimate.standard_error < 1e-7


@pytest.mark.parametrize("samples", [1, 2, 10])
def test_the_elbo_error_is_that_of_repeated_measurements(samples: int) -> None:
    toy, images = Toy(2), binary_images(200)
    bounds = [elbo(toy.encode, toy.decode, images, samples=samples, seed=s) for s in range(200)]
    spread = np.std([b.estimate.value for b in bounds], ddof=1)
    claimed = np.mean([b.estimate.standard_error for b in bounds])
    if samples == 1:
        assert claimed > spread  # the spread of the images is in it, and the note says so
    else:
        assert claimed == pytest.approx(spread, rel=0.25)


def test_the_importance_error_is_that_of_repeated_measurements() -> None:
    toy, images = Toy(2), binary_images(50)
    bounds = [
        importance_bound(toy.encode, toy.decode, images, samples=200, seed=s) for s in range(200)
    ]
    spread = np.std([b.estimate.value for b in bounds], ddof=1)
    claimed = np.mean([b.estimate.standard_error for b in bounds])
    assert claimed == pytest.approx(spread, rel=0.25)
    assert "effective sample size" in bounds[0].estimate.note


def test_the_population_error_is_that_of_fresh_images() -> None:
    toy = Toy(2)
    pool = binary_images(20_000)
    bounds = [
        elbo(toy.encode, toy.decode, part, seed=s, of_population=True)
        for s, part in enumerate(pool.split(100))
    ]
    spread = np.std([b.estimate.value for b in bounds], ddof=1)
    assert np.mean([b.estimate.standard_error for b in bounds]) == pytest.approx(spread, rel=0.2)


def test_blocks_cover_every_image_and_every_draw() -> None:
    """A decoder that ignores z makes both figures exact, whatever the blocks are."""
    toy, images = Toy(1), binary_images(11)
    toy.loading.zero_()
    log_px = toy.log_likelihood(images)
    kl = [_kl_of(toy, image) for image in images]
    for batch_size in (1, 3, 7, 16, 1000):
        low = elbo(toy.encode, toy.decode, images, samples=7, seed=0, batch_size=batch_size)
        assert low.per_image == pytest.approx(log_px - kl, abs=1e-4)
        toy_of_prior = Toy(1)
        toy_of_prior.loading.zero_()
        toy_of_prior.guess.zero_()
        toy_of_prior.logvar = 0.0
        high = importance_bound(
            toy_of_prior.encode, toy.decode, images, samples=7, seed=0, batch_size=batch_size
        )
        assert high.per_image == pytest.approx(log_px, abs=1e-4)


def _kl_of(toy: Toy, image: Tensor) -> float:
    mean, logvar = toy.encode(image[None])
    q = torch.distributions.Normal(mean, (logvar / 2).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    return torch.distributions.kl_divergence(q, prior).sum().item()


def test_a_seed_gives_one_figure_and_leaves_the_global_generator_alone() -> None:
    toy, images = Toy(2), binary_images()

    def measure(seed: int) -> Bound:
        return importance_bound(toy.encode, toy.decode, images, samples=20, seed=seed)

    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = measure(1).estimate.value
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(5)
    assert measure(1).estimate.value == first
    assert measure(2).estimate.value != first


def test_logits_far_from_zero_stay_finite() -> None:
    images = binary_images()

    def decode(z: Tensor) -> Tensor:
        return torch.full((len(z), D), -300.0)

    bound = elbo(Toy(1).encode, decode, images, seed=0)
    assert bound.estimate.value == pytest.approx(-300 * images.sum().item() / 40 - bound.kl)


def broken(what: str) -> tuple[Toy, Tensor]:
    toy, images = Toy(2), binary_images()
    if what == "nan":
        toy.loading[0, 0] = math.nan
    elif what == "logvar":
        toy.logvar = math.inf
    elif what == "logits":
        toy.loading = toy.loading[:, :-1]
    elif what == "mean":
        toy.guess = toy.guess[:, 0]
    elif what == "pixels":
        images = 255 * images
    else:
        images[0] = math.nan
    return toy, images


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("nan", r"log p\(x\|z\) are not finite"),
        ("logvar", "not finite"),
        ("logits", r"logits of shape \(\d+, 5\)"),
        ("mean", r"both should be \(\d+, L\)"),
        ("pixels", "from 0 to 255"),
        ("images", "between 0 and 1"),
    ],
)
def test_broken_networks_and_images_get_a_sentence(what: str, sentence: str) -> None:
    toy, images = broken(what)
    with pytest.raises(MeasureError, match=sentence):
        elbo(toy.encode, toy.decode, images, seed=0)
    with pytest.raises(MeasureError, match=sentence):
        importance_bound(toy.encode, toy.decode, images, samples=3, seed=0)
