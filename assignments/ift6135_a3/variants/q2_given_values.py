"""Right penalties that differentiate the given `cp`.

They need real samples that require a gradient before the critic is applied to them, so here
`make_losses` sees to that: it comes along with each entry, in the place of the reference's.
"""

# ruff: noqa: F821
# jsd and the others are those of the file that an entry is grafted onto.

import torch

from grader.catalogue import variant


def make_losses(loss_type, reg_type=None, reg_cf=1.0):
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


@variant("gan.r1gp", because="cp is differentiated; critic_loss has switched the gradient on in p")
def r1gp_differentiates_the_given_values(p, cp, q, cq, critic):
    (gradient,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return gradient.reshape(p.size(0), -1).square().sum(dim=1).mean()


@variant("gan.r1gp", because="the same with grad_outputs, as the WGAN-GP code that goes round")
def r1gp_differentiates_the_given_values_with_ones(p, cp, q, cq, critic):
    gradient = torch.autograd.grad(
        outputs=cp, inputs=p, grad_outputs=torch.ones_like(cp), create_graph=True, retain_graph=True
    )[0]
    return gradient.reshape(p.size(0), -1).norm(2, dim=1).pow(2).mean()


@variant("gan.r1gp", because="critic(p) is evaluated again, by a p whose gradient is on already")
def r1gp_relies_on_the_gradient_of_its_samples(p, cp, q, cq, critic):
    (gradient,) = torch.autograd.grad(critic(p).sum(), p, create_graph=True)
    return gradient.reshape(p.size(0), -1).square().sum(dim=1).mean()


@variant("gan.ogp", because="the mixed samples require a gradient because p does")
def ogp_relies_on_the_gradient_of_its_samples(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(x.size(0), -1).norm(dim=1) - 1).square().mean()
