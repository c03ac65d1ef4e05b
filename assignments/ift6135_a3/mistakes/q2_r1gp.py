"""Wrong zero-centred penalties, `r1gp`."""

import torch

from grader.catalogue import mistake


def gradient_at(critic, x):
    """The critic's gradient at points of their own, as a right penalty takes it."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]


def norms_at(critic, x):
    """Its norm for each sample."""
    return gradient_at(critic, x).reshape(x.size(0), -1).norm(dim=1)


def between(p, q):
    """A point of each sample's own between real and generated."""
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    return eps * p + (1 - eps) * q


# --- r1gp: which function of the gradient -----------------------------------------------------


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The norm of the gradient is not squared. R1 penalises the squared norm, which pulls "
    "less the smaller the gradient already is.",
)
def r1gp_without_the_square(p, cp, q, cq, critic):
    return norms_at(critic, p).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="The paper's factor of one half is inside the penalty. Here the whole coefficient is "
    "reg_cf, which make_losses applies.",
)
def r1gp_with_the_half_of_the_paper(p, cp, q, cq, critic):
    return 0.5 * norms_at(critic, p).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The penalty pulls the norm of the gradient towards one. R1 is zero-centred: its gradient "
    "norm should vanish on real data. The one-centred penalty is the other function.",
)
def r1gp_centred_at_one(p, cp, q, cq, critic):
    return (norms_at(critic, p) - 1).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The norms are averaged first and the average is squared. The mean of the squares also "
    "sees how much the norms differ from sample to sample.",
)
def r1gp_squares_the_mean_norm(p, cp, q, cq, critic):
    return norms_at(critic, p).mean().square()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="This is built on the sum of absolute values, the L1 norm. R1 takes its name from the "
    "paper; the norm in it is the Euclidean one.",
)
def r1gp_with_the_l1_norm(p, cp, q, cq, critic):
    return gradient_at(critic, p).reshape(p.size(0), -1).abs().sum(dim=1).square().mean()


# --- r1gp: which axes -------------------------------------------------------------------------


@mistake(
    "gan.r1gp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="The norm is taken over the whole batch at once, so it grows with the number of samples. "
    "Each sample has a norm of its own, and the penalty is the mean over the batch.",
)
def r1gp_norm_of_the_whole_batch(p, cp, q, cq, critic):
    return gradient_at(critic, p).norm().square()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="The squares are averaged over the entries of a sample too, so the penalty gets smaller "
    "with the size of an image. A squared norm is a sum over the entries.",
)
def r1gp_averages_over_the_entries(p, cp, q, cq, critic):
    return gradient_at(critic, p).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_the_norm_of_a_whole_image"],
    hint="The norm runs over the last axis alone: right for rows of numbers, but of an image it is "
    "the norm of each line of pixels. Flatten each sample first.",
)
def r1gp_norm_over_the_last_axis(p, cp, q, cq, critic):
    return gradient_at(critic, p).norm(dim=-1).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_the_norm_of_a_whole_image"],
    hint="The norm runs over axis 1 alone: right for rows of numbers, but of an image it is the "
    "norm across the channels at each pixel. Flatten each sample first.",
)
def r1gp_norm_over_axis_one(p, cp, q, cq, critic):
    return gradient_at(critic, p).norm(2, dim=1).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_samples_that_are_numbers"],
    hint="Samples may have any shape, and a batch (N,) holds N numbers: it has no axis 1 to "
    "flatten from.",
)
def r1gp_flattens_from_axis_one(p, cp, q, cq, critic):
    return gradient_at(critic, p).flatten(start_dim=1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_samples_that_are_numbers"],
    hint="The axes of an image are written out. Samples may have any shape, so the gradient has to "
    "be reshaped by the size of the batch.",
)
def r1gp_for_images_only(p, cp, q, cq, critic):
    return gradient_at(critic, p).square().sum(dim=(1, 2, 3)).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_is_a_scalar_and_leaves_no_trace"],
    hint="There is one squared norm per sample here. The penalty is one number: the mean over the "
    "batch is missing.",
)
def r1gp_of_each_sample(p, cp, q, cq, critic):
    return norms_at(critic, p).square()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_samples_that_are_numbers"],
    hint="grad_outputs has the shape (N,), but a critic may return another shape, as in the dirac "
    "game: it has to be shaped like the critic's values.",
)
def r1gp_with_ones_of_the_batch_size(p, cp, q, cq, critic):
    p = p.detach().requires_grad_()
    ones = torch.ones(p.size(0))
    (grad,) = torch.autograd.grad(critic(p), p, grad_outputs=ones, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


# --- r1gp: where ------------------------------------------------------------------------------


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The gradient is taken at the generated samples. R1 is the penalty on real data; the one "
    "on generated data is called R2.",
)
def r1gp_at_the_generated_samples(p, cp, q, cq, critic):
    return norms_at(critic, q).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The gradient is taken between real and generated samples. That is where the one-centred "
    "penalty looks; R1 looks at real samples alone.",
)
def r1gp_between_real_and_generated(p, cp, q, cq, critic):
    return norms_at(critic, between(p, q)).square().mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The penalty on generated samples (R2) is added. R1 looks at real samples alone.",
)
def r1gp_at_both_kinds_of_samples(p, cp, q, cq, critic):
    return norms_at(critic, p).square().mean() + norms_at(critic, q).square().mean()


