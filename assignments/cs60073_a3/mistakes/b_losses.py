"""Mistakes in b.1.3, b.3.1, b.3.4 and b.5.2: the losses, and the ranges of pixels."""

from grader.catalogue import Mistakes

cross_entropy = Mistakes("image_models.vae_loss", "test_cross_entropy_is_summed_over_pixels")
cross_entropy.edit(
    "loss_averaged_over_pixels",
    'reduction="none").sum(dim=1).mean()',
    'reduction="mean")',
    """The cross-entropy is averaged over the pixels as well, and so weighs 784 times less than the
    divergence: the posterior collapses to the prior.""",
)
cross_entropy.edit(
    "loss_summed_over_the_batch",
    "return bce + kl",
    """bce, kl = len(x) * bce, len(x) * kl
    return bce + kl""",
    "Both parts are summed over the batch too. They are means over the images.",
)
cross_entropy.edit(
    "loss_of_squared_errors",
    'F.binary_cross_entropy(reconstruction, x, reduction="none")',
    "(reconstruction - x).square()",
    """The squared error is taken for the reconstruction. The text asks for the binary
    cross-entropy.""",
)
cross_entropy.edit(
    "loss_of_white_pixels_alone",
    'F.binary_cross_entropy(reconstruction, x, reduction="none")',
    "-(x * torch.log(reconstruction + 1e-8))",
    "Only the white pixels count: the term (1 - x) log(1 - p) is missing.",
)
cross_entropy.edit(
    "loss_of_batches_of_at_most_128",
    "return bce + kl",
    """bce, kl = (len(x) / min(len(x), 128) * part for part in (bce, kl))
    return bce + kl""",
    "The sum over the batch is divided by a batch size of its own, not by the number of images.",
)

divergence = Mistakes("image_models.vae_loss", "test_divergence_from_the_prior")
divergence.edit(
    "loss_with_a_summed_divergence",
    "- 1).sum(dim=1).mean()",
    "- 1).sum()",
    """The cross-entropy is averaged over the batch and the divergence summed over it: the
    divergence weighs as many times too much as there are images.""",
)
divergence.edit(
    "loss_with_an_averaged_divergence",
    "- 1).sum(dim=1).mean()",
    "- 1).mean()",
    "The divergence is averaged over the latent dimensions. It is their sum.",
)
divergence.edit(
    "loss_with_a_negative_divergence",
    "kl = 0.5",
    "kl = -0.5",
    """The divergence has the wrong sign: it is negative, and minimising the loss would send the
    posterior away from the prior.""",
)
divergence.edit(
    "loss_with_sigma_for_the_variance",
    "logvar.exp() - logvar",
    "torch.exp(2 * logvar) - 2 * logvar",
    "logvar is taken for log sigma: its exponential is squared once too often.",
)
divergence.edit(
    "loss_without_the_half", "kl = 0.5 * ", "kl = ", "The factor 1/2 of the divergence is missing."
)
divergence.edit(
    "loss_with_a_clamped_divergence",
    "    kl = 0.5",
    """    logvar = logvar.clamp(-4, 4)
    kl = 0.5""",
    "The log-variance is cut off on both sides before the divergence is computed.",
)
divergence.edit(
    "loss_by_a_determinant",
    "(mu.square() + logvar.exp() - logvar - 1).sum(dim=1)",
    "((mu.square() + logvar.exp() - 1).sum(dim=1) - logvar.exp().prod(dim=1).log())",
    """The logarithm of the product of the variances is infinite once the product underflows: add up
    the log-variances instead.""",
)

loss_sum = Mistakes("image_models.vae_loss", "test_is_the_sum_of_its_parts")
loss_sum.edit(
    "loss_subtracts_the_divergence",
    "bce + kl",
    "bce - kl",
    """The ELBO comes out with the wrong sign in the divergence: the loss is cross-entropy plus
    divergence.""",
)
loss_sum.edit(
    "loss_forgets_the_divergence",
    "bce + kl",
    "bce",
    "The divergence is returned but is no part of the loss.",
)

Mistakes("image_models.vae_loss", "test_survives_certain_pixels").edit(
    "loss_with_bare_logarithms",
    'F.binary_cross_entropy(reconstruction, x, reduction="none")',
    "-(x * torch.log(reconstruction) + (1 - x) * torch.log(1 - reconstruction))",
    "The logarithm of an exact zero: 0 log 0 is NaN here. binary_cross_entropy takes care of it.",
)

Mistakes("image_models.vae_loss", "test_has_the_gradient_of_its_values").edit(
    "loss_with_a_detached_divergence",
    "- 1).sum(dim=1).mean()",
    "- 1).sum(dim=1).mean().detach()",
    "The divergence is detached: its value is right, and the encoder never feels it.",
)

