"""Question 2: losses, regularisers and the training step of a generative adversarial network.

The critic scores samples: it aims at positive values for real data (P) and at lower ones for
generated data (Q). Wherever both appear, the real side comes first. The critic and the generator
play over one number, the metric: an estimate of how far Q is from P, which the critic pushes up
and the generator pulls down.

The networks are in `model.py` and `dirac.py`, the experiments in `run_exp.py`.

Sources: Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661);
Arjovsky et al., "Wasserstein GAN", 2017 (arXiv:1701.07875); Gulrajani et al., "Improved Training
of Wasserstein GANs", 2017 (arXiv:1704.00028); Mescheder et al., "Which Training Methods for GANs
do actually Converge?", 2018 (arXiv:1801.04406).
"""

# torch leaves Tensor.backward and Tensor.split without types.
# mypy: allow-untyped-calls

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

AVAILABLE_LOSSES = ["JSD", "W1"]
AVAILABLE_REGULARIZERS = ["GP", "R1", None]

Critic = Callable[[Tensor], Tensor]
Loss = Callable[[Tensor, Tensor, Critic], Tensor]
TrainStep = Callable[
    [
        Iterator[Tensor],
        nn.Module,
        torch.optim.Optimizer,
        nn.Module,
        nn.Module,
        torch.optim.Optimizer,
    ],
    Tensor,
]
EvalStep = Callable[[nn.Module, nn.Module], tuple[dict[str, float], Tensor]]


def jsd(cp: Tensor, cq: Tensor) -> Tensor:
    """Estimate of the Jensen-Shannon divergence between P and Q from critic values.

    The critic's values are logits: sigmoid(C(x)) is the probability that x is real. The estimate
    is the lower bound on JSD(P, Q) that such a critic gives (theory question 4), so it is tight
    for the best critic, log p(x) - log q(x).

    Args:
        cp: (N,), critic values of real samples.
        cq: (N,), critic values of generated samples.

    Returns:
        (), in nats: 0 when all critic values are 0, and never more than log 2. Logits of up to 80
        in size, of either sign, give a finite value.
    """
    raise NotImplementedError("gan.jsd is not written yet")


def w1(cp: Tensor, cq: Tensor) -> Tensor:
    """Estimate of the Wasserstein-1 distance between P and Q from critic values.

    The dual form of Kantorovich and Rubinstein, for the critic as it is: whether it is
    1-Lipschitz is the business of the regulariser, and nothing is clipped here.

    Args:
        cp: (N,), critic values of real samples.
        cq: (N,), critic values of generated samples.

    Returns:
        (), in the units of the critic; negative when the critic prefers the generated samples.
    """
    raise NotImplementedError("gan.w1 is not written yet")


def r1gp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Critic) -> Tensor:
    """Zero-centred gradient penalty on real data (R1; Mescheder et al., section 4.1).

    The mean over the batch of the squared L2 norm of the critic's gradient at the real samples,
    with neither the factor 1/2 of the paper nor a coefficient: that is `reg_cf` in `make_losses`.

    Args:
        p: (N, *sample.size()), real samples of any shape. They need not require a gradient.
            The norm is that of a whole sample; the samples of a batch (N,) are numbers.
        cp: (N,), critic values of `p`.
        q: (N, *sample.size()), generated samples.
        cq: (N,), critic values of `q`.
        critic: the critic, which scores each sample of a batch by itself.

    Returns:
        (), a penalty that can be differentiated again, with respect to the critic's parameters.

    Not every argument has to be used. Whether `cp` is differentiated, or `critic(p)` afresh, is
    left open; here it is `critic(p)`, which works whatever `cp` is.
    """
    raise NotImplementedError("gan.r1gp is not written yet")


def ogp(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Critic) -> Tensor:
    """One-centred gradient penalty between real and generated data (Gulrajani et al., section 4).

    The mean over the batch of the squared distance from 1 of the L2 norm of the critic's gradient
    at points eps * p + (1 - eps) * q, with eps uniform on [0, 1]. The coefficient is `reg_cf` in
    `make_losses`; the paper's factor 10 is not included.

    Args:
        p: (N, *sample.size()), real samples of any shape; eps multiplies these. The norm is that
            of a whole sample; the samples of a batch (N,) are numbers.
        cp: (N,), critic values of `p`.
        q: (N, *sample.size()), generated samples.
        cq: (N,), critic values of `q`.
        critic: the critic, which scores each sample of a batch by itself.

    Returns:
        (), a penalty that can be differentiated again, with respect to the critic's parameters.

    Not every argument has to be used. How often eps is drawn is left open; here once per sample.
    """
    raise NotImplementedError("gan.ogp is not written yet")