# --- r1gp: the graph --------------------------------------------------------------------------


@mistake(
    "gan.r1gp",
    fails=["test_critic_learns_through_the_penalty"],
    hint="The value is right, but the gradient inside it has no graph of its own, so the penalty "
    "is a constant to the critic. autograd.grad has an argument for that.",
)
def r1gp_without_create_graph(p, cp, q, cq, critic):
    p = p.detach().requires_grad_()
    (grad,) = torch.autograd.grad(critic(p).sum(), p)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_critic_learns_through_the_penalty"],
    hint="The norm is taken of .data, which has no history: the penalty is then smaller than what "
    "the critic is told, because half of its slope is gone.",
)
def r1gp_weighs_the_gradient_by_its_data(p, cp, q, cq, critic):
    grad = gradient_at(critic, p).reshape(p.size(0), -1)
    return (grad * grad.data).sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_is_a_scalar_and_leaves_no_trace"],
    hint="backward() adds to the gradients that are already there, in the samples and in the "
    "critic's parameters too. autograd.grad returns the gradient and leaves nothing behind.",
)
def r1gp_adds_up_gradients_with_backward(p, cp, q, cq, critic):
    p.requires_grad_()
    critic(p).sum().backward(create_graph=True)
    return p.grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="cp was computed from another tensor than the copy it is differentiated by, so autograd "
    "finds no way between them. Differentiate by the tensor that went into the critic.",
)
def r1gp_differentiates_by_a_copy(p, cp, q, cq, critic):
    p = p.clone().requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The gradient that is returned for a missing connection is taken as zero: cp does not "
    "depend on the copy, and the penalty is always zero.",
)
def r1gp_is_zero_for_lack_of_a_connection(p, cp, q, cq, critic):
    p = p.detach().requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True, allow_unused=True)
    grad = torch.zeros_like(p) if grad is None else grad
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="Real samples come from a data set and do not require a gradient: without switching it on "
    "before the critic is applied there is nothing to differentiate.",
)
def r1gp_needs_samples_with_gradients(p, cp, q, cq, critic):
    (grad,) = torch.autograd.grad(critic(p).sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="The gradient is switched on in p after cp has been computed, which is too late: the "
    "graph of cp was recorded without it.",
)
def r1gp_switches_the_gradient_on_too_late(p, cp, q, cq, critic):
    p.requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="cp is differentiated with respect to p, but p comes from a data set and does not require "
    "a gradient, and critic_loss does not switch it on either.",
)
def r1gp_differentiates_values_without_gradients(p, cp, q, cq, critic):
    (grad,) = torch.autograd.grad(cp, p, torch.ones_like(cp), create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_critic_learns_through_the_penalty"],
    hint="backward() leaves a gradient in the critic's parameters too, and the loss's own is added "
    "to it. Use torch.autograd.grad, or name the inputs of backward().",
)
def r1gp_leaves_gradients_in_the_critic(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    critic(x).sum().backward(create_graph=True)
    return x.grad.reshape(x.size(0), -1).square().sum(dim=1).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The logarithm of a negative number is NaN; nothing in the penalty needs a logarithm.",
)
def r1gp_full_of_nan(p, cp, q, cq, critic):
    return torch.log(-1 - cp**2).mean()


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_samples_that_are_numbers"],
    hint="For a batch of numbers, (N,), the last axis is the batch: its norm is that of all "
    "samples together. Each number is a sample.",
)
def r1gp_norm_of_all_numbers(p, cp, q, cq, critic):
    grad = gradient_at(critic, p.detach())
    grad = grad.flatten(1) if grad.dim() > 2 else grad
    return (grad.norm(dim=-1) ** 2).mean()
