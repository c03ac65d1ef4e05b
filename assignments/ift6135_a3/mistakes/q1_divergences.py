"""Mistakes in 1.4 and 1.5: the KL divergence in closed form and by sampling."""

import math

import torch

from grader.catalogue import Mistakes


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


def expanded(num_samples, *tensors):
    """Each of them as (B, num_samples, D), as in the lines that are given."""
    return [t.reshape(t.size(0), 1, -1).expand(-1, num_samples, -1) for t in tensors]


def log_density(mu, logvar, z):
    """(B, num_samples)."""
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=2)


def density_by_view(mu, logvar, z):
    batch_size = mu.size(0)
    mu = mu.view(batch_size, -1)
    logvar = logvar.view(batch_size, -1)
    z = z.view(batch_size, -1)
    terms = math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)
    return -0.5 * terms.sum(dim=1)


kl_means = Mistakes(
    "q1_solution.kl_gaussian_gaussian_analytic", "test_grows_with_the_distance_of_the_means"
)
kl_means.edit(
    "kl_without_the_half",
    "kl = 0.5 * ",
    "kl = ",
    "The result is twice the divergence: the one half in front of the sum is missing.",
)
kl_means.edit(
    "kl_with_the_distance_over_the_variance_of_q",
    "/ logvar_p.exp()",
    "/ logvar_q.exp()",
    """The distance of the means is divided by the variance of q. In KL(q || p) it counts in units
    of p's width: the question is how surprising q's samples are under p.""",
)
kl_means.edit(
    "kl_with_an_unscaled_distance",
    " / logvar_p.exp()",
    "",
    """The distance of the means is not divided by any variance. That is right only where p has unit
    variance.""",
)
kl_means.edit(
    "kl_without_the_square",
    "(mu_q - mu_p) ** 2",
    "(mu_q - mu_p)",
    """The difference of the means is not squared, so the divergence falls when mu_q moves to one
    side. It has to grow on both.""",
)
kl_means.edit(
    "kl_mean_over_the_dimensions",
    "kl.sum(dim=1)",
    "kl.mean(dim=1)",
    """This is the mean over the dimensions. Divergences of independent dimensions are added up; a
    mean weakens the KL term of an ELBO by the factor D.""",
)


@kl_means
def kl_the_wrong_way_round(mu_q, logvar_q, mu_p, logvar_p):
    """This is KL(p || q), the divergence the other way round. In KL(q || p) the expectation is
    under q, so it is the variance of p that divides."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_q)
    return 0.5 * (logvar_q - logvar_p + torch.exp(logvar_p - logvar_q) + distance - 1).sum(dim=1)


kl_zero = Mistakes(
    "q1_solution.kl_gaussian_gaussian_analytic", "test_is_zero_only_for_equal_distributions"
)
kl_zero.edit(
    "kl_without_the_minus_one",
    " + distance - 1",
    " + distance",
    """The -1 of each dimension is missing: the divergence of a distribution from itself has to be
    zero.""",
)
kl_zero.edit(
    "kl_with_one_minus_one_for_all_dimensions",
    """ - 1)  # (B, D)
    return kl.sum(dim=1)""",
    """)
    return kl.sum(dim=1) - 0.5""",
    """The -1 is subtracted once per example, after the sum. Every dimension brings its own, so in
    vector form the constant is -D.""",
)
kl_zero.edit(
    "kl_negated",
    "kl = 0.5",
    "kl = -0.5",
    """This is the negative of the divergence. A KL divergence is never negative; the minus sign
    belongs to the ELBO that is built from it.""",
)


@kl_zero
def kl_with_a_constant_of_the_batch(mu_q, logvar_q, mu_p, logvar_p):
    """The constant is made of the size of the batch. It is -1/2 for each dimension."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = logvar_q - logvar_p
    terms = torch.exp(ratio) - ratio + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (terms.sum(dim=1) - mu_q.size(0))


kl_variances = Mistakes("q1_solution.kl_gaussian_gaussian_analytic", "test_compares_the_variances")
kl_variances.edit(
    "kl_with_the_whole_log_ratio",
    "(logvar_p - logvar_q + var_ratio + distance - 1)",
    "(2 * (logvar_p - logvar_q) + var_ratio + distance - 1)",
    """The difference of the log-variances stands in the place of the logarithm of sigma_p /
    sigma_q. It is twice that: log sigma is logvar / 2.""",
)
kl_variances.edit(
    "kl_with_the_log_ratio_upside_down",
    "logvar_p - logvar_q + var",
    "logvar_q - logvar_p + var",
    """The log-variances have their signs exchanged: the wider p is, the more log sigma_p adds to
    the divergence from it.""",
)
kl_variances.edit(
    "kl_without_the_log_variances",
    "logvar_p - logvar_q + var_ratio",
    "var_ratio",
    """The terms with the log-variances are missing. Without them the divergence is smallest for a q
    without any width.""",
)
kl_variances.edit(
    "kl_with_deviations_for_variances",
    """torch.exp(logvar_q - logvar_p)
    distance = (mu_q - mu_p) ** 2 / logvar_p.exp()""",
    """torch.exp((logvar_q - logvar_p) / 2)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p / 2)""",
    """Standard deviations, exp(logvar / 2), stand where the formula has variances, sigma^2 =
    exp(logvar).""",
)


