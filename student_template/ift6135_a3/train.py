"""Question 3: training of the planar flow, from data and from a density.

`python train.py` learns both densities of `utils.py` with 2, 8 and 32 layers; the launcher for
the experiments from data is beside it, commented out.
"""

import random
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from solution import Flow, loss1, loss2
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal
from utils import (
    Density,
    density_arcs,
    density_sine,
    plot_density,
    plot_samples,
    training_points,
)


def train_from_samples(
    model: Flow,
    optimizer: torch.optim.Optimizer,
    z0_distr: Distribution,
    dataset: Tensor,
    name: str,
    num_layers: int,
    batch_size: int = 128,
    num_iter: int = 20000,
) -> list[float]:
    """Train a flow from data to N(0, I) by maximum likelihood, and plot the density it learns.

    Args:
        model: the flow, changed in place.
        optimizer: optimises its parameters.
        z0_distr: the base distribution. It is not used: `loss1` has its density built in.
        dataset: (N, dim), the data.
        name, num_layers: of the data set and of the flow, for the name of the plot.
        batch_size: examples per step, drawn without replacement within the step.
        num_iter: the index of the last step; the first has the index 0.

    Returns:
        The loss of each step, the mean negative log-likelihood of its batch in nats.
    """
    losses = []
    for iteration in range(num_iter + 1):
        x = dataset[torch.randperm(len(dataset))[:batch_size]]  # (batch_size, dim)
        z0, logdet = model(x)
        loss = loss1(z0, logdet).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if iteration % 200 == 0:
            print(f"iteration {iteration}: loss {losses[-1]:.4f}")

    plot_density(lambda x: loss1(*model(x)), f"learned_density_data_{name}_l{num_layers}")
    return losses


def train_from_density(
    model: Flow,
    optimizer: torch.optim.Optimizer,
    z0_distr: Distribution,
    density: Density,
    name: str,
    num_layers: int,
    batch_size: int = 128,
    num_iter: int = 20000,
) -> list[float]:
    """Train a flow from N(0, I) to a given density, and plot 500 samples of it.

    Args:
        model: the flow, changed in place.
        optimizer: optimises its parameters.
        z0_distr: the base distribution, N(0, I).
        density: maps points (B, dim) to energies (B,).
        name, num_layers: of the density and of the flow, for the name of the plot.
        batch_size: samples per step.
        num_iter: the index of the last step; the first has the index 0.

    Returns:
        The loss of each step, in nats; it differs from the KL divergence by an unknown constant.
    """
    losses = []
    for iteration in range(num_iter + 1):
        z0 = z0_distr.sample(torch.Size([batch_size]))  # (batch_size, dim)
        x, logdet = model(z0)
        loss = loss2(density(x), z0, logdet).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if iteration % 200 == 0:
            print(f"iteration {iteration}: loss {losses[-1]:.4f}")

    samples, _ = model(z0_distr.sample(torch.Size([500])))
    plot_samples(samples, f"samples_{name}_l{num_layers}")
    return losses


def launch_experiments_from_samples(
    density_dict: Mapping[str, Density],
    num_layers_list: Iterable[int],
    dim: int = 2,
    lr: float = 5e-4,
    num_iter: int = 20000,
) -> None:
    """Learn the data sets `data_{name}.npy`, each with flows of several depths.

    Args:
        density_dict: the densities that the data come from, by name; plotted for comparison.
        num_layers_list: the depths.
        dim, lr, num_iter: dimensions of the data, learning rate, index of the last step.
    """
    z0_distr = MultivariateNormal(torch.zeros(dim), torch.eye(dim))
    for name, density in density_dict.items():
        plot_density(density, name)
        dataset = training_points(name, density)
        for num_layers in num_layers_list:
            model = Flow(dim, num_layers)
            optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
            train_from_samples(
                model, optimizer, z0_distr, dataset, name, num_layers, num_iter=num_iter
            )


def launch_experiments_from_density(
    density_dict: Mapping[str, Density],
    num_layers_list: Iterable[int],
    dim: int = 2,
    lr: float = 5e-4,
    num_iter: int = 20000,
) -> None:
    """Learn to sample from given densities, each with flows of several depths.

    Args:
        density_dict: the densities by name.
        num_layers_list: the depths.
        dim, lr, num_iter: dimensions of the space, learning rate, index of the last step.
    """
    z0_distr = MultivariateNormal(torch.zeros(dim), torch.eye(dim))
    for name, density in density_dict.items():
        plot_density(density, name)
        for num_layers in num_layers_list:
            model = Flow(dim, num_layers)
            optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
            train_from_density(
                model, optimizer, z0_distr, density, name, num_layers, num_iter=num_iter
            )


if __name__ == "__main__":
    torch.manual_seed(43)
    np.random.seed(43)
    random.seed(43)
    densities = {"arcs": density_arcs, "sine": density_sine}
    # launch_experiments_from_samples(densities, [2, 8, 32])
    launch_experiments_from_density(densities, [2, 8, 32])
