"""Mistakes in b.1 and b.2: the VAE's network, its loss, its step and its images."""

# ruff: noqa: F821
# VAE and its neighbours are those of the file that an entry is grafted onto.

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import mistake

# --- the network ------------------------------------------------------------------------------


@mistake(
    "image_models.VAE",
    fails=["test_vae_has_the_layers_of_the_text"],
    hint="There is a single head: mean and log-variance come from the same layer of 16. Each "
    "needs its own.",
)
class VaeWithOneHead(VAE):
    def __init__(self):
        super().__init__()
        self.logvar = self.mu


@mistake(
    "image_models.VAE",
    fails=["test_vae_has_the_layers_of_the_text"],
    hint="The latent space has 20 dimensions. The text asks for 16.",
)
class VaeWithTwentyDimensions(VAE):
    def __init__(self):
        super().__init__()
        self.mu, self.logvar = nn.Linear(256, 20), nn.Linear(256, 20)
        self.decoder[0] = nn.Linear(20, 256)


@mistake(
    "image_models.VAE",
    fails=["test_vae_encodes"],
    hint="The second hidden layer of the encoder has no activation, so that it and the heads are "
    "one linear map.",
)
class VaeWithoutTheSecondActivation(VAE):
    def encode(self, x):
        hidden = self.body[2](self.body[1](self.body[0](x)))
        return self.mu(hidden), self.logvar(hidden)


@mistake(
    "image_models.VAE",
    fails=["test_vae_encodes"],
    hint="The heads end in a ReLU: a mean could not be negative, and no sigma below one.",
)
class VaeWithReluOnTheHeads(VAE):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return torch.relu(mu), torch.relu(logvar)


@mistake(
    "image_models.VAE",
    fails=["test_vae_encodes"],
    hint="encode gives the standard deviation. Everything after it takes the log-variance, which "
    "may have either sign.",
)
class VaeGivesTheStandardDeviation(VAE):
    def encode(self, x):
        mu, logvar = super().encode(x)
        return mu, torch.exp(logvar / 2)


@mistake(
    "image_models.VAE",
    fails=["test_vae_decodes"],
    hint="The sigmoid at the end of the decoder is missing: these are logits, and the "
    "cross-entropy takes probabilities.",
)
class VaeGivesLogits(VAE):
    def decode(self, z):
        return self.decoder[:-1](z)


@mistake(
    "image_models.VAE",
    fails=["test_vae_decodes"],
    hint="The decoder ends in tanh. Pixels of the VAE are probabilities in [0, 1]; [-1, 1] is the "
    "GAN's.",
)
class VaeEndsInTanh(VAE):
    def decode(self, z):
        return torch.tanh(self.decoder[:-1](z))


@mistake(
    "image_models.VAE",
    fails=["test_vae_goes_through_the_draw"],
    hint="The model decodes a draw from the prior, so that its reconstruction does not depend on "
    "the image.",
)
class VaeDecodesThePrior(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(torch.randn_like(mu)), mu, logvar


@mistake(
    "image_models.VAE",
    fails=["test_vae_goes_through_the_draw"],
    hint="The model gives the log-variance before the mean. The order is reconstruction, mean, "
    "log-variance.",
)
class VaeSwapsItsMoments(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), logvar, mu


@mistake(
    "image_models.VAE",
    fails=["test_vae_does_not_decode_the_mean"],
    hint="The model decodes the mean and draws nothing: it is an autoencoder.",
)
class VaeDecodesTheMean(VAE):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


@mistake(
    "image_models.VAE",
    fails=["test_vae_is_the_same_in_training"],
    hint="The encoder has dropout. The text's has none.",
)
class VaeWithDropout(VAE):
    def __init__(self):
        super().__init__()
        self.body.append(nn.Dropout(0.2))


# --- the draw ---------------------------------------------------------------------------------


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_have_mean_and_standard_deviation"],
    hint="This is what one gets when the standard deviation is taken as exp(logvar): that is the "
    "variance. The deviation is exp(logvar / 2).",
)
def draw_with_the_variance(mu, logvar):
    return mu + torch.exp(logvar) * torch.randn_like(mu)


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_have_mean_and_standard_deviation"],
    hint="The noise is uniform. torch.rand is on [0, 1]; torch.randn is normal.",
)
def draw_of_uniform_noise(mu, logvar):
    return mu + torch.exp(logvar / 2) * torch.rand_like(mu)


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_are_independent"],
    hint="One row of noise is used for all images of the batch.",
)
def draw_shared_by_the_batch(mu, logvar):
    return mu + torch.exp(logvar / 2) * torch.randn(mu.shape[-1])


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_are_independent"],
    hint="One number of noise is used for all dimensions of an image.",
)
def draw_shared_by_the_dimensions(mu, logvar):
    return mu + torch.exp(logvar / 2) * torch.randn(len(mu), 1)


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_are_independent"],
    hint="The seed is set inside the function, so that every call draws the same noise.",
)
def draw_with_a_seed_inside(mu, logvar):
    torch.manual_seed(1234)
    return mu + torch.exp(logvar / 2) * torch.randn_like(mu)