def make_losses(
    loss_type: str, reg_type: str | None = None, reg_cf: float = 1.0
) -> tuple[Loss, Loss]:
    """Make the two losses of the game.

    Args:
        loss_type: one of `AVAILABLE_LOSSES`.
        reg_type: one of `AVAILABLE_REGULARIZERS`; None means no regularisation.
        reg_cf: the coefficient of the regulariser.

    Returns:
        The pair `(metric, critic_loss)`, each a function of real samples, generated samples and
        the critic.

    Raises:
        AssertionError: if `reg_cf` is not positive.
        NotImplementedError: if the loss or the regulariser is unknown.
    """
    assert reg_cf > 0, f"reg_cf must be positive, got {reg_cf}"

    if loss_type == "JSD":
        loss_fn = jsd
    elif loss_type == "W1":
        loss_fn = w1
    else:
        raise NotImplementedError(f"loss_type must be one of {AVAILABLE_LOSSES}, got {loss_type!r}")

    if reg_type == "GP":
        reg_fn = ogp
    elif reg_type == "R1":
        reg_fn = r1gp
    elif reg_type is None:

        def reg_fn(p: Tensor, cp: Tensor, q: Tensor, cq: Tensor, critic: Critic) -> Tensor:
            return cp.new_zeros(())
    else:
        raise NotImplementedError(
            f"reg_type must be one of {AVAILABLE_REGULARIZERS}, got {reg_type!r}"
        )

    def metric(p: Tensor, q: Tensor, critic: Critic) -> Tensor:
        """Estimate of the distance between P and Q: the loss that the generator minimises.

        Args:
            p: (N, *sample.size()), real samples.
            q: (N, *sample.size()), generated samples.
            critic: maps a batch of samples to their values.

        Returns:
            (), the estimate that `loss_type` names, without any regulariser.
        """
        raise NotImplementedError("gan.make_losses.metric is not written yet")

    def critic_loss(p: Tensor, q: Tensor, critic: Critic) -> Tensor:
        """Loss that the critic minimises: it seeks the largest metric, within the regulariser.

        Args:
            p: (N, *sample.size()), real samples; they need not require a gradient.
            q: (N, *sample.size()), generated samples.
            critic: maps a batch of samples to their values.

        Returns:
            (), with the regulariser weighted by `reg_cf`.
        """
        raise NotImplementedError("gan.make_losses.critic_loss is not written yet")

    return metric, critic_loss


def apply_exponential_moving_average(
    source: nn.Module, target: nn.Module, alpha: float = 0.998
) -> None:
    """Move the parameters of `target` a little towards those of `source`, in place.

    Each parameter of the target becomes alpha * target + (1 - alpha) * source. The target keeps
    its tensors and the source is left as it is. No gradient flows through the update, and whether
    a parameter requires one makes no difference: those of a test generator usually do not.

    Args:
        source: the model in training.
        target: a model of the same architecture; its parameters have the same names.
        alpha: how much of the target stays, in (0, 1).

    Buffers, such as the running statistics of batch normalisation, are left open: to average
    them too is as good. Here they stay as they are, because `make_eval_step` makes them anew.
    """
    raise NotImplementedError("gan.apply_exponential_moving_average is not written yet")


