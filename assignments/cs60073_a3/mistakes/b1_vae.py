"""Mistakes in b.1 and b.2: the VAE's network, its loss, its step and its images."""

import torch
import torch.nn.functional as F

from grader.catalogue import Mistakes

draws = Mistakes("image_models.reparameterise", "test_draws_have_mean_and_standard_deviation")


@draws
def draw_with_the_variance(mu, logvar):
    """This is what one gets when the standard deviation is taken as exp(logvar): that is the
    variance. The deviation is exp(logvar / 2)."""
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@draws
def draw_of_uniform_noise(mu, logvar):
    """The noise is uniform. torch.rand is on [0, 1]; torch.randn is normal."""
    return mu + torch.exp(logvar / 2) * torch.rand_like(mu)


@draws
def draw_with_a_clamped_spread(mu, logvar):
    """The log-variance is cut off on both sides, so that no draw can be nearly certain."""
    return mu + torch.exp(logvar.clamp(-4, 4) / 2) * torch.randn_like(mu)


draws_independent = Mistakes("image_models.reparameterise", "test_draws_are_independent")


@draws_independent
def draw_shared_by_the_batch(mu, logvar):
    """One row of noise is used for all images of the batch."""
    return mu + torch.exp(logvar / 2) * torch.randn(mu.shape[-1])


@draws_independent
def draw_shared_by_the_dimensions(mu, logvar):
    """One number of noise is used for all dimensions of an image."""
    return mu + torch.exp(logvar / 2) * torch.randn(len(mu), 1)


@draws_independent
def draw_with_a_seed_inside(mu, logvar):
    """The seed is set inside the function, so that every call draws the same noise."""
    torch.manual_seed(1234)
    return mu + torch.exp(logvar / 2) * torch.randn_like(mu)


draw_gradients = Mistakes("image_models.reparameterise", "test_gradients_pass_through_the_draw")


@draw_gradients
def draw_without_gradients(mu, logvar):
    """torch.normal draws, but no gradient passes through it: the encoder would learn from the
    divergence alone. mu + sigma * eps is the reparameterisation."""
    return torch.normal(mu.detach(), torch.exp(logvar / 2).detach())


draws_normal = Mistakes("image_models.reparameterise", "test_draws_are_normal")


@draws_normal
def uniform_draw_of_variance_one(mu, logvar):
    """eps is uniform. Scaled to variance 1 it has the right spread, but it is not normal."""
    return mu + torch.exp(logvar / 2) * (torch.rand_like(mu) - 0.5) * 12**0.5


draw_shape = Mistakes("image_models.reparameterise", "test_draw_has_the_shape_of_the_mean")


@draw_shape
def draw_that_views_its_mean(mu, logvar):
    """view asks for values that follow each other in memory. The halves of a layer of 32 do not:
    reshape takes them, and here nothing has to be reshaped."""
    eps = torch.randn(mu.numel())
    return (mu.view(-1) + torch.exp(logvar.view(-1) / 2) * eps).view(mu.shape)


@draw_shape
def squeezed_draw(mu, logvar):
    """squeeze() drops the axis of the batch when there is one image."""
    return (mu + torch.exp(logvar / 2) * torch.randn_like(mu)).squeeze()


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


@cross_entropy
def loss_of_batches_of_at_most_128(reconstruction, x, mu, logvar):
    """The sum over the batch is divided by a batch size of its own, not by the number of images."""
    size = min(len(x), 128)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / size
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / size
    return bce + kl, bce, kl


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


@divergence
def loss_by_a_determinant(reconstruction, x, mu, logvar):
    """The logarithm of the product of the variances is infinite once the product underflows: add up
    the log-variances instead."""
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    variances = logvar.exp()
    log_det = torch.log(variances.prod(dim=1))
    kl = (0.5 * ((mu**2 + variances - 1).sum(dim=1) - log_det)).mean()
    return bce + kl, bce, kl


loss_sum = Mistakes("image_models.vae_loss", "test_loss_is_the_sum_of_its_parts")

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


loss_certain = Mistakes("image_models.vae_loss", "test_loss_survives_certain_pixels")

