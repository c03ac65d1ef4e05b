"""Right ways to write 2.3: the losses of the two players, `make_losses`."""

import functools

import torch

from grader.catalogue import Variants

LOSSES = {"JSD": jsd, "W1": w1}


REGULARISERS = {"GP": ogp, "R1": r1gp}


def check(loss_type, reg_type, reg_cf):
    """The head of make_losses, which is given."""
    assert reg_cf > 0
    if loss_type not in ("JSD", "W1") or reg_type not in ("GP", "R1", None):
        raise NotImplementedError(f"{loss_type}, {reg_type}")


def chosen_parts(loss_type, reg_type, reg_cf):
    """The same, with the two functions looked up when make_losses is called."""
    check(loss_type, reg_type, reg_cf)
    loss_fn = {"JSD": jsd, "W1": w1}[loss_type]
    reg_fn = {"GP": ogp, "R1": r1gp, None: lambda *_: 0.0}[reg_type]
    return loss_fn, reg_fn


def r1gp_of_given_values(p, cp, q, cq, critic):
    (gradient,) = torch.autograd.grad(cp, p, torch.ones_like(cp), create_graph=True)
    return gradient.reshape(p.size(0), -1).norm(2, dim=1).pow(2).mean()


def ogp_of_p_with_gradient(p, cp, q, cq, critic):
    eps = torch.rand([p.size(0)] + [1] * (p.dim() - 1))
    x = eps * p + (1 - eps) * q
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return (gradient.reshape(x.size(0), -1).norm(dim=1) - 1).square().mean()


make_losses = Variants("gan.make_losses")
make_losses.edit(
    "losses_work_on_detached_copies",
    "cp = critic(p)\n",
    """p, q = (x.detach().clone().requires_grad_() for x in (p, q))
        cp = critic(p)
""",
    "or in copies, for the real and the generated samples alike",
)
make_losses.edit(
    "losses_without_a_graph_for_the_real_values",
    "return loss_fn(critic(p), critic(q))",
    """with torch.no_grad():
            cp = critic(p)
        return loss_fn(cp, critic(q))""",
    "the generator learns nothing from the real samples' values",
)
make_losses.edit(
    "losses_flatten_the_values",
    """        cp = critic(p)
        cq = critic(q)
""",
    """        cp = critic(p).view(-1)
        cq = critic(q).view(-1)
""",
    "the critic's values may be given to the parts as rows (N,)",
)
make_losses.edit(
    "losses_switch_the_gradient_on_in_place",
    "cp = critic(p)\n",
    """p.requires_grad_(True)
        cp = critic(p)
""",
    "the gradient may be switched on in the caller's samples",
)


@make_losses
def losses_as_lambdas(loss_type, reg_type=None, reg_cf=1.0):
    """two lambdas, each of which applies the critic for itself"""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)
    metric = lambda p, q, critic: loss_fn(critic(p), critic(q))  # noqa: E731
    critic_loss = lambda p, q, critic: (  # noqa: E731
        -metric(p, q, critic) + reg_cf * reg_fn(p, critic(p), q, critic(q), critic)
    )
    return metric, critic_loss


@make_losses
def losses_as_partials(loss_type, reg_type=None, reg_cf=1.0):
    """functools.partial over two functions of more arguments"""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def distance(p, q, critic, sign):
        return sign * loss_fn(critic(p), critic(q))

    def regularised(p, q, critic):
        cp, cq = critic(p), critic(q)
        return distance(p, q, critic, sign=-1) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return functools.partial(distance, sign=1), regularised


@make_losses
def losses_from_tables_of_the_module(loss_type, reg_type=None, reg_cf=1.0):
    """tables at the module's level, filled when it is imported"""
    check(loss_type, reg_type, reg_cf)
    distance = LOSSES[loss_type]

    def metric(p, q, critic):
        return distance(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        loss = -distance(cp, cq)
        if reg_type is not None:
            loss = loss + reg_cf * REGULARISERS[reg_type](p, cp, q, cq, critic)
        return loss

    return metric, critic_loss


@make_losses
def losses_as_objects(loss_type, reg_type=None, reg_cf=1.0):
    """objects that can be called, which look the parts up by name"""
    check(loss_type, reg_type, reg_cf)

    class Metric:
        def __call__(self, p, q, critic):
            return jsd(critic(p), critic(q)) if loss_type == "JSD" else w1(critic(p), critic(q))

    class CriticLoss(Metric):
        def __call__(self, p, q, critic):
            loss = torch.neg(super().__call__(p, q, critic))
            if reg_type:
                regulariser = globals()["ogp" if reg_type == "GP" else "r1gp"]
                loss = loss + regulariser(p, critic(p), q, critic(q), critic) * reg_cf
            return loss

    return Metric(), CriticLoss()


@make_losses
def losses_call_their_parts_by_keyword(loss_type, reg_type=None, reg_cf=1.0):
    """arguments by keyword, in another order"""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(cq=critic(q), cp=critic(p))

    def critic_loss(p, q, critic):
        cq, cp = critic(q), critic(p)
        loss = -1.0 * loss_fn(cq=cq, cp=cp)
        if reg_type is None:
            return loss
        return loss + torch.as_tensor(reg_cf) * reg_fn(critic=critic, q=q, cq=cq, p=p, cp=cp)

    return metric, critic_loss


@make_losses
def losses_apply_the_critic_once(loss_type, reg_type=None, reg_cf=1.0):
    """one pass for both: the critic scores each sample by itself"""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def values(p, q, critic):
        both = torch.cat([p, q.reshape(-1, *p.shape[1:])])
        return torch.split(critic(both), [p.shape[0], both.shape[0] - p.shape[0]])

    def metric(p, q, critic):
        return loss_fn(*values(p, q, critic))

    def critic_loss(p, q, critic):
        cp, cq = values(p, q, critic)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


# Beside penalties that rely on samples that require a gradient, and get them.
make_losses_beside_penalties = Variants(
    "gan.make_losses", beside={"gan.r1gp": r1gp_of_given_values, "gan.ogp": ogp_of_p_with_gradient}
)
make_losses_beside_penalties.edit(
    "losses_give_copies_to_the_penalty",
    "cp = critic(p)\n",
    """p = p.detach().clone().requires_grad_(True)
        cp = critic(p)
""",
    "or in copies of them, which are what the penalty gets",
)
make_losses_beside_penalties.edit(
    "losses_switch_the_gradient_on_for_cp",
    "cp = critic(p)\n",
    """p.requires_grad = True
        cp = critic(p)
""",
    "the gradient is switched on in the samples themselves",
)