@mistake(
    "image_models.reparameterise",
    fails=["test_gradients_pass_through_the_draw"],
    hint="torch.normal draws, but no gradient passes through it: the encoder would learn from the "
    "divergence alone. mu + sigma * eps is the reparameterisation.",
)
def draw_without_gradients(mu, logvar):
    return torch.normal(mu.detach(), torch.exp(logvar / 2).detach())


# --- the loss ---------------------------------------------------------------------------------


def bce_of(p, x):
    return F.binary_cross_entropy(p, x, reduction="none").sum(1).mean()


def kl_of(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean()


@mistake(
    "image_models.vae_loss",
    fails=["test_cross_entropy_is_summed_over_pixels"],
    hint="The cross-entropy is averaged over the pixels as well, and so weighs 784 times less than "
    "the divergence: the posterior collapses to the prior.",
)
def loss_averaged_over_pixels(p, x, mu, logvar):
    bce, kl = F.binary_cross_entropy(p, x), kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_cross_entropy_is_summed_over_pixels"],
    hint="Both parts are summed over the batch too. They are means over the images.",
)
def loss_summed_over_the_batch(p, x, mu, logvar):
    bce, kl = len(x) * bce_of(p, x), len(x) * kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The cross-entropy is averaged over the batch and the divergence summed over it: the "
    "divergence weighs as many times too much as there are images.",
)
def loss_with_a_summed_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), len(x) * kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The divergence is averaged over the latent dimensions. It is their sum.",
)
def loss_with_an_averaged_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean()
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The divergence has the wrong sign: it is negative, and minimising the loss would send "
    "the posterior away from the prior.",
)
def loss_with_a_negative_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), -kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="logvar is taken for log sigma: its exponential is squared once too often.",
)
def loss_with_sigma_for_the_variance(p, x, mu, logvar):
    bce, kl = bce_of(p, x), kl_of(mu, 2 * logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The factor 1/2 of the divergence is missing.",
)
def loss_without_the_half(p, x, mu, logvar):
    bce, kl = bce_of(p, x), 2 * kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_loss_is_the_sum_of_its_parts"],
    hint="The ELBO comes out with the wrong sign in the divergence: the loss is cross-entropy "
    "plus divergence.",
)
def loss_subtracts_the_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), kl_of(mu, logvar)
    return bce - kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_loss_is_the_sum_of_its_parts"],
    hint="The divergence is returned but is no part of the loss.",
)
def loss_forgets_the_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), kl_of(mu, logvar)
    return bce, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_cross_entropy_is_summed_over_pixels"],
    hint="The squared error is taken for the reconstruction. The text asks for the binary "
    "cross-entropy.",
)
def loss_of_squared_errors(p, x, mu, logvar):
    bce, kl = ((p - x) ** 2).sum(1).mean(), kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_cross_entropy_is_summed_over_pixels"],
    hint="Only the white pixels count: the term (1 - x) log(1 - p) is missing.",
)
def loss_of_white_pixels_alone(p, x, mu, logvar):
    bce, kl = -(x * torch.log(p + 1e-8)).sum(1).mean(), kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_loss_survives_certain_pixels"],
    hint="The logarithm of an exact zero: 0 log 0 is NaN here. binary_cross_entropy takes care of "
    "it.",
)
def loss_with_bare_logarithms(p, x, mu, logvar):
    bce = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1).mean()
    kl = kl_of(mu, logvar)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_loss_has_the_gradient_of_its_value"],
    hint="The divergence is detached: its value is right, and the encoder never feels it.",
)
def loss_with_a_detached_divergence(p, x, mu, logvar):
    bce, kl = bce_of(p, x), kl_of(mu, logvar).detach()
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_parts_of_the_loss_are_scalars"],
    hint="The results have an axis of size one. They are scalars, of shape ().",
)
def loss_of_shape_one(p, x, mu, logvar):
    bce, kl = bce_of(p, x).reshape(1), kl_of(mu, logvar).reshape(1)
    return bce + kl, bce, kl


