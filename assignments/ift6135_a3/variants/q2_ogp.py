"""Right one-centred penalties in other styles, `ogp`.

The noise is the main difference: the contract leaves open how often eps is drawn and with what.
"""

import random

import numpy as np
import torch

from grader.catalogue import variant

GENERATOR = torch.Generator().manual_seed(20)


def penalty_at(critic, x):
    """The penalty at the given points, for variants that differ in the points."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return ((gradient.reshape(x.shape[0], -1).norm(2, dim=1) - 1) ** 2).mean()


@variant("gan.ogp", because="one eps for each entry of each sample")
def ogp_with_noise_per_entry(p, cp, q, cq, critic):
    eps = torch.rand_like(p)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="one eps for the whole batch")
def ogp_with_noise_per_batch(p, cp, q, cq, critic):
    eps = torch.rand(1).to(p)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="one eps for the whole batch, from Python's generator")
def ogp_with_noise_from_python(p, cp, q, cq, critic):
    eps = random.random()
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="eps from numpy, in float64 until it meets the samples")
def ogp_with_noise_from_numpy(p, cp, q, cq, critic):
    eps = torch.from_numpy(np.random.rand(*[p.shape[0], *[1] * (p.dim() - 1)])).to(p.dtype)
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="a generator with entropy of its own, which no seed reaches")
def ogp_with_noise_from_a_generator_of_its_own(p, cp, q, cq, critic):
    eps = float(np.random.default_rng().uniform(0, 1))
    return penalty_at(critic, q + eps * (p - q))


@variant("gan.ogp", because="a generator of the module's, which goes on from call to call")
def ogp_with_noise_from_a_generator_of_the_module(p, cp, q, cq, critic):
    eps = torch.rand(p.shape[0], generator=GENERATOR).reshape([-1] + [1] * (p.dim() - 1))
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="eps per sample from torch's Uniform, expanded to the samples' shape")
def ogp_with_noise_from_a_distribution(p, cp, q, cq, critic):
    eps = torch.distributions.Uniform(0.0, 1.0).sample((p.shape[0],))
    eps = eps.reshape(-1, *[1] * (p.dim() - 1)).expand_as(p)
    return penalty_at(critic, eps * p + (1.0 - eps) * q)


@variant("gan.ogp", because="eps filled in place by uniform_()")
def ogp_with_noise_filled_in_place(p, cp, q, cq, critic):
    eps = torch.empty(p.shape[0], device=p.device, dtype=p.dtype).uniform_(0, 1)
    while eps.dim() < p.dim():
        eps = eps.unsqueeze(-1)
    return penalty_at(critic, p.mul(eps) + q.mul(1 - eps))


@variant("gan.ogp", because="eps on the generated samples: 1 - eps is as uniform as eps")
def ogp_with_noise_on_the_generated_samples(p, cp, q, cq, critic):
    eps = torch.rand([p.shape[0]] + [1] * (p.dim() - 1))
    return penalty_at(critic, p + eps * (q - p))


@variant("gan.ogp", because="lerp goes from q to p")
def ogp_with_lerp(p, cp, q, cq, critic):
    eps = torch.rand([p.shape[0]] + [1] * (p.dim() - 1))
    return penalty_at(critic, torch.lerp(q.expand_as(p), p, eps))


@variant("gan.ogp", because="the mixed samples keep their history, and 1e-12 is under the root")
def ogp_with_an_epsilon_under_the_root(p, cp, q, cq, critic):
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


@variant(
    "gan.ogp", because="the mixed samples may stay connected with p, which requires a gradient"
)
def ogp_at_points_that_keep_their_history(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    p.requires_grad_()
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(x.size(0), -1).norm(dim=1) - 1).pow(2).mean()


@variant("gan.ogp", because="one sample at a time, each with its own eps")
def ogp_sample_by_sample(p, cp, q, cq, critic):
    penalties = []
    for real, fake in zip(p, q, strict=True):
        eps = torch.rand(())
        x = (eps * real + (1 - eps) * fake).detach()[None].requires_grad_()
        gradient = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
        penalties.append((gradient.norm() - 1) ** 2)
    return torch.stack(penalties).mean()


@variant("gan.ogp", because="vmap gives each sample's gradient by itself")
def ogp_with_vmap(p, cp, q, cq, critic):
    eps = torch.rand([p.shape[0]] + [1] * (p.dim() - 1))
    x = (eps * p + (1 - eps) * q).detach()
    gradients = torch.func.vmap(torch.func.grad(lambda v: critic(v[None]).sum()))(x)
    return (torch.linalg.vector_norm(gradients.reshape(x.shape[0], -1), dim=1) - 1).square().mean()


@variant("gan.ogp", because="expanded square: the mean of norm^2 - 2 norm + 1")
def ogp_with_the_square_multiplied_out(p, cp, q, cq, critic):
    eps = torch.rand(p.shape[0]).reshape([-1] + [1] * (p.dim() - 1))
    x = (eps * p + (1 - eps) * q).detach().requires_grad_()
    gradient = torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0]
    square = torch.einsum("nd,nd->n", *[gradient.reshape(x.shape[0], -1)] * 2)
    return square.mean() - 2 * (square + 1e-16).sqrt().mean() + 1


@variant("gan.ogp", because="noise with a gradient of its own, so that the points have one too")
def ogp_with_noise_that_requires_a_gradient(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1), requires_grad=True)
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(p.size(0), -1).norm(dim=1) - 1).square().mean()


@variant("gan.ogp", because="a column of noise, expanded to the entries of each sample")
def ogp_with_noise_expanded_over_the_entries(p, cp, q, cq, critic):
    eps = torch.rand(p.shape[0], 1).expand(p.shape[0], p.nelement() // p.shape[0])
    eps = eps.contiguous().view(p.size())
    return penalty_at(critic, eps * p + (1 - eps) * q)


@variant("gan.ogp", because="made of new leaves from the data, as older code has it")
def ogp_of_variables(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = torch.autograd.Variable(eps * p.data + (1 - eps) * q.data, requires_grad=True)
    values = critic(x)
    gradient = torch.autograd.grad(
        outputs=values,
        inputs=x,
        grad_outputs=torch.ones(values.size()),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return ((gradient.view(gradient.size(0), -1).norm(2, dim=1) - 1) ** 2).mean()
