"""Experiments of question 2: `python run_exp.py NAME`, where NAME is one of `CONFIGURATIONS`.

`dirac-*` are the 20 games of one point (`dirac.py`), 10 seconds each on a CPU. `cifar10-*` train
the image networks (`model.py`) on CIFAR-10 and want a GPU. A configuration that leaves a field
out has the default of `Config`. Everything that a run leaves lies in the folder `runs/NAME`, or
in the one given by `--out`:

    dirac-*     trajectory.npy, trajectory.png, and evolution.mp4 with --film
    cifar10-*   metric.csv, evaluation.csv, samples_<step>.png, and critic.pt, generator.pt and
                test_generator.pt, the state dictionaries at the end
"""

import argparse
import copy
import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from dirac import (
    DiracCritic,
    DiracGenerator,
    animate_trajectory,
    dirac_data_iter,
    parameters_of,
    plot_trajectory,
)
from evaluation import make_eval_step
from gan import make_train_step
from model import Critic, Generator
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Config:
    """The settings of one experiment; the defaults are those of the image experiments."""

    task: str = "CIFAR10"  # or DIRAC
    batch_size: int = 64
    seed: int = 31415
    generator_dimz: int = 100
    generator_dimh: int = 128
    critic_dimh: int = 128
    generator_alpha_ema: float | None = 0.998
    critic_use_sn: bool = False
    dirac_target: float = 0.0
    optimizer: str = "Adam"  # or SGD, whose momentum is the first of the betas
    generator_lr: float = 2e-4
    generator_betas: tuple[float, float] = (0.0, 0.99)
    generator_wd: float = 0.0
    critic_lr: float = 4e-4
    critic_betas: tuple[float, float] = (0.0, 0.99)
    critic_wd: float = 1e-6
    loss: str = "JSD"
    critic_reg_type: str | None = None
    critic_reg_cf: float = 0.1
    critic_inner_iters: int = 2
    max_iters: int = 100_000  # steps of the generator
    log_every: int = 500
    eval_every: int = 2000


_DIRAC = Config(
    task="DIRAC",
    optimizer="SGD",
    generator_lr=0.1,
    critic_lr=0.1,
    critic_wd=0.0,
    critic_inner_iters=1,
    max_iters=5000,
)
_REGULARIZERS: list[dict[str, Any]] = [
    {"critic_reg_type": None},
    {"critic_reg_type": "R1", "critic_reg_cf": 0.01},
    {"critic_reg_type": "R1", "critic_reg_cf": 0.1},
    {"critic_reg_type": "GP", "critic_reg_cf": 0.01},
    {"critic_reg_type": "GP", "critic_reg_cf": 0.1},
]

CONFIGURATIONS: dict[str, Config] = {
    # 1 to 5 go through the regularisers without averaging, 6 to 10 again with it.
    f"dirac-{loss.lower()}-{number}": replace(
        _DIRAC, loss=loss, generator_alpha_ema=alpha_ema, **regularizer
    )
    for loss in ("JSD", "W1")
    for number, (alpha_ema, regularizer) in enumerate(
        ((alpha_ema, regularizer) for alpha_ema in (None, 0.998) for regularizer in _REGULARIZERS),
        start=1,
    )
}
CONFIGURATIONS |= {
    # W1 without any bound on the critic's slope makes no sense, so there is no cifar10-w1-1.
    "cifar10-jsd-1": Config(loss="JSD"),
    "cifar10-jsd-2": Config(loss="JSD", critic_use_sn=True),
    "cifar10-jsd-3": Config(loss="JSD", critic_reg_type="R1", critic_reg_cf=1.0),
    "cifar10-w1-2": Config(loss="W1", critic_use_sn=True),
    "cifar10-w1-3": Config(loss="W1", critic_reg_type="R1", critic_reg_cf=1.0),
}


def set_seed(seed: int) -> None:
    """Seed every source of random numbers from one seed."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)


def make_optimizers(
    config: Config, generator: nn.Module, critic: nn.Module
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """The optimisers of the generator and of the critic."""

    def make(
        module: nn.Module, lr: float, betas: tuple[float, float], wd: float
    ) -> torch.optim.Optimizer:
        if config.optimizer == "Adam":
            return torch.optim.Adam(
                module.parameters(), lr=lr, betas=betas, eps=1e-8, weight_decay=wd
            )
        if config.optimizer == "SGD":
            return torch.optim.SGD(module.parameters(), lr=lr, momentum=betas[0], weight_decay=wd)
        raise ValueError(f"optimizer must be Adam or SGD, got {config.optimizer!r}")

    return (
        make(generator, config.generator_lr, config.generator_betas, config.generator_wd),
        make(critic, config.critic_lr, config.critic_betas, config.critic_wd),
    )


def make_test_generator(config: Config, generator: Network) -> Network:
    """The generator that is evaluated: a copy to average into, or the generator itself."""
    return generator if config.generator_alpha_ema is None else copy.deepcopy(generator)


def run_dirac(config: Config, device: torch.device | str = "cpu") -> npt.NDArray[np.float64]:
    """Play the game of one point.

    Returns:
        (max_iters + 1, 3), rows (psi0, psi1, theta), the start first; theta is that of the
        generator that is evaluated.
    """
    set_seed(config.seed)
    generator = DiracGenerator().to(device)
    critic = DiracCritic().to(device)
    test_generator = make_test_generator(config, generator)
    generator_optim, critic_optim = make_optimizers(config, generator, critic)
    data_iter = dirac_data_iter(config.dirac_target, device)
    train_step = make_train_step(
        config.loss,
        config.critic_inner_iters,
        config.critic_reg_type,
        config.critic_reg_cf,
        config.generator_alpha_ema,
    )

    trajectory = [parameters_of(critic, test_generator)]
    for _ in range(config.max_iters):
        train_step(data_iter, critic, critic_optim, generator, test_generator, generator_optim)
        trajectory.append(parameters_of(critic, test_generator))
    return np.array(trajectory)


def cifar10_images(root: Path, train: bool) -> Tensor:
    """The pictures of one split, (N, 3, 32, 32) uint8; fetched into `root` where needed."""
    from torchvision.datasets import CIFAR10

    data = CIFAR10(str(root), train=train, download=True).data
    return torch.from_numpy(data).permute(0, 3, 1, 2)  # (N, 32, 32, 3) -> (N, 3, 32, 32)


def scaled(images: Tensor) -> Tensor:
    """Pictures of bytes, 0 to 255, as floats in [-1, 1], the range of the generator's tanh."""
    return images.float() / 127.5 - 1


