"""Questions 1.1 to 1.3: the two log-likelihoods and the log-mean-exp.

Inputs are float32, as the assignment says, and contiguous, because the template's own first lines
call `view`. A small constant added inside a logarithm or to a variance is tolerated up to 1e-5.
"""

import math

import pytest
import torch

BERNOULLI = "q1_solution.log_likelihood_bernoulli"
NORMAL = "q1_solution.log_likelihood_normal"
LOG_MEAN_EXP = "q1_solution.log_mean_exp"


def responds(expect, result, other, what):
    """A function that ignores its arguments has no shape or manners to be marked."""
    expect.finite(result, what=what)
    expect.finite(other, what=what)
    same = torch.equal(torch.as_tensor(result).double(), torch.as_tensor(other).double())
    expect.true(
        not same,
        f"{what} is the same for two different inputs",
        "Is the function finished?",
    )


def keeps_its_arguments(submission, expect, probes, what, function, args, other):
    after = submission(probes.call, function=function, args=args)
    again = submission(probes.call, function=function, args=other)
    responds(expect, after["result"], again["result"], what)
    for number, (left, given) in enumerate(zip(after["args"], args, strict=True), start=1):
        expect.unchanged(left, given, what=f"argument {number} of {what}")


def keeps_the_batch_axis(expect, result, what):
    """For a batch of one: (1,) is right; (1, 1) is the slip of another test; () is this one's."""
    expect.true(
        torch.as_tensor(result).dim() >= 1,
        f"{what} has no batch axis left when the batch holds one example",
        "A bare squeeze() removes every axis of size one; name the axis that should go.",
    )


def agrees(submission, reference, expect, name, args, what, **how):
    """`name` gives each example the reference's value, in whatever layout it comes."""
    got, wanted = (getattr(i.q1_solution, name)(*args) for i in (submission, reference))
    expect.close(expect.each(got, len(wanted), what=what), wanted, what=what, **how)


def agrees_as_elsewhere(submission, reference, expect, name, args, other, what, slack, help):
    """The values for `args` are right, if those for `other`, of which another test says so, are."""
    for point in (other, args):
        wanted = getattr(reference.q1_solution, name)(*point)
        # A formula that is wrong by a little elsewhere is wrong there, not here.
        room = (slack if point is args else 1e-4) * (1 + float(wanted.abs().max()))
        try:
            agrees(submission, reference, expect, name, point, what, help=help, slack=room)
        except AssertionError:
            if point is args:
                raise
            return


def keeps_one_dimension(submission, reference, expect, name, args, other, what):
    """Examples of one dimension each, D = 1, are added up one by one as well."""
    help = "A bare squeeze() removes the axis of one dimension too, and then B takes its place."
    agrees_as_elsewhere(submission, reference, expect, name, args, other, what, 1e-3, help)


# --- 1.1 log_likelihood_bernoulli -------------------------------------------------------------


def pixels(draw, *shape):
    return draw.uniform(*shape, low=0.1, high=0.9), draw.bernoulli(*shape)


@pytest.mark.question("q1.1", weight=5)
def test_bernoulli_log_likelihood_is_summed_over_the_pixels(submission, reference, expect, draw):
    """The log-likelihood of an image is the sum over its pixels of log mu where the pixel is one
    and of log(1 - mu) where it is zero."""
    for _ in range(3):
        size = draw.integer(5, 12)
        mu, target = pixels(draw, 4, size)
        agrees(
            submission,
            reference,
            expect,
            "log_likelihood_bernoulli",
            (mu, target),
            "log_likelihood_bernoulli(mu, target)",
            help="mu is a probability, not a logit; both kinds of pixel count; sum over D.",
            terms=size,
            slack=1.5e-4 * size,
        )


@pytest.mark.question("q1.1", weight=1)
def test_bernoulli_takes_images_as_well_as_rows(submission, reference, expect, draw):
    """Images arrive as (B, 1, 28, 28). Their log-likelihood is still one number per example, and
    a product of 784 probabilities must not be formed outside the logarithm."""
    for shape in ((3, 1, 28, 28), (2, 3, 8, 6)):
        size = math.prod(shape[1:])
        agrees(
            submission,
            reference,
            expect,
            "log_likelihood_bernoulli",
            pixels(draw, *shape),
            "log_likelihood_bernoulli of images",
            help="Flatten all but the first axis, and add logarithms rather than multiply.",
            terms=size,
            slack=1.5e-4 * size,
        )


