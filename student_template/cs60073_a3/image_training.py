"""The training loops of part B (given; nothing to be written here).

`python image_training.py FOLDER` trains the VAE, the GAN and the classifier of `image_models.py`
on the MNIST that torchvision keeps in FOLDER, and writes beside itself what is handed in:
`vae.safetensors`, `gan.safetensors`, `classifier.safetensors`, a JSON file of figures for each, and
the pictures. It takes some minutes on one core.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

BATCH = 128
EPOCHS = 10
CLASSIFIER_EPOCHS = 5
TRAINING = 50_000  # of the 60,000 training images; the other 10,000 are for validation
SNAPSHOTS = (1, 5, 10)  # epochs at which the generator's grids are made
TABLE = 100  # generated images for the table of scores
REAL = 1000  # real test images for the Frechet distance


def batches(count: int, steps: int) -> Iterator[Tensor]:
    """Indices (128,) of `steps` batches; a new order in each pass, whose last batch is smaller."""
    made = 0
    while made < steps:
        for batch in torch.randperm(count).split(BATCH)[: steps - made]:
            made += 1
            yield batch


def steps_in(epochs: int, count: int) -> int:
    """How many batches so many passes over `count` images have."""
    return epochs * -(-count // BATCH)


def vae_training(models: ModuleType, model: nn.Module, images: Tensor, steps: int) -> Iterator[Any]:
    """Train a VAE on images (N, 784) in [0, 1]; gives what `vae_step` returns, step by step."""
    # The fused form takes the same steps in less time.
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), fused=True)
    model.train()
    for batch in batches(len(images), steps):
        yield models.vae_step(model, optimizer, images[batch])


def gan_training(
    models: ModuleType,
    generator: nn.Module,
    discriminator: nn.Module,
    images: Tensor,
    steps: int,
) -> Iterator[Any]:
    """Train a GAN on images (N, 784) in [0, 1]; gives what `gan_step` returns, step by step."""
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for network in (generator, discriminator)
    ]
    generator.train()
    discriminator.train()
    for batch in batches(len(images), steps):
        yield models.gan_step(generator, discriminator, *optimizers, images[batch])


def classifier_training(
    models: ModuleType, classifier: nn.Module, images: Tensor, labels: Tensor, steps: int
) -> Iterator[float]:
    """Train a classifier on images (N, 784) in [0, 1] with labels (N,); gives the losses."""
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-3, fused=True)
    classifier.train()
    for batch in batches(len(images), steps):
        pictures = images[batch].reshape(-1, 1, 28, 28)
        loss = models.classifier_loss(classifier(pictures), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def in_parts(function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """A classifier's method on images (N, 784), some at a time and without gradients."""
    with torch.no_grad():
        return torch.cat([function(x.reshape(-1, 1, 28, 28)) for x in images.split(500)])


def scores(
    models: ModuleType, classifier: Any, generated: Tensor, real: Tensor
) -> dict[str, float]:
    """Inception Score, its deviation over 10 splits, and FID of generated images (100, 784)."""
    classifier.eval()
    mean, deviation = models.inception_score(in_parts(classifier.probabilities, generated), 10)
    moments = [
        models.feature_statistics(in_parts(classifier.features, images))
        for images in (real, generated)
    ]
    return {
        "inception_score": float(mean),
        "inception_score_sd": float(deviation),
        "fid": float(models.frechet_distance(*moments[0], *moments[1])),
    }


def epoch_means(values: list[Any], epochs: int) -> list[list[float]]:
    """What a training gave step by step, averaged over each epoch: a list for each part."""
    table = torch.tensor(values).reshape(len(values), -1)
    return [part.mean(dim=0).tolist() for part in table.chunk(epochs)]


def main() -> None:
    """Train everything once, with the seed of the text."""
    import image_models as models

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where torchvision keeps MNIST")
    folder = parser.parse_args().folder
    torch.manual_seed(1234)
    images, labels, test, test_labels = load(folder)
    training, validation = images[:TRAINING], images[TRAINING:]
    steps = steps_in(EPOCHS, TRAINING)

    vae = models.VAE()
    curve = epoch_means(list(vae_training(models, vae, training, steps)), EPOCHS)
    plot("vae-losses", curve, ["-ELBO", "reconstruction", "KL"])
    five = validation[:5]
    grid("vae-reconstructions", torch.cat([five, models.reconstruct(vae, five)]), 5)
    grid("vae-samples", models.generate_images(vae, 10), 5)

    generator, discriminator = models.Generator(), models.Discriminator()
    noise, losses = torch.randn(64, 64), []
    for step, pair in enumerate(
        gan_training(models, generator, discriminator, training, steps), start=1
    ):
        losses.append(pair)
        for epoch in SNAPSHOTS:
            if step == epoch * steps // EPOCHS:
                grid(f"gan-epoch-{epoch}", models.generator_images(generator, noise), 8)
    plot("gan-losses", epoch_means(losses, EPOCHS), ["discriminator", "generator"])

    classifier = models.Classifier()
    rounds = steps_in(CLASSIFIER_EPOCHS, len(images))
    for _ in classifier_training(models, classifier, images, labels, rounds):
        pass
    right = in_parts(classifier.probabilities, test).argmax(dim=1) == test_labels
    made = {
        "vae": models.generate_images(vae, TABLE),
        "gan": models.generator_images(generator, torch.randn(TABLE, 64)),
    }
    table = {name: scores(models, classifier, x, test[:REAL]) for name, x in made.items()}
    print(f"accuracy {right.float().mean():.4f}")
    for name, row in table.items():
        print(name, *(f"{key} {value:.3f}" for key, value in row.items()))
    keep("vae", vae, table["vae"])
    keep("gan", generator, table["gan"])
    keep("classifier", classifier, {"accuracy": float(right.float().mean())})


def load(folder: Path) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """MNIST: images (60000, 784) in [0, 1], labels, test images (10000, 784), test labels."""
    from torchvision.datasets import MNIST

    arrays: list[Tensor] = []
    for train in (True, False):
        part = MNIST(str(folder), train=train, download=True)
        arrays += [part.data.reshape(-1, 784).float() / 255, part.targets]
    return arrays[0], arrays[1], arrays[2], arrays[3]


def keep(name: str, network: nn.Module, claims: dict[str, float]) -> None:
    """Write what is handed in."""
    from safetensors.torch import save_file

    save_file(network.state_dict(), f"{name}.safetensors")
    Path(f"{name}.json").write_text(json.dumps(claims, indent=1), encoding="utf-8")


def grid(name: str, images: Tensor, columns: int) -> None:
    """Images (N, 784) in [0, 1] as one picture."""
    from torchvision.utils import save_image

    save_image(images.reshape(-1, 1, 28, 28), f"{name}.png", nrow=columns)


def plot(name: str, rows: list[list[float]], titles: list[str]) -> None:
    """Curves over the epochs."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    for title, values in zip(titles, zip(*rows, strict=True), strict=True):
        axes.plot(range(1, len(rows) + 1), values, label=title)
    axes.set(xlabel="epoch", ylabel="nats")
    axes.legend()
    figure.savefig(f"{name}.png")


if __name__ == "__main__":
    main()
