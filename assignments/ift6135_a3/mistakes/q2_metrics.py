"""Mistakes in 2.1 and 2.2: the two metrics of the critic."""

import math

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes

jsd_scale = Mistakes("gan.jsd", "test_jsd_has_the_right_scale")


@jsd_scale
def jsd_without_the_half(cp, cq):
    """The divergence is twice too large: Jensen-Shannon is the average of two Kullback-Leibler
    divergences, so each term counts half."""
    return F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4)


@jsd_scale
def jsd_in_bits(cp, cq):
    """This is the divergence in bits, at most 1. It is asked for in nats, at most log 2: the
    logarithms are natural ones."""
    nats = 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))
    return nats / math.log(2)


@jsd_scale
def jsd_sums_over_the_batch(cp, cq):
    """The log-likelihoods are added up over the batch. An expectation is estimated by a mean, which
    does not grow with the size of the batch."""
    return 0.5 * (F.logsigmoid(cp).sum() + F.logsigmoid(-cq).sum() + math.log(4))


jsd_zero = Mistakes("gan.jsd", "test_jsd_is_zero_where_the_critic_knows_nothing")


@jsd_zero
def jsd_without_log_four(cp, cq):
    """The constant is missing: this is the critic's objective, which is at most zero. The
    divergence is zero where the critic cannot tell the two apart."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean())


@jsd_zero
def jsd_with_log_two_for_log_four(cp, cq):
    """The constant is too small: both terms are -log 2 for a critic that knows nothing, and the
    constant has to make up for the two of them."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(2))


@jsd_zero
def jsd_with_log_four_outside_the_half(cp, cq):
    """The constant is too large: log 4 belongs to the sum of the two terms, so the half in front
    applies to it as well."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean()) + math.log(4)


@jsd_zero
def jsd_with_log_four_subtracted(cp, cq):
    """The constant has the wrong sign: the two log-likelihoods are negative, and the constant lifts
    the estimate up to zero."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() - math.log(4))


jsd_reward = Mistakes("gan.jsd", "test_jsd_rewards_a_critic_that_tells_real_from_generated")


@jsd_reward
def jsd_negated(cp, cq):
    """The sign of the whole is turned round: a divergence is large when the critic tells the two
    apart. Turning it into something to be minimised is left to critic_loss."""
    return -0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


@jsd_reward
def jsd_is_the_cross_entropy(cp, cq):
    """This is the discriminator's cross-entropy, which falls as the critic gets better. The
    divergence rises: it is minus half of that sum, plus a constant."""
    real = F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    fake = F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cq))
    return real + fake


@jsd_reward
def jsd_with_real_and_generated_exchanged(cp, cq):
    """Real and generated are exchanged: by convention the critic aims at positive values for real
    samples, which are the first argument."""
    return 0.5 * (F.logsigmoid(-cp).mean() + F.logsigmoid(cq).mean() + math.log(4))


@jsd_reward
def jsd_takes_both_sides_for_real(cp, cq):
    """The generated samples are scored as if they were real ones: for them the critic should say
    'not real', whose probability is 1 - sigmoid(C)."""
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(cq).mean() + math.log(4))


@jsd_reward
def jsd_subtracts_the_second_term(cp, cq):
    """The second log-likelihood is subtracted. Both are added: a good critic makes both large."""
    return 0.5 * (F.logsigmoid(cp).mean() - F.logsigmoid(-cq).mean() + math.log(4))


@jsd_reward
def jsd_subtracts_the_first_term(cp, cq):
    """The first log-likelihood is subtracted. Both are added: a good critic makes both large."""
    return 0.5 * (-F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


@jsd_reward
def jsd_takes_the_complement_after_the_logarithm(cp, cq):
    """One minus a log-probability is not the log of one minus the probability: the complement is
    taken before the logarithm."""
    return 0.5 * (F.logsigmoid(cp).mean() + (1 - F.logsigmoid(cq)).mean() + math.log(4))


@jsd_reward
def jsd_applies_the_sigmoid_twice(cp, cq):
    """The sigmoid is applied twice: a function whose name has 'logits' or 'logsigmoid' in it does
    it already."""
    dp, dq = torch.sigmoid(cp), torch.sigmoid(cq)
    return 0.5 * (F.logsigmoid(dp).mean() + F.logsigmoid(-dq).mean() + math.log(4))


@jsd_reward
def jsd_takes_the_values_for_probabilities(cp, cq):
    """The critic's values are taken for probabilities. They are logits, any real numbers, and the
    logarithm of a negative one is NaN."""
    return 0.5 * (torch.log(cp).mean() + torch.log(1 - cq).mean() + math.log(4))


@jsd_reward
def jsd_without_the_logarithms(cp, cq):
    """The probabilities enter without their logarithm: this rewards a critic that is often right,
    and is no longer the divergence."""
    return 0.5 * (torch.sigmoid(cp).mean() + torch.sigmoid(-cq).mean() + math.log(4))


@jsd_reward
def jsd_of_the_mean_values(cp, cq):
    """The critic's values are averaged before the log-sigmoid. It is not linear: each sample's
    log-likelihood comes first, the mean after it."""
    return 0.5 * (F.logsigmoid(cp.mean()) + F.logsigmoid(-cq.mean()) + math.log(4))


@jsd_reward
def jsd_takes_the_logarithm_of_the_mean(cp, cq):
    """The logarithm is taken of the mean probability. The expectation is that of the
    log-likelihood: logarithm first, mean second."""
    dp, dq = torch.sigmoid(cp).mean(), torch.sigmoid(-cq).mean()
    return 0.5 * (torch.log(dp) + torch.log(dq) + math.log(4))


@jsd_reward
def jsd_clamps_its_logits(cp, cq):
    """The logits are clamped. The log-sigmoid of a large negative value is about that value: it
    stays finite by itself, and behind a clamp a critic that is far off learns nothing."""
    cp, cq = cp.clamp(-3, 3), cq.clamp(-3, 3)
    return 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))


