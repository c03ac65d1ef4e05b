"""Right losses of the critic that switch the gradient on, where a penalty differentiates `cp`.

`r1gp` and `ogp` come along with each entry, in the place of the reference's: they rely on samples
that require a gradient, and get them.
"""

# ruff: noqa: F821
# jsd and w1 are those of the file that an entry is grafted onto.

import torch

from grader.catalogue import variant


def r1gp(p, cp, q, cq, critic):
    (gradient,) = torch.autograd.grad(cp, p, torch.ones_like(cp), create_graph=True)
    return gradient.reshape(p.size(0), -1).norm(2, dim=1).pow(2).mean()


def ogp(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(x.size(0), -1).norm(dim=1) - 1).square().mean()


def chosen_parts(loss_type, reg_type, reg_cf):
    """The head of make_losses, which is given."""
    assert reg_cf > 0
    if loss_type not in ("JSD", "W1") or reg_type not in ("GP", "R1", None):
        raise NotImplementedError(f"{loss_type}, {reg_type}")
    loss_fn = {"JSD": jsd, "W1": w1}[loss_type]
    return loss_fn, {"GP": ogp, "R1": r1gp, None: lambda *_: 0.0}[reg_type]


@variant("gan.make_losses", because="the gradient is switched on in the samples themselves")
def losses_switch_the_gradient_on_for_cp(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q))

    def critic_loss(p, q, critic):
        p.requires_grad = True
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


@variant("gan.make_losses", because="or in copies of them, which are what the penalty gets")
def losses_give_copies_to_the_penalty(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q))

    def critic_loss(p, q, critic):
        x = p.detach().clone().requires_grad_(True)
        cp, cq = critic(x), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(x, cp, q, cq, critic)

    return metric, critic_loss
