"""Question 2.2: the gradient penalties `r1gp` and `ogp`.

Whether `cp` is differentiated or `critic(p)` afresh is left open, so `cp` is the critic's values
of real samples that require a gradient, except in the one test that is about it. How `ogp` draws
its noise is left open, so its values are compared where noise makes no difference: critics of the
same gradient everywhere, or generated samples equal to the real ones.

A wrong common factor (a half, a ten, a sum in place of a mean) is one slip: it costs the test of
the scale, and the others look at values up to the factor. A penalty that takes images and raises
on rows of numbers loses the first test and that of numbers; the others give it images of one line.
"""

import math

import numpy as np
import pytest
import torch

SLACK = 2e-4


def smooth(draw, size):
    """A critic whose gradient differs from sample to sample."""
    return {
        "kind": "smooth",
        "w": draw.normal(4, size, std=1 / math.sqrt(size)),
        "a": draw.normal(4, std=1.5),
        "slope": draw.normal(size, std=1 / math.sqrt(size)),
    }


def linear(draw, size, norm):
    """A critic whose gradient has this norm everywhere."""
    slope = draw.normal(size)
    return {"kind": "linear", "slope": slope * (norm / slope.norm())}


def number(expect, value, what):
    expect.close(value, 0.0, what=what, slack=math.inf)  # one value, no NaN
    expect.finite(value, what=what)
    return float(torch.as_tensor(value).double().reshape(-1)[0])


def on_rows(run, p, q):
    """`run(p, q)`, and where it raises on rows of numbers, on each row as an image of one line."""
    try:
        return run(p, q)
    except AssertionError as error:
        if p.dim() != 2 or p.shape[1] == 1 or getattr(error, "ending", "raised") != "raised":
            raise
        try:
            return run(*(x.reshape(x.shape[0], 1, 1, x.shape[1]) for x in (p, q)))
        except AssertionError:
            raise error from None


def values_of(implementation, probes, expect, name, cases, rows_only=False, **keywords):
    """The penalty for each case (p, q, critic), as floats."""

    def asked(critic):
        return lambda p, q: implementation(
            probes.penalty, seed=7, name=name, p=p, q=q, critic=critic, **keywords
        )

    results = [
        asked(critic)(p, q) if rows_only else on_rows(asked(critic), p, q) for p, q, critic in cases
    ]
    return [number(expect, result["value"], name) for result in results]


def rows(draw, name, penalty_of_norm_above_one=True):
    """Cases on rows of numbers for which the penalty needs no luck."""
    if name == "r1gp":
        return [(draw.normal(6, 5), draw.normal(6, 5), smooth(draw, 5)) for _ in range(3)]
    norms = (1.6, 2.3, 3.1) if penalty_of_norm_above_one else (0.1, 0.35, 0.6)
    return [
        (draw.normal(6, 5), draw.normal(6, 5), linear(draw, 5, n * draw.number(0.9, 1.1)))
        for n in norms
    ]


def own_factor(submission, reference, probes, expect, name, cases, **kw):
    """What the submission's penalty is, over what it should be, on the first cases; not zero."""
    got = values_of(submission, probes, expect, name, cases, **kw)
    wanted = values_of(reference, probes, expect, name, cases)
    factor = got[-1] / wanted[-1]
    expect.true(
        abs(factor) > 1e-3,
        f"{name} does not see the critic's gradient",
        "Is the function finished?",
        f"values {got}, expected {wanted}",
    )
    return factor


def agrees_up_to(submission, reference, probes, expect, name, cases, factor, what, help, **kw):
    got = values_of(submission, probes, expect, name, cases, **kw)
    wanted = values_of(reference, probes, expect, name, cases)
    expect.true(
        all(abs(g / factor - w) <= SLACK * (1 + abs(w)) for g, w in zip(got, wanted, strict=True)),
        f"{name} is wrong for {what}",
        help,
        f"values {got}, expected {wanted} times a common factor of {factor:.6g}",
    )


FORMULA = {
    "r1gp": "The mean over the real samples of the squared norm of the critic's gradient.",
    "ogp": "The mean over the samples of (norm of the critic's gradient - 1)^2.",
}


