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


# --- b.1.2 ------------------------------------------------------------------------------------


@pytest.mark.question("b.1.2", weight=3)
def test_draws_have_mean_and_standard_deviation(submission, probes, expect, draw, stats):
    """z is normal with mean mu and standard deviation exp(logvar / 2), in every element."""
    mu, logvar = draw.normal(25, 16, std=3.0), draw.uniform(25, 16, low=-6.0, high=6.0)
    z = submission(
        probes.repeated, function="reparameterise", args=[mu, logvar], seed=draw.seed(), repeats=40
    )
    expect.shape(z, (40, 25, 16), what="forty draws")
    eps = ((z - mu) / torch.exp(logvar / 2)).double().reshape(-1)
    expect.plausible(
        stats.normal_mean(eps, 0.0, 1.0, false_fail=FALSE_FAIL, effect=0.1),
        "the draws are not centred on mu",
        "z = mu + sigma * eps with eps from N(0, I).",
    )
    expect.plausible(
        stats.normal_variance(eps, 1.0, false_fail=FALSE_FAIL, effect=1.15),
        "the spread of the draws is not sigma",
        "sigma is exp(logvar / 2), and eps is normal with variance 1.",
    )


@pytest.mark.question("b.1.2", weight=2)
def test_draws_are_normal(submission, probes, expect, draw, stats):
    """eps is from N(0, I): whatever mean and spread the draws have, their shape is the normal
    one. A uniform eps of the same variance has no values far out."""
    mu, logvar = torch.zeros(50, 16), torch.zeros(50, 16)
    z = submission(
        probes.repeated, function="reparameterise", args=[mu, logvar], seed=draw.seed(), repeats=20
    )
    expect.finite(z, what="the draws")
    values = tensor(z, "the draws").reshape(-1)
    expect.true(
        values.numel() == 50 * 16 * 20 and float(values.std()) > 1e-6,
        "the draws are not random numbers, one for each element of mu",
        "z = mu + sigma * eps with eps from N(0, I).",
    )
    # In units of their own spread, which is another check's.
    are_normal(
        expect, stats, (values - values.mean()) / values.std(), "what is drawn", "torch.randn_like."
    )


@pytest.mark.question("b.1.2", weight=0.75)
@pytest.mark.parametrize("count", [1, 5])
def test_draw_has_the_shape_of_the_mean(submission, probes, expect, draw, count):
    """(B, L), for one image as well, and for means that are half of a layer's result, whose rows
    do not follow each other in memory."""
    args = [draw.normal(count, 16, std=30.0), draw.uniform(count, 16, low=-2.0, high=0.0)]
    for views in (False, True):
        got = submission(probes.call, function="reparameterise", args=args, views=views)
        z = tensor(got["result"][0] if got["result"] else None, "the draw")
        expect.true(
            z.numel() == 16 * count and float((z.flatten() - args[0].flatten()).abs().max()) < 20,
            "the draw does not lie around mu",
            "z = mu + sigma * eps with eps from N(0, I).",
        )
        expect.shape(z, (count, 16), what="the draw")


@pytest.mark.question("b.1.2", weight=1)
@pytest.mark.parametrize("axis", ["calls", "images", "dimensions"])
def test_draws_are_independent(submission, probes, expect, draw, stats, axis):
    """Every element of every call has a draw of its own: sums of n of them have variance n."""
    mu, logvar = draw.normal(24, 24, std=5.0), draw.uniform(24, 24, low=-2.0, high=2.0)
    z = submission(
        probes.repeated, function="reparameterise", args=[mu, logvar], seed=draw.seed(), repeats=24
    )
    expect.shape(z, (24, 24, 24), what="draws")
    middle = z.double().mean(0)
    expect.true(
        float(torch.corrcoef(torch.stack([middle.flatten(), mu.double().flatten()]))[0, 1]) > 0.4,
        "the draws do not lie around mu",
        "z = mu + sigma * eps with eps from N(0, I).",
    )
    eps = ((z - mu) / torch.exp(logvar / 2)).double()
    # In units of their own spread, whatever that is: the spread is another check's.
    eps = eps / eps.std()
    sums = eps.sum(dim=["calls", "images", "dimensions"].index(axis)) / math.sqrt(24)
    expect.plausible(
        stats.normal_variance(sums, 1.0, false_fail=FALSE_FAIL, effect=2.0),
        f"draws of several {axis} are not independent of each other",
        "torch.randn_like(mu) draws a number for each element, anew at every call.",
    )


