"""Questions 1.4 and 1.5: the KL divergence between two diagonal normals, exactly and by sampling.

The Monte Carlo estimate is random and nothing fixes the order of its draws, so it is judged by
its mean and its variance. With z = mu_q + sigma_q eps, one sample of log q(z) - log p(z) is

    KL + sum_d  b_d eps_d + c_d (eps_d^2 - 1),   b = (mu_q - mu_p) sigma_q / sigma_p^2,
                                                 c = (sigma_q^2 / sigma_p^2 - 1) / 2,

whose cumulant generating function is known, so the means are held to Chernoff bounds, which hold
for every number of samples. With equal variances it is exactly normal, and so are the tests of the
variance. The examples of a batch may share their noise: each row is judged by itself.
"""

import math

import numpy as np
import pytest
import torch

ANALYTIC = "q1_solution.kl_gaussian_gaussian_analytic"
NORMAL = "q1_solution.log_likelihood_normal"
REPEATS = 64
FALSE_FAIL = 1e-9  # per test


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


def two_normals(draw, *shape):
    """[mu_q, logvar_q, mu_p, logvar_p] with variances between 0.3 and 3.4."""
    return [
        draw.normal(*shape),
        draw.uniform(*shape, low=-1.2, high=1.2),
        draw.normal(*shape),
        draw.uniform(*shape, low=-1.2, high=1.2),
    ]


# --- 1.4 kl_gaussian_gaussian_analytic --------------------------------------------------------
# The term of the means, the terms of the variances and the constant are marked apart.


def differs_rightly(submission, reference, expect, first, second, what, help):
    """f(first) - f(second) is what it should be; constants cancel."""
    got, wanted = [
        [i.q1_solution.kl_gaussian_gaussian_analytic(*args) for args in (first, second)]
        for i in (submission, reference)
    ]
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
        slack=1e-4 * (1 + scale),
    )


@pytest.mark.question("q1.4", weight=2)
def test_kl_grows_with_the_distance_of_the_means(submission, reference, expect, draw):
    """In KL(q || p) the squared distance of the means is divided by the variance of p, halved and
    summed over D. Two means of q are compared, all else equal, so that only this term is seen."""
    for _ in range(2):
        first = two_normals(draw, 4, 5)
        second = [draw.normal(4, 5), *first[1:]]
        differs_rightly(
            submission,
            reference,
            expect,
            first,
            second,
            "the difference of the KL divergence between two means",
            "Which of the two variances divides (mu_q - mu_p)^2? Is every dimension added?",
        )


@pytest.mark.question("q1.4", weight=2)
def test_kl_compares_the_variances(submission, reference, expect, draw):
    """At equal means KL(q || p) is half the sum of sigma_q^2 / sigma_p^2 - log of the same, up to
    a constant. Two pairs of variances are compared."""
    for _ in range(2):
        mu = draw.normal(4, 5)
        first, second = two_normals(draw, 4, 5), two_normals(draw, 4, 5)
        first[0] = first[2] = second[0] = second[2] = mu
        differs_rightly(
            submission,
            reference,
            expect,
            first,
            second,
            "the difference of the KL divergence between two pairs of variances",
            "Only log sigma^2 is given: sigma_q^2 / sigma_p^2 is exp(logvar_q - logvar_p).",
        )


@pytest.mark.question("q1.4", weight=1.5)
def test_kl_is_zero_only_for_equal_distributions(submission, expect, draw):
    """A divergence is zero when the two distributions are equal, and positive otherwise."""
    # Not of the size of the batch alone, whose number a constant may be made of by mistake.
    for size in (draw.integer(2, 3), draw.integer(5, 8), 40):
        different = two_normals(draw, 4, size)
        equal = [different[0], different[1], different[0], different[1]]
        what = "the KL divergence of a distribution from itself"
        zero = submission.q1_solution.kl_gaussian_gaussian_analytic(*equal)
        expect.close(
            expect.each(zero, 4, what=what),
            torch.zeros(4),
            what=what,
            help="Is the constant there, -1 per dimension inside the half?",
            scale=4.0 * size,
            slack=1e-4 * size,
        )
        what = "the KL divergence of two different distributions"
        positive = submission.q1_solution.kl_gaussian_gaussian_analytic(*different)
        positive = expect.each(positive, 4, what=what)
        expect.finite(positive, what=what)
        expect.true(
            bool((positive > 0).all()),
            "the KL divergence of two different distributions is not positive",
            "Check the signs of the terms.",
        )


