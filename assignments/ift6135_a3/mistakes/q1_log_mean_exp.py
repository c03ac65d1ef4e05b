"""Mistakes in 1.3: the logarithm of a mean of exponentials."""

import math

import torch

from grader.audit import mistake


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_survives_large_values"],
    hint="The formula is right, but the exponentials overflow or underflow: the maximum has to be "
    "taken out before the exponential and added again after the logarithm.",
)
def log_mean_exp_without_the_shift(y):
    return torch.log(torch.exp(y).mean(dim=1))


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_survives_large_values"],
    hint="A small number inside the logarithm hides the underflow instead of avoiding it: for "
    "values around -1000 the result is the logarithm of that small number. Shift by the maximum.",
)
def log_mean_exp_with_an_epsilon_for_the_shift(y):
    return torch.log(torch.exp(y).mean(dim=1) + 1e-8)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_takes_each_examples_own_maximum"],
    hint="The maximum is taken over the whole batch. Examples far below it underflow; each example "
    "needs its own maximum.",
)
def log_mean_exp_with_one_maximum_for_all(y):
    a = y.max()
    return torch.log(torch.exp(y - a).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_survives_large_values"],
    hint="Shifted by the minimum, the largest value of an example still overflows when its values "
    "are far apart. With the maximum taken out every exponential is between 0 and 1.",
)
def log_mean_exp_shifted_by_the_minimum(y):
    a = y.min(dim=1).values
    return torch.log(torch.exp(y - a[:, None]).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_survives_large_values"],
    hint="Shifted by the mean, the largest value of an example still overflows when its values are "
    "far apart. With the maximum taken out every exponential is between 0 and 1.",
)
def log_mean_exp_shifted_by_the_mean(y):
    a = y.mean(dim=1)
    return torch.log(torch.exp(y - a[:, None]).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="This is the log-sum-exp. The mean is missing: the sum is divided by the number of "
    "samples K, so log K is subtracted.",
)
def log_mean_exp_of_the_sum(y):
    return torch.logsumexp(y, dim=1)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="log K is added to the log-sum-exp here. Dividing by K inside the logarithm subtracts it.",
)
def log_mean_exp_adds_the_logarithm_of_k(y):
    return torch.logsumexp(y, dim=1) + math.log(y.size(1))


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The sum is divided by the number of examples B. The mean is over the K samples of each "
    "example.",
)
def log_mean_exp_divides_by_the_batch(y):
    return torch.logsumexp(y, dim=1) - math.log(y.size(0))


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The division by K stands outside the logarithm. The mean is taken of the exponentials, "
    "before the logarithm.",
)
def log_mean_exp_divides_outside_the_logarithm(y):
    return torch.logsumexp(y, dim=1) / y.size(1)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="This is the mean of the values themselves: logarithm and exponential cancel when the "
    "mean is taken last. First exponentials, then the mean, then the logarithm.",
)
def log_mean_exp_as_the_mean_of_logarithms(y):
    a = y.max(dim=1, keepdim=True).values
    return (torch.log(torch.exp(y - a)) + a).mean(dim=1)


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The maximum that was taken out before the exponential is not added again after the "
    "logarithm.",
)
def log_mean_exp_forgets_the_maximum(y):
    return torch.log(torch.exp(y - y.max(dim=1, keepdim=True).values).mean(dim=1))


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The difference in the exponent is the wrong way round: the maximum is subtracted from "
    "the values, so that no exponent is above zero.",
)
def log_mean_exp_subtracts_from_the_maximum(y):
    a = y.max(dim=1).values
    return torch.log(torch.exp(a[:, None] - y).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The maximum over axis 1 has lost that axis: (B,) cannot be subtracted from (B, K), or "
    "when B = K it is subtracted along the wrong axis.",
)
def log_mean_exp_drops_the_axis_of_the_maximum(y):
    a = y.max(dim=1).values
    return torch.log(torch.exp(y - a).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_values"],
    hint="The mean runs over the batch, axis 0. It has to run over the samples of each example, "
    "axis 1.",
)
def log_mean_exp_over_the_batch(y):
    return torch.logsumexp(y, dim=0) - math.log(y.size(0))


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_shape"],
    hint="One number for the whole batch: the mean is taken over the examples as well. Every "
    "example keeps a result of its own.",
)
def log_mean_exp_over_everything(y):
    return torch.logsumexp(y.reshape(-1), dim=0) - math.log(y.numel())


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_shape"],
    hint="The logarithms, (B,), are added to maxima that kept their axis, (B, 1): that makes a "
    "(B, B) matrix in which every example meets every other's maximum.",
)
def log_mean_exp_of_all_pairs(y):
    a = y.max(dim=1, keepdim=True).values
    return torch.log(torch.exp(y - a).mean(dim=1)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_has_the_right_shape"],
    hint="The values are right, but they stand in a column, (B, 1). Added to a result of shape "
    "(B,), a column becomes a (B, B) matrix without any warning.",
)
def log_mean_exp_as_a_column(y):
    a = y.max(dim=1, keepdim=True).values
    return torch.log(torch.exp(y - a).mean(dim=1, keepdim=True)) + a


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_keeps_a_batch_of_one"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one example.",
)
def log_mean_exp_squeezed(y):
    a = y.max(dim=1, keepdim=True).values
    return (torch.log(torch.exp(y - a).mean(dim=1, keepdim=True)) + a).squeeze()


@mistake(
    "q1_solution.log_mean_exp",
    fails=["test_leaves_its_arguments_alone"],
    hint="The maximum is subtracted from y in place, and the caller's log-values are changed with "
    "it.",
)
def log_mean_exp_shifts_in_place(y):
    a = y.max(dim=1).values
    y -= a[:, None]
    return torch.log(torch.exp(y).mean(dim=1)) + a