@kl_variances
def kl_with_exp_logvar_as_deviation(mu_q, logvar_q, mu_p, logvar_p):
    """This is what one gets when the standard deviations are taken as exp(logvar). logvar is log
    sigma^2, so exp(logvar) is the variance, and sigma is exp(logvar / 2)."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q = torch.distributions.Normal(mu_q, torch.exp(logvar_q))
    p = torch.distributions.Normal(mu_p, torch.exp(logvar_p))
    return torch.distributions.kl_divergence(q, p).sum(dim=1)


@kl_variances
def kl_from_the_standard_normal(mu_q, logvar_q, mu_p, logvar_p):
    """This is the divergence from the standard normal, as it stands in many papers about VAEs. Here
    p has a mean and a variance of its own."""
    mu_q, logvar_q = rows(mu_q, logvar_q)
    return -0.5 * (1 + logvar_q - mu_q**2 - torch.exp(logvar_q)).sum(dim=1)


kl_shape = Mistakes("q1_solution.kl_gaussian_gaussian_analytic", "test_has_the_right_shape")
kl_shape.edit(
    "kl_summed_over_the_batch",
    "kl.sum(dim=1)",
    "kl.sum(dim=0)",
    """The sum runs over the batch, axis 0, and leaves one number per dimension. It has to run over
    the dimensions, axis 1, and leave one per example.""",
)


@kl_shape
def kl_of_all_pairs_of_sums(mu_q, logvar_q, mu_p, logvar_p):
    """Some terms are added up to (B,) and others to (B, 1): their sum is (B, B), every example with
    every other."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = ((mu_q - mu_p) ** 2 / torch.exp(logvar_p)).sum(dim=1, keepdim=True)
    ratio = logvar_q - logvar_p
    return 0.5 * (distance + (torch.exp(ratio) - ratio - 1).sum(dim=1))


