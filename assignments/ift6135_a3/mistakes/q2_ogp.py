"""Wrong one-centred penalties, `ogp`."""

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


# --- ogp: which function of the gradient ------------------------------------------------------


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The penalty pulls the norm of the gradient towards zero. This one is one-centred: a "
    "critic of slope one costs nothing.",
)
def ogp_centred_at_zero(p, cp, q, cq, critic):
    return norms_at(critic, between(p, q)).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_pulls_small_gradients_up_as_well"],
    hint="Only norms above one are penalised. That is a variant from later work; here the norm is "
    "pulled to one from both sides.",
)
def ogp_penalises_large_norms_only(p, cp, q, cq, critic):
    return (norms_at(critic, between(p, q)) - 1).clamp(min=0).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="The paper's coefficient of ten is inside the penalty. Here the whole coefficient is "
    "reg_cf, which make_losses applies.",
)
def ogp_with_the_ten_of_the_paper(p, cp, q, cq, critic):
    return 10 * (norms_at(critic, between(p, q)) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="The penalties of the samples are added up. It is their mean that does not depend on the "
    "size of the batch.",
)
def ogp_sums_over_the_batch(p, cp, q, cq, critic):
    return (norms_at(critic, between(p, q)) - 1).square().sum()


@mistake(
    "gan.ogp",
    fails=["test_penalty_has_no_factor_of_its_own"],
    hint="There is a factor of one half in the penalty. The whole coefficient is reg_cf, which "
    "make_losses applies.",
)
def ogp_halved(p, cp, q, cq, critic):
    return 0.5 * (norms_at(critic, between(p, q)) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_squares_before_it_averages"],
    hint="The norms are averaged before their distance from one is squared, so that norms above "
    "and below one make up for each other. Each sample has a distance of its own.",
)
def ogp_squares_the_mean_distance(p, cp, q, cq, critic):
    return (norms_at(critic, between(p, q)).mean() - 1).square()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The distance of the norm from one is taken as it is. The penalty is its square, which "
    "hardly pulls where the norm is almost right.",
)
def ogp_takes_the_absolute_distance(p, cp, q, cq, critic):
    return (norms_at(critic, between(p, q)) - 1).abs().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="One is subtracted from the squared norm. It is the norm itself whose distance from one "
    "is squared.",
)
def ogp_subtracts_one_from_the_square(p, cp, q, cq, critic):
    return (norms_at(critic, between(p, q)).square() - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The constant under the square root is so large that it shifts the norm. To keep the "
    "root's slope finite, something like 1e-12 is enough.",
)
def ogp_with_a_huge_epsilon(p, cp, q, cq, critic):
    grad = gradient_at(critic, between(p, q)).reshape(p.size(0), -1)
    return ((grad.square().sum(dim=1) + 0.1).sqrt() - 1).square().mean()


# --- ogp: which axes --------------------------------------------------------------------------


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_the_norm_of_a_whole_image"],
    hint="The norm runs over axis 1 alone: right for rows of numbers, but of an image it is the "
    "norm across the channels at each pixel. Flatten each sample first.",
)
def ogp_norm_over_axis_one(p, cp, q, cq, critic):
    return (gradient_at(critic, between(p, q)).norm(2, dim=1) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_the_norm_of_a_whole_image"],
    hint="The norm runs over the last axis alone: right for rows of numbers, but of an image it is "
    "the norm of each line of pixels. Flatten each sample first.",
)
def ogp_norm_over_the_last_axis(p, cp, q, cq, critic):
    return (gradient_at(critic, between(p, q)).norm(dim=-1) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="There is one norm for the whole batch here. Each sample has a norm, and a distance from "
    "one, of its own.",
)
def ogp_norm_of_the_whole_batch(p, cp, q, cq, critic):
    return (gradient_at(critic, between(p, q)).norm() - 1).square()


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_the_norm_of_a_whole_image"],
    hint="The noise has two axes, (N, 1), whatever the samples have. Broadcasting lines axes up "
    "from the right, so for images it does not go along the batch: one axis of size 1 is needed "
    "for each axis of a sample.",
)
def ogp_with_noise_of_two_axes(p, cp, q, cq, critic):
    eps = torch.rand(p.size(0), 1)
    return (norms_at(critic, eps * p + (1 - eps) * q) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The noise has the four axes of a batch of images, whatever the samples have. Take the "
    "number of axes from p.",
)
def ogp_with_noise_for_images_only(p, cp, q, cq, critic):
    eps = torch.rand(p.size(0), 1, 1, 1)
    return (norms_at(critic, eps * p + (1 - eps) * q) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_samples_that_are_numbers"],
    hint="Samples may have any shape, and a batch (N,) holds N numbers: it has no axis 1 to "
    "flatten from.",
)
def ogp_flattens_from_axis_one(p, cp, q, cq, critic):
    grad = gradient_at(critic, between(p, q)).flatten(start_dim=1)
    return (grad.norm(dim=1) - 1).square().mean()


