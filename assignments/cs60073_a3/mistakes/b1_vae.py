"""Mistakes in b.1 and b.2: the VAE, its loss, its step and its images."""

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Mistakes


def bce_of(p, x):
    return F.binary_cross_entropy(p, x, reduction="none").sum(1).mean()


def kl_of(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean()


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


vae_layers = Mistakes("image_models.VAE", "test_vae_has_the_layers_of_the_text")


@vae_layers
class VaeWithOneHead(VAE):
    """There is a single head: mean and log-variance come from the same layer of 16. Each needs its
    own."""

    def __init__(self):
        super().__init__()
        self.logvar = self.mu


@vae_layers
class VaeWithTwentyDimensions(VAE):
    """The latent space has 20 dimensions. The text asks for 16."""

    def __init__(self):
        super().__init__()
        self.mu, self.logvar = nn.Linear(256, 20), nn.Linear(256, 20)
        self.decoder[0] = nn.Linear(20, 256)


vae_encodes = Mistakes("image_models.VAE", "test_vae_encodes")


@vae_encodes
class VaeWithoutTheSecondActivation(VAE):
    """The second hidden layer of the encoder has no activation, so that it and the heads are one
    linear map."""

    def encode(self, x):
        hidden = self.body[2](self.body[1](self.body[0](x)))
        return self.mu(hidden), self.logvar(hidden)


@vae_encodes
class VaeWithReluOnTheHeads(VAE):
    """The heads end in a ReLU: a mean could not be negative, and no sigma below one."""

    def encode(self, x):
        mu, logvar = super().encode(x)
        return torch.relu(mu), torch.relu(logvar)


@vae_encodes
class VaeGivesTheStandardDeviation(VAE):
    """encode gives the standard deviation. Everything after it takes the log-variance, which may
    have either sign."""

    def encode(self, x):
        mu, logvar = super().encode(x)
        return mu, torch.exp(logvar / 2)


vae_decodes = Mistakes("image_models.VAE", "test_vae_decodes")


@vae_decodes
class VaeGivesLogits(VAE):
    """The sigmoid at the end of the decoder is missing: these are logits, and the cross-entropy
    takes probabilities."""

    def decode(self, z):
        return self.decoder[:-1](z)


@vae_decodes
class VaeEndsInTanh(VAE):
    """The decoder ends in tanh. Pixels of the VAE are probabilities in [0, 1]; [-1, 1] is the
    GAN's."""

    def decode(self, z):
        return torch.tanh(self.decoder[:-1](z))


vae_forward = Mistakes("image_models.VAE", "test_vae_goes_through_the_draw")


@vae_forward
class VaeDecodesThePrior(VAE):
    """The model decodes a draw from the prior, so that its reconstruction does not depend on the
    image."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(torch.randn_like(mu)), mu, logvar


@vae_forward
class VaeSwapsItsMoments(VAE):
    """The model gives the log-variance before the mean. The order is reconstruction, mean,
    log-variance."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), logvar, mu


vae_draws = Mistakes("image_models.VAE", "test_vae_does_not_decode_the_mean")


@vae_draws
class VaeDecodesTheMean(VAE):
    """The model decodes the mean and draws nothing: it is an autoencoder."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


vae_in_training = Mistakes("image_models.VAE", "test_vae_is_the_same_in_training")


@vae_in_training
class VaeWithDropout(VAE):
    """The encoder has dropout. The text's has none."""

    def __init__(self):
        super().__init__()
        self.body.append(nn.Dropout(0.2))


vae_rows = Mistakes("image_models.VAE", "test_vae_keeps_a_row_for_each_image")


@vae_rows
class VaeOfPictures(PlainVae):
    """Images are rows of 784, not pictures of 28 by 28."""

    def decode(self, z):
        return self.back(z).view(-1, 1, 28, 28)


vae_training = Mistakes("image_models.VAE", "test_vae_is_trained_through")


@vae_training
class VaeWithADetachedDraw(PlainVae):
    """The draw is detached: the encoder learns nothing from the reconstruction."""

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar).detach()), mu, logvar


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


