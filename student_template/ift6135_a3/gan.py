"""Question 2: losses, regularisers and the training step of a generative adversarial network.

The critic scores samples: it aims at positive values for real data (P) and at lower ones for
generated data (Q). Wherever both appear, the real side comes first. The critic and the generator
play over one number, the metric: an estimate of how far Q is from P, which the critic pushes up
and the generator pulls down.

The networks are in `model.py` and `dirac.py`, the experiments in `run_exp.py`, and their evaluation
is in `evaluation.py`.

Sources: Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661);
Arjovsky et al., "Wasserstein GAN", 2017 (arXiv:1701.07875); Gulrajani et al., "Improved Training
of Wasserstein GANs", 2017 (arXiv:1704.00028); Mescheder et al., "Which Training Methods for GANs
do actually Converge?", 2018 (arXiv:1801.04406).
"""

from collections.abc import Callable, Iterable, Iterator

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


def make_eval_step(
    stats_filename: str,
    eval_data_iter: Iterable[Tensor],
    dimz: int,
    persisting_Z: int = 100,
    device: torch.device | str | None = None,
) -> Callable[[nn.Module, nn.Module], tuple[dict[str, float], Tensor]]:
    """Make the function that evaluates the models (given): that of `evaluation.py`."""
    # Imported only when it is called: the functions above do without that file.
    import evaluation

    return evaluation.make_eval_step(stats_filename, eval_data_iter, dimz, persisting_Z, device)