@pytest.mark.question("q1.4", weight=1)
def test_kl_takes_images_as_well_as_rows(submission, reference, expect, draw):
    """All axes but the first are summed over, however many there are, and D is the number of all
    of them. A wrong constant is another test's where images and rows have the same."""
    function = submission.q1_solution.kl_gaussian_gaussian_analytic
    what = "kl_gaussian_gaussian_analytic of images"
    help = "Flatten all but the first axis, then take D."
    for shape in ((3, 1, 28, 28), (2, 3, 8, 6)):
        first, second = two_normals(draw, *shape), two_normals(draw, *shape)
        differs_rightly(submission, reference, expect, first, second, what, help)
        image = expect.each(function(*first), shape[0], what=what)
        row = expect.each(function(*(t.reshape(shape[0], -1) for t in first)), shape[0], what=what)
        expect.close(image, row, what=what, help=help, slack=1e-4 * (1 + float(row.abs().max())))


def agrees_as_elsewhere(submission, reference, expect, args, other, what, slack, help):
    """The values for `args` are right, if those for `other`, of which another test says so, are."""
    for point in (other, args):
        got, wanted = (
            i.q1_solution.kl_gaussian_gaussian_analytic(*point) for i in (submission, reference)
        )
        # A formula that is wrong by a little elsewhere is wrong there, not here.
        room = (slack if point is args else 1e-4) * (1 + float(wanted.abs().max()))
        try:
            values = expect.each(got, len(wanted), what=what)
            expect.close(values, wanted, what=what, help=help, slack=room)
        except AssertionError:
            if point is args:
                raise
            return


@pytest.mark.question("q1.4", weight=0.5)
def test_kl_is_right_where_models_live(submission, reference, expect, draw):
    """Encoders have a hundred dimensions, images 784, and log-variances are between -6 and 2: a
    product of that many variances is zero or infinite in float32."""
    function, what = submission.q1_solution.kl_gaussian_gaussian_analytic, "the KL divergence"
    responds(expect, function(*two_normals(draw, 4, 5)), function(*two_normals(draw, 4, 5)), what)
    for shape, low, high in (((64, 100), 0.0, 2.0), ((64, 100), -6.0, -1.0), ((8, 784), -6.0, 2.0)):
        agrees_as_elsewhere(
            submission,
            reference,
            expect,
            near_normals(draw, shape, low, high),
            near_normals(draw, shape, -1.0, 1.0),
            f"the KL divergence for {shape[1]} log-variances from {low:g} to {high:g}",
            6e-3,
            "Add logarithms: a product of variances leaves the range of float32.",
        )


def near_normals(draw, shape, low, high):
    """Two normals with log-variances in a range, the means apart as far as p is wide."""
    mu_p, logvar_p = draw.normal(*shape), draw.uniform(*shape, low=low, high=high)
    mu_q = mu_p + torch.exp(logvar_p / 2) * draw.normal(*shape)
    return [mu_q, draw.uniform(*shape, low=low, high=high), mu_p, logvar_p]