@pytest.mark.question("q1.1", weight=0.75)
def test_bernoulli_log_likelihood_is_right_for_confident_probabilities(
    submission, reference, expect, draw
):
    """A trained decoder is sure of most pixels: probabilities of 0.001 and 0.999 are usual. What
    keeps the logarithm away from zero must be far smaller than they are."""
    name, what = "log_likelihood_bernoulli", "log_likelihood_bernoulli of confident probabilities"
    help = "Constants of up to 1e-5 are fine; where mu is clamped, clamp it later than that."
    for _ in range(2):
        agrees(
            submission,
            reference,
            expect,
            name,
            confident_pixels(draw, 4, 12),
            what,
            help=help,
            terms=12,
            slack=0.011 * 12,
        )
    batch, usual = confident_pixels(draw, 64, 784), pixels(draw, 64, 784)
    agrees_as_elsewhere(submission, reference, expect, name, batch, usual, what, 4e-3, help)


def confident_pixels(draw, *shape):
    """Probabilities of 0.001 to 0.01, or as much below one, and pixels of either kind."""
    rare = 10 ** draw.uniform(*shape, low=-3.0, high=-2.0)
    return torch.where(draw.bernoulli(*shape) > 0, rare, 1 - rare), draw.bernoulli(*shape)


@pytest.mark.question("q1.1", weight=1)
def test_bernoulli_log_likelihood_has_the_gradient_of_its_value(submission, probes, expect, draw):
    """The decoder learns through this function: autograd must find the slope that the values
    themselves have. The values are the submission's own; whether they are right is not asked."""
    mu, target = draw.uniform(3, 5, low=0.3, high=0.7), draw.bernoulli(3, 5)
    directions = [[draw.normal(3, 5), None] for _ in range(3)]
    follows_its_own_slope(
        submission(
            probes.slopes, function=BERNOULLI, args=[mu, target], directions=directions, step=0.005
        ),
        expect,
        "log_likelihood_bernoulli",
        "mu",
    )


def follows_its_own_slope(slopes, expect, what, argument):
    """Autograd's slopes agree with central differences.

    Differences in float32 are good to about 0.1 % here; a detached factor changes a slope along a
    random direction by far more than the 2 % that are let through.
    """
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


@pytest.mark.question("q1.1", weight=0.75)
def test_bernoulli_gives_one_number_per_example(submission, expect, draw):
    """The result has shape (B,): a further axis of size one broadcasts silently later on."""
    result = submission.q1_solution.log_likelihood_bernoulli(*pixels(draw, 5, 7))
    other = submission.q1_solution.log_likelihood_bernoulli(*pixels(draw, 5, 7))
    responds(expect, result, other, "log_likelihood_bernoulli(mu, target)")
    expect.shape(result, (5,), what="log_likelihood_bernoulli(mu, target)")


@pytest.mark.question("q1.1", weight=0.25)
def test_bernoulli_keeps_a_batch_of_one(submission, reference, expect, draw):
    """The last batch of a data set may hold one example: the batch axis has to survive. So has
    that of the pixels, where an example has one."""
    result = submission.q1_solution.log_likelihood_bernoulli(*pixels(draw, 1, 6))
    other = submission.q1_solution.log_likelihood_bernoulli(*pixels(draw, 1, 6))
    responds(expect, result, other, "log_likelihood_bernoulli(mu, target)")
    keeps_the_batch_axis(expect, result, "log_likelihood_bernoulli(mu, target)")
    name, what = "log_likelihood_bernoulli", "log_likelihood_bernoulli of one pixel each"
    one, three = pixels(draw, 4, 1), pixels(draw, 4, 3)
    keeps_one_dimension(submission, reference, expect, name, one, three, what)


@pytest.mark.question("q1.1", weight=0.25)
def test_bernoulli_leaves_its_arguments_as_they_are(submission, probes, expect, draw):
    """The caller still needs mu and target after the call. Pixels that are all but certain to be
    zero are among them, which a clamp in place would move."""
    given, other = list(pixels(draw, 3, 5)), list(pixels(draw, 3, 5))
    given[0][:, 0], given[1][:, 0] = 1e-30, 0.0
    what = "log_likelihood_bernoulli"
    keeps_its_arguments(submission, expect, probes, what, BERNOULLI, given, other)