loss_certain.edit(
    "loss_with_bare_logarithms",
    'F.binary_cross_entropy(reconstruction, x, reduction="none")',
    "-(x * torch.log(reconstruction) + (1 - x) * torch.log(1 - reconstruction))",
    "The logarithm of an exact zero: 0 log 0 is NaN here. binary_cross_entropy takes care of it.",
)


loss_gradient = Mistakes("image_models.vae_loss", "test_loss_has_the_gradient_of_its_value")

loss_gradient.edit(
    "loss_with_a_detached_divergence",
    "- 1).sum(dim=1).mean()",
    "- 1).sum(dim=1).mean().detach()",
    "The divergence is detached: its value is right, and the encoder never feels it.",
)


loss_scalars = Mistakes("image_models.vae_loss", "test_parts_of_the_loss_are_scalars")

loss_scalars.edit(
    "loss_of_shape_one",
    "return bce + kl",
    """bce, kl = bce.reshape(1), kl.reshape(1)
    return bce + kl""",
    "The results have an axis of size one. They are scalars, of shape ().",
)


loss_of_networks = Mistakes("image_models.vae_loss", "test_loss_takes_what_a_network_gives")


@loss_of_networks
def loss_that_views_its_codes(reconstruction, x, mu, logvar):
    """view asks for values that follow each other in memory. The halves of a layer of 32 do not:
    reshape takes them, and sum(dim=1) needs neither."""
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    mu, logvar = mu.view(-1), logvar.view(-1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return bce + kl, bce, kl


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


reconstruction = Mistakes(
    "image_models.reconstruct", "test_reconstruction_is_decoded_from_the_code"
)

reconstruction.edit(
    "reconstruction_from_the_prior",
    "model.encode(x)[0]",
    "torch.randn(len(x), LATENT)",
    """These are samples: what is decoded is drawn from the prior and not from the image's
    posterior.""",
)
reconstruction.edit(
    "reconstruction_of_the_log_variance",
    "model.encode(x)[0]",
    "model.encode(x)[1]",
    "The log-variance is decoded in place of the mean.",
)
reconstruction.edit(
    "reconstruction_of_five",
    "model.encode(x)",
    "model.encode(x[:5])",
    "Only the first five images are reconstructed, whatever was given.",
)


reconstruction_graph = Mistakes("image_models.reconstruct", "test_reconstruction_has_no_graph")


@reconstruction_graph
def reconstruction_with_its_graph(model, x):
    """The reconstruction drags its graph along: torch.no_grad() or .detach() is missing."""
    return model.decode(model.encode(x)[0])


@reconstruction_graph
def squeezed_reconstruction(model, x):
    """squeeze() drops the axis of the batch when there is one image."""
    with torch.no_grad():
        return model.decode(model.encode(x)[0]).squeeze()


samples = Mistakes("image_models.generate_images", "test_samples_are_decoded_draws_from_the_prior")

samples.edit(
    "samples_of_uniform_codes",
    "torch.randn(",
    "torch.rand(",
    """The latent vectors are uniform on [0, 1]: torch.rand in place of torch.randn. They lie in one
    corner of what the decoder was trained on.""",
)
samples.edit(
    "samples_through_another_sigmoid",
    "model.decode(torch.randn(count, LATENT))",
    "torch.sigmoid(model.decode(torch.randn(count, LATENT)))",
    "A sigmoid is applied to what is a probability already: all images turn grey.",
)
samples.edit(
    "samples_of_repeated_numbers",
    "torch.randn(count, LATENT)",
    "torch.randn(count, 1).repeat(1, LATENT)",
    "Each z is one number, repeated 16 times. The prior has 16 independent ones.",
)


samples_differ = Mistakes("image_models.generate_images", "test_samples_differ")

samples_differ.edit(
    "samples_with_a_seed_inside",
    "    with torch",
    """    torch.manual_seed(1234)
    with torch""",
    "A seed is set inside the function, so that every call makes the same images.",
)


samples_graph = Mistakes("image_models.generate_images", "test_samples_have_no_graph")


@samples_graph
def samples_with_their_graph(model, count):
    """The samples drag their graph along: torch.no_grad() or .detach() is missing."""
    return model.decode(torch.randn(count, 16))


@samples_graph
def squeezed_samples(model, count):
    """squeeze() drops the axis of the batch when there is one image."""
    with torch.no_grad():
        return model.decode(torch.randn(count, 16)).squeeze()