@cross_entropy
def loss_averaged_over_pixels(p, x, mu, logvar):
    """The cross-entropy is averaged over the pixels as well, and so weighs 784 times less than the
    divergence: the posterior collapses to the prior."""
    bce, kl = F.binary_cross_entropy(p, x), kl_of(mu, logvar)
    return bce + kl, bce, kl


@cross_entropy
def loss_summed_over_the_batch(p, x, mu, logvar):
    """Both parts are summed over the batch too. They are means over the images."""
    bce, kl = len(x) * bce_of(p, x), len(x) * kl_of(mu, logvar)
    return bce + kl, bce, kl


@cross_entropy
def loss_of_squared_errors(p, x, mu, logvar):
    """The squared error is taken for the reconstruction. The text asks for the binary
    cross-entropy."""
    bce, kl = ((p - x) ** 2).sum(1).mean(), kl_of(mu, logvar)
    return bce + kl, bce, kl


@cross_entropy
def loss_of_white_pixels_alone(p, x, mu, logvar):
    """Only the white pixels count: the term (1 - x) log(1 - p) is missing."""
    bce, kl = -(x * torch.log(p + 1e-8)).sum(1).mean(), kl_of(mu, logvar)
    return bce + kl, bce, kl


@cross_entropy
def loss_of_batches_of_at_most_128(reconstruction, x, mu, logvar):
    """The sum over the batch is divided by a batch size of its own, not by the number of images."""
    size = min(len(x), 128)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / size
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / size
    return bce + kl, bce, kl


divergence = Mistakes("image_models.vae_loss", "test_divergence_from_the_prior")


@divergence
def loss_with_a_summed_divergence(p, x, mu, logvar):
    """The cross-entropy is averaged over the batch and the divergence summed over it: the
    divergence weighs as many times too much as there are images."""
    bce, kl = bce_of(p, x), len(x) * kl_of(mu, logvar)
    return bce + kl, bce, kl


@divergence
def loss_with_an_averaged_divergence(p, x, mu, logvar):
    """The divergence is averaged over the latent dimensions. It is their sum."""
    bce, kl = bce_of(p, x), 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean()
    return bce + kl, bce, kl


@divergence
def loss_with_a_negative_divergence(p, x, mu, logvar):
    """The divergence has the wrong sign: it is negative, and minimising the loss would send the
    posterior away from the prior."""
    bce, kl = bce_of(p, x), -kl_of(mu, logvar)
    return bce + kl, bce, kl


@divergence
def loss_with_sigma_for_the_variance(p, x, mu, logvar):
    """logvar is taken for log sigma: its exponential is squared once too often."""
    bce, kl = bce_of(p, x), kl_of(mu, 2 * logvar)
    return bce + kl, bce, kl


@divergence
def loss_without_the_half(p, x, mu, logvar):
    """The factor 1/2 of the divergence is missing."""
    bce, kl = bce_of(p, x), 2 * kl_of(mu, logvar)
    return bce + kl, bce, kl


@divergence
def loss_with_a_clamped_divergence(reconstruction, x, mu, logvar):
    """The log-variance is cut off on both sides before the divergence is computed."""
    logvar = logvar.clamp(-4, 4)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum() / len(x)
    return bce + kl, bce, kl


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


@loss_sum
def loss_subtracts_the_divergence(p, x, mu, logvar):
    """The ELBO comes out with the wrong sign in the divergence: the loss is cross-entropy plus
    divergence."""
    bce, kl = bce_of(p, x), kl_of(mu, logvar)
    return bce - kl, bce, kl


@loss_sum
def loss_forgets_the_divergence(p, x, mu, logvar):
    """The divergence is returned but is no part of the loss."""
    bce, kl = bce_of(p, x), kl_of(mu, logvar)
    return bce, bce, kl


