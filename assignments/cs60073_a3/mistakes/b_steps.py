"""Mistakes in b.1.4 and b.3.5: the step of the VAE, and that of the two players."""

from grader.catalogue import Mistakes

step_descends = Mistakes("image_models.vae_step", "test_descends_its_loss")
step_descends.edit(
    "step_on_the_cross_entropy",
    "loss.backward",
    "bce.backward",
    "Only the cross-entropy is differentiated; the loss is its sum with the divergence.",
)
step_descends.edit(
    "step_cleared_too_late",
    """optimizer.zero_grad()
    loss.backward()""",
    """loss.backward()
    optimizer.zero_grad()""",
    "The gradients are cleared after backward() and before the step, which then does nothing.",
)

Mistakes("image_models.vae_step", "test_returns_its_loss").edit(
    "step_returns_the_parts_swapped",
    "bce.item(), kl.item()",
    "kl.item(), bce.item()",
    "Cross-entropy and divergence are returned the wrong way round.",
)

Mistakes("image_models.gan_step", "TestDiscriminatorsStep::test_descends_its_loss").edit(
    "gan_step_without_mapping",
    "to_signed(x)",
    "x",
    """Real images stay in [0, 1], and generated ones are in [-1, 1]: the discriminator need only
    look at the sign of a pixel.""",
)

Mistakes("image_models.gan_step", "TestDiscriminatorsStep::test_takes_its_steps").edit(
    "gan_step_with_two_of_the_discriminator",
    "discriminator_optimizer.step()\n",
    """discriminator_optimizer.step()
    fake = generator(torch.randn(len(x), NOISE))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
""",
    "The discriminator takes two steps for each of the generator. The text asks for one.",
)

Mistakes("image_models.gan_step", "TestGeneratorsStep::test_descends_its_loss").edit(
    "gan_step_detaches_for_both",
    "NOISE))",
    "NOISE)).detach()",
    "The generated images are detached in the generator's step, so that no gradient reaches it.",
)

Mistakes("image_models.gan_step", "TestDiscriminatorsStep::test_clears_gradients").edit(
    "gan_step_never_clears_the_discriminator",
    "    discriminator_optimizer.zero_grad()\n",
    "",
    """The generator's backward() leaves gradients in the discriminator too, and they are never
    cleared.""",
)


@Mistakes("image_models.gan_step", "TestGeneratorsStep::test_clears_gradients")
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

Mistakes("image_models.gan_step", "TestDiscriminatorsStep::test_returns_its_loss").edit(
    "gan_gan_returns_the_losses_swapped",
    "d_loss.item(), g_loss.item()",
    "g_loss.item(), d_loss.item()",
    "The losses come back in the wrong order: the discriminator's is the first.",
)

Mistakes("image_models.gan_step", "test_trains_in_training_mode").edit(
    "step_in_evaluation_mode",
    "fake = generator(torch.randn(len(x), NOISE))",
    """discriminator.eval()
    fake = generator(torch.randn(len(x), 64))""",
    """The discriminator is put into evaluation mode before its step, which switches its dropout
    off.""",
)
