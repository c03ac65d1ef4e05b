"""Wrong estimates of the Wasserstein distance, `w1`."""

import torch
import torch.nn.functional as F

from grader.catalogue import mistake

# --- w1 ---------------------------------------------------------------------------------------


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The difference is the wrong way round: the critic pushes real values up, so the distance "
    "is that of the real mean above the generated one.",
)
def w1_with_real_and_generated_exchanged(cp, cq):
    return cq.mean() - cp.mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The absolute value hides which side the critic prefers. The maximum over critics makes "
    "the distance positive; for one critic the estimate may well be negative.",
)
def w1_takes_the_absolute_value(cp, cq):
    return (cp.mean() - cq.mean()).abs()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The estimate is cut off at zero. For a critic that prefers the generated samples it is "
    "negative, and the critic needs that slope to get out of there.",
)
def w1_cut_off_at_zero(cp, cq):
    return F.relu(cp.mean() - cq.mean())


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The difference of the means is squared. The dual form is linear in the critic: it is the "
    "difference itself.",
)
def w1_squared(cp, cq):
    return (cp.mean() - cq.mean()) ** 2


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The values are added up over the batch. An expectation is estimated by a mean, which "
    "does not grow with the size of the batch.",
)
def w1_sums_over_the_batch(cp, cq):
    return cp.sum() - cq.sum()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The two means are added. The distance is in how much higher the critic scores the real "
    "samples: their difference.",
)
def w1_adds_the_means(cp, cq):
    return cp.mean() + cq.mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The critic's values go through a sigmoid. The Wasserstein critic is no classifier: its "
    "values enter as they are.",
)
def w1_through_a_sigmoid(cp, cq):
    return torch.sigmoid(cp).mean() - torch.sigmoid(cq).mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The critic's values are clipped. In the original WGAN it is the critic's weights that "
    "are clipped, and here neither: the Lipschitz bound is the regulariser's business.",
)
def w1_clips_the_values(cp, cq):
    return cp.clamp(-1, 1).mean() - cq.clamp(-1, 1).mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="There is a factor of one half that the Wasserstein distance does not have; it belongs to "
    "the Jensen-Shannon divergence.",
)
def w1_halved(cp, cq):
    return 0.5 * (cp.mean() - cq.mean())


@mistake(
    "gan.w1",
    fails=["test_metric_is_a_scalar"],
    hint="There is one difference per sample here. The distance is one number for the batch: the "
    "mean is missing.",
)
def w1_of_each_pair(cp, cq):
    return cp - cq


@mistake(
    "gan.w1",
    fails=["test_critic_and_generator_learn_through_the_metric"],
    hint="The real mean is detached. The generator does not need it, but the critic learns through "
    "both means.",
)
def w1_detaches_the_real_mean(cp, cq):
    return cp.mean().detach() - cq.mean()


@mistake(
    "gan.w1",
    fails=["test_metric_takes_the_dirac_game_and_double_precision"],
    hint="The two batches are stacked, for which they need equal shapes. In the dirac game they "
    "are (1, 1) and (1,): take the two means by themselves.",
)
def w1_stacks_the_values(cp, cq):
    return torch.stack([cp, -cq]).sum(dim=0).mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The critic's values are taken for probabilities here, and the logarithm of a negative "
    "one is NaN. The Wasserstein distance needs no logarithm.",
)
def w1_of_logarithms(cp, cq):
    return torch.log(cp - 10).mean() - torch.log(cq - 10).mean()


@mistake(
    "gan.w1",
    fails=["test_w1_is_the_difference_of_the_means"],
    hint="The result is the same whatever the critic says.",
)
def w1_that_is_a_constant(cp, cq):
    return torch.ones(()) + 0 * cp.mean() - 0 * cq.mean()