@pytest.mark.question("q1.4", weight=1.5)
def test_kl_has_the_gradient_of_its_value(submission, probes, expect, draw):
    """The encoder learns through this function: autograd must find the slope that the values
    themselves have. The values are the submission's own; whether they are right is not asked."""
    for argument in (0, 1):
        args = two_normals(draw, 3, 4)
        directions = [
            [draw.normal(3, 4) if i == argument else None for i in range(4)] for _ in range(3)
        ]
        slopes = submission(
            probes.slopes, function=ANALYTIC, args=args, directions=directions, step=0.01
        )
        found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
        detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
        name = ("mu_q", "logvar_q")[argument]
        expect.true(
            bool(wanted.isfinite().all()) and float(wanted.abs().max()) > 1e-2,
            f"kl_gaussian_gaussian_analytic does not depend on {name}",
            "Is the function finished?",
            detail,
        )
        expect.true(
            bool(((found - wanted).abs() <= 0.02 * float(wanted.abs().max()) + 5e-3).all()),
            f"the KL divergence is not differentiated with respect to {name} as its values say",
            "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
            detail,
        )


@pytest.mark.question("q1.4", weight=0.5)
def test_kl_gives_one_number_per_example(submission, expect, draw):
    """The result has shape (B,)."""
    what = "kl_gaussian_gaussian_analytic"
    result = submission.q1_solution.kl_gaussian_gaussian_analytic(*two_normals(draw, 5, 7))
    other = submission.q1_solution.kl_gaussian_gaussian_analytic(*two_normals(draw, 5, 7))
    responds(expect, result, other, what)
    expect.shape(result, (5,), what=what)


@pytest.mark.question("q1.4", weight=0.25)
def test_kl_keeps_a_batch_of_one(submission, reference, expect, draw):
    """The last batch of a data set may hold one example: the batch axis has to survive. So has
    that of the dimensions, where an example has one."""
    what = "kl_gaussian_gaussian_analytic"
    result = submission.q1_solution.kl_gaussian_gaussian_analytic(*two_normals(draw, 1, 6))
    other = submission.q1_solution.kl_gaussian_gaussian_analytic(*two_normals(draw, 1, 6))
    responds(expect, result, other, what)
    keeps_the_batch_axis(expect, result, what)
    agrees_as_elsewhere(
        submission,
        reference,
        expect,
        two_normals(draw, 4, 1),
        two_normals(draw, 4, 3),
        f"{what} in one dimension",
        1e-3,
        "A bare squeeze() removes the axis of one dimension too, and then B takes its place.",
    )


@pytest.mark.question("q1.4", weight=0.25)
def test_kl_leaves_its_arguments_as_they_are(submission, probes, expect, draw):
    """The caller still needs all four arguments after the call."""
    given, other = two_normals(draw, 3, 5), two_normals(draw, 3, 5)
    what = "kl_gaussian_gaussian_analytic"
    keeps_its_arguments(submission, expect, probes, what, ANALYTIC, given, other)


# --- 1.5 kl_gaussian_gaussian_mc --------------------------------------------------------------


