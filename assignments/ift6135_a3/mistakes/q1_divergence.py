"""Mistakes in 1.4: the KL divergence of two diagonal normals in closed form."""

import torch

from grader.audit import mistake


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="This is KL(p || q), the divergence the other way round. In KL(q || p) the expectation is "
    "under q, so it is the variance of p that divides.",
)
def kl_the_wrong_way_round(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_q)
    return 0.5 * (logvar_q - logvar_p + torch.exp(logvar_p - logvar_q) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_is_zero_only_for_equal_distributions"],
    hint="The -1 of each dimension is missing: the divergence of a distribution from itself has "
    "to be zero.",
)
def kl_without_the_minus_one(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_is_zero_only_for_equal_distributions"],
    hint="The -1 is subtracted once per example, after the sum. Every dimension brings its own, "
    "so in vector form the constant is -D.",
)
def kl_with_one_minus_one_for_all_dimensions(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    terms = logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance
    return 0.5 * (terms.sum(dim=1) - 1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="The result is twice the divergence: the one half in front of the sum is missing.",
)
def kl_without_the_half(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="The difference of the log-variances stands in the place of the logarithm of "
    "sigma_p / sigma_q. It is twice that: log sigma is logvar / 2.",
)
def kl_with_the_whole_log_ratio(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    square = torch.exp(logvar_q) + (mu_q - mu_p) ** 2
    return (logvar_p - logvar_q + square / (2 * torch.exp(logvar_p)) - 0.5).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="The log-variances have their signs exchanged: the wider p is, the more log sigma_p "
    "adds to the divergence from it.",
)
def kl_with_the_log_ratio_upside_down(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (logvar_q - logvar_p + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="The terms with the log-variances are missing. Without them the divergence is smallest "
    "for a q without any width.",
)
def kl_without_the_log_variances(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="Standard deviations, exp(logvar / 2), stand where the formula has variances, "
    "sigma^2 = exp(logvar).",
)
def kl_with_deviations_for_variances(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p / 2)
    ratio = torch.exp((logvar_q - logvar_p) / 2)
    return 0.5 * (logvar_p - logvar_q + ratio + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="This is what one gets when the standard deviations are taken as exp(logvar). logvar is "
    "log sigma^2, so exp(logvar) is the variance, and sigma is exp(logvar / 2).",
)
def kl_with_exp_logvar_as_deviation(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    q = torch.distributions.Normal(mu_q, torch.exp(logvar_q))
    p = torch.distributions.Normal(mu_p, torch.exp(logvar_p))
    return torch.distributions.kl_divergence(q, p).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="The distance of the means is divided by the variance of q. In KL(q || p) it counts in "
    "units of p's width: the question is how surprising q's samples are under p.",
)
def kl_with_the_distance_over_the_variance_of_q(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_q)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="The distance of the means is not divided by any variance. That is right only where p "
    "has unit variance.",
)
def kl_with_an_unscaled_distance(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="The difference of the means is not squared, so the divergence falls when mu_q moves to "
    "one side. It has to grow on both.",
)
def kl_without_the_square(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_compares_the_variances"],
    hint="This is the divergence from the standard normal, as it stands in many papers about VAEs. "
    "Here p has a mean and a variance of its own.",
)
def kl_from_the_standard_normal(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q = rows(mu_q, logvar_q)
    return -0.5 * (1 + logvar_q - mu_q**2 - torch.exp(logvar_q)).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_is_zero_only_for_equal_distributions"],
    hint="This is the negative of the divergence. A KL divergence is never negative; the minus "
    "sign belongs to the ELBO that is built from it.",
)
def kl_negated(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (1 + logvar_q - logvar_p - torch.exp(logvar_q - logvar_p) - distance).sum(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_grows_with_the_distance_of_the_means"],
    hint="This is the mean over the dimensions. Divergences of independent dimensions are added "
    "up; a mean weakens the KL term of an ELBO by the factor D.",
)
def kl_mean_over_the_dimensions(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).mean(dim=1)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_gives_one_number_per_example"],
    hint="The sum runs over the batch, axis 0, and leaves one number per dimension. It has to run "
    "over the dimensions, axis 1, and leave one per example.",
)
def kl_summed_over_the_batch(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=0)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_gives_one_number_per_example"],
    hint="One number for the whole batch: the divergences of the examples are averaged. The mean "
    "over the batch belongs to the training loop; here every example keeps its own.",
)
def kl_mean_over_the_examples(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    terms = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return terms.sum(dim=1).mean()


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_gives_one_number_per_example"],
    hint="Some of the sums are (B, 1) and others (B,): together they are a (B, B) matrix in which "
    "every example meets the others' terms.",
)
def kl_of_all_pairs(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    logs = (logvar_p - logvar_q).sum(dim=1, keepdim=True)
    trace = torch.exp(logvar_q - logvar_p).sum(dim=1)
    distance = ((mu_q - mu_p) ** 2 / torch.exp(logvar_p)).sum(dim=1)
    return 0.5 * (logs + trace + distance - mu_q.size(1))


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_gives_one_number_per_example"],
    hint="The values are right, but they stand in a column, (B, 1). Added to a result of shape "
    "(B,), a column becomes a (B, B) matrix without any warning.",
)
def kl_as_a_column(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    terms = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return terms.sum(dim=1, keepdim=True)


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_keeps_a_batch_of_one"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one example.",
)
def kl_squeezed(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    terms = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return terms.sum(dim=1).squeeze()


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_has_the_gradient_of_its_value"],
    hint="The values are right, but they went through numbers that torch does not follow "
    "(.item(), numpy, torch.tensor), so no gradient reaches the encoder.",
)
def kl_through_plain_numbers(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = rows(mu_q, logvar_q, mu_p, logvar_p)
    distance = (mu_q - mu_p) ** 2 / torch.exp(logvar_p)
    terms = 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1)
    return torch.tensor([row.sum().item() for row in terms])


@mistake(
    "q1_solution.kl_gaussian_gaussian_analytic",
    fails=["test_kl_leaves_its_arguments_as_they_are"],
    hint="The means are subtracted in place. The flattened tensor shares its memory with the "
    "caller's, so the encoder's mean is gone before it is used again.",
)
def kl_subtracts_in_place(mu_q, logvar_q, mu_p, logvar_p):
    mu_q, logvar_q, mu_p, logvar_p = (
        t.view(t.size(0), -1) for t in (mu_q, logvar_q, mu_p, logvar_p)
    )
    mu_q -= mu_p
    distance = mu_q**2 / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + torch.exp(logvar_q - logvar_p) + distance - 1).sum(dim=1)