@pytest.mark.question("b.1.2", weight=2.5)
def test_gradients_pass_through_the_draw(submission, probes, expect, draw):
    """This is what the trick is for: z moves with mu and with logvar, and autograd knows."""
    mu, logvar = draw.normal(6, 5), draw.uniform(6, 5, low=-1.0, high=1.0)
    got = submission(probes.call, function="reparameterise", args=[mu, logvar])
    expect.true(
        bool(got["result"]) and tensor(got["result"][0], "the draw").numel() == mu.numel(),
        "the draw has not as many numbers as mu",
        "Each element of mu has a draw of its own.",
    )
    for k, name in enumerate(("mu", "logvar")):
        directions = [
            [draw.normal(6, 5) if k == 0 else None, draw.normal(6, 5) if k == 1 else None]
            for _ in range(3)
        ]
        follows_its_own_slope(
            submission(
                probes.slopes,
                function="reparameterise",
                args=[mu, logvar],
                directions=directions,
                step=0.01,
                seed=draw.seed(),
            ),
            expect,
            "the draw",
            name,
        )


def follows_its_own_slope(slopes, expect, what, argument):
    """Autograd's slopes agree with central differences, which are good to about 0.2 % here."""
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    expect.true(
        bool(wanted.isfinite().all()) and float(wanted.abs().max()) > 1e-2,
        f"{what} does not depend on {argument}",
        "Is the function finished?",
        detail,
    )
    tolerance = 0.02 * float(wanted.abs().max()) + 5e-3
    expect.true(
        bool(((found - wanted).abs() <= tolerance).all()),
        f"{what} is not differentiated with respect to {argument} as its values say",
        "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
        detail,
    )


# --- b.1.3 ------------------------------------------------------------------------------------


def batch(draw, size, latent=16):
    """(reconstruction, x, mu, logvar) as networks give them: some probabilities are near 0 and 1,
    some codes nearly certain. Grey pixels."""
    return [
        torch.sigmoid(draw.uniform(size, 784, low=-6.0, high=6.0)),
        draw.uniform(size, 784),
        draw.normal(size, latent, std=2.0),
        draw.uniform(size, latent, low=-6.0, high=2.0),
    ]


def loss_of(submission, probes, expect, args):
    got = submission(probes.call, function="vae_loss", args=args)
    parts = pair(expect, got["result"], 3, "vae_loss")
    return [number(expect, part, "a part of vae_loss") for part in parts], got


@pytest.mark.question("b.1.3", weight=3)
def test_cross_entropy_is_summed_over_pixels(submission, reference, probes, expect, draw):
    """-x log p - (1 - x) log(1 - p), summed over the pixels of an image, mean over the images."""
    for size in (1, draw.integer(3, 6), 150):
        args = batch(draw, size)
        (_, bce, _), _ = loss_of(submission, probes, expect, args)
        (_, wanted, _), _ = loss_of(reference, probes, expect, args)
        expect.close(
            bce,
            wanted,
            what="the cross-entropy of vae_loss",
            help="Sum over the pixels, mean over the images. Which argument is the target?",
            slack=0.02,
        )


@pytest.mark.question("b.1.3", weight=3)
def test_divergence_from_the_prior(submission, reference, probes, expect, draw):
    """KL(N(mu, sigma^2) || N(0, I)) in closed form, summed over L, mean over the images."""
    for size, latent in ((1, 16), (150, draw.integer(3, 9)), (draw.integer(3, 6), 128)):
        args = batch(draw, size, latent)
        (_, _, kl), _ = loss_of(submission, probes, expect, args)
        (_, _, wanted), _ = loss_of(reference, probes, expect, args)
        expect.close(
            kl,
            wanted,
            what="the divergence of vae_loss",
            help="(mu^2 + sigma^2 - log sigma^2 - 1) / 2, summed over the latent dimensions, mean "
            "over the images.",
            slack=1e-3,
        )


@pytest.mark.question("b.1.3", weight=1.5)
def test_loss_is_the_sum_of_its_parts(submission, probes, expect, draw):
    """The negative ELBO: cross-entropy plus divergence, both with weight one. The parts are the
    submission's own."""
    for _ in range(3):
        args = batch(draw, 5)
        args[2] = 4 * args[2]
        (loss, bce, kl), _ = loss_of(submission, probes, expect, args)
        expect.true(kl != 0 and bce != 0, "a part of vae_loss is always zero", "Is it finished?")
        expect.close(
            loss,
            bce + kl,
            what="the loss of vae_loss",
            help="loss = bce + kl, and it comes first.",
            slack=1e-3 + 1e-5 * (abs(bce) + abs(kl)),
        )


