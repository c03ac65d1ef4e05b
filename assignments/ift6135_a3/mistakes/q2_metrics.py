"""Mistakes in 2.1: the two distances, `jsd` and `w1`."""

from grader.catalogue import Mistakes

jsd_scale = Mistakes("gan.jsd", "test_has_the_right_scale")
jsd_scale.edit(
    "jsd_without_the_half",
    "0.5 * (",
    "(",
    """The divergence is twice too large: Jensen-Shannon is the average of two Kullback-Leibler
    divergences, so each term counts half.""",
)
jsd_scale.edit(
    "jsd_in_bits",
    "0.5 * (",
    "0.5 / float(np.log(2)) * (",
    """This is the divergence in bits, at most 1. It is asked for in nats, at most log 2: the
    logarithms are natural ones.""",
)
jsd_scale.edit(
    "jsd_sums_over_the_batch",
    "log_real + log_fake",
    "F.logsigmoid(cp).sum() + F.logsigmoid(-cq).sum()",
    """The log-likelihoods are added up over the batch. An expectation is estimated by a mean, which
    does not grow with the size of the batch.""",
)

jsd_zero = Mistakes("gan.jsd", "test_is_zero_where_the_critic_knows_nothing")
jsd_zero.edit(
    "jsd_without_log_four",
    " + float(np.log(4))",
    "",
    """The constant is missing: this is the critic's objective, which is at most zero. The
    divergence is zero where the critic cannot tell the two apart.""",
)
jsd_zero.edit(
    "jsd_with_log_two_for_log_four",
    "np.log(4)",
    "np.log(2)",
    """The constant is too small: both terms are -log 2 for a critic that knows nothing, and the
    constant has to make up for the two of them.""",
)
jsd_zero.edit(
    "jsd_with_log_four_outside_the_half",
    " + float(np.log(4)))",
    ") + float(np.log(4))",
    """The constant is too large: log 4 belongs to the sum of the two terms, so the half in front
    applies to it as well.""",
)
jsd_zero.edit(
    "jsd_with_log_four_subtracted",
    "+ float(np.log(4))",
    "- float(np.log(4))",
    """The constant has the wrong sign: the two log-likelihoods are negative, and the constant lifts
    the estimate up to zero.""",
)