@pytest.mark.question("q2.2", weight=3.5)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_follows_the_norm_of_the_gradient(
    submission, reference, probes, expect, draw, name
):
    """R1 grows with the squared norm of the critic's gradient at real samples; the one-centred
    penalty with the squared distance of the norm from one. The samples are rows of numbers (N, D);
    several critics, up to one common factor; the norms are above one for `ogp`."""
    cases = rows(draw, name)
    factor = own_factor(submission, reference, probes, expect, name, cases, rows_only=True)
    expect.true(factor > 0, f"{name} falls where the penalty grows", "A penalty is positive.")
    agrees_up_to(
        submission, reference, probes, expect, name, cases, factor, "rows of numbers", FORMULA[name]
    )


@pytest.mark.question("q2.2", weight=5.5)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_has_no_factor_of_its_own(submission, reference, probes, expect, draw, name):
    """The coefficient is `reg_cf` in `make_losses`. Neither the half nor the ten of the papers
    is in the penalty, and it is a mean over the batch."""
    cases = rows(draw, name)
    got = values_of(submission, probes, expect, name, cases)
    wanted = values_of(reference, probes, expect, name, cases)
    expect.close(
        math.fsum(got),
        math.fsum(wanted),
        what=f"{name}, added up over several critics,",
        help=FORMULA[name],
        slack=SLACK * (3 + math.fsum(wanted)),
    )


@pytest.mark.question("q2.2", weight=7)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_takes_the_norm_of_a_whole_image(submission, reference, probes, expect, draw, name):
    """The norm of an image's gradient runs over all its axes: neither over the last alone, nor
    over the whole batch at once."""
    factor = own_factor(submission, reference, probes, expect, name, rows(draw, name)[:1])
    p, q = draw.normal(6, 3, 4, 4), draw.normal(6, 3, 4, 4)
    critic = smooth(draw, 48) if name == "r1gp" else linear(draw, 48, draw.number(1.7, 2.5))
    agrees_up_to(
        submission,
        reference,
        probes,
        expect,
        name,
        [(p, q, critic)],
        factor,
        "images",
        "Flatten each sample's gradient before the norm; noise needs as many axes as the samples.",
    )


@pytest.mark.question("q2.2", weight=1.5)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_takes_samples_that_are_numbers(submission, reference, probes, expect, draw, name):
    """A batch (N,) holds N samples of one number each. In the dirac game the real sample is
    (1, 1), the generated one (1,), and the critic's values have the same shapes."""
    for shapes in (((6,), (6,)), ((1, 1), (1,))):
        made = []
        likely = smooth(draw, 1) if name == "r1gp" else linear(draw, 1, draw.number(1.7, 2.5))
        for _ in range(2):
            if len(shapes[0]) == 2:
                critic = {"kind": "elementwise", "param": draw.uniform(2, low=1.5, high=2.5)}
            elif name == "r1gp":
                critic = smooth(draw, 1)
            else:
                critic = linear(draw, 1, draw.number(1.7, 2.5))
            made.append((draw.normal(*shapes[0]), draw.normal(*shapes[1]), critic))
        # From as many rows of one number: a sum in place of a mean is the slip of another test.
        alike = [(draw.normal(len(made[0][0]), 1), draw.normal(len(made[0][0]), 1), likely)]
        factor = own_factor(submission, reference, probes, expect, name, alike)
        agrees_up_to(
            submission,
            reference,
            probes,
            expect,
            name,
            made,
            factor,
            "samples that are numbers",
            "Arbitrary sample shapes are asked for: reshape by the size of the batch.",
        )


PARAMETERS = {"w": (4, 3), "a": (4,), "slope": (3,)}