def sample_coefficients(mu_q, logvar_q, mu_p, logvar_p):
    """(b, c) of the docstring above, (B, D) each, and KL itself, (B,)."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.reshape(t.shape[0], -1).double().numpy() for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    ratio = np.exp(logvar_q - logvar_p)
    distance = mu_q - mu_p
    kl = 0.5 * (ratio - 1 - (logvar_q - logvar_p) + distance**2 / np.exp(logvar_p))
    return distance * np.exp(logvar_q / 2 - logvar_p), (ratio - 1) / 2, kl.sum(1)


def mean_of_estimates(stats, values, kl, b, c, slack):
    """The finding on independent estimates of one example, whatever their `num_samples`.

    The bound is that for estimates of one sample each. Those of several keep to it as well, even
    where the samples share their noise: that is the slip of another test. The effect that is
    caught is 15 standard deviations of the mean of one-sample estimates.
    """

    def cumulants(t):
        room = 1 - 2 * c * t
        return float((-c * t - 0.5 * np.log(room) + b**2 * t**2 / (2 * room)).sum())

    # 2 c t < 1 on both sides; where c is zero the sample is normal and any t will do.
    reach = 0.999 / np.maximum(2 * np.array([-c.min(), c.max()]), 1e-2)
    sd = math.sqrt(float((b**2 + 2 * c**2).sum()))
    return stats.chernoff_mean(
        values,
        kl,
        cumulants,
        (-reach[0], reach[1]),
        false_fail=FALSE_FAIL,
        effect=15 * sd / math.sqrt(len(values)),
        slack=slack,
    )


class Followed:
    """Follow-through: a check sees what the submission gives, `ask(density)`.

    An estimate may be built on the submission's `log_likelihood_normal`, which question 1.2 has
    marked already. Where that is wrong, raises or is not there, the estimate is judged with
    torch's density in its place, which sums over all axes but the first, or over the last. Where
    it is right, an estimate that fails on it has only itself to blame.
    """

    def __init__(self, submission, reference, probes, expect, draw):
        self.submission, self.probes = submission, probes
        self._reference, self._expect, self._draw = reference, expect, draw

    def judge(self, ask, accept):
        try:
            return accept(ask("own"))
        except AssertionError:
            if self._density_is_right():
                raise
        try:
            return accept(ask("vectors"))
        except AssertionError:
            return accept(ask("rows"))

    def estimates(self, accept, **keywords):
        """The submission's estimates, (repeats, B), as the check `accept` sees them."""
        probe = self.probes.kl_estimates
        self.judge(lambda density: self.submission(probe, density=density, **keywords), accept)

    def _density_is_right(self):
        """Whether 1.2 is right for rows and images, few and many dimensions, in all it asks."""
        expect, draw = self._expect, self._draw
        for shape, low, high in (
            *(((4, 5), -1.5, 1.5), ((1, 6), -1.5, 1.5), ((4, 1), -1.5, 1.5)),
            *(((2, 1, 28, 28), -1.5, 1.5), ((8, 100), 0.0, 2.0), ((8, 784), -6.0, -1.0)),
        ):
            mu, logvar = draw.normal(*shape), draw.uniform(*shape, low=low, high=high)
            args = [mu, logvar, mu + torch.exp(logvar / 2) * draw.normal(*shape)]
            wanted = self._reference.q1_solution.log_likelihood_normal(*args)
            slack = (6e-3 if low == -6.0 else 1e-4) * (1 + float(wanted.abs().max()))
            try:
                run = self.submission(self.probes.call, function=NORMAL, args=args)
                expect.close(run["result"], wanted, slack=slack)
                expect.shape(run["result"], shape[:1])
                for left, given in zip(run["args"], args, strict=True):
                    expect.unchanged(left, given, what="an argument")
            except AssertionError:
                return False
        return True


@pytest.fixture
def followed(submission, reference, probes, expect, draw):
    return Followed(submission, reference, probes, expect, draw)


def rows_of(expect, values, repeats, batch):
    what = "kl_gaussian_gaussian_mc"
    expect.finite(values, what=what)
    values = torch.as_tensor(values)
    expect.true(values.dim() == 2 and len(values) == repeats, f"{what} gives no estimates")
    return torch.stack([expect.each(row, batch, what=what) for row in values]).numpy()


@pytest.mark.question("q1.5", weight=6)
def test_estimates_average_to_the_kl_divergence(followed, expect, stats, draw):
    """The estimate is unbiased: the mean over many samples z ~ q of log q(z) - log p(z), summed
    over D."""
    shape, distance = (3, 8), torch.tensor([[0.3], [1.0], [2.0]])
    mu_p, sign = draw.normal(*shape), 2 * draw.bernoulli(*shape) - 1
    args = [
        mu_p + distance * sign * draw.uniform(*shape, low=0.7, high=1.3),
        draw.uniform(*shape, low=-1.2, high=-0.5),
        mu_p,
        draw.uniform(*shape, low=0.2, high=0.9),
    ]
    b, c, kl = sample_coefficients(*args)
    repeats = 400

    def accept(values):
        found = rows_of(expect, values, repeats, 3)
        for row in range(3):
            expect.plausible(
                mean_of_estimates(stats, found[:, row], kl[row], b[row], c[row], 1e-4),
                "the mean of many estimates is not the KL divergence",
                "Sample from q with standard deviation exp(logvar_q / 2); log q(z) - log p(z), "
                "not the other way round; sum over D and take the mean over the samples.",
            )

    followed.estimates(accept, seed=draw.seed(), args=[*args, 5], repeats=repeats)

    # Log-ratios of one sample are as often as not below zero where q and p are near each other.
    # Here that is so with probability 0.34 or more: 64 without any are seen at a rate below 1e-11.
    args = equal_variances(draw, 1, 16, low=0.1, high=0.2)

    def accept_signs(values):
        found = rows_of(expect, values, REPEATS, 1)
        expect.true(
            bool(found.var() == 0) or bool((found < 0).any()),
            "estimates of a small divergence are never negative, so their mean is too high",
            "A divergence is not negative, but a sample of the log-ratio may be: keep its sign.",
        )

    followed.estimates(accept_signs, seed=draw.seed(), args=[*args, 1], repeats=REPEATS)


