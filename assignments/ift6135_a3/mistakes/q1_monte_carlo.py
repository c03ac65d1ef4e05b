"""Mistakes in 1.5: the KL divergence by sampling."""

import math

import torch

from grader.audit import mistake


def expanded(num_samples, *tensors):
    """Each of them as (B, num_samples, D), as in the lines that are given."""
    return [t.reshape(t.size(0), 1, -1).expand(-1, num_samples, -1) for t in tensors]


def log_density(mu, logvar, z):
    """(B, num_samples)."""
    return -0.5 * (math.log(2 * math.pi) + logvar + (z - mu) ** 2 / torch.exp(logvar)).sum(dim=2)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="This is the mean of log p(z) - log q(z), the negative of the divergence. KL(q || p) is "
    "the expectation of log q(z) - log p(z).",
)
def mc_with_the_log_ratio_upside_down(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_p, logvar_p, z) - log_density(mu_q, logvar_q, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The samples come from p. The expectation in KL(q || p) is under q, so they have to come "
    "from q.",
)
def mc_with_samples_from_p(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_p + torch.exp(logvar_p / 2) * torch.randn_like(mu_p)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The samples come from the standard normal. The expectation in KL(q || p) is under q: "
    "the noise still has to be scaled by q's deviation and moved to q's mean.",
)
def mc_with_standard_normal_samples(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The noise is scaled by exp(logvar_q), the variance. A sample needs the standard "
    "deviation, exp(logvar_q / 2).",
)
def mc_with_exp_logvar_as_deviation(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The noise is scaled by logvar_q itself. logvar is a logarithm: the standard deviation is "
    "exp(logvar_q / 2).",
)
def mc_with_logvar_as_deviation(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + logvar_q * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The noise is uniform on [0, 1), from rand. Samples of a normal distribution need normal "
    "noise, from randn.",
)
def mc_with_uniform_noise(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.rand_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="Each log-density is averaged over samples of its own distribution: that is a difference "
    "of two entropies. Both have to be taken at the same samples, from q.",
)
def mc_as_a_difference_of_entropies(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z_q = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    z_p = mu_p + torch.exp(logvar_p / 2) * torch.randn_like(mu_p)
    return (log_density(mu_q, logvar_q, z_q) - log_density(mu_p, logvar_p, z_p)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_one_sample_varies_as_a_sample_must"],
    hint="log q and log p are taken at two different draws from q. The mean is right, but what the "
    "two have in common no longer cancels, and the estimate is far noisier than it has to be.",
)
def mc_with_a_draw_for_each_density(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    q = torch.distributions.Normal(mu_q, torch.exp(logvar_q / 2))
    log_q = log_density(mu_q, logvar_q, q.rsample())
    return (log_q - log_density(mu_p, logvar_p, q.rsample())).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="Only -log p(z) is averaged: that is the cross-entropy. For the divergence, log q(z) of "
    "the same sample belongs to it.",
)
def mc_of_the_cross_entropy(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return -log_density(mu_p, logvar_p, z).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="Standard deviations stand where the log-densities have variances: the squared distance "
    "is divided by sigma^2 = exp(logvar).",
)
def mc_with_deviations_for_variances(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    sd_q, sd_p = torch.exp(logvar_q / 2), torch.exp(logvar_p / 2)
    z = mu_q + sd_q * torch.randn_like(mu_q)
    log_q = -0.5 * (logvar_q + (z - mu_q) ** 2 / sd_q).sum(dim=2)
    log_p = -0.5 * (logvar_p + (z - mu_p) ** 2 / sd_p).sum(dim=2)
    return (log_q - log_p).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The log-ratio is weighed by the density q(z), as in the integral. Samples from q stand "
    "for that weight already, so it is counted twice.",
)
def mc_weighed_by_the_density(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_q, log_p = log_density(mu_q, logvar_q, z), log_density(mu_p, logvar_p, z)
    return (torch.exp(log_q) * (log_q - log_p)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="This is the logarithm of the mean ratio q(z) / p(z). The divergence is the mean of the "
    "logarithm; log-mean-exp belongs to the importance sampling of a later question.",
)
def mc_as_log_mean_exp(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_ratio = log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)
    return torch.logsumexp(log_ratio, dim=1) - math.log(num_samples)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The samples are averaged before the densities are taken: with many samples that is the "
    "log-ratio at the mean of q. The mean is taken over the log-ratios.",
)
def mc_averages_the_samples_first(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    z = z.mean(dim=1, keepdim=True)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="Negative log-ratios are cut off at zero. The divergence itself is not negative, but a "
    "single sample may well be; without these the mean is too high.",
)
def mc_without_negative_samples(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_ratio = log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)
    return log_ratio.clamp(min=0).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The log-ratios of the samples are added up. An estimate of an expectation is their mean, "
    "or it grows with the number of samples.",
)
def mc_sum_over_the_samples(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="This is the mean over the dimensions. The log-density of a vector is the sum over its "
    "dimensions; the mean is taken over the samples only.",
)
def mc_mean_over_the_dimensions(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_ratio = log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)
    return log_ratio.mean(dim=1) / mu_q.size(2)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_one_sample_varies_as_a_sample_must"],
    hint="All dimensions of a sample share one number of noise, so the samples lie on a line. "
    "Every dimension needs noise of its own.",
)
def mc_with_one_noise_for_all_dimensions(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn(mu_q.size(0), num_samples, 1)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_more_samples_make_the_estimate_calmer"],
    hint="All samples of an example are the same one: the noise is drawn once and repeated, so "
    "more samples do not make the estimate any better.",
)
def mc_repeats_one_sample(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q[:, :1])
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_the_default_is_one_sample"],
    hint="The default of num_samples was changed: without that argument the estimate takes one "
    "sample.",
)
def mc_with_another_default(mu_q, logvar_q, mu_p, logvar_p, num_samples=100):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_one_sample_varies_as_a_sample_must"],
    hint="This is the closed form. It is the better value, but the question asks for an estimate "
    "from samples, for the cases in which there is no closed form.",
)
def mc_by_the_closed_form(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(1, mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    kl = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return kl.sum(dim=2)[:, 0]


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimates_average_to_the_kl_divergence"],
    hint="The log-ratio is taken at the mean of q, without any noise. That is one point, not a "
    "sample, and its log-ratio is not the divergence.",
)
def mc_at_the_mean_of_q(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    return (log_density(mu_q, logvar_q, mu_q) - log_density(mu_p, logvar_p, mu_q)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_one_sample_varies_as_a_sample_must"],
    hint="The random generator is seeded inside the function, so every call draws the same "
    "samples. Seed once, at the start of a program.",
)
def mc_seeds_every_call(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    torch.manual_seed(0)
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_gives_one_number_per_example"],
    hint="One number for the whole batch: the mean is taken over the examples as well. It belongs "
    "over the samples only.",
)
def mc_mean_over_the_examples(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean()


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_gives_one_number_per_example"],
    hint="The values are right, but they stand in a column, (B, 1). Added to a result of shape "
    "(B,), a column becomes a (B, B) matrix without any warning.",
)
def mc_as_a_column(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_ratio = log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)
    return log_ratio.mean(dim=1, keepdim=True)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_keeps_a_batch_of_one"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one example.",
)
def mc_squeezed(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    log_ratio = log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)
    return log_ratio.mean(dim=1, keepdim=True).squeeze()


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_estimate_leaves_its_arguments_as_they_are"],
    hint="The noise is added to mu_q in place. The expanded tensor is a view of the caller's, "
    "shared by all samples, so torch refuses, or the encoder's mean is changed.",
)
def mc_adds_the_noise_in_place(mu_q, logvar_q, mu_p, logvar_p, num_samples=1):
    mean = mu_q.reshape(mu_q.size(0), 1, -1).clone()
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q
    z += torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mean, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_mc",
    fails=["test_the_default_is_one_sample"],
    hint="The default of num_samples was changed: without that argument the estimate takes one "
    "sample.",
)
def mc_with_a_default_of_ten(mu_q, logvar_q, mu_p, logvar_p, num_samples=10):
    mu_q, logvar_q, mu_p, logvar_p = expanded(num_samples, mu_q, logvar_q, mu_p, logvar_p)
    z = mu_q + torch.exp(logvar_q / 2) * torch.randn_like(mu_q)
    return (log_density(mu_q, logvar_q, z) - log_density(mu_p, logvar_p, z)).mean(dim=1)