@pytest.mark.question("q2.2", weight=5)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_critic_learns_through_the_penalty(submission, probes, expect, draw, name):
    """The penalty is differentiated again, with respect to the critic's parameters: the gradient
    inside has to keep its graph. The submission's own values are the yardstick."""
    p = draw.normal(4, 3)
    directions = [
        {key: draw.normal(*shape, std=0.5) for key, shape in PARAMETERS.items()} for _ in range(3)
    ]
    inputs = {"seed": draw.seed(), "critic": smooth(draw, 3), "directions": directions}
    slopes = on_rows(
        lambda p, q: submission(probes.penalty_slopes, name=name, p=p, q=q, step=0.01, **inputs),
        p,
        p.clone(),
    )
    found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
    detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
    size = float(wanted.abs().max())
    expect.true(
        bool(wanted.isfinite().all()) and size > 1e-3,
        f"{name} does not depend on the critic's parameters",
        "Is the function finished?",
        detail,
    )
    expect.true(
        bool(((found - wanted).abs() <= 0.03 * size + 1e-2).all()),
        f"{name} is not differentiated with respect to the critic's parameters",
        "torch.autograd.grad needs create_graph=True here; nothing may be detached after it.",
        detail,
    )


@pytest.mark.question("q2.2", weight=3)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_takes_real_samples_from_a_data_set(submission, probes, expect, draw, name):
    """A data set gives tensors that do not require a gradient, and the penalty needs one: it is
    switched on in the penalty, or in `critic_loss` before it. The submission's own value for
    samples that do require one, which must be taken as well, is the yardstick."""
    p, q = draw.normal(6, 5), draw.normal(6, 5)
    critic = smooth(draw, 5) if name == "r1gp" else linear(draw, 5, draw.number(1.7, 2.5))
    inputs = {"seed": draw.seed(), "name": name, "critic": critic}
    run = on_rows(
        lambda p, q: submission(probes.penalty_without_gradients, p=p, q=q, **inputs), p, q
    )
    expect.true(
        run["usual"] is not None,
        f"{name} does not work on real samples that require a gradient",
        "What is computed from such samples requires a gradient already, and assigning to its "
        "requires_grad raises an error. Detach it first.",
    )
    own = number(expect, run["usual"], f"{name}(p, cp, q, cq, critic)")
    expect.true(
        abs(own) > 1e-3, f"{name} does not see the critic's gradient", "Is the function finished?"
    )
    found = [number(expect, run[k], name) for k in ("alone", "in_loss") if run[k] is not None]
    # Without any `critic_loss` nobody can tell who was to switch the gradient on.
    expect.true(
        (not found and not run["losses"])
        or any(abs(value - own) <= SLACK * (1 + abs(own)) for value in found),
        f"{name} does not work on real samples that do not require a gradient",
        "p.requires_grad_() on a copy of the samples, before the critic is applied to them.",
        f"with a gradient {own}, without one {run['alone']}, in the loss {run['in_loss']}",
    )


@pytest.mark.question("q2.2", weight=2.5)
def test_ogp_pulls_small_gradients_up_as_well(submission, reference, probes, expect, draw):
    """The penalty is one-centred: a norm below one is as wrong as one above."""
    factor = own_factor(submission, reference, probes, expect, "ogp", rows(draw, "ogp")[:1])
    agrees_up_to(
        submission,
        reference,
        probes,
        expect,
        "ogp",
        rows(draw, "ogp", penalty_of_norm_above_one=False),
        factor,
        "critics with gradients smaller than one",
        "The distance from one is squared on both sides; nothing is clamped.",
    )


@pytest.mark.question("q2.2", weight=2.5)
def test_ogp_squares_before_it_averages(submission, reference, probes, expect, draw):
    """Each sample's norm has its own distance from one. Seen with generated samples equal to the
    real ones, where every point between them is that sample."""
    factor = own_factor(submission, reference, probes, expect, "ogp", rows(draw, "ogp")[:1])
    p = draw.normal(6, 4, std=1.5)
    agrees_up_to(
        submission,
        reference,
        probes,
        expect,
        "ogp",
        [(p, p.clone(), smooth(draw, 4)) for _ in range(2)],
        factor,
        "samples with different gradients",
        "The mean of the squares, not the square of the mean; one norm per sample.",
    )