def equal_variances(draw, *shape, low=0.5, high=1.0, logvars=(-1.0, 1.0)):
    """Two normals of equal variance: one sample of log q - log p is then exactly normal.

    Their means are between `low` and `high` standard deviations apart in every dimension.
    """
    logvar = draw.uniform(*shape, low=logvars[0], high=logvars[1])
    mu_p = draw.normal(*shape)
    mu_q = mu_p + draw.uniform(*shape, low=low, high=high) * torch.exp(logvar / 2)
    return [mu_q, logvar, mu_p, logvar.clone()]


def one_sample_variance(args):
    return (sample_coefficients(*args)[0] ** 2).sum(1)


NO_SPREAD = (
    "kl_gaussian_gaussian_mc gives the same value at every call",
    "A Monte Carlo estimate draws new samples from q each time.",
)


@pytest.mark.question("q1.5", weight=4)
def test_one_sample_varies_as_a_sample_must(followed, expect, stats, draw):
    """With one sample, the estimate is random with the variance of log q(z) - log p(z). The exact
    divergence has none. Noise that all 16 dimensions share has 14 times as much or more; a draw
    for each density brings a half per dimension and density, 7 times as much or more."""
    args = equal_variances(draw, 2, 16, low=0.2, high=0.4)
    variance = one_sample_variance(args)

    def accept(values):
        found = rows_of(expect, values, REPEATS, 2)
        expect.true(bool((found.var(0) > 1e-6 * variance).all()), *NO_SPREAD)
        for row in range(2):
            expect.plausible(
                stats.normal_variance(
                    found[:, row], variance[row], false_fail=FALSE_FAIL, effect=7
                ),
                "one-sample estimates do not vary as log q(z) - log p(z) does for z from q",
                "Every dimension of every sample needs noise of its own, with the standard "
                "deviation exp(logvar_q / 2), and both densities are taken at the same sample.",
            )

    followed.estimates(accept, seed=draw.seed(), args=[*args, 1], repeats=REPEATS)


def spread_shrinks(followed, expect, stats, draw, first, second, ratio, said, repeats, effect):
    """The variance with the first arguments over that with the second is `ratio`."""
    args = equal_variances(draw, 2, 8)
    least = 1e-6 * one_sample_variance(args)
    seeds = draw.seed(), draw.seed()

    def ask(density):
        return [
            followed.submission(
                followed.probes.kl_estimates,
                seed=seed,
                args=[*args, *extra],
                repeats=repeats,
                density=density,
            )
            for seed, extra in zip(seeds, (first, second), strict=True)
        ]

    def accept(values):
        one, other = (rows_of(expect, found, repeats, 2) for found in values)
        expect.true(bool((one.var(0) > least).all() and (other.var(0) > 0).all()), *NO_SPREAD)
        for row in range(2):
            expect.plausible(
                stats.variance_ratio(
                    one[:, row], other[:, row], ratio, false_fail=FALSE_FAIL, effect=effect
                ),
                *said,
            )

    followed.judge(ask, accept)