@Mistakes("q1_solution.kl_gaussian_gaussian_analytic", "test_keeps_a_batch_of_one")
def kl_squeezes_the_axis_of_one_dimension(mu_q, logvar_q, mu_p, logvar_p):
    """squeeze() takes away every axis of size one, that of a single dimension too, and then the
    squared distances of all examples are added up."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = ((mu_q - mu_p) ** 2 / torch.exp(logvar_p)).squeeze().sum(dim=-1)
    ratio = logvar_q - logvar_p
    return 0.5 * ((torch.exp(ratio) - ratio - 1).sum(dim=1) + distance)


@Mistakes("q1_solution.kl_gaussian_gaussian_analytic", "test_takes_images_as_rows")
def kl_takes_the_size_before_it_flattens(mu_q, logvar_q, mu_p, logvar_p):
    """D is read off axis 1 before images are flattened, so an image counts as one dimension in the
    constant, and its divergence from itself is not zero."""
    size = mu_q.size(1)
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = logvar_q - logvar_p
    terms = torch.exp(ratio) - ratio + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (terms.sum(dim=1) - size)


@Mistakes("q1_solution.kl_gaussian_gaussian_analytic", "test_is_right_far_out")
def kl_takes_the_logarithm_of_a_ratio_of_products(mu_q, logvar_q, mu_p, logvar_p):
    """The logarithm of a ratio of products: the product of a hundred variances is zero or infinite
    in float32. Add the log-variances."""
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    ratio = torch.exp(logvar_p).prod(dim=1) / torch.exp(logvar_q).prod(dim=1)
    terms = torch.exp(logvar_q - logvar_p) - 1 + (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (torch.log(ratio) + terms.sum(dim=1))


estimate_mean = Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_averages_to_the_divergence")
estimate_mean.edit(
    "mc_with_the_log_ratio_upside_down",
    "(log_q - log_p)",
    "(log_p - log_q)",
    """This is the mean of log p(z) - log q(z), the negative of the divergence. KL(q || p) is the
    expectation of log q(z) - log p(z).""",
)
estimate_mean.edit(
    "mc_with_samples_from_p",
    "z = mu_q + torch.exp(0.5 * logvar_q)",
    "z = mu_p + torch.exp(0.5 * logvar_p)",
    """The samples come from p. The expectation in KL(q || p) is under q, so they have to come from
    q.""",
)
estimate_mean.edit(
    "mc_with_standard_normal_samples",
    "z = mu_q + torch.exp(0.5 * logvar_q) * noise",
    "z = noise",
    """The samples come from the standard normal. The expectation in KL(q || p) is under q: the
    noise still has to be scaled by q's deviation and moved to q's mean.""",
)
estimate_mean.edit(
    "mc_with_exp_logvar_as_deviation",
    "torch.exp(0.5 * logvar_q)",
    "torch.exp(logvar_q)",
    """The noise is scaled by exp(logvar_q), the variance. A sample needs the standard deviation,
    exp(logvar_q / 2).""",
)
estimate_mean.edit(
    "mc_with_logvar_as_deviation",
    "torch.exp(0.5 * logvar_q)",
    "logvar_q",
    """The noise is scaled by logvar_q itself. logvar is a logarithm: the standard deviation is
    exp(logvar_q / 2).""",
)
estimate_mean.edit(
    "mc_with_uniform_noise",
    "torch.randn_like(",
    "torch.rand_like(",
    """The noise is uniform on [0, 1), from rand. Samples of a normal distribution need normal
    noise, from randn.""",
)
estimate_mean.edit(
    "mc_with_deviations_for_variances",
    """/ logvar_q.exp())
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / logvar_p.exp())""",
    """/ torch.exp(logvar_q / 2))
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / torch.exp(logvar_p / 2))""",
    """Standard deviations stand where the log-densities have variances: the squared distance is
    divided by sigma^2 = exp(logvar).""",
)
estimate_mean.edit(
    "mc_as_log_mean_exp",
    "log_ratio.mean(dim=1)",
    "torch.logsumexp(log_ratio, dim=1) - math.log(num_samples)",
    """This is the logarithm of the mean ratio q(z) / p(z). The divergence is the mean of the
    logarithm; log-mean-exp belongs to the importance sampling of a later question.""",
)
estimate_mean.edit(
    "mc_averages_the_samples_first",
    "* noise",
    """* noise
    z = z.mean(dim=1, keepdim=True)""",
    """The samples are averaged before the densities are taken: with many samples that is the
    log-ratio at the mean of q. The mean is taken over the log-ratios.""",
)
estimate_mean.edit(
    "mc_without_negative_samples",
    "log_ratio.mean(",
    "log_ratio.clamp(min=0).mean(",
    """Negative log-ratios are cut off at zero. The divergence itself is not negative, but a single
    sample may well be; without these the mean is too high.""",
)
estimate_mean.edit(
    "mc_sum_over_the_samples",
    "log_ratio.mean(dim=1)",
    "log_ratio.sum(dim=1)",
    """The log-ratios of the samples are added up. An estimate of an expectation is their mean, or
    it grows with the number of samples.""",
)
estimate_mean.edit(
    "mc_mean_over_the_dimensions",
    "(log_q - log_p).sum(",
    "(log_q - log_p).mean(",
    """This is the mean over the dimensions. The log-density of a vector is the sum over its
    dimensions; the mean is taken over the samples only.""",
)
estimate_mean.edit(
    "mc_at_the_mean_of_q",
    " + torch.exp(0.5 * logvar_q) * noise",
    "",
    """The log-ratio is taken at the mean of q, without any noise. That is one point, not a sample,
    and its log-ratio is not the divergence.""",
)


@estimate_mean
def mc_as_a_difference_of_entropies(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Each log-density is averaged over samples of its own distribution: that is a difference of
    two entropies. Both have to be taken at the same samples, from q."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z_q = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    z_p = mu_p + torch.exp(logvar_p / 2) * torch.randn_like(mu_p)
    return (log_density(mu_q, logvar_q, z_q) - log_density(mu_p, logvar_p, z_p)).mean(dim=1)


@estimate_mean
def mc_of_the_cross_entropy(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """Only -log p(z) is averaged: that is the cross-entropy. For the divergence, log q(z) of the
    same sample belongs to it."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return -log_density(mu_p, logvar_p, z).mean(dim=1)


