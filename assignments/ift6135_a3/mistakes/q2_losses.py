"""Mistakes in 2.3: the losses of the two players, `make_losses`."""

import math

import torch.nn.functional as F

from grader.catalogue import Mistakes


def jsd_of_real_and_fake(real, fake):
    return 0.5 * (F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean() + math.log(4))


def w1_of_real_and_fake(real, fake):
    return real.mean() - fake.mean()


Mistakes("gan.make_losses", "test_metric_carries_no_regulariser").edit(
    "metric_with_the_regulariser",
    "return loss_fn(critic(p), critic(q))",
    """p.requires_grad_()
        cp, cq = critic(p), critic(q)
        return loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)""",
    """The regulariser is in the metric as well. It restrains the critic; the generator minimises
    the distance alone.""",
)

named_distance = Mistakes("gan.make_losses", "test_metric_is_the_named_distance")
named_distance.edit(
    "metric_negated",
    "return loss_fn(",
    "return -loss_fn(",
    """The metric is negated. The generator minimises it, and what it wants small is the distance
    itself.""",
)
named_distance.edit(
    "metric_with_real_and_generated_exchanged",
    "(critic(p), critic(q))",
    "(critic(q), critic(p))",
    """Real and generated samples are exchanged in the metric. The distances take the critic's
    values of the real samples first.""",
)
named_distance.edit(
    "metric_of_generated_samples_twice",
    "(critic(p), critic(q))",
    "(critic(q), critic(q))",
    """The critic scores the generated samples twice and the real ones never, so the distance is one
    of the generated samples from themselves.""",
)
named_distance.edit(
    "metric_is_the_non_saturating_loss",
    "return loss_fn(",
    """if loss_type == "JSD":
            return -F.logsigmoid(critic(q)).mean()
        return loss_fn(""",
    """This is the non-saturating loss of the generator. It is often used, but it is not the
    distance that is asked for here and plotted.""",
)
named_distance.edit(
    "metric_without_the_real_samples",
    "return loss_fn(critic(p), critic(q))",
    """cq = critic(q)
        return 0.5 * F.logsigmoid(-cq).mean() if loss_type == "JSD" else -cq.mean()""",
    """The real samples are left out because the generator has no influence on them. Its gradient is
    the same, but the number is no longer the distance that is returned and plotted.""",
)

learning = Mistakes(
    "gan.make_losses",
    "test_generator_learns_through_the_metric",
    "test_critic_learns_through_its_loss",
)
learning.edit(
    "metric_detached",
    "critic(q))",
    "critic(q)).detach()",
    """The metric is detached. It is more than a number for the plots: the generator learns through
    it.""",
)
learning.edit(
    "metric_detaches_the_generated_samples",
    "critic(q))",
    "critic(q.detach()))",
    """The generated samples are detached in the metric. That is for the critic's loss, if anywhere:
    the generator's only way to learn goes through them.""",
)
learning.edit(
    "critic_loss_of_values_without_a_graph",
    """        cp = critic(p)
        cq = critic(q)
""",
    """        with torch.no_grad():
            cp, cq = critic(p), critic(q)
""",
    """The critic's values are computed without a graph, so its loss cannot teach it anything. It is
    the generated samples that may be detached, not what the critic makes of them.""",
)
learning.edit(
    "critic_loss_detaches_the_generated_values",
    "cq = critic(q)",
    "cq = critic(q).detach()",
    """The critic's values of the generated samples are detached. It is the samples that may be
    detached in the critic's step: the critic has to learn from its values of both kinds.""",
)
learning.edit(
    "regulariser_added_as_a_number",
    "reg_fn(p, cp, q, cq, critic)",
    "reg_fn(p, cp, q, cq, critic).item()",
    """The regulariser is turned into a plain number before it is added, so the loss has the right
    value and the critic does not feel the penalty.""",
)

largest_distance = Mistakes("gan.make_losses", "test_critic_wants_the_largest_distance")
largest_distance.edit(
    "critic_loss_without_the_minus",
    "-loss_fn(",
    "loss_fn(",
    """The critic would make the distance small. It wants it large, and its optimiser minimises, so
    a sign is missing in front of the distance.""",
)
largest_distance.edit(
    "players_with_exchanged_aims",
    "return metric, critic_loss",
    """return (
        lambda *args: -metric(*args),
        lambda *args: critic_loss(*args) + 2 * metric(*args),
    )""",
    """The signs of both players are turned round: here the critic minimises the distance and the
    generator maximises it.""",
)
largest_distance.edit(
    "critic_loss_with_real_and_generated_exchanged",
    "loss_fn(cp, cq)",
    "loss_fn(cq, cp)",
    """Real and generated samples are exchanged in the critic's loss. The distances take the
    critic's values of the real samples first.""",
)
largest_distance.edit(
    "losses_returned_in_the_wrong_order",
    "return metric, critic_loss",
    "return critic_loss, metric",
    "The two functions are returned in the wrong order: the metric comes first.",
)

regulariser = Mistakes("gan.make_losses", "test_regulariser_is_added_with_its_coefficient")
regulariser.edit(
    "regulariser_subtracted",
    "-loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)",
    "-(loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic))",
    """The regulariser is subtracted: the minus in front covers it too. A penalty is added to what
    is minimised, or the critic is rewarded for steep gradients.""",
)
regulariser.edit(
    "regulariser_without_its_coefficient",
    "reg_cf * ",
    "",
    "The coefficient reg_cf is not used, so the regulariser always counts fully.",
)
regulariser.edit(
    "regulariser_with_its_coefficient_twice",
    "reg_cf * ",
    "reg_cf**2 * ",
    "The coefficient is applied twice, and the regulariser counts reg_cf squared.",
)
regulariser.edit(
    "regulariser_divided_by_its_coefficient",
    "reg_cf * ",
    "1 / reg_cf * ",
    "The coefficient divides the regulariser. A larger reg_cf means a stronger regulariser.",
)
regulariser.edit(
    "coefficient_on_the_distance",
    "-loss_fn(cp, cq) + reg_cf *",
    "-reg_cf * loss_fn(cp, cq) +",
    "The coefficient weights the distance instead of the regulariser.",
)
regulariser.edit(
    "regulariser_forgotten",
    " + reg_cf * reg_fn(p, cp, q, cq, critic)",
    "",
    "The regulariser is chosen and never used: the critic's loss is the distance alone.",
)
regulariser.edit(
    "regulariser_with_real_and_generated_exchanged",
    "(p, cp, q, cq, critic)\n",
    "(q, cq, p, cp, critic)\n",
    """The regulariser gets the generated samples in the place of the real ones. Real samples come
    first in every function of this file.""",
)
regulariser.edit(
    "regulariser_with_arguments_out_of_order",
    "(p, cp, q, cq, critic)\n",
    "(p, q, cp, cq, critic)\n",
    """The arguments of the regulariser are in the wrong order: each kind of samples is followed by
    its own values.""",
)

Mistakes(
    "gan.make_losses",
    "test_regulariser_is_added_with_its_coefficient",
    "test_critic_loss_takes_real_samples_from_a_data_set",
).edit(
    "coefficient_on_the_whole_loss",
    "-loss_fn(cp, cq) + reg_cf * reg_fn(p, cp, q, cq, critic)",
    "reg_cf * (reg_fn(p, cp, q, cq, critic) - loss_fn(cp, cq))",
    """The coefficient weights the whole loss, the distance included. It belongs to the regulariser
    alone.""",
)

Mistakes("gan.make_losses", "test_losses_are_scalars").edit(
    "coefficient_with_an_axis_too_many",
    "+ reg_cf *",
    "+ torch.tensor([reg_cf]) *",
    """The coefficient is a tensor of shape (1,), and so becomes the loss. It should be a scalar: a
    plain number does not add an axis.""",
)

Mistakes("gan.make_losses", "test_unknown_names_and_coefficients_are_refused").edit(
    "losses_of_any_name",
    "assert reg_cf > 0,",
    """loss_type = "JSD" if loss_type == "JSD" else "W1"
    reg_type = reg_type if reg_type in ("GP", "R1") else None
    assert True,""",
    "The checks at the head are gone: a misspelt name now trains something else without a word.",
)


# Right parts are called by names that they do not have: the parts lose nothing.
@Mistakes(
    "gan.make_losses",
    "test_metric_is_the_named_distance",
    beside={"gan.jsd": jsd_of_real_and_fake, "gan.w1": w1_of_real_and_fake},
)
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
