"""Question 2: the evaluation of the image networks (given; nothing to be written here).

Sources: Salimans et al., "Improved Techniques for Training GANs", 2016 (arXiv:1606.03498);
Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
Equilibrium", 2017 (arXiv:1706.08500).
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[np.float64]
EvalStep = Callable[[nn.Module, nn.Module], tuple[dict[str, float], Tensor]]
# Pictures (N, 3, H, W) in [-1, 1] to features (N, 2048) and p(y|x), (N, 1000).
Inception = Callable[[Tensor], tuple[Tensor, Tensor]]


def inception_score(probabilities: Tensor, splits: int = 10) -> tuple[float, float]:
    """exp of the mean KL(p(y|x) || p(y)) in each of several parts of the samples.

    Args:
        probabilities: (N, C), p(y|x) of each sample, float32; some may be exactly 0.
        splits: parts of N / splits samples each. p(y) is the mean over a part.

    Returns:
        The mean over the parts, from 1 to C, and the standard deviation over them.

    The parts are interleaved, so that samples in the order of their classes do not make parts of
    one class each, whose score is 1.
    """
    scores = []
    for start in range(splits):
        part = probabilities[start::splits].double()  # (N / splits, C)
        # E KL(p(y|x) || p(y)) = H(p(y)) - E H(p(y|x)), and entr(0) is 0.
        kl = torch.special.entr(part.mean(dim=0)).sum() - torch.special.entr(part).sum(1).mean()
        scores.append(kl.exp().item())
    return float(np.mean(scores)), float(np.std(scores))


def feature_statistics(features: Tensor) -> tuple[Array, Array]:
    """Mean and covariance of features, in double precision.

    Args:
        features: (N, D), a row for each image, float32.

    Returns:
        The mean (D,) and the covariance (D, D), divided by N - 1.
    """
    rows = features.double().cpu().numpy()
    return rows.mean(axis=0), np.cov(rows, rowvar=False)


def frechet_distance(mu_r: Array, sigma_r: Array, mu_g: Array, sigma_g: Array) -> float:
    """The squared Frechet distance between N(mu_r, sigma_r) and N(mu_g, sigma_g).

    |mu_r - mu_g|^2 + tr(sigma_r + sigma_g - 2 (sigma_r sigma_g)^(1/2))

    Args:
        mu_r, mu_g: (D,), float64.
        sigma_r, sigma_g: (D, D), float64; they may be singular.

    Returns:
        A real number, in the square of the features' unit; 0 for two equal distributions.
    """
    values, vectors = np.linalg.eigh(sigma_r)
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    # sigma_r sigma_g has the eigenvalues of the symmetric root sigma_g root. Those stay real and
    # at least zero, up to rounding, however singular the covariances are.
    eigenvalues = np.linalg.eigvalsh(root @ sigma_g @ root)
    trace_of_root = np.sqrt(eigenvalues.clip(min=0)).sum()
    distance = np.square(mu_r - mu_g).sum()
    return float(distance + np.trace(sigma_r) + np.trace(sigma_g) - 2 * trace_of_root)


def load_inception(device: torch.device | str | None = None) -> Inception:
    """torchvision's Inception v3 with its published weights, 100 MB from the network."""
    from torchvision.models import Inception_V3_Weights, inception_v3

    # The pictures are in [-1, 1] already, which is what transform_input would turn them into.
    network = inception_v3(weights=Inception_V3_Weights.DEFAULT, transform_input=False)
    network.to(device).eval()
    classify, network.fc = network.fc, nn.Identity()

    def features_and_probabilities(images: Tensor) -> tuple[Tensor, Tensor]:
        large = F.interpolate(images, size=(299, 299), mode="bilinear", align_corners=True)
        features = network(large)  # (N, 2048)
        return features, F.softmax(classify(features), dim=1)

    return features_and_probabilities


def real_statistics(
    path: Path,
    inception: Inception,
    images: Iterable[Tensor],
    device: torch.device | str | None = None,
) -> tuple[Array, Array]:
    """The statistics in a file; the file is made from the images if it does not exist.

    Args:
        path: an .npz file with `mean` and `cov`.
        inception: what `load_inception` gives.
        images: batches (N, 3, H, W) in [-1, 1].
        device: where the network is.

    Returns:
        Mean and covariance, as `feature_statistics` gives them.
    """
    if not path.exists():
        features = torch.cat([inception(batch.to(device))[0] for batch in images])
        mean, cov = feature_statistics(features)
        np.savez(path, mean=mean, cov=cov)
    with np.load(path) as stats:
        return stats["mean"], stats["cov"]


def make_eval_step(
    stats_filename: str,
    eval_data_iter: Iterable[Tensor],
    dimz: int,
    persisting_Z: int = 100,
    device: torch.device | str | None = None,
) -> EvalStep:
    """Make the function that evaluates the models.

    Args:
        stats_filename: an .npz file with `mean` and `cov` of the Inception features of the test
            split; it is written at the first evaluation if it does not exist. The empty string
            leaves IS and FID out, and then no pretrained network is needed.
        eval_data_iter: gives the test split in batches (N, 3, H, W) scaled to [-1, 1], and can
            be gone through again and again, as a DataLoader can.
        dimz: the size of the generator's noise.
        persisting_Z: the number of noise vectors that are kept from one evaluation to the next,
            so that their pictures can be compared over time.
        device: where the models are.

    Returns:
        `eval_step(critic, test_generator)`, which returns a dictionary of figures and the
        pictures of the persistent noise, (persisting_Z, 3, H, W).

    The network is torchvision's Inception v3, not the one of the papers: its IS and FID compare
    with each other and with nothing published.
    """
    persistent_noise = torch.randn(persisting_Z, dimz, device=device)
    inception: Inception | None = None

    @torch.no_grad()
    def eval_step(critic: nn.Module, test_generator: nn.Module) -> tuple[dict[str, float], Tensor]:
        nonlocal inception
        if stats_filename and inception is None:
            inception = load_inception(device)

        # The running statistics belong to no averaged parameters: make them anew from samples.
        for module in test_generator.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.reset_running_stats()
        test_generator.train()
        for _ in range(1000):
            test_generator()

        critic.eval()
        test_generator.eval()
        real_values, fake_values, fake_features, fake_probabilities = [], [], [], []
        for images in eval_data_iter:
            fakes = test_generator(torch.randn(len(images), dimz, device=device))
            real_values.append(critic(images.to(device)).reshape(-1))
            fake_values.append(critic(fakes).reshape(-1))
            if inception is not None:
                features, probabilities = inception(fakes)
                fake_features.append(features)
                fake_probabilities.append(probabilities)
        samples = test_generator(persistent_noise)

        figures = {
            "critic_real": float(torch.cat(real_values).mean()),
            "critic_fake": float(torch.cat(fake_values).mean()),
        }
        if inception is not None:
            figures["is"], figures["is_sd"] = inception_score(torch.cat(fake_probabilities))
            figures["fid"] = frechet_distance(
                *real_statistics(Path(stats_filename), inception, eval_data_iter, device),
                *feature_statistics(torch.cat(fake_features)),
            )
        critic.train()
        test_generator.train()
        return figures, samples

    return eval_step
