"""Part B: a VAE and a GAN of linear layers for MNIST, and the two scores that compare them.

Images are rows of 784 pixels in [0, 1]; the GAN's networks work on [-1, 1], the classifier on
pictures (B, 1, 28, 28). Losses and divergences are in nats per image. The training loops are in
`image_training.py`.

Sources: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (arXiv:1312.6114);
Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661); Salimans et al.,
"Improved Techniques for Training GANs", 2016 (arXiv:1606.03498); Heusel et al., "GANs Trained by
a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017 (arXiv:1706.08500).
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

PIXELS = 784
LATENT = 16  # of the VAE
NOISE = 64  # of the GAN

Array = NDArray[np.float64]


# --- the variational autoencoder ------------------------------------------------------------------


class VAE(nn.Module):
    """784-512-256 with ReLU and two heads of 16; 16-256-512-784 with ReLU and a sigmoid.

    1,079,600 parameters. It is made without arguments. Names of layers are yours.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("image_models.VAE.__init__ is not written yet")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 784) in [0, 1] to the mean and the log-variance of q(z|x), (B, 16) each."""
        raise NotImplementedError("image_models.VAE.encode is not written yet")

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, 16) to the pixels' probabilities of being white, (B, 784)."""
        raise NotImplementedError("image_models.VAE.decode is not written yet")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 784) to what is decoded from one draw of z, (B, 784), and mean and
        log-variance of q(z|x), (B, 16) each. The draw is that of `reparameterise`."""
        raise NotImplementedError("image_models.VAE.forward is not written yet")


def reparameterise(mu: Tensor, logvar: Tensor) -> Tensor:
    """Draw z from N(mu, diag exp(logvar)) such that gradients reach mu and logvar.

    Args:
        mu, logvar: (B, L), means and log-variances, log sigma^2.

    Returns:
        (B, L), mu + sigma * eps with new eps from N(0, I) for every element and every call.
    """
    raise NotImplementedError("image_models.reparameterise is not written yet")


def vae_loss(
    reconstruction: Tensor, x: Tensor, mu: Tensor, logvar: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The negative evidence lower bound per image, and its two parts.

    Args:
        reconstruction: (B, 784), probabilities; the sigmoid of float32 can be exactly 0 or 1.
        x: (B, 784), the images, in [0, 1].
        mu, logvar: (B, L), of q(z|x).

    Returns:
        `(loss, bce, kl)`, scalars that gradients flow through: the binary cross-entropy, summed
        over the pixels; KL(q(z|x) || N(0, I)), summed over the L dimensions; and their sum. All
        are means over the B images. They are finite for probabilities of exactly 0 and 1.
    """
    raise NotImplementedError("image_models.vae_loss is not written yet")


def vae_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor
) -> tuple[float, float, float]:
    """One step of training.

    Args:
        model: called with x it gives reconstruction, mean and log-variance, as `VAE` does.
        optimizer: of the model's parameters. Gradients may be there from before; they must not
            count.
        x: (B, 784), a batch of images in [0, 1].

    Returns:
        `(loss, bce, kl)` of this batch as numbers, as `vae_loss` gave them before the step.
    """
    raise NotImplementedError("image_models.vae_step is not written yet")


def reconstruct(model: VAE, x: Tensor) -> Tensor:
    """Images (B, 784) to their reconstructions (B, 784), without gradients.

    Whether z is the mean of q(z|x) or a draw from it is left open; here it is the mean.
    """
    raise NotImplementedError("image_models.reconstruct is not written yet")


def generate_images(model: VAE, count: int) -> Tensor:
    """New images (count, 784): decoded from draws of z from N(0, I), without gradients."""
    raise NotImplementedError("image_models.generate_images is not written yet")


# --- the adversarial network ----------------------------------------------------------------------


def to_signed(x: Tensor) -> Tensor:
    """Pixels in [0, 1] to [-1, 1], where the GAN's networks work."""
    raise NotImplementedError("image_models.to_signed is not written yet")


def to_unit(x: Tensor) -> Tensor:
    """Pixels in [-1, 1] back to [0, 1], for pictures and for the classifier."""
    raise NotImplementedError("image_models.to_unit is not written yet")


class Generator(nn.Module):
    """64-256-512-784 with LeakyReLU(0.2) in the hidden layers and tanh at the end.

    550,416 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("image_models.Generator.__init__ is not written yet")

    def forward(self, z: Tensor) -> Tensor:
        """Noise (B, 64) to images (B, 784) in [-1, 1]."""
        raise NotImplementedError("image_models.Generator.forward is not written yet")


class Discriminator(nn.Module):
    """784-512-256-1 with LeakyReLU(0.2) and then dropout of 0.3 in the hidden layers.

    533,505 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("image_models.Discriminator.__init__ is not written yet")

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 784) in [-1, 1] to logits of being real; (B, 1), or (B,) if you prefer."""
        raise NotImplementedError("image_models.Discriminator.forward is not written yet")


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The binary cross-entropy of the discriminator, with smoothed labels.

    Args:
        real_logits: of real images, whose target is 0.9; any shape.
        fake_logits: of generated images, whose target is 0; any shape.

    Returns:
        (), the mean over the real images plus the mean over the generated ones; half of that sum
        is accepted too. Logits of either sign may be large.
    """
    raise NotImplementedError("image_models.discriminator_loss is not written yet")