@pytest.mark.question("b.1.3", weight=1)
def test_loss_survives_certain_pixels(submission, probes, expect, draw):
    """In float32 the sigmoid of 20 is exactly 1. Such a pixel costs nothing where it is right and
    much where it is wrong, but never infinity, and never NaN."""
    _, x, mu, logvar = batch(draw, 4)
    black_and_white = (x > 0.5).float()
    for p, low, high, what in (
        (black_and_white, -0.1, 2.0, "certain and right"),
        (1 - black_and_white, 784 * 5.0, math.inf, "certain and wrong"),
    ):
        got = submission(probes.call, function="vae_loss", args=[p, black_and_white, mu, logvar])
        bce = pair(expect, got["result"], 3, "vae_loss")[1]
        help = "Keep 0 and 1 out of the logarithm, as binary_cross_entropy does."
        expect.finite(bce, what=f"the cross-entropy of pixels that are {what}", help=help)
        value = number(expect, bce, f"the cross-entropy of pixels that are {what}")
        expect.true(
            low <= value <= high,
            f"the cross-entropy of pixels that are {what} is far off",
            help,
            f"{value}",
        )


@pytest.mark.question("b.1.3", weight=2)
def test_loss_has_the_gradient_of_its_value(submission, probes, expect, draw):
    """The decoder learns through the cross-entropy and the encoder through both parts."""
    args = [draw.uniform(2, 784, low=0.3, high=0.7), draw.uniform(2, 784)]
    args += [draw.normal(2, 3), draw.uniform(2, 3, low=-2.0, high=2.0)]
    compares(submission, probes, expect, args)
    # Rounding of a loss of several hundred nats asks for long steps, where they are allowed.
    for k, name, step in ((0, "the reconstruction", 0.01), (2, "mu", 0.1), (3, "logvar", 0.1)):
        directions = [
            [draw.normal(*a.shape) if i == k else None for i, a in enumerate(args)]
            for _ in range(3)
        ]
        follows_its_own_slope(
            submission(
                probes.slopes, function="vae_loss", args=args, directions=directions, step=step
            ),
            expect,
            "vae_loss",
            name,
        )


def compares(submission, probes, expect, args):
    """Whatever the loss is, it compares two pictures: it is no sum of something of each."""
    losses = []
    for p, x in ((0.2, 0.3), (0.2, 0.8), (0.7, 0.3), (0.7, 0.8)):
        pictures = [torch.full_like(args[0], value) for value in (p, x)]
        got = submission(probes.call, function="vae_loss", args=[*pictures, *args[2:]])
        loss = got["result"][0] if got["result"] else None
        losses.append(float(tensor(loss, "vae_loss").sum()))
    together = abs(losses[0] - losses[1] - losses[2] + losses[3])
    expect.true(
        together > 1e-4 * max(map(abs, losses)),
        "vae_loss does not compare the reconstruction with x",
        "Is the function finished?",
        f"{losses}",
    )


@pytest.mark.question("b.1.3", weight=0.5)
def test_loss_takes_what_a_network_gives(submission, probes, expect, draw):
    """Mean and log-variance may be the halves of one layer's result, whose rows do not follow each
    other in memory. The loss is the same, whatever it is."""
    args = batch(draw, 4)
    first, again, other = (
        submission(probes.call, function="vae_loss", args=given, views=views)["result"]
        for given, views in ((args, False), (args, True), (batch(draw, 4), False))
    )
    first, again, other = (pair(expect, value, 3, "vae_loss") for value in (first, again, other))
    for usual, found, second in zip(first, again, other, strict=True):
        usual, second = (tensor(value, "a part of vae_loss") for value in (usual, second))
        expect.true(
            not torch.equal(usual, second),
            "a part of vae_loss is always the same",
            "Is the function finished?",
        )
        expect.close(
            found,
            usual.float(),
            what="a part of vae_loss",
            help="reshape takes tensors of any layout in memory, view does not.",
            slack=0.02,
        )


@pytest.mark.question("b.1.3", weight=0.5)
def test_parts_of_the_loss_are_scalars(submission, probes, expect, draw):
    """`backward()` needs one number, and curves need one of each part."""
    got = submission(probes.call, function="vae_loss", args=batch(draw, 5))
    parts = pair(expect, got["result"], 3, "vae_loss")
    for part in parts:
        expect.shape(part, (), what="a part of vae_loss")


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