# --- ogp: where -------------------------------------------------------------------------------


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_between_real_and_generated"],
    hint="eps is drawn from a normal distribution, so a third of the points and more lie beyond "
    "the real or the generated sample. It is uniform on [0, 1].",
)
def ogp_with_normal_noise(p, cp, q, cq, critic):
    eps = torch.randn([p.size(0)] + [1] * (p.dim() - 1))
    return (norms_at(critic, eps * p + (1 - eps) * q) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_everywhere_between"],
    hint="The gradient is always taken at the midpoint. eps is drawn anew, uniform on [0, 1], so "
    "that the critic is held everywhere between real and generated samples.",
)
def ogp_at_the_midpoint(p, cp, q, cq, critic):
    return (norms_at(critic, 0.5 * (p + q)) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_everywhere_between"],
    hint="The gradient is taken at the real samples, as for R1. The one-centred penalty looks at "
    "random points between real and generated ones.",
)
def ogp_at_the_real_samples(p, cp, q, cq, critic):
    return (norms_at(critic, p) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_everywhere_between"],
    hint="The gradient is taken at the generated samples. The one-centred penalty looks at random "
    "points between real and generated ones.",
)
def ogp_at_the_generated_samples(p, cp, q, cq, critic):
    return (norms_at(critic, q) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_between_real_and_generated"],
    hint="The step goes away from the generated sample, past the real one. Starting at p, the way "
    "to q has the direction q - p.",
)
def ogp_goes_the_other_way(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    return (norms_at(critic, p + eps * (p - q)) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_squares_before_it_averages"],
    hint="Both samples are multiplied by eps. The two weights have to add up to one, or the point "
    "is not between them.",
)
def ogp_gives_both_the_same_weight(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    return (norms_at(critic, eps * p + eps * q) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_ogp_looks_everywhere_between"],
    hint="The random generator is seeded inside the penalty, so eps is the same at every call. The "
    "points have to be new ones each time.",
)
def ogp_seeds_its_noise(p, cp, q, cq, critic):
    torch.manual_seed(1234)
    return (norms_at(critic, between(p, q)) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="It is the critic's values that are mixed here, not the samples. The critic has to be "
    "evaluated at the mixed samples, and differentiated there.",
)
def ogp_mixes_the_values(p, cp, q, cq, critic):
    p, q = p.detach().requires_grad_(), q.detach().requires_grad_()
    eps = torch.rand(p.size(0))
    mixed = eps * critic(p).reshape(-1) + (1 - eps) * critic(q).reshape(-1)
    (grad,) = torch.autograd.grad(mixed.sum(), p, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


# --- ogp: the graph ---------------------------------------------------------------------------


@mistake(
    "gan.ogp",
    fails=["test_critic_learns_through_the_penalty"],
    hint="The value is right, but the gradient inside it has no graph of its own, so the penalty "
    "is a constant to the critic. autograd.grad has an argument for that.",
)
def ogp_without_create_graph(p, cp, q, cq, critic):
    x = between(p, q).detach().requires_grad_()
    (grad,) = torch.autograd.grad(critic(x).sum(), x)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="The mixed samples require a gradient only where the real or the generated ones do, and "
    "in training neither does: it has to be switched on before the critic is applied.",
)
def ogp_needs_samples_with_gradients(p, cp, q, cq, critic):
    x = between(p, q)
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="requires_grad is assigned to a tensor that was computed from the samples. Where these "
    "require a gradient so does it, and it is no leaf: assigning raises an error. Detach it first.",
)
def ogp_assigns_the_gradient(p, cp, q, cq, critic):
    x = between(p, q)
    x.requires_grad = True
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@mistake(
    "gan.ogp",
    fails=["test_penalty_follows_the_norm_of_the_gradient"],
    hint="The gradient is taken with respect to the real samples, at the mixed ones: by the chain "
    "rule that is eps times the critic's gradient there.",
)
def ogp_differentiates_by_the_real_samples(p, cp, q, cq, critic):
    p = p.detach().requires_grad_()
    (grad,) = torch.autograd.grad(critic(between(p, q)).sum(), p, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()
