"""Mistakes in b.3 and b.4: the GAN's networks, its losses, its step and its images."""

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes


def entropy(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


signed_range = Mistakes("image_models.to_signed", "test_ranges_are_mapped")


@signed_range
def signed_without_doubling(x):
    """One is subtracted without doubling: white becomes 0, not 1."""
    return x - 1


signed_argument = Mistakes("image_models.to_signed", "test_ranges_leave_their_argument_alone")


@signed_argument
def signed_in_place(x):
    """The images are changed in place, and the caller still needs them."""
    return x.mul_(2).sub_(1)


unit_range = Mistakes("image_models.to_unit", "test_ranges_are_mapped")


@unit_range
def unit_by_clamping(x):
    """The dark half is cut off at 0 in place of being mapped into [0, 1]."""
    return x.clamp(0, 1)


unit_argument = Mistakes("image_models.to_unit", "test_ranges_leave_their_argument_alone")


@unit_argument
def unit_in_place(x):
    """The images are changed in place, and the caller still needs them."""
    return x.add_(1).div_(2)


smoothed = Mistakes("image_models.discriminator_loss", "test_discriminator_is_told_smoothed_labels")


@smoothed
def discriminator_without_smoothing(real, fake):
    """The labels are not smoothed: real images have the target 0.9."""
    return entropy(real, 1.0) + entropy(fake, 0.0)


@smoothed
def discriminator_smooths_both(real, fake):
    """The label of generated images is smoothed too. It is 0."""
    return entropy(real, 0.9) + entropy(fake, 0.1)


@smoothed
def discriminator_with_swapped_labels(real, fake):
    """The labels are the wrong way round: real images have the target 0.9, generated ones 0."""
    return entropy(real, 0.0) + entropy(fake, 0.9)


@smoothed
def discriminator_with_two_sigmoids(real, fake):
    """A sigmoid is applied before a loss that applies its own."""
    return entropy(torch.sigmoid(real), 0.9) + entropy(torch.sigmoid(fake), 0.0)


critic_loss_sure = Mistakes(
    "image_models.discriminator_loss", "test_losses_survive_sure_discriminators"
)


@critic_loss_sure
def discriminator_with_bare_logarithms(real, fake):
    """The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it."""
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    return -(0.9 * torch.log(p) + 0.1 * torch.log(1 - p)).mean() - torch.log(1 - q).mean()


critic_loss_scalar = Mistakes(
    "image_models.discriminator_loss", "test_losses_of_the_players_are_scalars"
)


@critic_loss_scalar
def discriminator_loss_of_shape_one(real, fake):
    """The loss has an axis of size one. It is a scalar, of shape ()."""
    return (entropy(real, 0.9) + entropy(fake, 0.0)).reshape(1)


critic_loss_training = Mistakes(
    "image_models.discriminator_loss", "test_losses_are_trained_through"
)


@critic_loss_training
def discriminator_loss_of_detached_logits(real, fake):
    """The logits of generated images are detached: half of the loss is not learnt from."""
    one = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
    return one + F.binary_cross_entropy_with_logits(fake.detach(), torch.zeros_like(fake))


smoothed_vectors = Mistakes(
    "image_models.discriminator_loss", "test_discriminator_is_told_smoothed_labels[vectors]"
)


@smoothed_vectors
def loss_with_columns_of_targets(real_logits, fake_logits):
    """The targets are a column (B, 1), whatever the logits are: torch.full_like and
    torch.zeros_like follow the logits."""
    cross_entropy = F.binary_cross_entropy_with_logits
    real = cross_entropy(real_logits, torch.full((len(real_logits), 1), 0.9))
    return real + cross_entropy(fake_logits, torch.zeros(len(fake_logits), 1))


wants_real = Mistakes("image_models.generator_loss", "test_generator_wants_to_be_called_real")


@wants_real
def generator_that_saturates(fake):
    """This is the saturating loss, log(1 - D): it is flat where generated images are bad. The
    non-saturating one is -log D."""
    return -entropy(fake, 0.0)


@wants_real
def generator_with_the_discriminators_target(fake):
    """The generator is given the discriminator's own target, 0, and so learns to be found out."""
    return entropy(fake, 0.0)


generator_loss_sure = Mistakes(
    "image_models.generator_loss", "test_losses_survive_sure_discriminators"
)


@generator_loss_sure
def generator_with_a_bare_logarithm(fake):
    """The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it."""
    return -torch.log(torch.sigmoid(fake)).mean()


generator_loss_scalar = Mistakes(
    "image_models.generator_loss", "test_losses_of_the_players_are_scalars"
)


@generator_loss_scalar
def generator_loss_of_shape_one(fake):
    """The loss has an axis of size one. It is a scalar, of shape ()."""
    return entropy(fake, 1.0).reshape(1)


generator_loss_training = Mistakes("image_models.generator_loss", "test_losses_are_trained_through")


@generator_loss_training
def generator_loss_of_detached_logits(fake):
    """The logits are detached: the loss has the right value, and nothing learns from it."""
    return F.binary_cross_entropy_with_logits(fake.detach(), torch.ones_like(fake))


tells_apart = Mistakes("image_models.gan_step", "test_discriminator_learns_to_tell_apart")

tells_apart.edit(
    "gan_step_without_mapping",
    "to_signed(x)",
    "x",
    """Real images stay in [0, 1], and generated ones are in [-1, 1]: the discriminator need only
    look at the sign of a pixel.""",
)


one_step_each = Mistakes("image_models.gan_step", "test_each_player_takes_one_step")

one_step_each.edit(
    "gan_step_with_two_of_the_discriminator",
    """discriminator_optimizer.step()
""",
    """discriminator_optimizer.step()
    fake = generator(torch.randn(len(x), NOISE))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
""",
    "The discriminator takes two steps for each of the generator. The text asks for one.",
)


called_real = Mistakes("image_models.gan_step", "test_generator_learns_to_be_called_real")

called_real.edit(
    "gan_step_detaches_for_both",
    "NOISE))",
    "NOISE)).detach()",
    "The generated images are detached in the generator's step, so that no gradient reaches it.",
)


other_loss = Mistakes("image_models.gan_step", "test_no_gradient_of_the_other_loss_is_used")

other_loss.edit(
    "gan_step_never_clears_the_discriminator",
    """    discriminator_optimizer.zero_grad()
""",
    "",
    """The generator's backward() leaves gradients in the discriminator too, and they are never
    cleared.""",
)


@other_loss
def gan_step_clears_the_generator_too_early(generator, discriminator, g_optimizer, d_optimizer, x):
    """Generated images are not detached in the discriminator's step, whose gradient then stays in
    the generator: it is cleared before the discriminator's step and not after it."""
    g_optimizer.zero_grad()
    d_optimizer.zero_grad()
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake))
    d_loss.backward(retain_graph=True)
    d_optimizer.step()
    g_loss = generator_loss(discriminator(fake))
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


