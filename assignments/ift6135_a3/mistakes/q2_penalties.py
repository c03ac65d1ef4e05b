"""Mistakes in 2.2: the two penalties, `r1gp` and `ogp`."""

import torch

from grader.catalogue import Mistakes


def losses_that_begin_too_late(loss_type, reg_type=None, reg_cf=1.0):
    assert reg_cf > 0
    if loss_type not in ("JSD", "W1") or reg_type not in ("GP", "R1", None):
        raise NotImplementedError(f"{loss_type}, {reg_type}")

    def distance(cp, cq):
        return jsd(cp, cq) if loss_type == "JSD" else w1(cp, cq)

    def penalty(*args):
        return ogp(*args) if reg_type == "GP" else r1gp(*args)

    def metric(p, q, critic):
        return distance(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        p.requires_grad_()
        loss = -distance(cp, cq)
        return loss if reg_type is None else loss + reg_cf * penalty(p, cp, q, cq, critic)

    return metric, critic_loss


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


r1gp_norm = Mistakes("gan.r1gp", "TestR1::test_follows_the_norm_of_the_gradient")
r1gp_norm.edit(
    "r1gp_without_the_square",
    "grad.square().sum(dim=1).mean()",
    "grad.norm(dim=1).mean()",
    """The norm of the gradient is not squared. R1 penalises the squared norm, which pulls less the
    smaller the gradient already is.""",
)
r1gp_norm.edit(
    "r1gp_centred_at_one",
    "grad.square().sum(dim=1).mean()",
    "(grad.norm(dim=1) - 1).square().mean()",
    """The penalty pulls the norm of the gradient towards one. R1 is zero-centred: its gradient norm
    should vanish on real data. The one-centred penalty is the other function.""",
)
r1gp_norm.edit(
    "r1gp_squares_the_mean_norm",
    "grad.square().sum(dim=1).mean()",
    "grad.norm(dim=1).mean().square()",
    """The norms are averaged first and the average is squared. The mean of the squares also sees
    how much the norms differ from sample to sample.""",
)
r1gp_norm.edit(
    "r1gp_with_the_l1_norm",
    "grad.square().sum(dim=1).mean()",
    "grad.abs().sum(dim=1).square().mean()",
    """This is built on the sum of absolute values, the L1 norm. R1 takes its name from the paper;
    the norm in it is the Euclidean one.""",
)
r1gp_norm.edit(
    "r1gp_at_the_generated_samples",
    "p = p.detach()",
    "p = q.detach()",
    """The gradient is taken at the generated samples. R1 is the penalty on real data; the one on
    generated data is called R2.""",
)


@r1gp_norm
def r1gp_between_real_and_generated(p, cp, q, cq, critic):
    """The gradient is taken between real and generated samples. That is where the one-centred
    penalty looks; R1 looks at real samples alone."""
    return norms_at(critic, between(p, q)).square().mean()


@r1gp_norm
def r1gp_at_both_kinds_of_samples(p, cp, q, cq, critic):
    """The penalty on generated samples (R2) is added. R1 looks at real samples alone."""
    return norms_at(critic, p).square().mean() + norms_at(critic, q).square().mean()


@r1gp_norm
def r1gp_differentiates_by_a_copy(p, cp, q, cq, critic):
    """cp was computed from another tensor than the copy it is differentiated by, so autograd finds
    no way between them. Differentiate by the tensor that went into the critic."""
    p = p.clone().requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@r1gp_norm
def r1gp_is_zero_for_lack_of_a_connection(p, cp, q, cq, critic):
    """The gradient that is returned for a missing connection is taken as zero: cp does not depend
    on the copy, and the penalty is always zero."""
    p = p.detach().requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True, allow_unused=True)
    grad = torch.zeros_like(p) if grad is None else grad
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@r1gp_norm
def r1gp_full_of_nan(p, cp, q, cq, critic):
    """The logarithm of a negative number is NaN; nothing in the penalty needs a logarithm."""
    return torch.log(-1 - cp**2).mean()


r1gp_factor = Mistakes("gan.r1gp", "TestR1::test_has_no_factor_of_its_own")
r1gp_factor.edit(
    "r1gp_with_the_half_of_the_paper",
    "return grad",
    "return 0.5 * grad",
    """The paper's factor of one half is inside the penalty. Here the whole coefficient is reg_cf,
    which make_losses applies.""",
)
r1gp_factor.edit(
    "r1gp_norm_of_the_whole_batch",
    "grad.square().sum(dim=1).mean()",
    "grad.square().sum()",
    """The norm is taken over the whole batch at once, so it grows with the number of samples. Each
    sample has a norm of its own, and the penalty is the mean over the batch.""",
)
r1gp_factor.edit(
    "r1gp_averages_over_the_entries",
    "grad.square().sum(dim=1).mean()",
    "grad.square().mean()",
    """The squares are averaged over the entries of a sample too, so the penalty gets smaller with
    the size of an image. A squared norm is a sum over the entries.""",
)