def generator_loss(fake_logits: Tensor) -> Tensor:
    """The non-saturating loss: the cross-entropy of generated images that are called real.

    Args:
        fake_logits: of generated images, any shape.

    Returns:
        (), the mean. The target is 1; the discriminator's 0.9 is accepted too.
    """
    raise NotImplementedError("image_models.generator_loss is not written yet")


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    generator_optimizer: torch.optim.Optimizer,
    discriminator_optimizer: torch.optim.Optimizer,
    x: Tensor,
) -> tuple[float, float]:
    """One step of the discriminator and one of the generator.

    Args:
        generator: noise (B, 64) to images (B, 784) in [-1, 1].
        discriminator: images (B, 784) in [-1, 1] to logits.
        generator_optimizer, discriminator_optimizer: of the parameters of each. Gradients may be
            there from before; each step must see those of its own loss alone.
        x: (B, 784), a batch of real images in [0, 1].

    Returns:
        `(loss of the discriminator, loss of the generator)` as numbers, before the steps.

    Each step uses B generated images; both may use the same. Which player moves first is left
    open.
    """
    raise NotImplementedError("image_models.gan_step is not written yet")


def generator_images(generator: nn.Module, z: Tensor) -> Tensor:
    """Noise (B, 64) to images (B, 784) in [0, 1], without gradients."""
    raise NotImplementedError("image_models.generator_images is not written yet")


# --- the classifier and the scores ----------------------------------------------------------------


class Classifier(nn.Module):
    """Two convolutions 1-32-64 (3x3, padding 1), each with ReLU and pooling by 2; 3136-128-10.

    421,642 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("image_models.Classifier.__init__ is not written yet")

    def features(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) in [0, 1] to the activations before the last layer, (B, 128).

        They are taken after the ReLU.
        """
        raise NotImplementedError("image_models.Classifier.features is not written yet")

    def probabilities(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) to p(y|x), (B, 10), rows that add up to one."""
        raise NotImplementedError("image_models.Classifier.probabilities is not written yet")

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) to what `classifier_loss` takes, (B, 10).

        Logits, probabilities or their logarithms: what fits your loss. Here they are logits.
        """
        raise NotImplementedError("image_models.Classifier.forward is not written yet")


def classifier_loss(output: Tensor, labels: Tensor) -> Tensor:
    """The mean of -log p(label|x) over a batch.

    Args:
        output: (B, 10), what `Classifier.forward` gives.
        labels: (B,), integers from 0 to 9.

    Returns:
        (), in nats per image.
    """
    raise NotImplementedError("image_models.classifier_loss is not written yet")


def inception_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """exp of the mean KL(p(y|x) || p(y)) in each of several parts of the samples.

    Args:
        probabilities: (N, C), p(y|x) of each sample, float32; some may be exactly 0.
        splits: parts of N / splits samples each. p(y) is the mean over a part.

    Returns:
        The mean over the parts and the standard deviation over them, with n or n - 1.

    Which samples make a part is left open: consecutive ones, every tenth, or random ones. Here
    they are interleaved, so that samples in the order of their classes do not make parts of one
    class each, whose score is 1.
    """
    raise NotImplementedError("image_models.inception_score is not written yet")


def feature_statistics(features: Tensor) -> tuple[Array, Array]:
    """Mean and covariance of features, in double precision.

    Args:
        features: (N, D), a row for each image, float32.

    Returns:
        The mean (D,) and the covariance (D, D), divided by N - 1 or by N; arrays or tensors.
    """
    raise NotImplementedError("image_models.feature_statistics is not written yet")


def frechet_distance(mu_r: Array, sigma_r: Array, mu_g: Array, sigma_g: Array) -> float:
    """The squared Frechet distance between N(mu_r, sigma_r) and N(mu_g, sigma_g).

    |mu_r - mu_g|^2 + tr(sigma_r + sigma_g - 2 (sigma_r sigma_g)^(1/2))

    Args:
        mu_r, mu_g: (D,), float64.
        sigma_r, sigma_g: (D, D), float64. One of few samples is singular: 100 images leave at
            most 99 of 128 eigenvalues above zero.

    Returns:
        A real number, in the square of the features' unit; 0 for two equal distributions.
    """
    raise NotImplementedError("image_models.frechet_distance is not written yet")
