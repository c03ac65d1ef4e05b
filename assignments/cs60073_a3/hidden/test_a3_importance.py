"""Questions a.3.1 to a.3.3: the integrand, weighted mean and variance, effective sample size."""

import math

import numpy as np
import pytest

from grader.suite.expect import as_array

SHIFTS = {"large": 2000.0, "small": -2000.0}


def array(tensor):
    return tensor.double().numpy()


def weighted_values(draw, n=40, spread=1.5):
    """Logarithms of weights, and values whose mean is far from zero."""
    log_w = array(draw.normal(n, std=spread, mean=draw.number(-3, 3)))
    f = array(draw.normal(n, mean=draw.number(2, 5), std=draw.number(1, 2)))
    return log_w, f


# Few draws; as many as a run has, whose weights differ by many orders of magnitude.
SIZES = ((20, 1.5), (60, 1.5), (50_000, 4.0))


def normalised(log_w):
    w = np.exp(log_w - log_w.max())
    return w / w.sum()


def number(expect, value, what):
    """One finite number."""
    expect.finite(value, what=what)
    found = as_array(value, what).astype(np.float64).reshape(-1)
    expect.true(found.size == 1, f"{what} is not one number", "Add up over all draws.")
    return float(found[0])


# --- a.3.1 the integrand ----------------------------------------------------------------------


@pytest.mark.question("a.3.1", weight=2)
def test_integrand_has_the_right_values(submission, expect, draw):
    """x_1^2 + sin(x_2), in radians, for each point."""
    x = array(draw.normal(25, 2, std=3.0))
    expect.close(
        expect.each(submission.sampling.integrand(x), 25, what="f(x)"),
        np.square(x[:, 0]) + np.sin(x[:, 1]),
        what="f(x)",
        help="The first column is squared; the sine is that of the second.",
        slack=1e-10,
    )


@pytest.mark.question("a.3.1", weight=0.3)
@pytest.mark.parametrize("count", [1, 6])
def test_integrand_gives_one_number_per_point(submission, expect, draw, count):
    """(N, 2) gives (N,)."""
    x = array(draw.normal(count, 2))
    first, again, twice = (submission.sampling.integrand(points) for points in (x, x, 2 * x))
    for value in (first, twice):
        expect.finite(value, what="f(x)")
    expect.close(again, as_array(first), what="f(x) of the same points once more")
    expect.true(
        not any(np.allclose(as_array(twice), k * as_array(first)) for k in (1, 2)),
        "f(x) is the same at other points, or in proportion to x",
        "Is the function finished?",
    )
    expect.shape(first, (count,), what="f(x)")


# --- a.3.2 mean and variance ------------------------------------------------------------------


@pytest.mark.question("a.3.2", weight=2)
def test_mean_is_self_normalised(submission, expect, draw):
    """sum w f / sum w. Without the denominator, constants of p and q that are not known change the
    result."""
    for size in SIZES:
        log_w, f = weighted_values(draw, *size)
        found = submission.sampling.self_normalized_mean(log_w, f)
        expect.close(
            number(expect, found, "the weighted mean"),
            (normalised(log_w) * f).sum(),
            what="the self-normalised mean",
            help="Divide by the sum of the weights, not by N; the weights are exp(log_w).",
            slack=1e-9 * np.abs(f).max(),
        )


@pytest.mark.question("a.3.2", weight=0.5)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_mean_survives_extreme_weights(submission, expect, draw, shift):
    """A common factor of the weights cancels, also one that exp cannot represent."""
    log_w, f = weighted_values(draw)
    found = submission.sampling.self_normalized_mean(log_w + shift, f)
    wanted = (normalised(log_w) * f).sum()
    expect.finite(found, what="the self-normalised mean of extreme weights")
    expect.close(
        number(expect, found, "the weighted mean") / own_scale(submission, expect, log_w, f),
        wanted / wanted,
        what="the self-normalised mean of extreme weights, over that of usual ones,",
        help="Take the largest logarithm out before exp.",
        slack=1e-8,
    )


def own_scale(submission, expect, log_w, f):
    """The submission's own mean of usual weights; whether it is right is asked elsewhere."""
    own, other = (
        number(expect, submission.sampling.self_normalized_mean(log_w, values), "the weighted mean")
        for values in (f, 2 * f + 1)
    )
    expect.true(
        own not in (0.0, other),
        "the weighted mean does not depend on the values",
        "Is the function finished?",
    )
    return own


def right_variances(log_w, f, mean):
    """The weighted variance around a mean, without and with corrections of its bias."""
    w = normalised(log_w)
    n, ess = len(f), 1 / (w**2).sum()
    plain = (w * (f - mean) ** 2).sum()
    counted = (w > 1e-15 * w.max()).sum()
    # Reliability weights have 1 / (1 - sum w^2); frequency weights n / (n - 1).
    return [plain, plain * ess / (ess - 1), plain * n / (n - 1), plain * counted / (counted - 1)]


@pytest.mark.question("a.3.2", weight=2)
def test_variance_is_that_of_f(submission, expect, draw):
    """sum w (f - m)^2 / sum w around the weighted mean m, the submission's own as well as the right
    one; a correction of the bias may be there or not."""
    for size in SIZES:
        log_w, f = weighted_values(draw, *size)
        found = number(
            expect, submission.sampling.weighted_variance(log_w, f), "the weighted variance"
        )
        means = [float((normalised(log_w) * f).sum())]
        try:
            mean = submission.sampling.self_normalized_mean(log_w, f)
            means.append(number(expect, mean, "the weighted mean"))
        except AssertionError:
            pass
        right = [v for m in means for v in right_variances(log_w, f, m)]
        expect.true(
            any(abs(found - v) <= 1e-8 * abs(v) for v in right),
            "the weighted sample variance has the wrong value",
            "Weights and squared distances from the weighted mean, over the sum of the weights. "
            "It is the spread of f under p, not the error of the estimated mean.",
            f"found {found}, right {right}",
        )