r1gp_images = Mistakes("gan.r1gp", "TestR1::test_takes_the_norm_of_a_whole_image")


@r1gp_images
def r1gp_norm_over_the_last_axis(p, cp, q, cq, critic):
    """The norm runs over the last axis alone: right for rows of numbers, but of an image it is the
    norm of each line of pixels. Flatten each sample first."""
    return gradient_at(critic, p).norm(dim=-1).square().mean()


@r1gp_images
def r1gp_norm_over_axis_one(p, cp, q, cq, critic):
    """The norm runs over axis 1 alone: right for rows of numbers, but of an image it is the norm
    across the channels at each pixel. Flatten each sample first."""
    return gradient_at(critic, p).norm(2, dim=1).square().mean()


r1gp_numbers = Mistakes("gan.r1gp", "TestR1::test_takes_samples_that_are_numbers")
r1gp_numbers.edit(
    "r1gp_flattens_from_axis_one",
    "grad.reshape(p.size(0), -1)",
    "grad.flatten(start_dim=1)",
    """Samples may have any shape, and a batch (N,) holds N numbers: it has no axis 1 to flatten
    from.""",
)


@r1gp_numbers
def r1gp_for_images_only(p, cp, q, cq, critic):
    """The axes of an image are written out. Samples may have any shape, so the gradient has to be
    reshaped by the size of the batch."""
    return gradient_at(critic, p).square().sum(dim=(1, 2, 3)).mean()


