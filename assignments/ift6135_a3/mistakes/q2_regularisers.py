"""Wrong losses of the critic, `make_losses`: the regulariser in them, and the given head."""

# ruff: noqa: F821
# jsd, w1, r1gp and ogp are those of the file that an entry is grafted onto.

import torch

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


# --- the regulariser --------------------------------------------------------------------------


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The regulariser is subtracted: the minus in front covers it too. A penalty is added to "
    "what is minimised, or the critic is rewarded for steep gradients.",
)
def regulariser_subtracted(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -(loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic))

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The coefficient reg_cf is not used, so the regulariser always counts fully.",
)
def regulariser_without_its_coefficient(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The coefficient is applied twice, and the regulariser counts reg_cf squared.",
)
def regulariser_with_its_coefficient_twice(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        penalty = reg_cf * reg_fn(p, cp, q, cq, critic)
        return -loss_fn(cp, cq) + reg_cf * penalty

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The coefficient divides the regulariser. A larger reg_cf means a stronger regulariser.",
)
def regulariser_divided_by_its_coefficient(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic) / reg_cf

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The coefficient weights the distance instead of the regulariser.",
)
def coefficient_on_the_distance(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -reg_cf * loss_fn(cp, cq) + reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=[
        "test_regulariser_is_added_with_its_coefficient",
        "test_critic_loss_takes_real_samples_from_a_data_set",
    ],
    hint="The coefficient weights the whole loss, the distance included. It belongs to the "
    "regulariser alone.",
)
def coefficient_on_the_whole_loss(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return reg_cf * (reg_fn(p, cp, q, cq, critic) - loss_fn(cp, cq))

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The regulariser is chosen and never used: the critic's loss is the distance alone.",
)
def regulariser_forgotten(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, _ = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        return -loss_fn(critic(p), critic(q))

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The regulariser gets the generated samples in the place of the real ones. Real samples "
    "come first in every function of this file.",
)
def regulariser_with_real_and_generated_exchanged(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(q, cq, p, cp, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_regulariser_is_added_with_its_coefficient"],
    hint="The arguments of the regulariser are in the wrong order: each kind of samples is "
    "followed by its own values.",
)
def regulariser_with_arguments_out_of_order(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, q, cp, cq, critic)

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_players_learn_through_their_losses"],
    hint="The regulariser is turned into a plain number before it is added, so the loss has the "
    "right value and the critic does not feel the penalty.",
)
def regulariser_added_as_a_number(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic).item()

    return metric_of(loss_fn), critic_loss


@mistake(
    "gan.make_losses",
    fails=["test_losses_are_scalars"],
    hint="The coefficient is a tensor of shape (1,), and so becomes the loss. It should be a "
    "scalar: a plain number does not add an axis.",
)
def coefficient_with_an_axis_too_many(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn, reg_fn = chosen_parts(loss_type, reg_type, reg_cf)
    coefficient = torch.tensor([reg_cf])

    def critic_loss(p, q, critic):
        cp, cq = critic(p), critic(q)
        return -loss_fn(cp, cq) + coefficient * reg_fn(p, cp, q, cq, critic)

    return metric_of(loss_fn), critic_loss


# --- the head ---------------------------------------------------------------------------------


@mistake(
    "gan.make_losses",
    fails=["test_unknown_names_and_coefficients_are_refused"],
    hint="The checks at the head are gone: a misspelt name now trains something else without a "
    "word.",
)
def losses_of_any_name(loss_type, reg_type=None, reg_cf=1.0):
    loss_fn = jsd if loss_type == "JSD" else w1
    reg_fn = {"GP": ogp, "R1": r1gp}.get(reg_type, no_regulariser)
    return metric_of(loss_fn), critic_loss_of(loss_fn, reg_fn, reg_cf)