def infinite_batches(
    images: Tensor, batch_size: int, device: torch.device | str = "cpu"
) -> Iterator[Tensor]:
    """Batches of scaled pictures without end, in a new order each time all have been seen.

    Every batch is full: one that begins at the end of a pass is filled from the next.
    """
    order = torch.empty(0, dtype=torch.long)
    while True:
        while len(order) < batch_size:
            order = torch.cat([order, torch.randperm(len(images))])
        batch, order = order[:batch_size], order[batch_size:]
        yield scaled(images[batch].to(device))


def run_images(
    config: Config,
    train_images: Tensor,
    test_images: Tensor,
    out: Path,
    stats_filename: str = "",
    device: torch.device | str = "cpu",
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Train the image networks, and write curves, pictures and weights to `out`.

    Args:
        config: the experiment.
        train_images, test_images: (N, 3, 32, 32) uint8.
        out: a folder that exists.
        stats_filename: as in `evaluation.make_eval_step`; empty leaves IS and FID out.
        device: where to train.

    Returns:
        The critic, the generator and the generator that is evaluated.
    """
    from torchvision.utils import save_image

    set_seed(config.seed)
    generator = Generator(config.generator_dimz, config.generator_dimh, config.batch_size)
    generator.to(device)
    critic = Critic(config.critic_dimh, sn=config.critic_use_sn).to(device)
    test_generator = make_test_generator(config, generator)
    generator_optim, critic_optim = make_optimizers(config, generator, critic)
    data_iter = infinite_batches(train_images, config.batch_size, device)
    train_step = make_train_step(
        config.loss,
        config.critic_inner_iters,
        config.critic_reg_type,
        config.critic_reg_cf,
        config.generator_alpha_ema,
    )
    eval_step = make_eval_step(
        stats_filename, scaled(test_images).split(100), config.generator_dimz, device=device
    )

    with (out / "metric.csv").open("w") as curve, (out / "evaluation.csv").open("w") as figures:
        curve_rows = csv.writer(curve)
        curve_rows.writerow(["step", "metric"])
        figure_rows: csv.DictWriter[str] | None = None
        for step in range(1, config.max_iters + 1):
            metric = train_step(
                data_iter, critic, critic_optim, generator, test_generator, generator_optim
            )
            if step % config.log_every == 0:
                # Detached here too, for a train_step that returns its metric with the graph.
                value = metric.clone().detach().item()
                print(f"step {step}: {config.loss} {value:.4f}")
                curve_rows.writerow([step, value])
            if step % config.eval_every == 0:
                evaluation, samples = eval_step(critic, test_generator)
                save_image(
                    samples,
                    out / f"samples_{step}.png",
                    nrow=10,
                    value_range=(-1, 1),
                    normalize=True,
                )
                if figure_rows is None:
                    figure_rows = csv.DictWriter(figures, ["step", *evaluation])
                    figure_rows.writeheader()
                figure_rows.writerow({"step": step, **evaluation})
                figures.flush()
                curve.flush()

    for name, module in [
        ("critic", critic),
        ("generator", generator),
        ("test_generator", test_generator),
    ]:
        torch.save(module.state_dict(), out / f"{name}.pt")
    return critic, generator, test_generator


def main(arguments: list[str] | None = None) -> None:
    """Run the experiment that the command line names."""
    parser = argparse.ArgumentParser(description="Run one experiment of question 2.")
    parser.add_argument("name", choices=sorted(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--seed", type=int, default=Config.seed)
    parser.add_argument("--max-iters", type=int, help="steps of the generator")
    parser.add_argument("--out", type=Path, help="where results go (default: runs/NAME)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where CIFAR-10 is")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--film", action="store_true", help="dirac: write evolution.mp4 (ffmpeg)")
    parser.add_argument(
        "--stats",
        default="cifar10_test_inception.npz",
        help="cifar10: statistics of the Inception features; '' leaves IS and FID out",
    )
    options = parser.parse_args(arguments)

    config = replace(CONFIGURATIONS[options.name], seed=options.seed)
    if options.max_iters is not None:
        config = replace(config, max_iters=options.max_iters)
    out = options.out or Path("runs") / options.name
    out.mkdir(parents=True, exist_ok=True)

    if config.task == "DIRAC":
        trajectory = run_dirac(config)
        np.save(out / "trajectory.npy", trajectory)
        plot_trajectory(trajectory, out / "trajectory.png", options.name)
        if options.film:
            animate_trajectory(trajectory, out / "evolution.mp4")
    else:
        run_images(
            config,
            cifar10_images(options.data, train=True),
            cifar10_images(options.data, train=False),
            out,
            options.stats,
            options.device,
        )
    print(f"results are in {out}")


if __name__ == "__main__":
    main()