jsd_reward = Mistakes("gan.jsd", "test_rewards_a_critic_that_tells_real_from_generated")
jsd_reward.edit(
    "jsd_negated",
    "0.5 * (",
    "-0.5 * (",
    """The sign of the whole is turned round: a divergence is large when the critic tells the two
    apart. Turning it into something to be minimised is left to critic_loss.""",
)
jsd_reward.edit(
    "jsd_is_the_cross_entropy",
    "0.5 * (log_real + log_fake + float(np.log(4)))",
    "-(log_real + log_fake)",
    """This is the discriminator's cross-entropy, which falls as the critic gets better. The
    divergence rises: it is minus half of that sum, plus a constant.""",
)
jsd_reward.edit(
    "jsd_with_real_and_generated_exchanged",
    "    # logsigmoid, not",
    """    cp, cq = cq, cp
    # logsigmoid, not""",
    """Real and generated are exchanged: by convention the critic aims at positive values for real
    samples, which are the first argument.""",
)
jsd_reward.edit(
    "jsd_takes_both_sides_for_real",
    "logsigmoid(-cq)",
    "logsigmoid(cq)",
    """The generated samples are scored as if they were real ones: for them the critic should say
    'not real', whose probability is 1 - sigmoid(C).""",
)
jsd_reward.edit(
    "jsd_subtracts_the_second_term",
    "+ log_fake",
    "- log_fake",
    "The second log-likelihood is subtracted. Both are added: a good critic makes both large.",
)
jsd_reward.edit(
    "jsd_subtracts_the_first_term",
    "(log_real",
    "(-log_real",
    "The first log-likelihood is subtracted. Both are added: a good critic makes both large.",
)
jsd_reward.edit(
    "jsd_takes_the_complement_after_the_logarithm",
    "F.logsigmoid(-cq)",
    "(1 - F.logsigmoid(cq))",
    """One minus a log-probability is not the log of one minus the probability: the complement is
    taken before the logarithm.""",
)
jsd_reward.edit(
    "jsd_applies_the_sigmoid_twice",
    "    # logsigmoid, not",
    """    cp, cq = torch.sigmoid(cp), torch.sigmoid(cq)
    # logsigmoid, not""",
    """The sigmoid is applied twice: a function whose name has 'logits' or 'logsigmoid' in it does
    it already.""",
)
jsd_reward.edit(
    "jsd_takes_the_values_for_probabilities",
    "log_real + log_fake",
    "torch.log(cp).mean() + torch.log(1 - cq).mean()",
    """The critic's values are taken for probabilities. They are logits, any real numbers, and the
    logarithm of a negative one is NaN.""",
)
jsd_reward.edit(
    "jsd_without_the_logarithms",
    "log_real + log_fake",
    "torch.sigmoid(cp).mean() + torch.sigmoid(-cq).mean()",
    """The probabilities enter without their logarithm: this rewards a critic that is often right,
    and is no longer the divergence.""",
)
jsd_reward.edit(
    "jsd_of_the_mean_values",
    "    # logsigmoid, not",
    """    cp, cq = cp.mean(), cq.mean()
    # logsigmoid, not""",
    """The critic's values are averaged before the log-sigmoid. It is not linear: each sample's
    log-likelihood comes first, the mean after it.""",
)
jsd_reward.edit(
    "jsd_takes_the_logarithm_of_the_mean",
    "log_real + log_fake",
    "torch.sigmoid(cp).mean().log() + torch.sigmoid(-cq).mean().log()",
    """The logarithm is taken of the mean probability. The expectation is that of the
    log-likelihood: logarithm first, mean second.""",
)
jsd_reward.edit(
    "jsd_clamps_its_logits",
    "    # logsigmoid, not",
    """    cp, cq = cp.clamp(-3, 3), cq.clamp(-3, 3)
    # logsigmoid, not""",
    """The logits are clamped. The log-sigmoid of a large negative value is about that value: it
    stays finite by itself, and behind a clamp a critic that is far off learns nothing.""",
)

Mistakes("gan.jsd", "test_stays_finite_for_confident_critics").edit(
    "jsd_takes_the_logarithm_of_one_minus_the_sigmoid",
    "F.logsigmoid(-cq)",
    "(1 - torch.sigmoid(cq)).log()",
    """The sigmoid of a large positive value is exactly 1 in float32, so the logarithm of one minus
    it is minus infinity. 1 - sigmoid(c) is sigmoid(-c), and that one has a stable logarithm.""",
)

Mistakes("gan.jsd", "TestJsd::test_has_the_right_shape").edit(
    "jsd_of_each_sample",
    "log_real + log_fake",
    "F.logsigmoid(cp) + F.logsigmoid(-cq)",
    """There is one value per sample here. The divergence is one number for the batch: each of the
    two terms is a mean.""",
)

Mistakes("gan.jsd", "TestJsd::test_takes_the_dirac_game_and_double_precision").edit(
    "jsd_with_labels_of_the_other_shape",
    "F.logsigmoid(-cq).mean()",
    "-F.binary_cross_entropy_with_logits(cq, torch.zeros_like(cp))",
    """The labels of the generated samples are made in the shape of the real values. The two shapes
    need not be equal: in the dirac game they are (1, 1) and (1,).""",
)