# --- the step ---------------------------------------------------------------------------------


@mistake(
    "image_models.vae_step",
    fails=["test_step_forgets_earlier_gradients"],
    hint="The gradients are never cleared, so that each step follows the sum of all before.",
)
def step_without_clearing(model, optimizer, x):
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


@mistake(
    "image_models.vae_step",
    fails=["test_step_follows_the_loss"],
    hint="Only the cross-entropy is differentiated; the loss is its sum with the divergence.",
)
def step_on_the_cross_entropy(model, optimizer, x):
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    optimizer.zero_grad()
    bce.backward()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


@mistake(
    "image_models.vae_step",
    fails=["test_step_follows_the_loss"],
    hint="The gradients are cleared after backward() and before the step, which then does nothing.",
)
def step_cleared_too_late(model, optimizer, x):
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


@mistake(
    "image_models.vae_step",
    fails=["test_step_returns_the_parts_of_the_loss"],
    hint="Cross-entropy and divergence are returned the wrong way round.",
)
def step_returns_the_parts_swapped(model, optimizer, x):
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), kl.item(), bce.item()


# --- images -----------------------------------------------------------------------------------


@mistake(
    "image_models.reconstruct",
    fails=["test_reconstruction_is_decoded_from_the_code"],
    hint="These are samples: what is decoded is drawn from the prior and not from the image's "
    "posterior.",
)
def reconstruction_from_the_prior(model, x):
    with torch.no_grad():
        return model.decode(torch.randn(len(x), 16))


@mistake(
    "image_models.reconstruct",
    fails=["test_reconstruction_is_decoded_from_the_code"],
    hint="The log-variance is decoded in place of the mean.",
)
def reconstruction_of_the_log_variance(model, x):
    with torch.no_grad():
        return model.decode(model.encode(x)[1])


@mistake(
    "image_models.reconstruct",
    fails=["test_reconstruction_has_no_graph"],
    hint="The reconstruction drags its graph along: torch.no_grad() or .detach() is missing.",
)
def reconstruction_with_its_graph(model, x):
    return model.decode(model.encode(x)[0])


@mistake(
    "image_models.generate_images",
    fails=["test_samples_are_decoded_draws_from_the_prior"],
    hint="The latent vectors are uniform on [0, 1]: torch.rand in place of torch.randn. They "
    "lie in one corner of what the decoder was trained on.",
)
def samples_of_uniform_codes(model, count):
    with torch.no_grad():
        return model.decode(torch.rand(count, 16))


@mistake(
    "image_models.generate_images",
    fails=["test_samples_are_decoded_draws_from_the_prior"],
    hint="A sigmoid is applied to what is a probability already: all images turn grey.",
)
def samples_through_another_sigmoid(model, count):
    with torch.no_grad():
        return torch.sigmoid(model.decode(torch.randn(count, 16)))


@mistake(
    "image_models.generate_images",
    fails=["test_samples_differ"],
    hint="A seed is set inside the function, so that every call makes the same images.",
)
def samples_with_a_seed_inside(model, count):
    torch.manual_seed(1234)
    with torch.no_grad():
        return model.decode(torch.randn(count, 16))


@mistake(
    "image_models.generate_images",
    fails=["test_samples_have_no_graph"],
    hint="The samples drag their graph along: torch.no_grad() or .detach() is missing.",
)
def samples_with_their_graph(model, count):
    return model.decode(torch.randn(count, 16))


@mistake(
    "image_models.reconstruct",
    fails=["test_reconstruction_is_decoded_from_the_code"],
    hint="Only the first five images are reconstructed, whatever was given.",
)
def reconstruction_of_five(model, x):
    with torch.no_grad():
        return model.decode(model.encode(x[:5])[0])