# --- 1.2 log_likelihood_normal ----------------------------------------------------------------
# The three terms of the log-density are marked apart: a missing constant costs the constant.


def gaussian(draw, *shape):
    """(mu, logvar): both signs of logvar, variances between 0.2 and 4.5."""
    return draw.normal(*shape), draw.uniform(*shape, low=-1.5, high=1.5)


@pytest.mark.question("q1.2", weight=3)
def test_normal_log_density_falls_with_the_scaled_squared_distance(
    submission, reference, expect, draw
):
    """The quadratic term is -(z - mu)^2 / (2 sigma^2), summed over D, with sigma^2 = exp(logvar).
    Two points under the same density are compared, so that only this term is seen."""
    for _ in range(3):
        size = draw.integer(3, 7)
        mu, logvar = gaussian(draw, 4, size)
        near, far = draw.normal(4, size), draw.normal(4, size, std=2.0)
        got, wanted = [
            [implementation.q1_solution.log_likelihood_normal(mu, logvar, z) for z in (near, far)]
            for implementation in (submission, reference)
        ]
        is_difference(
            expect,
            got,
            wanted,
            "the difference of log_likelihood_normal between two points",
            "The variance is exp(logvar), the standard deviation exp(logvar / 2). Sum over D.",
        )


def is_difference(expect, got, wanted, what, help, relative=1e-4):
    """got[0] - got[1] is what it should be; constants cancel."""
    got = [expect.each(value, len(wanted[0]), what=what) for value in got]
    for value in got:
        expect.finite(value, what=what)
    scale = max(float(w.abs().max()) for w in wanted)
    expect.close(
        got[0] - got[1],
        wanted[0] - wanted[1],
        what=what,
        help=help,
        scale=scale,
        slack=relative * scale + 1e-4,
    )


@pytest.mark.question("q1.2", weight=2)
def test_normal_log_density_falls_with_the_log_variance(submission, reference, expect, draw):
    """At z = mu the quadratic term is zero, and the density of a wide normal is lower than that
    of a narrow one by half the sum of the log-variances."""
    for _ in range(2):
        mu, first = gaussian(draw, 4, 5)
        _, second = gaussian(draw, 4, 5)
        got, wanted = [
            [i.q1_solution.log_likelihood_normal(mu, logvar, mu) for logvar in (first, second)]
            for i in (submission, reference)
        ]
        is_difference(
            expect,
            got,
            wanted,
            "the difference of log_likelihood_normal between two variances",
            "The normalising factor holds 1 / sigma of each dimension: -logvar / 2, summed.",
        )


@pytest.mark.question("q1.2", weight=1.5)
def test_normal_log_density_includes_the_constant(submission, reference, expect, draw):
    """A density integrates to one only with its constant, -D/2 log(2 pi). Seen at z = mu with
    unit variance, where nothing else is left; for several D."""
    for size in (draw.integer(2, 4), draw.integer(5, 9), 40):
        mu = draw.normal(3, size)
        agrees(
            submission,
            reference,
            expect,
            "log_likelihood_normal",
            (mu, torch.zeros_like(mu), mu),
            "log_likelihood_normal at the mean with unit variance",
            help="log(2 pi) counts half, once for each dimension.",
            slack=1e-3 * size,
        )


@pytest.mark.question("q1.2", weight=1)
def test_normal_takes_images_as_well_as_rows(submission, reference, expect, draw):
    """All axes but the first are summed over, however many there are, and D is the number of all
    of them. A wrong constant is another test's where images and rows have the same."""
    what, help = "log_likelihood_normal of images", "Flatten all but the first axis, then take D."
    for shape in ((3, 1, 28, 28), (2, 3, 8, 6)):
        mu, logvar = gaussian(draw, *shape)
        points = [draw.normal(*shape), draw.normal(*shape)]
        got, wanted = [
            [i.q1_solution.log_likelihood_normal(mu, logvar, z) for z in points]
            for i in (submission, reference)
        ]
        is_difference(expect, got, wanted, what, help)
        rows = submission.q1_solution.log_likelihood_normal(
            *(t.reshape(shape[0], -1) for t in (mu, logvar, points[0]))
        )
        image, row = (expect.each(value, shape[0], what=what) for value in (got[0], rows))
        expect.close(image, row, what=what, help=help, slack=1e-4 * (1 + float(row.abs().max())))