Mistakes("image_models.vae_loss", "test_takes_what_a_network_gives").edit(
    "loss_that_views_its_codes",
    "kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(dim=1).mean()",
    """mu, logvar = mu.view(-1), logvar.view(-1)
    kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum() / len(x)""",
    """view asks for values that follow each other in memory. The halves of a layer of 32 do not:
    reshape takes them, and sum(dim=1) needs neither.""",
)

Mistakes("image_models.to_signed", "TestToSigned::test_has_the_right_values").edit(
    "signed_without_doubling",
    "2 * x",
    "x",
    "One is subtracted without doubling: white becomes 0, not 1.",
)

Mistakes("image_models.to_unit", "TestToUnit::test_has_the_right_values").edit(
    "unit_by_clamping",
    "(x + 1) / 2",
    "x.clamp(0, 1)",
    "The dark half is cut off at 0 in place of being mapped into [0, 1].",
)

smoothed = Mistakes(
    "image_models.discriminator_loss", "TestDiscriminatorLoss::test_has_the_right_values"
)
smoothed.edit(
    "discriminator_without_smoothing",
    "(real_logits, 0.9)",
    "(real_logits, 1.0)",
    "The labels are not smoothed: real images have the target 0.9.",
)
smoothed.edit(
    "discriminator_smooths_both",
    "torch.zeros_like(fake_logits)",
    "torch.full_like(fake_logits, 0.1)",
    "The label of generated images is smoothed too. It is 0.",
)
smoothed.edit(
    "discriminator_with_swapped_labels",
    "return real + fake",
    "return real + 0.9 * (real_logits.mean() - fake_logits.mean()) + fake",
    "The labels are the wrong way round: real images have the target 0.9, generated ones 0.",
)
smoothed.edit(
    "discriminator_with_two_sigmoids",
    "    real = ",
    """    real_logits, fake_logits = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    real = """,
    "A sigmoid is applied before a loss that applies its own.",
)


@Mistakes(
    "image_models.discriminator_loss", "TestDiscriminatorLoss::test_survives_sure_discriminators"
)
def discriminator_with_bare_logarithms(real, fake):
    """The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it."""
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    return -(0.9 * torch.log(p) + 0.1 * torch.log(1 - p)).mean() - torch.log(1 - q).mean()


Mistakes(
    "image_models.discriminator_loss", "TestDiscriminatorLoss::test_has_the_gradient_of_its_values"
).edit(
    "discriminator_loss_of_detached_logits",
    "fake_logits, torch.zeros_like",
    "fake_logits.detach(), torch.zeros_like",
    "The logits of generated images are detached: half of the loss is not learnt from.",
)

Mistakes(
    "image_models.discriminator_loss", "TestDiscriminatorLoss::test_takes_vectors_of_logits"
).edit(
    "loss_with_columns_of_targets",
    "torch.zeros_like(fake_logits)",
    "torch.zeros(len(fake_logits), 1)",
    """The targets are a column (B, 1), whatever the logits are: torch.full_like and
    torch.zeros_like follow the logits.""",
)

wants_real = Mistakes("image_models.generator_loss", "TestGeneratorLoss::test_has_the_right_values")
wants_real.edit(
    "generator_that_saturates",
    "F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))",
    "F.logsigmoid(-fake_logits).mean()",
    """This is the saturating loss, log(1 - D): it is flat where generated images are bad. The
    non-saturating one is -log D.""",
)
wants_real.edit(
    "generator_with_the_discriminators_target",
    "ones_like",
    "zeros_like",
    "The generator is given the discriminator's own target, 0, and so learns to be found out.",
)

Mistakes(
    "image_models.generator_loss", "TestGeneratorLoss::test_survives_sure_discriminators"
).edit(
    "generator_with_a_bare_logarithm",
    "F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))",
    "-torch.log(torch.sigmoid(fake_logits)).mean()",
    "The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it.",
)

loss_values = Mistakes("image_models.classifier_loss", "test_has_the_right_values")
loss_values.edit(
    "classifier_loss_with_two_softmaxes",
    "cross_entropy(output,",
    "cross_entropy(torch.softmax(output, dim=1),",
    """Two softmaxes: one before the cross-entropy, one inside it. The loss cannot fall below 1.46,
    and training is slow.""",
)
loss_values.edit(
    "classifier_loss_of_bare_logits",
    "cross_entropy",
    "nll_loss",
    "nll_loss takes log-probabilities, and is given logits.",
)
loss_values.edit(
    "classifier_loss_of_pairs",
    "F.cross_entropy(output, labels)",
    "-F.log_softmax(output, dim=1)[:, labels].mean()",
    """The log-probabilities of all images are taken at the labels of all images, (B, B): each image
    has one label, its own.""",
)