@pytest.mark.question("a.3.2", weight=0.5)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_variance_survives_extreme_weights(submission, expect, draw, shift):
    """A common factor of the weights cancels here too."""
    log_w, f = weighted_values(draw)
    usual, extreme, other = (
        number(expect, submission.sampling.weighted_variance(w, values), "the weighted variance")
        for w, values in ((log_w, f), (log_w + shift, f), (log_w, 2 * f))
    )
    expect.true(
        usual != other,
        "the weighted variance does not depend on the values",
        "Is the function finished?",
    )
    expect.true(
        usual != 0 and abs(extreme - usual) <= 1e-8 * abs(usual),
        "the weighted variance of extreme weights is another one than that of usual weights",
        "Take the largest logarithm out before exp.",
        f"{usual}, {extreme}",
    )


@pytest.mark.question("a.3.2", weight=0.25)
@pytest.mark.parametrize("name", ["self_normalized_mean", "weighted_variance"])
def test_arguments_keep_their_values(submission, probes, expect, draw, name):
    """The caller still needs the weights as they were: `log_w -= log_w.max()` changes them."""
    log_w, f = weighted_values(draw)
    function = getattr(submission.sampling, name)
    both = [(log_w, f), (log_w, f), (2 * log_w, f), (log_w, 2 * f), (2 * log_w, 2 * f)]
    usual, again, weights, values, all_ = (
        number(expect, function(*args), "the result") for args in both
    )
    # In a sum of something of the weights and something of the values this would be zero.
    together = abs(usual - weights - values + all_)
    expect.true(
        usual == again and together > 1e-6 * max(map(abs, (usual, weights, values, all_))),
        "the result does not depend on weights and values together",
        "Is the function finished?",
    )
    after = submission(probes.arguments_after, function=name, args=[log_w, f])
    for what, old, new in zip(("log_w", "f"), (log_w, f), after, strict=True):
        expect.unchanged(new, old, what=what, help="log_w - log_w.max() is a new array.")


# --- a.3.3 effective sample size --------------------------------------------------------------


@pytest.mark.question("a.3.3", weight=2)
def test_effective_sample_size_has_the_right_value(submission, expect, draw):
    """(sum w)^2 / sum w^2."""
    for size in SIZES:
        log_w, _ = weighted_values(draw, *size)
        found = submission.sampling.effective_sample_size(log_w)
        wanted = 1 / (normalised(log_w) ** 2).sum()
        expect.close(
            number(expect, found, "the effective sample size"),
            wanted,
            what="the effective sample size",
            help="The square of the sum over the sum of the squares; of the weights, not of their "
            "logarithms.",
            slack=1e-9 * wanted,
        )


@pytest.mark.question("a.3.3", weight=1)
def test_effective_sample_size_of_equal_and_of_single_weights(submission, expect, draw):
    """N equal weights are worth N draws; one weight that dwarfs all others is worth one."""
    n = draw.integer(10, 99)
    for log_w, wanted in (
        (np.full(n, draw.number(-2, 2)), float(n)),
        (np.where(np.arange(n) == n // 2, 60.0, 0.0), 1.0),
    ):
        found = submission.sampling.effective_sample_size(log_w)
        expect.close(
            number(expect, found, "the effective sample size"),
            wanted,
            what="the effective sample size of equal weights, or of one that outweighs all others,",
            help="It lies between 1 and N.",
            slack=1e-6 * wanted,
        )


@pytest.mark.question("a.3.3", weight=0.5)
@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
def test_effective_sample_size_survives_extreme_weights(submission, expect, draw, shift):
    """A common factor of the weights cancels, also one that exp cannot represent."""
    log_w, _ = weighted_values(draw)
    usual, extreme, other = (
        number(expect, submission.sampling.effective_sample_size(w), "the effective sample size")
        for w in (log_w, log_w + shift, 2 * log_w)
    )
    expect.true(usual != other, "other weights give the same result", "Is the function finished?")
    expect.true(
        not math.isclose(usual, 0) and abs(extreme - usual) <= 1e-8 * abs(usual),
        "the effective sample size of extreme weights is another one than that of usual weights",
        "Take the largest logarithm out before exp.",
        f"{usual}, {extreme}",
    )


@pytest.mark.question("a.3.3", weight=0.25)
def test_weights_keep_their_values(submission, probes, expect, draw):
    """The caller still needs the weights as they were: `log_w -= log_w.max()` changes them."""
    log_w, _ = weighted_values(draw)
    usual, again, other = (
        number(expect, submission.sampling.effective_sample_size(w), "the effective sample size")
        for w in (log_w, log_w, 2 * log_w)
    )
    expect.true(
        usual == again and not any(math.isclose(other, k * usual) for k in (1, 2)),
        "the effective sample size does not depend on the weights, or is in proportion to log_w",
        "Is the function finished?",
    )
    (after,) = submission(probes.arguments_after, function="effective_sample_size", args=[log_w])
    expect.unchanged(after, log_w, what="log_w", help="log_w - log_w.max() is a new array.")