@pytest.mark.question("q1.2", weight=0.5)
def test_normal_is_right_where_models_live(submission, reference, expect, draw):
    """Encoders have a hundred dimensions, images 784, and log-variances are between -6 and 2: a
    product of that many variances or densities is zero or infinite in float32."""
    function = submission.q1_solution.log_likelihood_normal
    what, name = "log_likelihood_normal(mu, logvar, z)", "log_likelihood_normal"
    first, other = ([*gaussian(draw, 4, 5), draw.normal(4, 5)] for _ in range(2))
    responds(expect, function(*first), function(*other), what)
    for shape, low, high in (((64, 100), 0.0, 2.0), ((64, 100), -6.0, -1.0), ((8, 784), -6.0, 2.0)):
        agrees_as_elsewhere(
            submission,
            reference,
            expect,
            name,
            likely_points(draw, shape, low, high),
            likely_points(draw, shape, -1.0, 1.0),
            f"log_likelihood_normal for {shape[1]} log-variances from {low:g} to {high:g}",
            6e-3,
            "Add logarithms: a product of variances or of densities leaves the range of float32.",
        )


def likely_points(draw, shape, low, high):
    """[mu, logvar, z] with log-variances in a range, and z as far from mu as samples are."""
    mu, logvar = draw.normal(*shape), draw.uniform(*shape, low=low, high=high)
    return [mu, logvar, mu + torch.exp(logvar / 2) * draw.normal(*shape)]


@pytest.mark.question("q1.2", weight=0.5)
def test_normal_gives_one_number_per_example(submission, expect, draw):
    """The result has shape (B,)."""
    result = submission.q1_solution.log_likelihood_normal(*gaussian(draw, 5, 7), draw.normal(5, 7))
    other = submission.q1_solution.log_likelihood_normal(*gaussian(draw, 5, 7), draw.normal(5, 7))
    responds(expect, result, other, "log_likelihood_normal(mu, logvar, z)")
    expect.shape(result, (5,), what="log_likelihood_normal(mu, logvar, z)")


@pytest.mark.question("q1.2", weight=0.25)
def test_normal_keeps_a_batch_of_one(submission, reference, expect, draw):
    """The last batch of a data set may hold one example: the batch axis has to survive. So has
    that of the dimensions, where an example has one."""
    result = submission.q1_solution.log_likelihood_normal(*gaussian(draw, 1, 6), draw.normal(1, 6))
    other = submission.q1_solution.log_likelihood_normal(*gaussian(draw, 1, 6), draw.normal(1, 6))
    responds(expect, result, other, "log_likelihood_normal(mu, logvar, z)")
    keeps_the_batch_axis(expect, result, "log_likelihood_normal(mu, logvar, z)")
    name, what = "log_likelihood_normal", "log_likelihood_normal in one dimension"
    one, three = ([*gaussian(draw, 4, size), draw.normal(4, size)] for size in (1, 3))
    keeps_one_dimension(submission, reference, expect, name, one, three, what)


@pytest.mark.question("q1.2", weight=0.25)
def test_normal_leaves_its_arguments_as_they_are(submission, probes, expect, draw):
    """The caller still needs mu, logvar and z after the call."""
    given = [*gaussian(draw, 3, 5), draw.normal(3, 5)]
    other = [*gaussian(draw, 3, 5), draw.normal(3, 5)]
    what = "log_likelihood_normal"
    keeps_its_arguments(submission, expect, probes, what, NORMAL, given, other)


# --- 1.3 log_mean_exp -------------------------------------------------------------------------


@pytest.mark.question("q1.3", weight=4)
def test_log_mean_exp_is_the_logarithm_of_the_mean(submission, reference, expect, draw):
    """For each example: the logarithm of the mean of the exponentials, not of their sum, and not
    the mean of the logarithms. Batch and sample size differ."""
    for batch, samples in ((4, draw.integer(5, 9)), (7, draw.integer(2, 5)), (64, 200)):
        y = draw.normal(batch, samples, std=2.0)
        agrees(
            submission,
            reference,
            expect,
            "log_mean_exp",
            (y,),
            "log_mean_exp(y)",
            help="Reduce over the samples, axis 1; the mean divides by the number of samples. "
            "Does the maximum keep its axis where it is subtracted?",
            slack=1e-4,
        )