noise = Mistakes("image_models.gan_step", "test_noise_is_normal_and_fresh")

noise.edit(
    "gan_step_of_uniform_noise",
    "torch.randn(",
    "torch.rand(",
    "The noise is uniform: torch.rand in place of torch.randn.",
)
noise.edit(
    "gan_step_with_a_seed",
    "    fake = ",
    """    torch.manual_seed(1234)
    fake = """,
    "A seed is set in the step, so that the generator only ever sees one batch of noise.",
)
noise.edit(
    "gan_step_of_repeated_noise",
    "torch.randn(len(x), NOISE)",
    "torch.randn(len(x), 1).repeat(1, NOISE)",
    "Each z is one number, repeated 64 times. Noise has 64 independent ones.",
)
noise.edit(
    "step_with_bounded_noise",
    "fake = generator(torch.randn(len(x), NOISE))",
    """noise = 12**0.5 * (torch.rand(len(x), 64) - 0.5)
    fake = generator(noise)""",
    "The noise has the right mean and variance, but is not normal: none of it is far out.",
)


step_returns = Mistakes("image_models.gan_step", "test_step_returns_both_losses")

step_returns.edit(
    "gan_step_returns_the_losses_swapped",
    "d_loss.item(), g_loss.item()",
    "g_loss.item(), d_loss.item()",
    "The losses come back in the wrong order: the discriminator's is the first.",
)


training_mode = Mistakes("image_models.gan_step", "test_step_trains_in_training_mode")

training_mode.edit(
    "step_in_evaluation_mode",
    "fake = generator(torch.randn(len(x), NOISE))",
    """discriminator.eval()
    fake = generator(torch.randn(len(x), 64))""",
    """The discriminator is put into evaluation mode before its step, which switches its dropout
    off.""",
)


pictures = Mistakes("image_models.generator_images", "test_images_of_the_generator_are_pictures")

pictures.edit(
    "images_as_they_come",
    "to_unit(generator(z))",
    "generator(z)",
    "The images stay in [-1, 1]. Pictures and the classifier want [0, 1].",
)


@pictures
def images_stretched(generator, z):
    """The images are stretched to their smallest and largest value, so that grey becomes black: the
    range is [-1, 1], whatever the batch holds."""
    with torch.no_grad():
        x = generator(z)
    return (x - x.min()) / (x.max() - x.min())


given_noise = Mistakes("image_models.generator_images", "test_given_noise_is_used")

given_noise.edit(
    "images_of_other_noise",
    "generator(z)",
    "generator(torch.randn_like(z))",
    """New noise is drawn in place of that which was handed over: grids of different epochs cannot
    be compared.""",
)


pictures_graph = Mistakes(
    "image_models.generator_images", "test_images_of_the_generator_have_no_graph"
)


@pictures_graph
def images_with_their_graph(generator, z):
    """The images drag their graph along: torch.no_grad() or .detach() is missing."""
    return to_unit(generator(z))


@pictures_graph
def squeezed_images(generator, z):
    """squeeze() drops the axis of the batch when there is one image."""
    with torch.no_grad():
        return to_unit(generator(z)).squeeze()
