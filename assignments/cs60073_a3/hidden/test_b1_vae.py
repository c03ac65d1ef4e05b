"""Questions b.1 and b.2: the VAE's network, its loss, its step, and what it makes."""

import math

import pytest
import torch
from scipy.special import ndtr

from grader.suite.expect import as_array

FALSE_FAIL = 5e-9


def tensor(value, what="the result"):
    """The numbers of a tensor, an array, a list or a number, in float64."""
    return torch.as_tensor(as_array(value, what)).double()


def number(expect, value, what):
    """One finite number, whatever axes of size one it has."""
    expect.close(value, 0.0, what=what, slack=math.inf)
    return float(tensor(value, what).reshape(-1)[0])


def are_normal(expect, stats, values, what, help):
    """Standard normal numbers. A bounded distribution of the same variance may lie near the normal
    one everywhere; beyond 2.4 it has nothing."""
    values = values.double().reshape(-1)
    expect.plausible(
        stats.uniform(ndtr(values), false_fail=FALSE_FAIL, effect=0.05),
        f"{what} is not normal",
        help,
    )
    far = float(2 * ndtr(-2.4))
    expect.plausible(
        stats.share(
            int((values.abs() > 2.4).sum()), len(values), far, false_fail=FALSE_FAIL, effect=0.016
        ),
        f"{what} is not normal: it has too few large values, or too many",
        help,
    )


def pair(expect, value, count, what):
    """A list of so many results."""
    expect.true(
        isinstance(value, (list, tuple)) and len(value) == count,
        f"{what} does not give {count} results",
        "Look at the docstring: what is returned, and in which order?",
    )
    return value


# --- b.1.4 ------------------------------------------------------------------------------------


class Steps:
    """Two calls of `vae_step` on the probe's model, and what they should have done."""

    def __init__(self, submission, probes, draw, expect, stale=0.0):
        self.batches = [draw.uniform(n, 784) for n in (6, 9)]
        self.lr = 0.05
        self.probes = probes
        self.calls = submission(
            probes.vae_steps,
            parameters=draw.normal(784 * 2 + 32, std=0.5),
            batches=self.batches,
            lr=self.lr,
            stale=stale,
            seed=draw.seed(),
        )
        expect.true(
            all(c["gradients"] for c in self.calls),
            "vae_step takes no step of the optimiser",
            "Is the function finished?",
        )

    def wanted(self, number):
        """(gradient, loss and parts) of a call, for the stand-in and for the loss itself."""
        x = self.batches[number]
        found = []
        for loss_of in (self.probes.stand_in_vae_loss, true_loss):
            flat = self.calls[number]["before"].clone().requires_grad_()
            parts = loss_of(*pixel_model(flat, x))
            (gradient,) = torch.autograd.grad(parts[0], flat)
            found.append((gradient, [float(p) for p in parts]))
        return found


def pixel_model(flat, x):
    """The probe's PixelModel with its parameters in one vector, and the target beside it."""
    a, b, u, v = flat.split([784, 784, 16, 16])
    return torch.sigmoid(a * x + b), x, u * x[:, :16], v * x[:, 16:32]


def true_loss(p, x, mu, logvar):
    bce = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum() / len(x)
    kl = (mu**2 + torch.exp(logvar) - 1 - logvar).sum() / 2 / len(x)
    return bce + kl, bce, kl


def agrees(found, wanted):
    scale = max(float(wanted.abs().max()), 1e-3)
    return found.shape == wanted.shape and bool(((found - wanted).abs() <= 1e-3 * scale).all())


@pytest.mark.question("b.1.4", weight=3)
def test_step_follows_the_loss(submission, probes, expect, draw):
    """One step of the optimiser, on the gradient of the loss at the parameters as they are."""
    steps = Steps(submission, probes, draw, expect)
    call = steps.calls[0]
    expect.true(
        len(call["gradients"]) == 1,
        f"vae_step takes {len(call['gradients'])} steps of the optimiser",
        "One call, one step.",
    )
    expect.true(
        any(agrees(call["gradients"][0], w) for w, _ in steps.wanted(0)),
        "the step does not follow the gradient of vae_loss",
        "model(x) gives reconstruction, mean and log-variance; loss.backward() before the step.",
    )
    expect.true(
        agrees(call["after"], call["before"] - steps.lr * call["gradients"][0]),
        "the parameters do not end where the optimiser's step leads",
        "Only optimizer.step() changes the parameters.",
    )


@pytest.mark.question("b.1.4", weight=2)
def test_step_forgets_earlier_gradients(submission, probes, expect, draw):
    """Gradients add up until they are cleared: the second step must not hold the first's."""
    clean = Steps(submission, probes, draw, expect)
    # What the first step of a clean start follows, right or wrong, is another check's.
    ratio = [
        any(agrees(sign * clean.calls[1]["gradients"][-1], w) for sign in (1, -1))
        for w, _ in clean.wanted(1)
    ]
    stale = Steps(submission, probes, draw, expect, stale=draw.number(0.5, 2.0))
    left = [
        any(agrees(sign * stale.calls[0]["gradients"][-1], w) for sign in (1, -1))
        for w, _ in stale.wanted(0)
    ]
    expect.true(
        any(ratio) and any(left),
        "a step uses gradients from before",
        "optimizer.zero_grad() before backward().",
    )


@pytest.mark.question("b.1.4", weight=1)
def test_step_returns_the_parts_of_the_loss(submission, probes, expect, draw):
    """Loss, cross-entropy and divergence of this batch, for the curves."""
    steps = Steps(submission, probes, draw, expect)
    for which, call in enumerate(steps.calls):
        returned = pair(expect, call["returned"], 3, "vae_step")
        values = [number(expect, value, "a result of vae_step") for value in returned]
        expect.true(
            any(
                all(abs(v - w) <= 1e-3 * (1 + abs(w)) for v, w in zip(values, parts, strict=True))
                for _, parts in steps.wanted(which)
            ),
            "vae_step does not return loss, cross-entropy and divergence",
            "Return the three numbers that vae_loss gave, in its order.",
            f"{values}",
        )