def make_train_step(
    loss_type: str,
    critic_inner_iters: int = 1,
    reg_type: str | None = None,
    reg_cf: float = 1.0,
    alpha_ema: float | None = None,
) -> TrainStep:
    """Make the function that performs one step of training.

    Args:
        loss_type, reg_type, reg_cf: as in `make_losses`.
        critic_inner_iters: optimisation steps of the critic for each one of the generator.
        alpha_ema: the `alpha` of `apply_exponential_moving_average`; None means no averaging.

    Returns:
        The function `train_step`.

    Raises:
        AssertionError: if `critic_inner_iters` is less than 1, or `alpha_ema` is outside (0, 1),
            or `reg_cf` is not positive.
        NotImplementedError: if the loss or the regulariser is unknown.
    """
    assert critic_inner_iters >= 1, f"critic_inner_iters must be >= 1, got {critic_inner_iters}"
    assert alpha_ema is None or 0 < alpha_ema < 1, f"alpha_ema must be in (0, 1), got {alpha_ema}"
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(
        train_data_iter: Iterator[Tensor],
        critic: nn.Module,
        critic_optim: torch.optim.Optimizer,
        generator: nn.Module,
        test_generator: nn.Module,
        generator_optim: torch.optim.Optimizer,
    ) -> Tensor:
        """Perform `critic_inner_iters` steps of the critic, then one of the generator.

        Args:
            train_data_iter: `next` gives a batch of real samples (N, *sample.size()), endlessly.
            critic: maps a batch of samples to their values.
            critic_optim: optimises the critic's parameters.
            generator: called without arguments, it gives a batch of generated samples.
            test_generator: the model of the averaged parameters; it follows the generator after
                the generator's step if `alpha_ema` is given, and is not touched otherwise.
            generator_optim: optimises the generator's parameters.

        Returns:
            (), the metric that the generator's step minimised: its value before that step, as here,
            or computed anew after it.

        Every step of an optimiser uses the gradients of its own loss alone. Each needs a batch of
        generated samples made by the generator as it is then. Whether the generator's step takes
        a fresh batch of real samples or the critic's last one is left open; here it is fresh.
        """
        raise NotImplementedError("gan.make_train_step.train_step is not written yet")

    return train_step


def inception_score(probabilities: Tensor, splits: int = 10) -> float:
    """Inception Score, exp of the mean KL(p(y|x) || p(y)), averaged over equal parts of the data.

    Args:
        probabilities: (N, classes), the classifier's p(y|x) of each sample, N >= splits.
        splits: the number of parts; p(y) is estimated in each part by itself.

    Returns:
        A number from 1 (no class stands out) to the number of classes.

    Source: Salimans et al., "Improved Techniques for Training GANs", 2016 (arXiv:1606.03498).
    """
    scores = []
    for part in probabilities.double().chunk(splits):
        marginal = part.mean(dim=0, keepdim=True)  # (1, classes)
        kl = torch.special.entr(marginal).sum() - torch.special.entr(part).sum(dim=1).mean()
        scores.append(kl.exp())
    return float(torch.stack(scores).mean())


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared Frechet distance between two normal distributions; of features, it is the FID.

    |mean1 - mean2|^2 + tr(cov1 + cov2 - 2 (cov1 cov2)^(1/2))

    Args:
        mean1, mean2: (D,), the means.
        cov1, cov2: (D, D), the covariances, which may be singular.

    Source: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", 2017 (arXiv:1706.08500).
    """
    values, vectors = torch.linalg.eigh(cov1.double())
    root1 = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # cov1 cov2 has the eigenvalues of the symmetric root1 cov2 root1, which stay real and >= 0
    # however few samples the covariances were estimated from.
    eigenvalues = torch.linalg.eigvalsh(root1 @ cov2.double() @ root1)
    trace_of_root = eigenvalues.clamp(min=0).sqrt().sum()
    distance = ((mean1.double() - mean2.double()) ** 2).sum()
    return float(distance + cov1.double().trace() + cov2.double().trace() - 2 * trace_of_root)


def make_eval_step(
    stats_filename: str,
    eval_data_iter: Iterable[Tensor],
    dimz: int,
    persisting_Z: int = 100,
    device: torch.device | str | None = None,
) -> EvalStep:
    """Make the function that evaluates the models (given; nothing to be written here).

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

    def load_inception() -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        # Imported and fetched at the first evaluation only: 100 MB from the network.
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

    inception: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def test_statistics() -> tuple[Tensor, Tensor]:
        path = Path(stats_filename)
        if not path.exists():
            assert inception is not None
            features = torch.cat([inception(images.to(device))[0] for images in eval_data_iter])
            features = features.double().cpu()
            np.savez(path, mean=features.mean(dim=0).numpy(), cov=torch.cov(features.T).numpy())
        with np.load(path) as stats:
            return torch.from_numpy(stats["mean"]), torch.from_numpy(stats["cov"])

    @torch.no_grad()
    def eval_step(critic: nn.Module, test_generator: nn.Module) -> tuple[dict[str, float], Tensor]:
        nonlocal inception
        if stats_filename and inception is None:
            inception = load_inception()

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
            features = torch.cat(fake_features).double().cpu()
            figures["is"] = inception_score(torch.cat(fake_probabilities))
            figures["fid"] = frechet_distance(
                features.mean(dim=0), torch.cov(features.T), *test_statistics()
            )
        critic.train()
        test_generator.train()
        return figures, samples

    return eval_step