@mistake(
    "image_models.generate_images",
    fails=["test_samples_are_decoded_draws_from_the_prior"],
    hint="Each z is one number, repeated 16 times. The prior has 16 independent ones.",
)
def samples_of_repeated_numbers(model, count):
    with torch.no_grad():
        return model.decode(torch.randn(count, 1).repeat(1, 16))


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_are_normal"],
    hint="eps is uniform. Scaled to variance 1 it has the right spread, but it is not normal.",
)
def uniform_draw_of_variance_one(mu, logvar):
    return mu + torch.exp(logvar / 2) * (torch.rand_like(mu) - 0.5) * 12**0.5


@mistake(
    "image_models.reparameterise",
    fails=["test_draw_has_the_shape_of_the_mean"],
    hint="view asks for values that follow each other in memory. The halves of a layer of 32 do "
    "not: reshape takes them, and here nothing has to be reshaped.",
)
def draw_that_views_its_mean(mu, logvar):
    eps = torch.randn(mu.numel())
    return (mu.view(-1) + torch.exp(logvar.view(-1) / 2) * eps).view(mu.shape)


@mistake(
    "image_models.reparameterise",
    fails=["test_draws_have_mean_and_standard_deviation"],
    hint="The log-variance is cut off on both sides, so that no draw can be nearly certain.",
)
def draw_with_a_clamped_spread(mu, logvar):
    return mu + torch.exp(logvar.clamp(-4, 4) / 2) * torch.randn_like(mu)


@mistake(
    "image_models.reparameterise",
    fails=["test_draw_has_the_shape_of_the_mean"],
    hint="squeeze() drops the axis of the batch when there is one image.",
)
def squeezed_draw(mu, logvar):
    return (mu + torch.exp(logvar / 2) * torch.randn_like(mu)).squeeze()


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The log-variance is cut off on both sides before the divergence is computed.",
)
def loss_with_a_clamped_divergence(reconstruction, x, mu, logvar):
    logvar = logvar.clamp(-4, 4)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_divergence_from_the_prior"],
    hint="The logarithm of the product of the variances is infinite once the product underflows: "
    "add up the log-variances instead.",
)
def loss_by_a_determinant(reconstruction, x, mu, logvar):
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    variances = logvar.exp()
    log_det = torch.log(variances.prod(dim=1))
    kl = (0.5 * ((mu**2 + variances - 1).sum(dim=1) - log_det)).mean()
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_cross_entropy_is_summed_over_pixels"],
    hint="The sum over the batch is divided by a batch size of its own, not by the number of "
    "images.",
)
def loss_of_batches_of_at_most_128(reconstruction, x, mu, logvar):
    size = min(len(x), 128)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / size
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / size
    return bce + kl, bce, kl


@mistake(
    "image_models.vae_loss",
    fails=["test_loss_takes_what_a_network_gives"],
    hint="view asks for values that follow each other in memory. The halves of a layer of 32 do "
    "not: reshape takes them, and sum(dim=1) needs neither.",
)
def loss_that_views_its_codes(reconstruction, x, mu, logvar):
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    mu, logvar = mu.view(-1), logvar.view(-1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return bce + kl, bce, kl


@mistake(
    "image_models.reconstruct",
    fails=["test_reconstruction_has_no_graph"],
    hint="squeeze() drops the axis of the batch when there is one image.",
)
def squeezed_reconstruction(model, x):
    with torch.no_grad():
        return model.decode(model.encode(x)[0]).squeeze()


@mistake(
    "image_models.generate_images",
    fails=["test_samples_have_no_graph"],
    hint="squeeze() drops the axis of the batch when there is one image.",
)
def squeezed_samples(model, count):
    with torch.no_grad():
        return model.decode(torch.randn(count, 16)).squeeze()


class PlainVae(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        self.mean, self.spread = nn.Linear(256, 16), nn.Linear(256, 16)
        hidden = nn.Sequential(nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU())
        self.back = nn.Sequential(hidden, nn.Linear(512, 784), nn.Sigmoid())

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.spread(h)

    def decode(self, z):
        return self.back(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), mu, logvar


@mistake(
    "image_models.VAE",
    fails=["test_vae_keeps_a_row_for_each_image"],
    hint="Images are rows of 784, not pictures of 28 by 28.",
)
class VaeOfPictures(PlainVae):
    def decode(self, z):
        return self.back(z).view(-1, 1, 28, 28)


@mistake(
    "image_models.VAE",
    fails=["test_vae_is_trained_through"],
    hint="The draw is detached: the encoder learns nothing from the reconstruction.",
)
class VaeWithADetachedDraw(PlainVae):
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar).detach()), mu, logvar
