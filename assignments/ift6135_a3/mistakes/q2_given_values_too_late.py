"""Penalties that differentiate the given `cp`, where critic_loss switches the gradient on too late.

`make_losses` comes along with each entry, in the place of the reference's. The two are each half
wrong; that is one slip, and it is charged to the penalty.
"""

# ruff: noqa: F821
# jsd and the others are those of the file that an entry is grafted onto.

import torch

from grader.catalogue import mistake


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
        cp, cq = critic(p), critic(q)
        p.requires_grad_()
        loss = -distance(cp, cq)
        return loss if reg_type is None else loss + reg_cf * penalty(p, cp, q, cq, critic)

    return metric, critic_loss


@mistake(
    "gan.r1gp",
    fails=["test_penalty_takes_real_samples_from_a_data_set"],
    hint="cp is differentiated, but it was computed before p required a gradient: the graph of cp "
    "was recorded without p. Switch the gradient on before the critic is applied.",
)
def r1gp_of_values_from_before_the_gradient(p, cp, q, cq, critic):
    (grad,) = torch.autograd.grad(cp.sum(), p, create_graph=True)
    return grad.reshape(p.size(0), -1).square().sum(dim=1).mean()