@estimate_mean
def mc_weighed_by_the_density(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """The log-ratio is weighed by the density q(z), as in the integral. Samples from q stand for
    that weight already, so it is counted twice."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q, log_p = log_density(mu_q, logvar_q, z), log_density(mu_p, logvar_p, z)
    return (torch.exp(log_q) * (log_q - log_p)).mean(dim=1)


estimate_spread = Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_varies_as_a_sample_must")
estimate_spread.edit(
    "mc_with_one_noise_for_all_dimensions",
    "torch.randn_like(mu_q)",
    "torch.randn(batch_size, num_samples, 1)",
    """All dimensions of a sample share one number of noise, so the samples lie on a line. Every
    dimension needs noise of its own.""",
)
estimate_spread.edit(
    "mc_seeds_every_call",
    "    noise = ",
    """    torch.manual_seed(0)
    noise = """,
    """The random generator is seeded inside the function, so every call draws the same samples.
    Seed once, at the start of a program.""",
)


@estimate_spread
def mc_with_a_draw_for_each_density(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """log q and log p are taken at two different draws from q. The mean is right, but what the two
    have in common no longer cancels, and the estimate is far noisier than it has to be."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    q = torch.distributions.Normal(mu_q, torch.exp(logvar_q / 2))
    log_q = log_density(mu_q, logvar_q, q.rsample())
    return (log_q - log_density(mu_p, logvar_p, q.rsample())).mean(dim=1)


@estimate_spread
def mc_by_the_closed_form(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """This is the closed form. It is the better value, but the question asks for an estimate from
    samples, for the cases in which there is no closed form."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(1, mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    kl = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return kl.sum(dim=2)[:, 0]


Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_is_calmer_with_more_samples").edit(
    "mc_repeats_one_sample",
    "torch.randn_like(mu_q)",
    "torch.randn_like(mu_q[:, :1])",
    """All samples of an example are the same one: the noise is drawn once and repeated, so more
    samples do not make the estimate any better.""",
)

estimate_default = Mistakes(
    "q1_solution.kl_gaussian_gaussian_mc", "test_takes_one_sample_by_default"
)
estimate_default.edit(
    "mc_with_another_default",
    "num_samples: int = 1",
    "num_samples: int = 100",
    "The default of num_samples was changed: without that argument the estimate takes one sample.",
)
estimate_default.edit(
    "mc_with_a_default_of_ten",
    "num_samples: int = 1",
    "num_samples: int = 10",
    "The default of num_samples was changed: without that argument the estimate takes one sample.",
)

Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_has_the_right_shape").edit(
    "mc_of_all_pairs_of_means",
    """(log_q - log_p).sum(dim=2)  # (B, num_samples)
    return log_ratio.mean(dim=1)""",
    """log_q.sum(dim=2).mean(dim=1) - log_p.sum(dim=2).mean(dim=1, keepdim=True)
    return log_ratio""",
    """The mean of log q(z) is (B,) and that of log p(z) is (B, 1): their difference is (B, B),
    every example with every other.""",
)

Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_keeps_a_batch_of_one").edit(
    "mc_squeezes_the_axis_of_one_dimension",
    "(log_q - log_p).sum(dim=2)",
    "(log_q - log_p).squeeze().sum(dim=-1).reshape(batch_size, -1)",
    """squeeze() takes away every axis of size one, that of a single dimension too, and then samples
    or examples are added up in its place.""",
)


@Mistakes("q1_solution.kl_gaussian_gaussian_mc", "test_leaves_its_arguments_alone")
def mc_adds_the_noise_in_place(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """The noise is added to mu_q in place. The expanded tensor is a view of the caller's, shared by
    all samples, so torch refuses, or the encoder's mean is changed."""
    mean = mu_q.reshape(mu_q.size(0), 1, -1).clone()
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q
    z += torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mean, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


# Beside a density that is right and begins with the assignment's own lines, which call `view`: 1.2
# loses nothing.
@Mistakes(
    "q1_solution.kl_gaussian_gaussian_mc",
    "test_averages_to_the_divergence",
    beside={"q1_solution.log_likelihood_normal": density_by_view},
)
def mc_hands_expanded_tensors_to_view(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """The expanded tensors go into a function that calls view, and view refuses them for more than
    one sample. Use reshape in that function, or make the tensors contiguous."""
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q, log_p = (log_likelihood_normal(*of, z) for of in ((mu_q, logvar_q), (mu_p, logvar_p)))
    return (log_q - log_p) / num_samples


@Mistakes(
    "q1_solution.kl_gaussian_gaussian_mc",
    "test_is_calmer_with_more_samples",
    beside={"q1_solution.log_likelihood_normal": density_by_view},
)
def mc_expects_one_density_per_sample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    """The density flattens all axes but the first, so it adds up the samples too: what comes back
    is one number per example, and there is no axis of samples left for the mean."""
    mu_q, logvar_q, mu_p, logvar_p = (
        t.contiguous() for t in expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    )
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q = log_likelihood_normal(mu_q, logvar_q, z)
    return (log_q - log_likelihood_normal(mu_p, logvar_p, z)).mean(dim=1)