loss_certain = Mistakes("image_models.vae_loss", "test_loss_survives_certain_pixels")


@loss_certain
def loss_with_bare_logarithms(p, x, mu, logvar):
    """The logarithm of an exact zero: 0 log 0 is NaN here. binary_cross_entropy takes care of
    it."""
    bce = -(x * torch.log(p) + (1 - x) * torch.log(1 - p)).sum(1).mean()
    kl = kl_of(mu, logvar)
    return bce + kl, bce, kl


loss_gradient = Mistakes("image_models.vae_loss", "test_loss_has_the_gradient_of_its_value")


@loss_gradient
def loss_with_a_detached_divergence(p, x, mu, logvar):
    """The divergence is detached: its value is right, and the encoder never feels it."""
    bce, kl = bce_of(p, x), kl_of(mu, logvar).detach()
    return bce + kl, bce, kl


loss_scalars = Mistakes("image_models.vae_loss", "test_parts_of_the_loss_are_scalars")


@loss_scalars
def loss_of_shape_one(p, x, mu, logvar):
    """The results have an axis of size one. They are scalars, of shape ()."""
    bce, kl = bce_of(p, x).reshape(1), kl_of(mu, logvar).reshape(1)
    return bce + kl, bce, kl


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


@step_forgets
def step_without_clearing(model, optimizer, x):
    """The gradients are never cleared, so that each step follows the sum of all before."""
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


step_descends = Mistakes("image_models.vae_step", "test_step_follows_the_loss")


@step_descends
def step_on_the_cross_entropy(model, optimizer, x):
    """Only the cross-entropy is differentiated; the loss is its sum with the divergence."""
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    optimizer.zero_grad()
    bce.backward()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


@step_descends
def step_cleared_too_late(model, optimizer, x):
    """The gradients are cleared after backward() and before the step, which then does nothing."""
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()


step_returns = Mistakes("image_models.vae_step", "test_step_returns_the_parts_of_the_loss")


@step_returns
def step_returns_the_parts_swapped(model, optimizer, x):
    """Cross-entropy and divergence are returned the wrong way round."""
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), kl.item(), bce.item()


reconstruction = Mistakes(
    "image_models.reconstruct", "test_reconstruction_is_decoded_from_the_code"
)


@reconstruction
def reconstruction_from_the_prior(model, x):
    """These are samples: what is decoded is drawn from the prior and not from the image's
    posterior."""
    with torch.no_grad():
        return model.decode(torch.randn(len(x), 16))


@reconstruction
def reconstruction_of_the_log_variance(model, x):
    """The log-variance is decoded in place of the mean."""
    with torch.no_grad():
        return model.decode(model.encode(x)[1])


@reconstruction
def reconstruction_of_five(model, x):
    """Only the first five images are reconstructed, whatever was given."""
    with torch.no_grad():
        return model.decode(model.encode(x[:5])[0])


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


@samples
def samples_of_uniform_codes(model, count):
    """The latent vectors are uniform on [0, 1]: torch.rand in place of torch.randn. They lie in one
    corner of what the decoder was trained on."""
    with torch.no_grad():
        return model.decode(torch.rand(count, 16))


@samples
def samples_through_another_sigmoid(model, count):
    """A sigmoid is applied to what is a probability already: all images turn grey."""
    with torch.no_grad():
        return torch.sigmoid(model.decode(torch.randn(count, 16)))


@samples
def samples_of_repeated_numbers(model, count):
    """Each z is one number, repeated 16 times. The prior has 16 independent ones."""
    with torch.no_grad():
        return model.decode(torch.randn(count, 1).repeat(1, 16))


samples_differ = Mistakes("image_models.generate_images", "test_samples_differ")


@samples_differ
def samples_with_a_seed_inside(model, count):
    """A seed is set inside the function, so that every call makes the same images."""
    torch.manual_seed(1234)
    with torch.no_grad():
        return model.decode(torch.randn(count, 16))


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