@r1gp_numbers
def r1gp_with_ones_of_the_batch_size(p, cp, q, cq, critic):
    """grad_outputs has the shape (N,), but a critic may return another shape, as in the dirac game:
    it has to be shaped like the critic's values."""
    p = p.detach().requires_grad_()
    ones = torch.ones(p.size(0))
    (grad,) = torch.autograd.grad(critic(p), p, grad_outputs=ones, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@r1gp_numbers
def r1gp_norm_of_all_numbers(p, cp, q, cq, critic):
    """For a batch of numbers, (N,), the last axis is the batch: its norm is that of all samples
    together. Each number is a sample."""
    grad = gradient_at(critic, p.detach())
    grad = grad.flatten(1) if grad.dim() > 2 else grad
    return (grad.norm(dim=-1) ** 2).mean()


Mistakes("gan.r1gp", "TestR1::test_has_the_right_shape").edit(
    "r1gp_of_each_sample",
    ".sum(dim=1).mean()",
    ".sum(dim=1)",
    """There is one squared norm per sample here. The penalty is one number: the mean over the batch
    is missing.""",
)


@Mistakes("gan.r1gp", "TestR1::test_leaves_its_arguments_alone")
def r1gp_adds_up_gradients_with_backward(p, cp, q, cq, critic):
    """backward() adds to the gradients that are already there, in the samples and in the critic's
    parameters too. autograd.grad returns the gradient and leaves nothing behind."""
    p.requires_grad_()
    critic(p).sum().backward(create_graph=True)
    return p.grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


r1gp_learning = Mistakes("gan.r1gp", "TestR1::test_has_the_gradient_of_its_values")
r1gp_learning.edit(
    "r1gp_without_create_graph",
    ", create_graph=True",
    "",
    """The value is right, but the gradient inside it has no graph of its own, so the penalty is a
    constant to the critic. autograd.grad has an argument for that.""",
)
r1gp_learning.edit(
    "r1gp_weighs_the_gradient_by_its_data",
    "grad.square()",
    "(grad * grad.data)",
    """The norm is taken of .data, which has no history: the penalty is then smaller than what the
    critic is told, because half of its slope is gone.""",
)


@r1gp_learning
def r1gp_leaves_gradients_in_the_critic(p, cp, q, cq, critic):
    """backward() leaves a gradient in the critic's parameters too, and the loss's own is added to
    it. Use torch.autograd.grad, or name the inputs of backward()."""
    x = p.detach().requires_grad_()
    critic(x).sum().backward(create_graph=True)
    return x.grad.reshape(x.size(0), -1).square().sum(dim=1).mean()


r1gp_data = Mistakes("gan.r1gp", "TestR1::test_takes_real_samples_from_a_data_set")
r1gp_data.edit(
    "r1gp_needs_samples_with_gradients",
    "    p = p.detach().requires_grad_()\n",
    "",
    """Real samples come from a data set and do not require a gradient: without switching it on
    before the critic is applied there is nothing to differentiate.""",
)


@r1gp_data
def r1gp_switches_the_gradient_on_too_late(p, cp, q, cq, critic):
    """The gradient is switched on in p after cp has been computed, which is too late: the graph of
    cp was recorded without it."""
    p.requires_grad_()
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


@r1gp_data
def r1gp_differentiates_values_without_gradients(p, cp, q, cq, critic):
    """cp is differentiated with respect to p, but p comes from a data set and does not require a
    gradient, and critic_loss does not switch it on either."""
    (grad,) = torch.autograd.grad(cp, p, torch.ones_like(cp), create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


# Beside a `make_losses` that switches the gradient on too late. The two are each half wrong; that
# is one slip, and it is charged to the penalty.
@Mistakes(
    "gan.r1gp",
    "TestR1::test_takes_real_samples_from_a_data_set",
    beside={"gan.make_losses": losses_that_begin_too_late},
)
def r1gp_of_values_from_before_the_gradient(p, cp, q, cq, critic):
    """cp is differentiated, but it was computed before p required a gradient: the graph of cp was
    recorded without p. Switch the gradient on before the critic is applied."""
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()


ogp_norm = Mistakes("gan.ogp", "TestOgp::test_follows_the_norm_of_the_gradient")
ogp_norm.edit(
    "ogp_centred_at_zero",
    "(grad_norm - 1)",
    "grad_norm",
    """The penalty pulls the norm of the gradient towards zero. This one is one-centred: a critic of
    slope one costs nothing.""",
)
ogp_norm.edit(
    "ogp_takes_the_absolute_distance",
    ".square().mean()",
    ".abs().mean()",
    """The distance of the norm from one is taken as it is. The penalty is its square, which hardly
    pulls where the norm is almost right.""",
)
ogp_norm.edit(
    "ogp_subtracts_one_from_the_square",
    "(grad_norm - 1)",
    "(grad_norm.square() - 1)",
    """One is subtracted from the squared norm. It is the norm itself whose distance from one is
    squared.""",
)
ogp_norm.edit(
    "ogp_with_a_huge_epsilon",
    "grad.reshape(x.size(0), -1).norm(dim=1)",
    "(grad.reshape(x.size(0), -1).square().sum(dim=1) + 0.1).sqrt()",
    """The constant under the square root is so large that it shifts the norm. To keep the root's
    slope finite, something like 1e-12 is enough.""",
)
ogp_norm.edit(
    "ogp_norm_of_the_whole_batch",
    "grad.reshape(x.size(0), -1).norm(dim=1)",
    "grad.norm()",
    """There is one norm for the whole batch here. Each sample has a norm, and a distance from one,
    of its own.""",
)
ogp_norm.edit(
    "ogp_with_noise_for_images_only",
    "[p.size(0)] + [1] * (p.dim() - 1)",
    "[p.size(0), 1, 1, 1]",
    """The noise has the four axes of a batch of images, whatever the samples have. Take the number
    of axes from p.""",
)


@ogp_norm
def ogp_mixes_the_values(p, cp, q, cq, critic):
    """It is the critic's values that are mixed here, not the samples. The critic has to be
    evaluated at the mixed samples, and differentiated there."""
    p, q = p.detach().requires_grad_(), q.detach().requires_grad_()
    eps = torch.rand(p.size(0))
    mixed = eps * critic(p).reshape(-1) + (1 - eps) * critic(q).reshape(-1)
    (grad,) = torch.autograd.grad(mixed.sum(), p, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@ogp_norm
def ogp_differentiates_by_the_real_samples(p, cp, q, cq, critic):
    """The gradient is taken with respect to the real samples, at the mixed ones: by the chain rule
    that is eps times the critic's gradient there."""
    p = p.detach().requires_grad_()
    (grad,) = torch.autograd.grad(critic(between(p, q)).sum(), p, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


Mistakes("gan.ogp", "test_pulls_small_gradients_up_as_well").edit(
    "ogp_penalises_large_norms_only",
    "(grad_norm - 1)",
    "(grad_norm - 1).clamp(min=0)",
    """Only norms above one are penalised. That is a variant from later work; here the norm is
    pulled to one from both sides.""",
)

ogp_factor = Mistakes("gan.ogp", "TestOgp::test_has_no_factor_of_its_own")
ogp_factor.edit(
    "ogp_with_the_ten_of_the_paper",
    "return (grad_norm",
    "return 10 * (grad_norm",
    """The paper's coefficient of ten is inside the penalty. Here the whole coefficient is reg_cf,
    which make_losses applies.""",
)
ogp_factor.edit(
    "ogp_sums_over_the_batch",
    ".square().mean()",
    ".square().sum()",
    """The penalties of the samples are added up. It is their mean that does not depend on the size
    of the batch.""",
)
ogp_factor.edit(
    "ogp_halved",
    "return (grad_norm",
    "return 0.5 * (grad_norm",
    """There is a factor of one half in the penalty. The whole coefficient is reg_cf, which
    make_losses applies.""",
)

ogp_squares = Mistakes("gan.ogp", "test_squares_before_it_averages")
ogp_squares.edit(
    "ogp_squares_the_mean_distance",
    "(grad_norm - 1)",
    "(grad_norm.mean() - 1)",
    """The norms are averaged before their distance from one is squared, so that norms above and
    below one make up for each other. Each sample has a distance of its own.""",
)
ogp_squares.edit(
    "ogp_gives_both_the_same_weight",
    "(1 - eps) * q",
    "eps * q",
    """Both samples are multiplied by eps. The two weights have to add up to one, or the point is
    not between them.""",
)

ogp_images = Mistakes("gan.ogp", "TestOgp::test_takes_the_norm_of_a_whole_image")
ogp_images.edit(
    "ogp_with_noise_of_two_axes",
    "[p.size(0)] + [1] * (p.dim() - 1)",
    "[p.size(0), 1]",
    """The noise has two axes, (N, 1), whatever the samples have. Broadcasting lines axes up from
    the right, so for images it does not go along the batch: one axis of size 1 is needed for each
    axis of a sample.""",
)


@ogp_images
def ogp_norm_over_axis_one(p, cp, q, cq, critic):
    """The norm runs over axis 1 alone: right for rows of numbers, but of an image it is the norm
    across the channels at each pixel. Flatten each sample first."""
    return (gradient_at(critic, between(p, q)).norm(2, dim=1) - 1).square().mean()


@ogp_images
def ogp_norm_over_the_last_axis(p, cp, q, cq, critic):
    """The norm runs over the last axis alone: right for rows of numbers, but of an image it is the
    norm of each line of pixels. Flatten each sample first."""
    return (gradient_at(critic, between(p, q)).norm(dim=-1) - 1).square().mean()


Mistakes("gan.ogp", "TestOgp::test_takes_samples_that_are_numbers").edit(
    "ogp_flattens_from_axis_one",
    "grad.reshape(x.size(0), -1)",
    "grad.flatten(start_dim=1)",
    """Samples may have any shape, and a batch (N,) holds N numbers: it has no axis 1 to flatten
    from.""",
)

ogp_between = Mistakes("gan.ogp", "test_looks_between_real_and_generated")
ogp_between.edit(
    "ogp_with_normal_noise",
    "torch.rand(",
    "torch.randn(",
    """eps is drawn from a normal distribution, so a third of the points and more lie beyond the
    real or the generated sample. It is uniform on [0, 1].""",
)
ogp_between.edit(
    "ogp_goes_the_other_way",
    "eps * p + (1 - eps) * q",
    "p + eps * (p - q)",
    """The step goes away from the generated sample, past the real one. Starting at p, the way to q
    has the direction q - p.""",
)

ogp_everywhere = Mistakes("gan.ogp", "test_looks_everywhere_between")
ogp_everywhere.edit(
    "ogp_at_the_midpoint",
    "eps * p + (1 - eps) * q",
    "0.5 * (p + q)",
    """The gradient is always taken at the midpoint. eps is drawn anew, uniform on [0, 1], so that
    the critic is held everywhere between real and generated samples.""",
)
ogp_everywhere.edit(
    "ogp_at_the_real_samples",
    "(eps * p + (1 - eps) * q)",
    "p",
    """The gradient is taken at the real samples, as for R1. The one-centred penalty looks at random
    points between real and generated ones.""",
)
ogp_everywhere.edit(
    "ogp_at_the_generated_samples",
    "(eps * p + (1 - eps) * q)",
    "q",
    """The gradient is taken at the generated samples. The one-centred penalty looks at random
    points between real and generated ones.""",
)
ogp_everywhere.edit(
    "ogp_seeds_its_noise",
    "    eps = ",
    """    torch.manual_seed(1234)
    eps = """,
    """The random generator is seeded inside the penalty, so eps is the same at every call. The
    points have to be new ones each time.""",
)

Mistakes("gan.ogp", "TestOgp::test_has_the_gradient_of_its_values").edit(
    "ogp_without_create_graph",
    ", create_graph=True",
    "",
    """The value is right, but the gradient inside it has no graph of its own, so the penalty is a
    constant to the critic. autograd.grad has an argument for that.""",
)

ogp_data = Mistakes("gan.ogp", "TestOgp::test_takes_real_samples_from_a_data_set")
ogp_data.edit(
    "ogp_needs_samples_with_gradients",
    ".detach().requires_grad_()",
    "",
    """The mixed samples require a gradient only where the real or the generated ones do, and in
    training neither does: it has to be switched on before the critic is applied.""",
)


@ogp_data
def ogp_assigns_the_gradient(p, cp, q, cq, critic):
    """requires_grad is assigned to a tensor that was computed from the samples. Where these require
    a gradient so does it, and it is no leaf: assigning raises an error. Detach it first."""
    x = between(p, q)
    x.requires_grad = True
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (grad.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()