def is_stable(submission, reference, expect, draw, y, what, help):
    """The result for y is right up to the submission's own constant: follow-through.

    The constant is what its result for small values differs by from the right one (for instance
    the log K of a sum in place of a mean). It must be the same for all examples.
    """
    small = draw.normal(*y.shape)
    own = expect.each(submission.q1_solution.log_mean_exp(small), len(y), what="log_mean_exp(y)")
    expect.finite(own, what="log_mean_exp(y)")
    offset = own - reference.q1_solution.log_mean_exp(small)
    expect.close(
        offset, offset.mean().expand_as(offset), what="log_mean_exp(y)", help=help, slack=1e-3
    )
    result = expect.each(submission.q1_solution.log_mean_exp(y), len(y), what=what)
    expect.finite(result, what=what, help=help)
    wanted = reference.q1_solution.log_mean_exp(y) + offset.float()
    expect.close(result, wanted, what=what, help=help, slack=1e-3)


@pytest.mark.question("q1.3", weight=1.5)
def test_log_mean_exp_survives_large_values(submission, reference, expect, draw):
    """Log-likelihoods of images are around -100, and importance weights spread further. exp(1000)
    is infinite and exp(-1000) is zero in float32, so the maximum is taken out first."""
    help = "Subtract the maximum before the exponential and add it again after the logarithm."
    for y, which in (
        (draw.normal(4, 6) + draw.number(900, 1100), "around 1000"),
        (draw.normal(4, 6) - draw.number(900, 1100), "around -1000"),
        (torch.linspace(-500, 500, 6) + draw.normal(4, 6, std=10.0), "from -500 to 500"),
        (draw.normal(64, 200, std=8.0) - draw.number(110, 130), "around -120"),
    ):
        what = f"log_mean_exp for values {which}"
        is_stable(submission, reference, expect, draw, y, what, help)


@pytest.mark.question("q1.3", weight=1)
def test_log_mean_exp_takes_each_examples_own_maximum(submission, reference, expect, draw):
    """Examples of one batch can be far apart. A maximum over the whole batch saves one of them
    and lets the others underflow."""
    levels = torch.tensor([[-800.0], [0.0], [700.0], [-300.0]]) + draw.normal(4, 1)
    is_stable(
        submission,
        reference,
        expect,
        draw,
        draw.normal(4, 6) + levels,
        "log_mean_exp for examples at different levels",
        "Take the maximum over axis 1 only, with its axis kept for the subtraction.",
    )


@pytest.mark.question("q1.3", weight=0.75)
def test_log_mean_exp_gives_one_number_per_example(submission, expect, draw):
    """The result has shape (B,): neither (B, 1) nor (B, B)."""
    result = submission.q1_solution.log_mean_exp(draw.normal(5, 7))
    responds(expect, result, submission.q1_solution.log_mean_exp(draw.normal(5, 7)), "log_mean_exp")
    expect.shape(result, (5,), what="log_mean_exp(y)")


@pytest.mark.question("q1.3", weight=0.25)
def test_log_mean_exp_keeps_the_axes_with_one(submission, reference, expect, draw):
    """A batch of one example gives one value; one sample per example gives one value each."""
    for batch, samples in ((1, 6), (4, 1)):
        y = draw.normal(batch, samples)
        result = submission.q1_solution.log_mean_exp(y)
        other = submission.q1_solution.log_mean_exp(draw.normal(batch, samples))
        responds(expect, result, other, "log_mean_exp(y)")
        keeps_the_batch_axis(expect, result, "log_mean_exp(y)")
        what = f"log_mean_exp of {batch} example(s) with {samples} sample(s)"
        expect.each(result, batch, what=what)
        more = (draw.normal(4, 5),)
        keeps_one_dimension(submission, reference, expect, "log_mean_exp", (y,), more, what)


@pytest.mark.question("q1.3", weight=0.25)
def test_log_mean_exp_leaves_its_argument_as_it_is(submission, probes, expect, draw):
    """`y -= maximum` changes the caller's tensor."""
    given, other = [draw.normal(3, 5)], [draw.normal(3, 5)]
    keeps_its_arguments(submission, expect, probes, "log_mean_exp", LOG_MEAN_EXP, given, other)