@pytest.mark.question("q1.5", weight=3)
def test_more_samples_make_the_estimate_calmer(followed, expect, stats, draw):
    """The variance of the mean of 50 independent samples is a fiftieth of that of one. The
    submission's own one-sample estimates are the yardstick."""
    said = (
        "the variance of the estimate does not fall as 1 / num_samples",
        "num_samples independent samples per example, and the mean over them.",
    )
    few, many = [1], [50]
    spread_shrinks(followed, expect, stats, draw, few, many, 50.0, said, repeats=REPEATS, effect=15)


@pytest.mark.question("q1.5", weight=0.5)
def test_the_default_is_one_sample(followed, expect, stats, draw):
    """Without `num_samples` one sample is taken. The submission's own one-sample estimates are
    the yardstick; 5 samples or more would be told from one."""
    said = (
        "the estimate without num_samples does not vary as the one with one sample",
        "num_samples is 1 by default.",
    )
    spread_shrinks(followed, expect, stats, draw, [], [1], 1.0, said, repeats=160, effect=5)


@pytest.mark.question("q1.5", weight=1.25)
def test_estimate_takes_images_as_well_as_rows(followed, expect, stats, draw):
    """All axes but the first are summed over, and log-variances are as far apart as a model has
    them, from -6 to 2."""
    args = equal_variances(draw, 2, 1, 28, 28, low=1.0, high=1.5, logvars=(-6.0, 2.0))
    b, c, kl = sample_coefficients(*args)

    def accept(values):
        found = rows_of(expect, values, 4, 2)
        for row in range(2):
            expect.plausible(
                mean_of_estimates(stats, found[:, row], kl[row], b[row], c[row], 1e-2),
                "the estimate for images is not their KL divergence",
                "Flatten all but the first axis, and sum over all of it.",
            )

    followed.estimates(accept, seed=draw.seed(), args=[*args, 5], repeats=4)


def pair_of_calls(followed, expect, first, second, accept):
    """The check `accept` sees a call with the first arguments, once the second gives another."""
    what = "kl_gaussian_gaussian_mc"

    def ask(density):
        probe = followed.probes.kl_call
        return [followed.submission(probe, args=args, density=density) for args in (first, second)]

    def accept_both(runs):
        responds(expect, runs[0]["result"], runs[1]["result"], what)
        accept(runs[0], what)

    followed.judge(ask, accept_both)


@pytest.mark.question("q1.5", weight=0.75)
def test_estimate_gives_one_number_per_example(followed, expect, draw):
    """The result has shape (B,), however many samples are taken."""
    for samples in (1, 6):
        first, second = [*two_normals(draw, 5, 7), samples], [*two_normals(draw, 5, 7), samples]
        pair_of_calls(
            followed,
            expect,
            first,
            second,
            lambda run, what: expect.shape(run["result"], (5,), what=what),
        )


@pytest.mark.question("q1.5", weight=0.25)
def test_estimate_keeps_a_batch_of_one(followed, expect, draw):
    """The last batch of a data set may hold one example: the batch axis has to survive. So has
    that of the dimensions, where an example has one."""

    def keeps(run, what):
        keeps_the_batch_axis(expect, run["result"], what)
        expect.each(run["result"], batch, what=what)

    for batch, size, samples in ((1, 6, 4), (3, 1, 4), (3, 1, 1)):
        first, second = ([*two_normals(draw, batch, size), samples] for _ in range(2))
        pair_of_calls(followed, expect, first, second, keeps)


@pytest.mark.question("q1.5", weight=0.25)
def test_estimate_leaves_its_arguments_as_they_are(followed, expect, draw):
    """The inputs are expanded views of the caller's tensors: in-place arithmetic reaches them."""
    given, other = [*two_normals(draw, 3, 5), 4], [*two_normals(draw, 3, 5), 4]

    def unchanged(run, what):
        for number, (left, right) in enumerate(zip(run["args"], given, strict=True), start=1):
            if isinstance(right, torch.Tensor):
                expect.unchanged(left, right, what=f"argument {number} of {what}")

    pair_of_calls(followed, expect, given, other, unchanged)
