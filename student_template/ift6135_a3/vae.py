"""Question 1: the variational autoencoder that uses the functions of `q1_solution.py`.

`python vae.py FOLDER` trains on the binarised MNIST of Larochelle, three text files
`binarized_mnist_{train,valid,test}.amat` in FOLDER, and prints the bound on the validation set
and the importance-sampled log-likelihood of the test set.

Source: Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (arXiv:1312.6114);
importance sampling: Rezende et al., 2014 (arXiv:1401.4082), appendix E.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from q1_solution import (
    kl_gaussian_gaussian_analytic,
    log_likelihood_bernoulli,
    log_likelihood_normal,
    log_mean_exp,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader


class Encoder(nn.Module):
    """q(z|x): pictures to the mean and the log-variance of a diagonal normal distribution."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(784, 300),
            nn.ELU(),
            nn.Linear(300, 300),
            nn.ELU(),
            nn.Linear(300, 2 * latent_size),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, 28, 28) to a mean (B, L) and a log-variance (B, L)."""
        mean, logvar = self.mlp(x.flatten(start_dim=1)).chunk(2, dim=1)  # (B, 2L) -> 2 x (B, L)
        return mean, logvar


class Decoder(nn.Module):
    """p(x|z): latent vectors to the logits of independent Bernoulli pixels."""

    def __init__(self, latent_size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(latent_size, 300),
            nn.ELU(),
            nn.Linear(300, 300),
            nn.ELU(),
            nn.Linear(300, 784),
        )

    def forward(self, z: Tensor) -> Tensor:
        """(B, L) to logits (B, 784)."""
        # Most pixels are black: starting from there saves the first steps.
        return self.mlp(z) - 5


class VAE(nn.Module):
    """Encoder and decoder, with a draw of z in between.

    Args:
        latent_size: L, the number of latent dimensions.
    """

    def __init__(self, latent_size: int = 100) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.encode = Encoder(latent_size)
        self.decode = Decoder(latent_size)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 1, 28, 28) to mean and log-variance of q(z|x), (B, L), and logits (B, 784)."""
        z_mean, z_logvar = self.encode(x)
        z = z_mean + torch.exp(z_logvar / 2) * torch.randn_like(z_mean)
        return z_mean, z_logvar, self.decode(z)

    def loss(self, x: Tensor, z_mean: Tensor, z_logvar: Tensor, x_logits: Tensor) -> Tensor:
        """Negative evidence lower bound of a batch, a scalar: the mean over examples, in nats.

        Args:
            x: (B, 1, 28, 28), the binary pictures.
            z_mean, z_logvar, x_logits: what `forward` returns for them.
        """
        zero = torch.zeros_like(z_mean)  # mean and log-variance of the prior N(0, I)
        log_px_given_z = log_likelihood_bernoulli(torch.sigmoid(x_logits), x)  # (B,)
        kl = kl_gaussian_gaussian_analytic(z_mean, z_logvar, zero, zero)  # (B,)
        return (kl - log_px_given_z).mean()


def evaluate(model: VAE, data: Tensor, batch_size: int = 64) -> float:
    """Negative evidence lower bound per example, in nats, over pictures (N, 1, 28, 28)."""
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x in data.split(batch_size):
            # Weighted by its size, for the last batch may be smaller than the others.
            total += len(x) * model.loss(x, *model(x)).item()
    return total / len(data)


def train(
    model: VAE,
    train_data: Tensor,
    valid_data: Tensor,
    epochs: int = 20,
    batch_size: int = 64,
    lr: float = 3e-4,
) -> list[float]:
    """Train with Adam.

    Args:
        model: changed in place.
        train_data, valid_data: (N, 1, 28, 28), binary pictures as floats.
        epochs, batch_size, lr: passes over the training data, examples per step, learning rate.

    Returns:
        The validation bound after each epoch, as `evaluate` gives it.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    # A tensor is a data set of its rows; torch's types do not know that.
    loader: DataLoader[Tensor] = DataLoader(train_data, batch_size, shuffle=True)  # type: ignore[arg-type]
    curve = []
    for epoch in range(1, epochs + 1):
        model.train()
        for x in loader:
            loss = model.loss(x, *model(x))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        curve.append(evaluate(model, valid_data, batch_size))
        print(f"epoch {epoch}: validation -ELBO {curve[-1]:.3f}")
    return curve


def importance_sampled_log_likelihood(
    model: VAE, data: Tensor, num_samples: int = 200, batch_size: int = 64
) -> float:
    """Estimate of the log-likelihood per example, in nats, by importance sampling.

    (1/N) sum_i log( (1/K) sum_k p(x_i|z_k) p(z_k) / q(z_k|x_i) ) with z_k drawn from q(z|x_i).

    Args:
        model: the trained model.
        data: (N, 1, 28, 28), binary pictures as floats.
        num_samples: K, samples of q(z|x) for each example.
        batch_size: examples at a time.
    """
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x in data.split(batch_size):
            z_mean, z_logvar = model.encode(x)
            zero = torch.zeros_like(z_mean)  # mean and log-variance of the prior N(0, I)
            log_w = []
            for _ in range(num_samples):
                z = z_mean + torch.exp(z_logvar / 2) * torch.randn_like(z_mean)  # (B, L)
                log_px_given_z = log_likelihood_bernoulli(torch.sigmoid(model.decode(z)), x)
                log_pz = log_likelihood_normal(zero, zero, z)
                log_qz_given_x = log_likelihood_normal(z_mean, z_logvar, z)
                log_w.append(log_px_given_z + log_pz - log_qz_given_x)  # (B,)
            total += log_mean_exp(torch.stack(log_w, dim=1)).sum().item()  # (B, K) -> (B,)
    return total / len(data)


def load_amat(path: Path) -> Tensor:
    """Read a text file of 784 zeros and ones per line as pictures (N, 1, 28, 28)."""
    pixels = np.loadtxt(path, dtype=np.float32)
    return torch.from_numpy(pixels).reshape(-1, 1, 28, 28)


def main(arguments: list[str] | None = None) -> None:
    """Train on the files in a folder, print the two figures, and save the weights."""
    parser = argparse.ArgumentParser(description="Train the variational autoencoder.")
    parser.add_argument("folder", type=Path, help="has binarized_mnist_{train,valid,test}.amat")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)

    train_data, valid_data, test_data = (
        load_amat(options.folder / f"binarized_mnist_{split}.amat").to(options.device)
        for split in ("train", "valid", "test")
    )
    model = VAE(latent_size=100).to(options.device)
    train(model, train_data, valid_data, epochs=options.epochs)
    torch.save(model.state_dict(), "model.pt")
    print(f"validation ELBO per example: {-evaluate(model, valid_data):.3f}")
    log_px = importance_sampled_log_likelihood(model, test_data)
    print(f"test log-likelihood per example, 200 importance samples: {log_px:.3f}")


if __name__ == "__main__":
    main()