def points(submission, reference, probes, expect, draw, repeats):
    """Where `ogp` took its gradients: eps = (x - q) / (p - q) of many calls on one number.

    The critic (x - centre)^2 / 2 has the gradient x - centre, above one all the way, so that the
    penalty can be turned back into x. Its scale is the submission's own, from p = q.
    """
    p, q = draw.uniform(1, 1, low=1.0, high=2.0), draw.uniform(1, 1, low=-2.0, high=-1.0)
    if draw.number(0, 1) < 0.5:
        p, q = q, p
    critic = {"kind": "bowl", "centre": torch.minimum(p, q).reshape(1) - 1.5}
    factor = own_factor(submission, reference, probes, expect, "ogp", [(p, p.clone(), critic)])
    values = submission(
        probes.penalty, seed=draw.seed(), name="ogp", p=p, q=q, critic=critic, repeats=repeats
    )["values"]
    for value in values:
        expect.finite(value, what="ogp")
    squares = np.array([float(torch.as_tensor(v).reshape(-1)[0]) for v in values]) / factor
    x = np.sqrt(np.maximum(squares, 0)) + 1 + float(critic["centre"])
    return (x - float(q)) / (float(p) - float(q))


@pytest.mark.question("q2.2", weight=1)
def test_ogp_looks_between_real_and_generated(submission, reference, probes, expect, stats, draw):
    """Every point lies on the line between a real and a generated sample. Noise from a normal
    distribution leaves it two times out of three."""
    eps = points(submission, reference, probes, expect, draw, 64)
    expect.plausible(
        stats.inside(eps, -1e-3, 1 + 1e-3, effect=0.2),
        "ogp takes the gradient at points that are not between real and generated samples",
        "eps p + (1 - eps) q with eps between zero and one.",
    )


@pytest.mark.question("q2.2", weight=5)
def test_ogp_looks_everywhere_between(submission, reference, probes, expect, stats, draw):
    """eps is uniform on [0, 1] and new at every call: neither the midpoint nor one of the ends."""
    eps = points(submission, reference, probes, expect, draw, 200)
    expect.plausible(
        stats.uniform(eps, false_fail=1e-9, effect=0.4),
        "the points at which ogp takes the gradient are not uniform between real and generated",
        "Draw eps afresh, uniform on [0, 1], at every call.",
    )


@pytest.mark.question("q2.2", weight=0.25)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_takes_any_critic_and_any_values(submission, reference, probes, expect, draw, name):
    """A critic is any callable, and `cp` need not be its values: the penalty may then be that of
    the critic or, for `r1gp`, that of the function which `cp` came from."""
    factor = own_factor(submission, reference, probes, expect, name, rows(draw, name)[:1])
    p, q = draw.normal(6, 5), draw.normal(6, 5)
    critic = linear(draw, 5, draw.number(1.7, 2.5))
    got = values_of(submission, probes, expect, name, [(p, q, critic)], other_values=True)[0]
    accepted = values_of(reference, probes, expect, name, [(p, q, critic)])
    if name == "r1gp":
        accepted.append(5.0)  # cp is the sum of each sample's five numbers here
    expect.true(
        any(abs(got / factor - value) <= SLACK * (1 + value) for value in accepted),
        f"{name} is wrong for a critic that is a plain function, with other values as cp",
        "Differentiate critic(x) at the points that the penalty is about.",
        f"value {got}, accepted {accepted} times a common factor of {factor:.6g}",
    )


@pytest.mark.question("q2.2", weight=0.25)
@pytest.mark.parametrize("name", ["r1gp", "ogp"])
def test_penalty_is_a_scalar_and_leaves_no_trace(submission, probes, expect, draw, name):
    """The result has shape (). The samples keep their values, and a second call on the same
    tensors gives the same: no gradient is left behind to be added to."""
    critic = smooth(draw, 5) if name == "r1gp" else linear(draw, 5, draw.number(1.7, 2.5))
    p, q = draw.normal(6, 5), draw.normal(6, 5)
    inputs = {"seed": draw.seed(), "name": name, "critic": critic, "repeats": 2}
    result = on_rows(lambda p, q: submission(probes.penalty, p=p, q=q, **inputs), p, q)
    first, second = (number(expect, value, name) for value in result["values"])
    expect.true(
        abs(first) > 1e-3, f"{name} does not see the critic's gradient", "Is the function finished?"
    )
    expect.close(second, first, what=f"{name}, called again on the same tensors,", slack=1e-4)
    expect.unchanged(result["p"].reshape(p.shape), p, what=f"p of {name}")
    expect.unchanged(result["q"].reshape(q.shape), q, what=f"q of {name}")
    expect.shape(result["value"], (), what=f"{name}(p, cp, q, cq, critic)")
