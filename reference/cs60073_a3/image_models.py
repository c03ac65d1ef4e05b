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
        ### BEGIN SOLUTION
        self.body = nn.Sequential(nn.Linear(PIXELS, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU())
        self.mu = nn.Linear(256, LATENT)
        self.logvar = nn.Linear(256, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.ReLU(),
            nn.Linear(512, PIXELS),
            nn.Sigmoid(),
        )
        ### END SOLUTION

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 784) in [0, 1] to the mean and the log-variance of q(z|x), (B, 16) each."""
        ### BEGIN SOLUTION
        hidden = self.body(x)  # (B, 256)
        return self.mu(hidden), self.logvar(hidden)
        ### END SOLUTION

    def decode(self, z: Tensor) -> Tensor:
        """Latent vectors (B, 16) to the pixels' probabilities of being white, (B, 784)."""
        ### BEGIN SOLUTION
        return self.decoder(z)
        ### END SOLUTION

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, 784) to what is decoded from one draw of z, (B, 784), and mean and
        log-variance of q(z|x), (B, 16) each. The draw is that of `reparameterise`."""
        ### BEGIN SOLUTION
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), mu, logvar
        ### END SOLUTION


def reparameterise(mu: Tensor, logvar: Tensor) -> Tensor:
    """Draw z from N(mu, diag exp(logvar)) such that gradients reach mu and logvar.

    Args:
        mu, logvar: (B, L), means and log-variances, log sigma^2.

    Returns:
        (B, L), mu + sigma * eps with new eps from N(0, I) for every element and every call.
    """
    ### BEGIN SOLUTION
    return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    # -ELBO = -sum_i (x_i log y_i + (1 - x_i) log(1 - y_i)) + 1/2 sum_j (mu_j^2 + sigma_j^2
    # - log sigma_j^2 - 1): Kingma and Welling, appendices C.1 and B.
    # torch's cross-entropy cuts logarithms off at -100, so that 0 log 0 is 0 and log 0 is finite.
    bce = F.binary_cross_entropy(reconstruction, x, reduction="none").sum(dim=1).mean()
    kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(dim=1).mean()
    return bce + kl, bce, kl
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    reconstruction, mu, logvar = model(x)
    loss, bce, kl = vae_loss(reconstruction, x, mu, logvar)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), bce.item(), kl.item()
    ### END SOLUTION


def reconstruct(model: VAE, x: Tensor) -> Tensor:
    """Images (B, 784) to their reconstructions (B, 784), without gradients.

    Whether z is the mean of q(z|x) or a draw from it is left open; here it is the mean.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        return model.decode(model.encode(x)[0])
    ### END SOLUTION


def generate_images(model: VAE, count: int) -> Tensor:
    """New images (count, 784): decoded from draws of z from N(0, I), without gradients."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        return model.decode(torch.randn(count, LATENT))
    ### END SOLUTION


# --- the adversarial network ----------------------------------------------------------------------


def to_signed(x: Tensor) -> Tensor:
    """Pixels in [0, 1] to [-1, 1], where the GAN's networks work."""
    ### BEGIN SOLUTION
    return 2 * x - 1
    ### END SOLUTION


def to_unit(x: Tensor) -> Tensor:
    """Pixels in [-1, 1] back to [0, 1], for pictures and for the classifier."""
    ### BEGIN SOLUTION
    return (x + 1) / 2
    ### END SOLUTION


class Generator(nn.Module):
    """64-256-512-784 with LeakyReLU(0.2) in the hidden layers and tanh at the end.

    550,416 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Linear(NOISE, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, PIXELS),
            nn.Tanh(),
        )
        ### END SOLUTION

    def forward(self, z: Tensor) -> Tensor:
        """Noise (B, 64) to images (B, 784) in [-1, 1]."""
        ### BEGIN SOLUTION
        return self.layers(z)
        ### END SOLUTION


class Discriminator(nn.Module):
    """784-512-256-1 with LeakyReLU(0.2) and then dropout of 0.3 in the hidden layers.

    533,505 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.layers = nn.Sequential(
            nn.Linear(PIXELS, 512),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(256, 1),
        )
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, 784) in [-1, 1] to logits of being real; (B, 1), or (B,) if you prefer."""
        ### BEGIN SOLUTION
        return self.layers(x)
        ### END SOLUTION


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The binary cross-entropy of the discriminator, with smoothed labels.

    Args:
        real_logits: of real images, whose target is 0.9; any shape.
        fake_logits: of generated images, whose target is 0; any shape.

    Returns:
        (), the mean over the real images plus the mean over the generated ones; half of that sum
        is accepted too. Logits of either sign may be large.
    """
    ### BEGIN SOLUTION
    # -E_real (0.9 log D + 0.1 log(1 - D)) - E_fake log(1 - D): Goodfellow et al., equation 1, with
    # the one-sided label smoothing of Salimans et al., section 3.4.
    real = F.binary_cross_entropy_with_logits(real_logits, torch.full_like(real_logits, 0.9))
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real + fake
    ### END SOLUTION


