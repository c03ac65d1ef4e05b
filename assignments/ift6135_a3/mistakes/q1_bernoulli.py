"""Mistakes in 1.1: the log-likelihood of binary pixels."""

import torch
import torch.nn.functional as F

from grader.audit import mistake


def rows(*tensors):
    return [t.reshape(t.size(0), -1) for t in tensors]


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is the binary cross-entropy, the negative of the log-likelihood. The logarithm of "
    "a probability is never positive; the minus sign belongs into the training loop.",
)
def bernoulli_with_the_sign_of_a_loss(mu, target):
    mu, target = rows(mu, target)
    return F.binary_cross_entropy(mu, target, reduction="none").sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="Only the pixels that are one are counted here. A pixel that is zero has a likelihood "
    "too, 1 - mu, and its logarithm belongs to the sum.",
)
def bernoulli_of_the_ones_only(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is the mean over the pixels. Independent pixels multiply their likelihoods, so "
    "their log-likelihoods are added up; a mean is too small by the factor D.",
)
def bernoulli_mean_over_the_pixels(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).mean(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is what one gets when mu is taken for a logit and sent through a sigmoid (as the "
    "functions `..._with_logits` do). Here mu is the probability itself.",
)
def bernoulli_from_logits(mu, target):
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy_with_logits(mu, target, reduction="none").sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is what one gets when the image and the probabilities change places: mu is weighed "
    "by the logarithm of the target. The target says which logarithm of mu counts.",
)
def bernoulli_with_swapped_arguments(mu, target):
    mu, target = rows(mu, target)
    return -F.binary_cross_entropy(target, mu, reduction="none").sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is the log-likelihood of the inverted image: log mu is counted where the pixel is "
    "zero, and log(1 - mu) where it is one. mu is the probability of a one.",
)
def bernoulli_of_the_inverted_image(mu, target):
    mu, target = rows(mu, target)
    return ((1 - target) * torch.log(mu) + target * torch.log(1 - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="A pixel that is zero has the probability 1 - mu, and the logarithm is taken of that: "
    "log(1 - mu), which is not 1 - log(mu).",
)
def bernoulli_one_minus_the_logarithm(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) + (1 - target) * (1 - torch.log(mu))).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="The pixels that are zero are subtracted here, as in t log mu - (1 - t) log(1 - mu). "
    "Both kinds of pixel make an image less likely, so both terms are added.",
)
def bernoulli_subtracts_the_zeros(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) - (1 - target) * torch.log(1 - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_takes_images_as_rows"],
    hint="The logarithm of a product of many probabilities: right on paper, but the product of "
    "784 of them is zero in float32. Add the logarithms instead.",
)
def bernoulli_log_of_a_product(mu, target):
    mu, target = rows(mu, target)
    return torch.log(torch.prod(target * mu + (1 - target) * (1 - mu), dim=1))


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_values"],
    hint="This is the likelihood itself. What is asked for is its logarithm.",
)
def bernoulli_without_the_logarithm(mu, target):
    mu, target = rows(mu, target)
    return torch.prod(target * mu + (1 - target) * (1 - mu), dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_shape"],
    hint="The sum runs over the batch, axis 0, and leaves one number per pixel. It has to run over "
    "the pixels, axis 1, and leave one per example.",
)
def bernoulli_summed_over_the_batch(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=0)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_shape"],
    hint="One number for the whole batch: a sum without an axis adds up the examples as well. "
    "Every example keeps a log-likelihood of its own.",
)
def bernoulli_summed_over_everything(mu, target):
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum()


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_shape"],
    hint="A product of two matrices compares every image with the probabilities of every other "
    "example, (B, B). Each image belongs to its own row of mu only.",
)
def bernoulli_of_all_pairs(mu, target):
    mu, target = rows(mu, target)
    return target @ torch.log(mu).t() + (1 - target) @ torch.log(1 - mu).t()


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_right_shape"],
    hint="The values are right, but they stand in a column, (B, 1). Added to a result of shape "
    "(B,), a column becomes a (B, B) matrix without any warning.",
)
def bernoulli_as_a_column(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=1, keepdim=True)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_keeps_a_batch_of_one"],
    hint="A squeeze() without an axis removes the batch axis too when the batch holds one example.",
)
def bernoulli_squeezed(mu, target):
    mu, target = rows(mu, target)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(1, True).squeeze()


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_has_the_gradient_of_its_values"],
    hint="The values are right, but mu is detached on the way, so no gradient reaches the decoder "
    "and it cannot learn.",
)
def bernoulli_detached(mu, target):
    mu, target = rows(mu.data, target)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_leaves_its_arguments_alone"],
    hint="The small number that keeps the logarithm finite is added to mu in place. The flattened "
    "tensor shares its memory with the caller's, so the decoder's output changes as well.",
)
def bernoulli_adds_its_epsilon_in_place(mu, target):
    mu, target = mu.view(mu.size(0), -1), target.view(mu.size(0), -1)
    mu += 1e-6
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_is_right_far_out"],
    hint="Probabilities below 0.01 and above 0.99 are cut off. A decoder gives them to most pixels "
    "of an image; what keeps the logarithm finite has to be far smaller.",
)
def bernoulli_clamped_to_a_hundredth(mu, target):
    mu, target = rows(mu, target)
    mu = mu.clamp(0.01, 0.99)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=1)


@mistake(
    "q1_solution.log_likelihood_bernoulli",
    fails=["test_leaves_its_arguments_alone"],
    hint="clamp_ works in place: it moves the caller's probabilities. clamp, without the "
    "underscore, gives new ones.",
)
def bernoulli_clamps_in_place(mu, target):
    mu, target = rows(mu, target)
    mu.clamp_(1e-6, 1 - 1e-6)
    return (target * torch.log(mu) + (1 - target) * torch.log(1 - mu)).sum(dim=1)
