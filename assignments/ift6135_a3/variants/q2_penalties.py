"""Right ways to write 2.2: the two penalties, `r1gp` and `ogp`."""

import random

import numpy as np
import torch
from torch.autograd import grad

from grader.catalogue import Variants


def losses_that_switch_the_gradient_on(loss_type, reg_type=None, reg_cf=1.0):
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
        p.requires_grad_()
        cp, cq = critic(p), critic(q)
        loss = -distance(cp, cq)
        return loss if reg_type is None else loss + reg_cf * penalty(p, cp, q, cq, critic)

    return metric, critic_loss


GENERATOR = torch.Generator().manual_seed(20)


def penalty_at(critic, x):
    """The penalty at the given points, for variants that differ in the points."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return ((gradient.reshape(x.shape[0], -1).norm(2, dim=1) - 1) ** 2).mean()


r1gp = Variants("gan.r1gp")
r1gp.edit(
    "r1gp_by_one_sum",
    "grad.square().sum(dim=1).mean()",
    "grad.square().sum() / p.size(0)",
    "the sum of all squares over N is the mean of the squared norms",
)
r1gp.edit(
    "r1gp_with_einsum",
    "grad.square().sum(dim=1).mean()",
    'torch.einsum("nd,nd->n", grad, grad).mean()',
    "einsum takes the scalar product of each row with itself",
)
r1gp.edit(
    "r1gp_norm_in_double",
    "grad.square().sum(dim=1).mean()",
    "grad.double().square().sum(1).mean(0)",
    "the norm is taken in float64, and the result stays there",
)
r1gp.edit(
    "r1gp_with_an_epsilon",
    "grad.square().sum(dim=1).mean()",
    "(torch.sqrt(grad.square().sum(dim=1) + 1e-12) ** 2).mean()",
    "1e-12 in the norm changes nothing",
)
r1gp.edit(
    "r1gp_by_the_gradient_of_the_mean",
    "critic(p).sum(), p, create_graph=True)",
    "p.size(0) * critic(p).mean(), p, create_graph=True)",
    "the gradient of the mean is that of the sum over N",
)


@r1gp
def r1gp_switches_the_gradient_on_in_place(p, cp, q, cq, critic):
    """the gradient may be switched on in the caller's tensor"""
    p.requires_grad_(True)
    (gradient,) = grad(critic(p).sum(), p, create_graph=True)
    return gradient.pow(2).view(p.size(0), -1).sum(1).mean()