w1_values = Mistakes("gan.w1", "test_has_the_right_values")
w1_values.edit(
    "w1_with_real_and_generated_exchanged",
    "cp.mean() - cq.mean()",
    "cq.mean() - cp.mean()",
    """The difference is the wrong way round: the critic pushes real values up, so the distance is
    that of the real mean above the generated one.""",
)
w1_values.edit(
    "w1_squared",
    "cp.mean() - cq.mean()",
    "(cp.mean() - cq.mean()) ** 2",
    """The difference of the means is squared. The dual form is linear in the critic: it is the
    difference itself.""",
)
w1_values.edit(
    "w1_sums_over_the_batch",
    "cp.mean() - cq.mean()",
    "cp.sum() - cq.sum()",
    """The values are added up over the batch. An expectation is estimated by a mean, which does not
    grow with the size of the batch.""",
)
w1_values.edit(
    "w1_adds_the_means",
    "cp.mean() - cq",
    "cp.mean() + cq",
    """The two means are added. The distance is in how much higher the critic scores the real
    samples: their difference.""",
)
w1_values.edit(
    "w1_through_a_sigmoid",
    "cp.mean() - cq.mean()",
    "torch.sigmoid(cp).mean() - torch.sigmoid(cq).mean()",
    """The critic's values go through a sigmoid. The Wasserstein critic is not a classifier: its
    values enter as they are.""",
)
w1_values.edit(
    "w1_clips_the_values",
    "cp.mean() - cq.mean()",
    "cp.clamp(-1, 1).mean() - cq.clamp(-1, 1).mean()",
    """The critic's values are clipped. In the original WGAN it is the critic's weights that are
    clipped, and here neither: the Lipschitz bound is the regulariser's business.""",
)
w1_values.edit(
    "w1_halved",
    "cp.mean() - cq.mean()",
    "0.5 * (cp.mean() - cq.mean())",
    """There is a factor of one half that the Wasserstein distance does not have; it belongs to the
    Jensen-Shannon divergence.""",
)
w1_values.edit(
    "w1_of_logarithms",
    "cp.mean() - cq.mean()",
    "torch.log(cp - 10).mean() - torch.log(cq - 10).mean()",
    """The critic's values are taken for probabilities here, and the logarithm of a negative one is
    NaN. The Wasserstein distance needs no logarithm.""",
)
w1_values.edit(
    "w1_that_is_a_constant",
    "cp.mean() - cq.mean()",
    "torch.ones(()) + 0 * cp.mean() - 0 * cq.mean()",
    "The result is the same whatever the critic says.",
)

w1_negative = Mistakes("gan.w1", "test_is_negative_where_the_critic_prefers_generated_samples")
w1_negative.edit(
    "w1_takes_the_absolute_value",
    "cp.mean() - cq.mean()",
    "(cp.mean() - cq.mean()).abs()",
    """The absolute value hides which side the critic prefers. The maximum over critics makes the
    distance positive; for one critic the estimate may well be negative.""",
)
w1_negative.edit(
    "w1_cut_off_at_zero",
    "cp.mean() - cq.mean()",
    "F.relu(cp.mean() - cq.mean())",
    """The estimate is cut off at zero. For a critic that prefers the generated samples it is
    negative, and the critic needs that slope to get out of there.""",
)

Mistakes("gan.w1", "TestW1::test_has_the_right_shape").edit(
    "w1_of_each_pair",
    "cp.mean() - cq.mean()",
    "cp - cq",
    """There is one difference per sample here. The distance is one number for the batch: the mean
    is missing.""",
)

Mistakes("gan.w1", "TestW1::test_has_the_gradient_of_its_values").edit(
    "w1_detaches_the_real_mean",
    "cp.mean() -",
    "cp.mean().detach() -",
    """The real mean is detached. The generator does not need it, but the critic learns through both
    means.""",
)

Mistakes("gan.w1", "TestW1::test_takes_the_dirac_game_and_double_precision").edit(
    "w1_stacks_the_values",
    "cp.mean() - cq.mean()",
    "torch.stack([cp, -cq]).sum(dim=0).mean()",
    """The two batches are stacked, for which they need equal shapes. In the dirac game they are (1,
    1) and (1,): take the two means by themselves.""",
)