def generator_loss(fake_logits: Tensor) -> Tensor:
    """The non-saturating loss: the cross-entropy of generated images that are called real.

    Args:
        fake_logits: of generated images, any shape.

    Returns:
        (), the mean. The target is 1; the discriminator's 0.9 is accepted too.
    """
    ### BEGIN SOLUTION
    # -E log D(G(z)): Goodfellow et al., section 3.
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    # Goodfellow et al., algorithm 1, with one step of the discriminator.
    fake = generator(torch.randn(len(x), NOISE))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()

    g_loss = generator_loss(discriminator(fake))
    generator_optimizer.zero_grad()
    # This leaves gradients in the discriminator too; its next step begins by clearing them.
    g_loss.backward()
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()
    ### END SOLUTION


def generator_images(generator: nn.Module, z: Tensor) -> Tensor:
    """Noise (B, 64) to images (B, 784) in [0, 1], without gradients."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        return to_unit(generator(z))
    ### END SOLUTION


# --- the classifier and the scores ----------------------------------------------------------------


class Classifier(nn.Module):
    """Two convolutions 1-32-64 (3x3, padding 1), each with ReLU and pooling by 2; 3136-128-10.

    421,642 parameters. It is made without arguments.
    """

    def __init__(self) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, stride=1, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 32, 14, 14)
            nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 64, 7, 7)
            nn.Flatten(),
            nn.Linear(7 * 7 * 64, 128),
            nn.ReLU(),
        )
        self.head = nn.Linear(128, 10)
        ### END SOLUTION

    def features(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) in [0, 1] to the activations before the last layer, (B, 128).

        They are taken after the ReLU.
        """
        ### BEGIN SOLUTION
        return self.body(x)
        ### END SOLUTION

    def probabilities(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) to p(y|x), (B, 10), rows that add up to one."""
        ### BEGIN SOLUTION
        return torch.softmax(self.head(self.features(x)), dim=1)
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (B, 1, 28, 28) to what `classifier_loss` takes, (B, 10).

        Logits, probabilities or their logarithms: what fits your loss. Here they are logits.
        """
        ### BEGIN SOLUTION
        return self.head(self.features(x))
        ### END SOLUTION


def classifier_loss(output: Tensor, labels: Tensor) -> Tensor:
    """The mean of -log p(label|x) over a batch.

    Args:
        output: (B, 10), what `Classifier.forward` gives.
        labels: (B,), integers from 0 to 9.

    Returns:
        (), in nats per image.
    """
    ### BEGIN SOLUTION
    # -1/B sum log softmax(output)_label.
    # It holds a softmax of its own: with probabilities in place of logits there would be two.
    return F.cross_entropy(output, labels)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    scores = []
    for start in range(splits):
        part = probabilities[start::splits].double()  # (N / splits, C)
        # E KL(p(y|x) || p(y)) = H(p(y)) - E H(p(y|x)), and entr(0) is 0.
        kl = torch.special.entr(part.mean(dim=0)).sum() - torch.special.entr(part).sum(1).mean()
        scores.append(kl.exp().item())
    return float(np.mean(scores)), float(np.std(scores))
    ### END SOLUTION


def feature_statistics(features: Tensor) -> tuple[Array, Array]:
    """Mean and covariance of features, in double precision.

    Args:
        features: (N, D), a row for each image, float32.

    Returns:
        The mean (D,) and the covariance (D, D), divided by N - 1 or by N; arrays or tensors.
    """
    ### BEGIN SOLUTION
    rows = features.double().numpy()
    return rows.mean(axis=0), np.cov(rows, rowvar=False)
    ### END SOLUTION


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
    ### BEGIN SOLUTION
    values, vectors = np.linalg.eigh(sigma_r)
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    # sigma_r sigma_g has the eigenvalues of the symmetric root sigma_g root. Those stay real and
    # at least zero, up to rounding, however singular the covariances are.
    eigenvalues = np.linalg.eigvalsh(root @ sigma_g @ root)
    trace_of_root = np.sqrt(eigenvalues.clip(min=0)).sum()
    distance = np.square(mu_r - mu_g).sum()
    return float(distance + np.trace(sigma_r) + np.trace(sigma_g) - 2 * trace_of_root)
    ### END SOLUTION