@r1gp
def r1gp_with_grad_outputs(p, cp, q, cq, critic):
    """grad_outputs of ones give the gradient of the sum"""
    x = p.detach().clone()
    x.requires_grad = True
    out = critic(x)
    gradient = grad(
        outputs=out,
        inputs=x,
        grad_outputs=torch.ones_like(out),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return (gradient.reshape(gradient.shape[0], -1).norm(2, dim=1) ** 2).mean()


@r1gp
def r1gp_on_a_copy(p, cp, q, cq, critic):
    """a copy with a history of its own, when p requires a gradient"""
    x = (p * 1.0).requires_grad_() if not p.requires_grad else p * 1.0
    gradient = grad(critic(x).sum(), x, create_graph=True)[0]
    return torch.linalg.vector_norm(gradient.reshape(len(x), -1), dim=1).square().mean()


@r1gp
def r1gp_sample_by_sample(p, cp, q, cq, critic):
    """one sample at a time: the critic scores each by itself"""
    total = 0.0
    for i in range(p.shape[0]):
        x = p[i : i + 1].detach().requires_grad_()
        (gradient,) = grad(critic(x).sum(), x, create_graph=True)
        total = total + (gradient**2).sum()
    return total / p.shape[0]


@r1gp
def r1gp_with_torch_func(p, cp, q, cq, critic):
    """torch.func differentiates a function of p, which need not require it"""
    gradient = torch.func.grad(lambda x: critic(x).sum())(p)
    return gradient.reshape(p.shape[0], -1).square().sum(1).mean()


@r1gp
def r1gp_with_vmap(p, cp, q, cq, critic):
    """vmap gives each sample's gradient by itself"""

    def value(x):
        return critic(x.unsqueeze(0)).sum()

    gradients = torch.func.vmap(torch.func.grad(value))(p)
    return gradients.reshape(p.shape[0], -1).square().sum(1).mean()


@r1gp
def r1gp_with_a_jacobian(p, cp, q, cq, critic):
    """the diagonal of the Jacobian holds the same gradients"""
    jacobian = torch.autograd.functional.jacobian(
        lambda x: critic(x).reshape(-1), p.detach(), create_graph=True
    )  # (N, N, *sample.size())
    own = [jacobian[i, i].square().sum() for i in range(p.shape[0])]
    return torch.stack(own).mean()


@r1gp
def r1gp_with_backward_on_a_leaf(p, cp, q, cq, critic):
    """backward() with inputs of its own leaves nothing in the critic"""
    x = p.detach().clone().requires_grad_()
    critic(x).sum().backward(create_graph=True, inputs=[x])
    return x.grad.reshape(x.shape[0], -1).square().sum(dim=1).mean()


@r1gp
def r1gp_differentiates_cp_if_it_can(p, cp, q, cq, critic):
    """cp is differentiated where it depends on p, else critic(p) afresh"""
    if not (p.requires_grad and cp.requires_grad):
        p = p.detach().requires_grad_()
        cp = critic(p)
    gradient = grad(cp.sum(), p, create_graph=True)[0]
    return gradient.reshape(p.shape[0], -1).square().sum(dim=1).mean()


@r1gp
def r1gp_sums_over_named_axes(p, cp, q, cq, critic):
    """all axes but the first are named, and there may be none"""
    x = p.detach().requires_grad_()
    squares = grad(critic(x).sum(), x, create_graph=True)[0] ** 2
    if squares.dim() > 1:
        squares = squares.sum(dim=list(range(1, squares.dim())))
    return squares.mean()


# They differentiate the given `cp`, so `make_losses` switches the gradient on in the real samples
# first.
r1gp_beside_losses = Variants(
    "gan.r1gp", beside={"gan.make_losses": losses_that_switch_the_gradient_on}
)


@r1gp_beside_losses
def r1gp_differentiates_the_given_values(p, cp, q, cq, critic):
    """cp is differentiated; critic_loss has switched the gradient on in p"""
    (gradient,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return gradient.reshape(p.size(0), -1).square().sum(dim=1).mean()


@r1gp_beside_losses
def r1gp_relies_on_the_gradient_of_its_samples(p, cp, q, cq, critic):
    """critic(p) is evaluated again, by a p whose gradient is on already"""
    (gradient,) = torch.autograd.grad(critic(p).sum(), p, create_graph=True)
    return gradient.reshape(p.size(0), -1).square().sum(dim=1).mean()


ogp = Variants("gan.ogp")
ogp.edit(
    "ogp_at_points_that_keep_their_history",
    "(eps * p + (1 - eps) * q).detach().requires_grad_()",
    "eps * p.requires_grad_() + (1 - eps) * q",
    "the mixed samples may stay connected with p, which requires a gradient",
)
ogp.edit(
    "ogp_with_noise_on_the_generated_samples",
    "eps * p + (1 - eps) * q",
    "p + eps * (q - p)",
    "eps on the generated samples: 1 - eps is as uniform as eps",
)
ogp.edit(
    "ogp_with_lerp",
    "eps * p + (1 - eps) * q",
    "torch.lerp(q.expand_as(p), p, eps)",
    "lerp goes from q to p",
)


@ogp
def ogp_with_noise_per_entry(p, cp, q, cq, critic):
    """one eps for each entry of each sample"""
    eps = torch.rand_like(p)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@ogp
def ogp_with_noise_per_batch(p, cp, q, cq, critic):
    """one eps for the whole batch"""
    eps = torch.rand(1).to(p)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@ogp
def ogp_with_noise_from_python(p, cp, q, cq, critic):
    """one eps for the whole batch, from Python's generator"""
    eps = random.random()
    return penalty_at(critic, eps * p + (1 - eps) * q)


@ogp
def ogp_with_noise_from_numpy(p, cp, q, cq, critic):
    """eps from numpy, in float64 until it meets the samples"""
    eps = torch.from_numpy(np.random.rand(*[p.shape[0], *[1] * (p.dim() - 1)])).to(p.dtype)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@ogp
def ogp_with_noise_from_a_generator_of_its_own(p, cp, q, cq, critic):
    """a generator with entropy of its own, which no seed reaches"""
    eps = float(np.random.default_rng().uniform(0, 1))
    return penalty_at(critic, q + eps * (p - q))


@ogp
def ogp_with_noise_from_a_generator_of_the_module(p, cp, q, cq, critic):
    """a generator of the module's, which goes on from call to call"""
    eps = torch.rand(p.shape[0], generator=GENERATOR).reshape([-1] + [1] * (p.dim() - 1))
    return penalty_at(critic, eps * p + (1 - eps) * q)


@ogp
def ogp_with_noise_from_a_distribution(p, cp, q, cq, critic):
    """eps per sample from torch's Uniform, expanded to the samples' shape"""
    eps = torch.distributions.Uniform(0.0, 1.0).sample((p.shape[0],))
    eps = eps.reshape(-1, *[1] * (p.dim() - 1)).expand_as(p)
    return penalty_at(critic, eps * p + (1.0 - eps) * q)


@ogp
def ogp_with_noise_filled_in_place(p, cp, q, cq, critic):
    """eps filled in place by uniform_()"""
    eps = torch.empty(p.shape[0], device=p.device, dtype=p.dtype).uniform_(0, 1)
    while eps.dim() < p.dim():
        eps = eps.unsqueeze(-1)
    return penalty_at(critic, p.mul(eps) + q.mul(1 - eps))


@ogp
def ogp_with_an_epsilon_under_the_root(p, cp, q, cq, critic):
    """the mixed samples keep their history, and 1e-12 is under the root"""
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = torch.autograd.Variable(eps * p.data + (1 - eps) * q.data, requires_grad=True)
    out = critic(x)
    gradient = torch.autograd.grad(
        outputs=out,
        inputs=x,
        grad_outputs=torch.ones(out.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    norm = torch.sqrt(torch.sum(gradient.view(p.size(0), -1) ** 2, dim=1) + 1e-12)
    return torch.mean((norm - 1) ** 2)


@ogp
def ogp_sample_by_sample(p, cp, q, cq, critic):
    """one sample at a time, each with its own eps"""
    penalties = []
    for real, fake in zip(p, q, strict=True):
        eps = torch.rand(())
        x = (eps * real + (1 - eps) * fake).detach()[None].requires_grad_()
        gradient = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
        penalties.append((gradient.norm() - 1) ** 2)
    return torch.stack(penalties).mean()


@ogp
def ogp_with_vmap(p, cp, q, cq, critic):
    """vmap gives each sample's gradient by itself"""
    eps = torch.rand([p.shape[0]] + [1] * (p.dim() - 1))
    x = (eps * p + (1 - eps) * q).detach()
    gradients = torch.func.vmap(torch.func.grad(lambda v: critic(v[None]).sum()))(x)
    return (torch.linalg.vector_norm(gradients.reshape(x.shape[0], -1), dim=1) - 1).square().mean()


@ogp
def ogp_with_the_square_multiplied_out(p, cp, q, cq, critic):
    """expanded square: the mean of norm^2 - 2 norm + 1"""
    eps = torch.rand(p.shape[0]).reshape([-1] + [1] * (p.dim() - 1))
    x = (eps * p + (1 - eps) * q).detach().requires_grad_()
    gradient = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
    square = torch.einsum("nd,nd->n", *[gradient.reshape(x.shape[0], -1)] * 2)
    return square.mean() - 2 * (square + 1e-16).sqrt().mean() + 1


@ogp
def ogp_with_noise_that_requires_a_gradient(p, cp, q, cq, critic):
    """noise with a gradient of its own, so that the points have one too"""
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1), requires_grad=True)
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@ogp
def ogp_with_noise_expanded_over_the_entries(p, cp, q, cq, critic):
    """a column of noise, expanded to the entries of each sample"""
    eps = torch.rand(p.shape[0], 1).expand(p.shape[0], p.nelement() // p.shape[0])
    eps = eps.contiguous().view(p.size())
    return penalty_at(critic, eps * p + (1 - eps) * q)


@Variants("gan.ogp", beside={"gan.make_losses": losses_that_switch_the_gradient_on})
def ogp_relies_on_the_gradient_of_its_samples(p, cp, q, cq, critic):
    """the mixed samples require a gradient because p does"""
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(x.size(0), -1).norm(dim=1) - 1).square().mean()