# --- b.2.1 and b.2.2 --------------------------------------------------------------------------


def linear_vae(draw):
    return {"code": draw.normal(784, 16, std=0.05), "picture": draw.normal(16, 784, std=0.5)}


@pytest.mark.question("b.2.1", weight=4)
def test_reconstruction_is_decoded_from_the_code(submission, probes, expect, draw):
    """Encode, then decode the mean or a draw next to it."""
    model, x = linear_vae(draw), draw.uniform(draw.integer(6, 9), 784)
    got = submission(probes.reconstructed, **model, x=x)
    wanted = torch.sigmoid(x @ model["code"] @ model["picture"])
    expect.close(
        got["result"],
        wanted,
        what="reconstruct(model, x)",
        help="model.decode of the mean that model.encode gives.",
        slack=2e-3,
    )


@pytest.mark.question("b.2.1", weight=0.5)
def test_reconstruction_has_no_graph(submission, probes, expect, draw):
    """Pictures are for looking at: nothing of them is trained through."""
    for count in (7, 1):
        got = submission(probes.reconstructed, **linear_vae(draw), x=draw.uniform(count, 784))
        expect.true(got["decoded"] > 0, "nothing is decoded", "Is the function finished?")
        expect.shape(got["result"], (count, 784), what="reconstruct(model, x)")
        expect.true(
            not got["attached"],
            "the reconstruction still has its graph",
            "with torch.no_grad(): ...",
        )


@pytest.mark.question("b.2.2", weight=3)
def test_samples_are_decoded_draws_from_the_prior(submission, probes, expect, draw, stats):
    """z from N(0, I), 16 numbers for each image, decoded."""
    model = linear_vae(draw)
    got = submission(probes.vae_generated, **model, count=50, repeats=20, seed=draw.seed())
    z = draws(expect, got, 20 * 50)
    expect.close(
        got["results"][0],
        torch.sigmoid(z[:50] @ model["picture"]),
        what="generate_images(model, count)",
        help="model.decode(z), as it is.",
        slack=1e-3,
    )
    expect.plausible(
        stats.normal_mean(z, 0.0, 1.0, false_fail=FALSE_FAIL, effect=0.1),
        "what is decoded does not have mean zero",
        "The prior is N(0, I).",
    )
    expect.plausible(
        stats.normal_variance(z, 1.0, false_fail=FALSE_FAIL, effect=1.15),
        "what is decoded does not have variance one",
        "The prior is N(0, I): torch.randn, not torch.rand.",
    )
    expect.plausible(
        stats.uniform(ndtr(z.double().reshape(-1)), false_fail=FALSE_FAIL, effect=0.05),
        "what is decoded is not normal",
        "The prior is N(0, I): torch.randn, not torch.rand.",
    )
    expect.plausible(
        stats.normal_variance(z.sum(dim=1) / 4, 1.0, false_fail=FALSE_FAIL, effect=1.8),
        "the 16 numbers of one z depend on each other",
        "Each image needs 16 independent numbers.",
    )


def draws(expect, got, count):
    """What was decoded, (count, 16)."""
    rows = [z.reshape(-1, z.shape[-1]) for z in got["decoded"] if z.dim()]
    expect.true(
        bool(rows) and all(z.shape[1] == 16 for z in rows) and sum(map(len, rows)) == count,
        "generate_images does not decode a vector of 16 numbers for each image",
        "model.decode(torch.randn(count, 16))",
        f"decoded {[tuple(z.shape) for z in got['decoded'][:4]]}",
    )
    return torch.cat(rows)


@pytest.mark.question("b.2.2", weight=1)
def test_samples_differ(submission, probes, expect, draw):
    """Each image of each call has a draw of its own."""
    got = submission(probes.vae_generated, **linear_vae(draw), count=8, repeats=2, seed=draw.seed())
    z = draws(expect, got, 16)
    expect.true(
        len(torch.unique(z, dim=0)) == 16,
        "two images are decoded from the same z",
        "No seed inside the function; one row of z for each image.",
    )


@pytest.mark.question("b.2.2", weight=0.5)
def test_samples_have_no_graph(submission, probes, expect, draw):
    """Pictures are for looking at: nothing of them is trained through."""
    for count in (7, 1):
        got = submission(
            probes.vae_generated, **linear_vae(draw), count=count, repeats=1, seed=draw.seed()
        )
        expect.shape(got["results"][0], (count, 784), what="generate_images(model, count)")
        expect.true(not got["attached"], "the samples still have their graph", "torch.no_grad()")
