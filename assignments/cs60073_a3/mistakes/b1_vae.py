"""Mistakes in b.1 and b.2: the VAE's network, its loss, its step and its images."""

from grader.catalogue import Mistakes

step_forgets = Mistakes("image_models.vae_step", "test_step_forgets_earlier_gradients")

step_forgets.edit(
    "step_without_clearing",
    """    optimizer.zero_grad()
""",
    "",
    "The gradients are never cleared, so that each step follows the sum of all before.",
)


step_descends = Mistakes("image_models.vae_step", "test_step_follows_the_loss")

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


step_returns = Mistakes("image_models.vae_step", "test_step_returns_the_parts_of_the_loss")

step_returns.edit(
    "step_returns_the_parts_swapped",
    "bce.item(), kl.item()",
    "kl.item(), bce.item()",
    "Cross-entropy and divergence are returned the wrong way round.",
)
