"""Wrong losses of the two players, `make_losses`: the distance in them."""

# ruff: noqa: F821
# jsd, w1, r1gp and ogp are those of the file that an entry is grafted onto.

import torch
import torch.nn.functional as F

from grader.catalogue import mistake


def chosen_parts(loss_type, reg_type, reg_cf):
    """The head of make_losses, which is given."""
    assert reg_cf > 0
    if loss_type == "JSD":
        loss_fn = jsd
    elif loss_type == "W1":
        loss_fn = w1
    else:
        raise NotImplementedError(loss_type)
    if reg_type == "GP":
        reg_fn = ogp
    elif reg_type == "R1":
        reg_fn = r1gp
    elif reg_type is None:
        reg_fn = no_regulariser
    else:
        raise NotImplementedError(reg_type)
    return loss_fn, reg_fn


def no_regulariser(p, cp, q, cq, critic):
    return torch.zeros(())


def metric_of(loss_fn):
    """A right metric, for mistakes that are elsewhere."""

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q))

    return metric


def critic_loss_of(loss_fn, reg_fn, reg_cf):
    """A right loss of the critic, for mistakes that are elsewhere."""

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return critic_loss


# --- the metric -------------------------------------------------------------------------------


@mistake(
    "gan.make_losses",
    fails=["test_metric_carries_no_regulariser"],
    hint="The regulariser is in the metric as well. It restrains the critic; the generator "
    "minimises the distance alone.",
)
def metric_with_the_regulariser(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        p.requires_grad_()
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="The metric is negated. The generator minimises it, and what it wants small is the "
    "distance itself.",
)
def metric_negated(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="Real and generated samples are exchanged in the metric. The distances take the critic's "
    "values of the real samples first.",
)
def metric_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(q), critic(p))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="The critic scores the generated samples twice and the real ones never, so the distance "
    "is one of the generated samples from themselves.",
)
def metric_of_generated_samples_twice(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(q), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="This is the non-saturating loss of the generator. It is often used, but it is not the "
    "distance that is asked for here and plotted.",
)
def metric_is_the_non_saturating_loss(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        if loss_type == "JSD":
            return -F.logsigmoid(critic(q)).mean()
        return loss_fn(critic(p), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_metric_is_the_named_distance"],
    hint="The real samples are left out because the generator has no influence on them. Its "
    "gradient is the same, but the number is no longer the distance that is returned and plotted.",
)
def metric_without_the_real_samples(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        cq = critic(q)
        return 0.5 * F.logsigmoid(-cq).mean() if loss_type == "JSD" else -cq.mean()

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_players_learn_through_their_losses"],
    hint="The metric is detached. It is more than a number for the plots: the generator learns "
    "through it.",
)
def metric_detached(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q)).detach()

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@mistake(
    "gan.make_losses",
    fails=["test_players_learn_through_their_losses"],
    hint="The generated samples are detached in the metric. That is for the critic's loss, if "
    "anywhere: the generator's only way to learn goes through them.",
)
def metric_detaches_the_generated_samples(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q.detach()))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


# --- the critic's loss ------------------------------------------------------------------------


@mistake(
    "gan.make_losses",
    fails=["test_critic_wants_the_largest_distance"],
    hint="The critic would make the distance small. It wants it large, and its optimiser "
    "minimises, so a sign is missing in front of the distance.",
)
def critic_loss_without_the_minus(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_critic_wants_the_largest_distance"],
    hint="The signs of both players are turned round: here the critic minimises the distance and "
    "the generator maximises it.",
)
def players_with_exchanged_aims(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_critic_wants_the_largest_distance"],
    hint="Real and generated samples are exchanged in the critic's loss. The distances take the "
    "critic's values of the real samples first.",
)
def critic_loss_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cq, cp) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_critic_wants_the_largest_distance"],
    hint="The two functions are returned in the wrong order: the metric comes first.",
)
def losses_returned_in_the_wrong_order(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)
    return critic_loss_of(loss_fn, reg_fn, reg_cf), metric_of(loss_fn)


@mistake(
    "gan.make_losses",
    fails=["test_players_learn_through_their_losses"],
    hint="The critic's values are computed without a graph, so its loss cannot teach it anything. "
    "It is the generated samples that may be detached, not what the critic makes of them.",
)
def critic_loss_of_values_without_a_graph(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        with torch.no_grad():
            cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_players_learn_through_their_losses"],
    hint="The critic's values of the generated samples are detached. It is the samples that may be "
    "detached in the critic's step: the critic has to learn from its values of both kinds.",
)
def critic_loss_detaches_the_generated_values(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q).detach()
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss
