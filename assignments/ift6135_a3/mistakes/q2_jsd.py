"""Wrong estimates of the Jensen-Shannon divergence, `jsd`."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import mistake

# --- jsd: factors and constants ---------------------------------------------------------------


@mistake(
    "gan.jsd",
    fails=["test_jsd_has_the_right_scale"],
    hint="The divergence is twice too large: Jensen-Shannon is the average of two "
    "Kullback-Leibler divergences, so each term counts half.",
)
def jsd_without_the_half(cp, cq):
    return F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4)


@mistake(
    "gan.jsd",
    fails=["test_jsd_is_zero_where_the_critic_knows_nothing"],
    hint="The constant is missing: this is the critic's objective, which is at most zero. The "
    "divergence is zero where the critic cannot tell the two apart.",
)
def jsd_without_log_four(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean())


@mistake(
    "gan.jsd",
    fails=["test_jsd_is_zero_where_the_critic_knows_nothing"],
    hint="The constant is too small: both terms are -log 2 for a critic that knows nothing, and "
    "the constant has to make up for the two of them.",
)
def jsd_with_log_two_for_log_four(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(2))


@mistake(
    "gan.jsd",
    fails=["test_jsd_is_zero_where_the_critic_knows_nothing"],
    hint="The constant is too large: log 4 belongs to the sum of the two terms, so the half in "
    "front applies to it as well.",
)
def jsd_with_log_four_outside_the_half(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean()) + math.log(4)


@mistake(
    "gan.jsd",
    fails=["test_jsd_is_zero_where_the_critic_knows_nothing"],
    hint="The constant has the wrong sign: the two log-likelihoods are negative, and the constant "
    "lifts the estimate up to zero.",
)
def jsd_with_log_four_subtracted(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() - math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_has_the_right_scale"],
    hint="This is the divergence in bits, at most 1. It is asked for in nats, at most log 2: the "
    "logarithms are natural ones.",
)
def jsd_in_bits(cp, cq):
    nats = 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))
    return nats / math.log(2)


@mistake(
    "gan.jsd",
    fails=["test_jsd_has_the_right_scale"],
    hint="The log-likelihoods are added up over the batch. An expectation is estimated by a mean, "
    "which does not grow with the size of the batch.",
)
def jsd_sums_over_the_batch(cp, cq):
    return 0.5 * (F.logsigmoid(cp).sum() + F.logsigmoid(-cq).sum() + math.log(4))


# --- jsd: signs and sides ---------------------------------------------------------------------


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The sign of the whole is turned round: a divergence is large when the critic tells the "
    "two apart. Turning it into something to be minimised is left to critic_loss.",
)
def jsd_negated(cp, cq):
    return -0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="This is the discriminator's cross-entropy, which falls as the critic gets better. The "
    "divergence rises: it is minus half of that sum, plus a constant.",
)
def jsd_is_the_cross_entropy(cp, cq):
    real = F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    fake = F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cq))
    return real + fake


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="Real and generated are exchanged: by convention the critic aims at positive values for "
    "real samples, which are the first argument.",
)
def jsd_with_real_and_generated_exchanged(cp, cq):
    return 0.5 * (F.logsigmoid(-cp).mean() + F.logsigmoid(cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The generated samples are scored as if they were real ones: for them the critic should "
    "say 'not real', whose probability is 1 - sigmoid(C).",
)
def jsd_takes_both_sides_for_real(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The second log-likelihood is subtracted. Both are added: a good critic makes both large.",
)
def jsd_subtracts_the_second_term(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() - F.logsigmoid(-cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The first log-likelihood is subtracted. Both are added: a good critic makes both large.",
)
def jsd_subtracts_the_first_term(cp, cq):
    return 0.5 * (-F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="One minus a log-probability is not the log of one minus the probability: the complement "
    "is taken before the logarithm.",
)
def jsd_takes_the_complement_after_the_logarithm(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + (1 - F.logsigmoid(cq)).mean() + math.log(4))


# --- jsd: logits and probabilities ------------------------------------------------------------


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The sigmoid is applied twice: a function whose name has 'logits' or 'logsigmoid' in it "
    "does it already.",
)
def jsd_applies_the_sigmoid_twice(cp, cq):
    dp, dq = torch.sigmoid(cp), torch.sigmoid(cq)
    return 0.5 * (F.logsigmoid(dp).mean() + F.logsigmoid(-dq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The critic's values are taken for probabilities. They are logits, any real numbers, and "
    "the logarithm of a negative one is NaN.",
)
def jsd_takes_the_values_for_probabilities(cp, cq):
    return 0.5 * (torch.log(cp).mean() + torch.log(1 - cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The probabilities enter without their logarithm: this rewards a critic that is often "
    "right, and is no longer the divergence.",
)
def jsd_without_the_logarithms(cp, cq):
    return 0.5 * (torch.sigmoid(cp).mean() + torch.sigmoid(-cq).mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The critic's values are averaged before the log-sigmoid. It is not linear: each sample's "
    "log-likelihood comes first, the mean after it.",
)
def jsd_of_the_mean_values(cp, cq):
    return 0.5 * (F.logsigmoid(cp.mean()) + F.logsigmoid(-cq.mean()) + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The logarithm is taken of the mean probability. The expectation is that of the "
    "log-likelihood: logarithm first, mean second.",
)
def jsd_takes_the_logarithm_of_the_mean(cp, cq):
    dp, dq = torch.sigmoid(cp).mean(), torch.sigmoid(-cq).mean()
    return 0.5 * (torch.log(dp) + torch.log(dq) + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_stays_finite_for_confident_critics"],
    hint="The sigmoid of a large positive value is exactly 1 in float32, so the logarithm of one "
    "minus it is minus infinity. 1 - sigmoid(c) is sigmoid(-c), and that one has a stable "
    "logarithm.",
)
def jsd_takes_the_logarithm_of_one_minus_the_sigmoid(cp, cq):
    return 0.5 * (F.logsigmoid(cp).mean() + (1 - torch.sigmoid(cq)).log().mean() + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_jsd_rewards_a_critic_that_tells_real_from_generated"],
    hint="The logits are clamped. The log-sigmoid of a large negative value is about that value: "
    "it stays finite by itself, and behind a clamp a critic that is far off learns nothing.",
)
def jsd_clamps_its_logits(cp, cq):
    cp, cq = cp.clamp(-3, 3), cq.clamp(-3, 3)
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


# --- jsd: what comes out ----------------------------------------------------------------------


@mistake(
    "gan.jsd",
    fails=["test_metric_is_a_scalar"],
    hint="There is one value per sample here. The divergence is one number for the batch: each of "
    "the two terms is a mean.",
)
def jsd_of_each_sample(cp, cq):
    return 0.5 * (F.logsigmoid(cp) + F.logsigmoid(-cq) + math.log(4))


@mistake(
    "gan.jsd",
    fails=["test_critic_and_generator_learn_through_the_metric"],
    hint="The value is right, but it has lost its graph on the way to a plain number, and neither "
    "player can learn from it.",
)
def jsd_loses_its_graph(cp, cq):
    value = 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))
    return torch.tensor(value.item())


@mistake(
    "gan.jsd",
    fails=["test_metric_takes_the_dirac_game_and_double_precision"],
    hint="The labels of the generated samples are made in the shape of the real values. The two "
    "shapes need not be equal: in the dirac game they are (1, 1) and (1,).",
)
def jsd_with_labels_of_the_other_shape(cp, cq):
    real = F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    fake = F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cp))
    return 0.5 * (math.log(4) - real - fake)
