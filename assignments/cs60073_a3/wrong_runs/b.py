"""Wrong runs of part B that train with a slip."""

from grader.catalogue import WrongRuns

still_vae = WrongRuns("vae", "image_models.vae_step", keeps=0.05)


@still_vae
def vae_step_that_does_nothing(model, optimizer, x):
    """Nothing is trained."""
    return 1.0, 0.5, 0.5


vae = WrongRuns("vae", keeps=0.5)
vae.catalogued(
    "loss_averaged_over_pixels",
    "loss_forgets_the_divergence",
    "loss_subtracts_the_divergence",
)

# What it draws is as good by both scores: it loses the bound, which has the larger share.
vae_without_a_bound = WrongRuns("vae", keeps=0.6)
vae_without_a_bound.catalogued("loss_of_squared_errors")

still_gan = WrongRuns("gan", "image_models.gan_step", keeps=0.05)


@still_gan
def gan_step_that_does_nothing(
    generator, discriminator, generator_optimizer, discriminator_optimizer, x
):
    """Neither player moves."""
    return 1.0, 1.0


gan = WrongRuns("gan", keeps=0.5)
gan.catalogued(
    "discriminator_with_swapped_labels",
    "gan_step_without_mapping",
    "generator_loss__of_the_other_sign",
)
