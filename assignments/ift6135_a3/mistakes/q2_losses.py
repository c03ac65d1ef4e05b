"""Mistakes in `make_losses`: the losses of the two players."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes


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


def jsd_of_real_and_fake(real, fake):
    return 0.5 * (F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean() + math.log(4))


def w1_of_real_and_fake(real, fake):
    return real.mean() - fake.mean()


def average_with_decay(model, average, decay=0.998):
    with torch.no_grad():
        for new, kept in zip(model.parameters(), average.parameters(), strict=True):
            kept.mul_(decay).add_(new, alpha=1 - decay)


plain_metric = Mistakes("gan.make_losses", "test_metric_carries_no_regulariser")


@plain_metric
def metric_with_the_regulariser(loss_type, reg_type=None, reg_cf=1.0):
    """The regulariser is in the metric as well. It restrains the critic; the generator minimises
    the distance alone."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        p.requires_grad_()
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


named_distance = Mistakes("gan.make_losses", "test_metric_is_the_named_distance")


@named_distance
def metric_negated(loss_type, reg_type=None, reg_cf=1.0):
    """The metric is negated. The generator minimises it, and what it wants small is the distance
    itself."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@named_distance
def metric_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    """Real and generated samples are exchanged in the metric. The distances take the critic's
    values of the real samples first."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(q), critic(p))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@named_distance
def metric_of_generated_samples_twice(loss_type, reg_type=None, reg_cf=1.0):
    """The critic scores the generated samples twice and the real ones never, so the distance is one
    of the generated samples from themselves."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(q), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@named_distance
def metric_is_the_non_saturating_loss(loss_type, reg_type=None, reg_cf=1.0):
    """This is the non-saturating loss of the generator. It is often used, but it is not the
    distance that is asked for here and plotted."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        if loss_type == "JSD":
            return -F.logsigmoid(critic(q)).mean()
        return loss_fn(critic(p), critic(q))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@named_distance
def metric_without_the_real_samples(loss_type, reg_type=None, reg_cf=1.0):
    """The real samples are left out because the generator has no influence on them. Its gradient is
    the same, but the number is no longer the distance that is returned and plotted."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        cq = critic(q)
        return 0.5 * F.logsigmoid(-cq).mean() if loss_type == "JSD" else -cq.mean()

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


learning = Mistakes("gan.make_losses", "test_players_learn_through_their_losses")


@learning
def metric_detached(loss_type, reg_type=None, reg_cf=1.0):
    """The metric is detached. It is more than a number for the plots: the generator learns through
    it."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q)).detach()

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@learning
def metric_detaches_the_generated_samples(loss_type, reg_type=None, reg_cf=1.0):
    """The generated samples are detached in the metric. That is for the critic's loss, if anywhere:
    the generator's only way to learn goes through them."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return loss_fn(critic(p), critic(q.detach()))

    return metric, critic_loss_of(loss_fn, reg_fn, reg_cf)


@learning
def critic_loss_of_values_without_a_graph(loss_type, reg_type=None, reg_cf=1.0):
    """The critic's values are computed without a graph, so its loss cannot teach it anything. It is
    the generated samples that may be detached, not what the critic makes of them."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        with torch.no_grad():
            cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@learning
def critic_loss_detaches_the_generated_values(loss_type, reg_type=None, reg_cf=1.0):
    """The critic's values of the generated samples are detached. It is the samples that may be
    detached in the critic's step: the critic has to learn from its values of both kinds."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q).detach()
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@learning
def regulariser_added_as_a_number(loss_type, reg_type=None, reg_cf=1.0):
    """The regulariser is turned into a plain number before it is added, so the loss has the right
    value and the critic does not feel the penalty."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic).item()

    return metric_of(loss_fn), critic_loss


largest_distance = Mistakes("gan.make_losses", "test_critic_wants_the_largest_distance")


@largest_distance
def critic_loss_without_the_minus(loss_type, reg_type=None, reg_cf=1.0):
    """The critic would make the distance small. It wants it large, and its optimiser minimises, so
    a sign is missing in front of the distance."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@largest_distance
def players_with_exchanged_aims(loss_type, reg_type=None, reg_cf=1.0):
    """The signs of both players are turned round: here the critic minimises the distance and the
    generator maximises it."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def metric(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric, critic_loss