jsd_finite = Mistakes("gan.jsd", "test_jsd_stays_finite_for_confident_critics")


@jsd_finite
def jsd_takes_the_logarithm_of_one_minus_the_sigmoid(cp, cq):
    """The sigmoid of a large positive value is exactly 1 in float32, so the logarithm of one minus
    it is minus infinity. 1 - sigmoid(c) is sigmoid(-c), and that one has a stable logarithm."""
    return 0.5 * (F.logsigmoid(cp).mean() + (1 - torch.sigmoid(cq)).log().mean() + math.log(4))


jsd_scalar = Mistakes("gan.jsd", "test_metric_is_a_scalar")


@jsd_scalar
def jsd_of_each_sample(cp, cq):
    """There is one value per sample here. The divergence is one number for the batch: each of the
    two terms is a mean."""
    return 0.5 * (F.logsigmoid(cp) + F.logsigmoid(-cq) + math.log(4))


jsd_learning = Mistakes("gan.jsd", "test_critic_and_generator_learn_through_the_metric")


@jsd_learning
def jsd_loses_its_graph(cp, cq):
    """The value is right, but it has lost its graph on the way to a plain number, and neither
    player can learn from it."""
    value = 0.5 * (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4))
    return torch.tensor(value.item())


jsd_dirac = Mistakes("gan.jsd", "test_metric_takes_the_dirac_game_and_double_precision")


@jsd_dirac
def jsd_with_labels_of_the_other_shape(cp, cq):
    """The labels of the generated samples are made in the shape of the real values. The two shapes
    need not be equal: in the dirac game they are (1, 1) and (1,)."""
    real = F.binary_cross_entropy_with_logits(cp, torch.ones_like(cp))
    fake = F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cp))
    return 0.5 * (math.log(4) - real - fake)


w1_values = Mistakes("gan.w1", "test_w1_is_the_difference_of_the_means")


@w1_values
def w1_with_real_and_generated_exchanged(cp, cq):
    """The difference is the wrong way round: the critic pushes real values up, so the distance is
    that of the real mean above the generated one."""
    return cq.mean() - cp.mean()


@w1_values
def w1_takes_the_absolute_value(cp, cq):
    """The absolute value hides which side the critic prefers. The maximum over critics makes the
    distance positive; for one critic the estimate may well be negative."""
    return (cp.mean() - cq.mean()).abs()


@w1_values
def w1_cut_off_at_zero(cp, cq):
    """The estimate is cut off at zero. For a critic that prefers the generated samples it is
    negative, and the critic needs that slope to get out of there."""
    return F.relu(cp.mean() - cq.mean())


@w1_values
def w1_squared(cp, cq):
    """The difference of the means is squared. The dual form is linear in the critic: it is the
    difference itself."""
    return (cp.mean() - cq.mean()) ** 2


@w1_values
def w1_sums_over_the_batch(cp, cq):
    """The values are added up over the batch. An expectation is estimated by a mean, which does not
    grow with the size of the batch."""
    return cp.sum() - cq.sum()


@w1_values
def w1_adds_the_means(cp, cq):
    """The two means are added. The distance is in how much higher the critic scores the real
    samples: their difference."""
    return cp.mean() + cq.mean()


@w1_values
def w1_through_a_sigmoid(cp, cq):
    """The critic's values go through a sigmoid. The Wasserstein critic is no classifier: its values
    enter as they are."""
    return torch.sigmoid(cp).mean() - torch.sigmoid(cq).mean()


@w1_values
def w1_clips_the_values(cp, cq):
    """The critic's values are clipped. In the original WGAN it is the critic's weights that are
    clipped, and here neither: the Lipschitz bound is the regulariser's business."""
    return cp.clamp(-1, 1).mean() - cq.clamp(-1, 1).mean()


@w1_values
def w1_halved(cp, cq):
    """There is a factor of one half that the Wasserstein distance does not have; it belongs to the
    Jensen-Shannon divergence."""
    return 0.5 * (cp.mean() - cq.mean())


@w1_values
def w1_of_logarithms(cp, cq):
    """The critic's values are taken for probabilities here, and the logarithm of a negative one is
    NaN. The Wasserstein distance needs no logarithm."""
    return torch.log(cp - 10).mean() - torch.log(cq - 10).mean()


@w1_values
def w1_that_is_a_constant(cp, cq):
    """The result is the same whatever the critic says."""
    return torch.ones(()) + 0 * cp.mean() - 0 * cq.mean()


w1_scalar = Mistakes("gan.w1", "test_metric_is_a_scalar")


@w1_scalar
def w1_of_each_pair(cp, cq):
    """There is one difference per sample here. The distance is one number for the batch: the mean
    is missing."""
    return cp - cq


w1_learning = Mistakes("gan.w1", "test_critic_and_generator_learn_through_the_metric")


@w1_learning
def w1_detaches_the_real_mean(cp, cq):
    """The real mean is detached. The generator does not need it, but the critic learns through both
    means."""
    return cp.mean().detach() - cq.mean()


w1_dirac = Mistakes("gan.w1", "test_metric_takes_the_dirac_game_and_double_precision")


@w1_dirac
def w1_stacks_the_values(cp, cq):
    """The two batches are stacked, for which they need equal shapes. In the dirac game they are (1,
    1) and (1,): take the two means by themselves."""
    return torch.stack([cp, -cq]).sum(dim=0).mean()