@largest_distance
def critic_loss_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    """Real and generated samples are exchanged in the critic's loss. The distances take the
    critic's values of the real samples first."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cq, cp) + reg_cf * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@largest_distance
def losses_returned_in_the_wrong_order(loss_type, reg_type=None, reg_cf=1.0):
    """The two functions are returned in the wrong order: the metric comes first."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)
    return critic_loss_of(loss_fn, reg_fn, reg_cf), metric_of(loss_fn)


named_distance_by_name = Mistakes(
    "gan.make_losses",
    "test_metric_is_the_named_distance",
    beside={
        "gan.jsd": jsd_of_real_and_fake,
        "gan.w1": w1_of_real_and_fake,
        "gan.apply_exponential_moving_average": average_with_decay,
    },
)


@named_distance_by_name
def losses_by_names_of_others(loss_type, reg_type=None, reg_cf=1.0):
    """The distances are called with names for their arguments that they do not have, so every call
    raises a TypeError. Hand the values over by position."""
    assert reg_cf > 0
    if loss_type not in ("JSD", "W1") or reg_type not in ("GP", "R1", None):
        raise NotImplementedError
    distance = {"JSD": jsd, "W1": w1}[loss_type]
    regulariser = {"GP": ogp, "R1": r1gp, None: lambda *_: 0.0}[reg_type]

    def metric(p, q, critic):
        return distance(cp=critic(p), cq=critic(q))

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return reg_cf * regulariser(p, cp, q, cq, critic) - distance(cp=cp, cq=cq)

    return metric, critic_loss


regulariser = Mistakes("gan.make_losses", "test_regulariser_is_added_with_its_coefficient")


@regulariser
def regulariser_subtracted(loss_type, reg_type=None, reg_cf=1.0):
    """The regulariser is subtracted: the minus in front covers it too. A penalty is added to what
    is minimised, or the critic is rewarded for steep gradients."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -(loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic))

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_without_its_coefficient(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient reg_cf is not used, so the regulariser always counts fully."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_with_its_coefficient_twice(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient is applied twice, and the regulariser counts reg_cf squared."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        penalty = reg_cf * reg_fn(p, cp, q, cq, critic)
        return -loss_fn(cp, cq) + reg_cf * penalty

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_divided_by_its_coefficient(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient divides the regulariser. A larger reg_cf means a stronger regulariser."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic) / reg_cf

    return metric_of(loss_fn), critic_loss


@regulariser
def coefficient_on_the_distance(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient weights the distance instead of the regulariser."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -reg_cf * loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_forgotten(loss_type, reg_type=None, reg_cf=1.0):
    """The regulariser is chosen and never used: the critic's loss is the distance alone."""
    loss_fn, _ = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    """The regulariser gets the generated samples in the place of the real ones. Real samples come
    first in every function of this file."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(q, cq, p, cp, critic)

    return metric_of(loss_fn), critic_loss


@regulariser
def regulariser_with_arguments_out_of_order(loss_type, reg_type=None, reg_cf=1.0):
    """The arguments of the regulariser are in the wrong order: each kind of samples is followed by
    its own values."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, q, cp, cq, critic)

    return metric_of(loss_fn), critic_loss


regulariser_of_data = Mistakes(
    "gan.make_losses",
    "test_regulariser_is_added_with_its_coefficient",
    "test_critic_loss_takes_real_samples_from_a_data_set",
)


@regulariser_of_data
def coefficient_on_the_whole_loss(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient weights the whole loss, the distance included. It belongs to the regulariser
    alone."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return reg_cf * (reg_fn(p, cp, q, cq, critic) - loss_fn(cp, cq))

    return metric_of(loss_fn), critic_loss


scalars = Mistakes("gan.make_losses", "test_losses_are_scalars")


@scalars
def coefficient_with_an_axis_too_many(loss_type, reg_type=None, reg_cf=1.0):
    """The coefficient is a tensor of shape (1,), and so becomes the loss. It should be a scalar: a
    plain number does not add an axis."""
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)
    coefficient = torch.tensor([reg_cf])

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + coefficient * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


refusals = Mistakes("gan.make_losses", "test_unknown_names_and_coefficients_are_refused")


@refusals
def losses_of_any_name(loss_type, reg_type=None, reg_cf=1.0):
    """The checks at the head are gone: a misspelt name now trains something else without a word."""
    loss_fn = jsd if loss_type == "JSD" else w1
    reg_fn = {"GP": ogp, "R1": r1gp}.get(reg_type, no_regulariser)
    return metric_of(loss_fn), critic_loss_of(loss_fn, reg_fn, reg_cf)
