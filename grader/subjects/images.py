"""Generators of images: scores by our own network, and whether the images are their own."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from grader import pictures
from grader.data import DataSet
from grader.measures.artefacts import ArtefactError
from grader.measures.coverage import coverage
from grader.measures.estimate import Estimate, MeasureError, Vector, mean_estimate
from grader.measures.features import FeatureNetwork, inception_v3, load_or_train
from grader.measures.neighbours import copies, nearest_distances
from grader.measures.scores import (
    fid,
    fid_bias,
    frechet_distance,
    inception_score,
    perfect_inception_score,
)
from grader.runs.left import Left
from grader.runs.measured import Drawing, Measurement, measurement

# Of the noise from which pictures are drawn.
PICTURE_SEED = 1234
# Images of a sample that are compared with the training images.
NEAREST = 500
# Samples with a larger share of copies of training images are not the generator's own.
MOST_COPIES = 0.05
# A sample repeats another if it is nearer to it than this share of what is usual among real images.
SAME_IMAGE = 0.1
# Of few images over and over no figure says anything.
MOST_REPEATS = 0.5

Draw = Callable[[int, torch.Generator], Tensor]


def grid(
    name: str, title: str, images: Tensor, words: str, alternative: str, *, columns: int = 0
) -> Drawing:
    """Grey images of 28 x 28 pixels in rows.

    Args:
        name, title, alternative: of the drawing.
        images: (N, ...), in [0, 1].
        words: above the grid.
        columns: images in a row; 0: ten, or five of up to ten images.
    """
    shown = images.reshape(-1, 28, 28).float().numpy()
    columns = columns or (10 if len(shown) > 10 else 5)
    png = pictures.image_grid(shown, columns=columns, title=words)
    return Drawing(name, title, png, alternative)


def images_of(data: DataSet, part: str) -> Tensor:
    """The images of a part, (N, C, S, S), as bytes."""
    found = torch.tensor(data.arrays[f"{part}_images"])
    return found[:, None] if found.dim() == 3 else found


def labels_of(data: DataSet, part: str) -> Tensor:
    """The labels of a part, (N,)."""
    return torch.tensor(data.arrays[f"{part}_labels"]).long()


def feature_network(left: Left, name: str) -> FeatureNetwork:
    """The network whose features decide, the same for every submission.

    Settings: `feature_steps`, the steps that our own classifier of the data set is trained for;
    `features`, where it is "inception": Inception v3, if its weights are to be had.
    """
    cache = left.context.cache / "features"
    if left.context.settings.get("features") == "inception":
        with contextlib.suppress(MeasureError):
            return inception_v3(cache)
    data = left.context.data(name)
    return load_or_train(
        cache,
        images_of(data, "train"),
        labels_of(data, "train"),
        images_of(data, "test"),
        labels_of(data, "test"),
        name if data.kind == "real" else f"{name}-embedded",
        steps=int(left.setting("feature_steps")),
    )


class Samples:
    """Images that a generator drew, and whether they are its own.

    Args:
        images: (N, ...), bytes, or floats in [0, 1].
        training: those that it learnt from, (M, ...), of the same kind.
        held_out: real ones that it did not see, for how near is usual.

    Raises:
        ArtefactError: pixels are not finite.
    """

    def __init__(self, images: Tensor, training: Tensor, held_out: Tensor) -> None:
        if images.is_floating_point() and not bool(torch.isfinite(images).all()):
            raise ArtefactError("the network's images have pixels that are not finite")
        self.images = images
        self._training = training
        self._held_out = held_out

    @functools.cached_property
    def copies(self) -> Estimate:
        """The share of copies of training images among the first samples."""
        return copies(self.images[:NEAREST], self._training, self._held_out).share

    @functools.cached_property
    def repeats(self) -> float:
        """The share of the first samples that are another of them once more."""

        def to_another(images: Tensor) -> Vector:
            return nearest_distances(images[:NEAREST], images[:NEAREST], 2).distances[:, 1]

        usual = float(np.median(to_another(self._held_out)))
        return float((to_another(self.images) < SAME_IMAGE * usual).mean())

    def own(self, compute: Callable[[], Estimate]) -> Estimate:
        """A figure of the samples.

        Raises:
            MeasureError: they are copies of training images, or few images over and over.
        """
        if self.copies.value > MOST_COPIES:
            raise MeasureError(
                f"{self.copies.value:.0%} of the samples are copies of training images, which have "
                "the scores of the training set"
            )
        if self.repeats > MOST_REPEATS:
            raise MeasureError(
                f"{self.repeats:.0%} of the samples are another of them once more: these are few "
                "images, whatever the noise, and scores take their classes for variety"
            )
        return compute()


def scores_of_all(
    features: Vector, probabilities: Vector, real: Vector, network: FeatureNetwork
) -> tuple[Callable[[], Estimate], Callable[[], Estimate]]:
    """FID and Inception Score of all samples at once, each to be computed when it is asked for.

    Args:
        features, probabilities: of the samples, (N, F) and (N, classes).
        real: features of real images, (M, F).
        network: that they are from.
    """
    splits = 10 if len(features) >= 1000 else 4

    def named(estimate: Estimate) -> Estimate:
        note = f"features of {network.name}; {estimate.note}".rstrip("; ")
        return dataclasses.replace(estimate, note=note)

    return (
        lambda: named(fid(features, real)),
        lambda: named(inception_score(probabilities, splits).estimate),
    )


def fid_over_steps(fids: dict[int, float], network: FeatureNetwork) -> tuple[Drawing, ...]:
    """The curve of the FID by steps; none of a single one."""
    if len(fids) < 2:
        return ()
    columns = {"step": np.array(list(fids)), "FID": np.array(list(fids.values()))}
    title = f"FID, features of {network.name}"
    png = pictures.curve(columns, x="step", ys=["FID"], title=title, ylabel="FID")
    words = "FID of the averaged generator at several steps of the training"
    return (Drawing("fid", "FID over the training", png, words),)


class Tables:
    """Scores of tables of so few images that each is mostly luck: the mean over fresh tables.

    Settings: `real`, how many real images the FID compares with; `draws`, how many tables; and
    those of `feature_network`.

    Args:
        left: of the run.
        name: of the data set.
        size: images in a table.
        splits: of the Inception Score of a table.
    """

    def __init__(self, left: Left, name: str, size: int, splits: int) -> None:
        self._left = left
        self._size = size
        self._splits = splits
        self._draws = int(left.setting("draws"))
        self._network = feature_network(left, name)
        count = int(left.setting("real"))
        data = left.context.data(name)
        features, probabilities = self._network.outputs(images_of(data, "test")[: 3 * count])
        self._real = features[:count]
        self._others = features[count:], probabilities[count:]
        self._labels = labels_of(data, "test").numpy()

    def figures(self, draw: Draw, training: Tensor, held_out: Tensor) -> list[Measurement]:
        """`fid`, `inception_score`, `classes`, `coverage` and `copies`, and scores of real images.

        Args:
            draw: so many images (count, S * S) of the generator, from a source of noise.
            training, held_out: real images, as `Samples` takes them.

        Raises:
            ArtefactError: pixels are not finite.
        """
        generator = torch.Generator().manual_seed(self._left.context.seed)
        drawn = draw(self._draws * self._size, generator)
        samples = Samples(drawn, training, held_out)
        samples.images = drawn.clamp(0, 1)
        side = round(drawn.shape[1] ** 0.5)
        features, probabilities = self._network.outputs(samples.images.reshape(-1, 1, side, side))

        def distance() -> Estimate:
            real = moments(self._real)
            values = [frechet_distance(*real, *moments(t)) for t in self._tables(features)]
            how = f"{self._size} against {len(self._real)} real"
            return self._over_tables(values, "FID", how)

        def score() -> Estimate:
            values = [
                inception_score(t, self._splits).estimate.value for t in self._tables(probabilities)
            ]
            how = f"{self._splits} splits of {self._size}"
            return self._over_tables(values, "Inception Score", how)

        return [
            measurement("fid", lambda: self._beside_the_claim("fid", samples.own(distance))),
            measurement(
                "inception_score",
                lambda: self._beside_the_claim("inception_score", samples.own(score)),
            ),
            measurement("classes", lambda: samples.own(lambda: classes(probabilities))),
            measurement("coverage", lambda: coverage(self._real, features).coverage),
            measurement("copies", lambda: samples.copies),
            measurement("real_fid", self._real_distance),
            measurement("real_inception_score", self._real_score),
        ]

    def _beside_the_claim(self, name: str, estimate: Estimate) -> Estimate:
        """The figure, with the submission's own in its note.

        That is of one table and by the submission's own network: another figure, which this one
        cannot bear out or refute.
        """
        claim = self._left.artefacts.claims.get(name)
        if claim is None:
            return estimate
        words = f"{estimate.note}; reported {claim:.4g}, of one table by the submission's network"
        return dataclasses.replace(estimate, note=words)

    def _real_distance(self) -> Estimate:
        return fid_bias(
            np.concatenate([self._real, self._others[0]]),
            self._size,
            self._draws,
            against=len(self._real),
            seed=self._left.context.seed,
        ).mean

    def _real_score(self) -> Estimate:
        rng = np.random.default_rng(self._left.context.seed)
        certain = perfect_inception_score(np.bincount(self._labels), self._size // self._splits)
        probabilities = self._others[1]
        values = [
            inception_score(
                probabilities[rng.choice(len(probabilities), self._size, replace=False)],
                self._splits,
            ).estimate.value
            for _ in range(self._draws)
        ]
        note = f"certain and evenly drawn classes would score {certain.value:.2f}"
        return mean_estimate(np.array(values), "Inception Score", note)

    def _tables(self, rows: Vector) -> Iterator[Vector]:
        for start in range(0, len(rows), self._size):
            yield rows[start : start + self._size]

    def _over_tables(self, values: Sequence[float], unit: str, how: str) -> Estimate:
        """The mean over fresh tables; the note has the spread of a single one."""
        spread = np.std(values, ddof=1)
        note = f"{how}; one table of {self._size} has an sd of {spread:.3g}; {self._network.name}"
        return mean_estimate(np.array(values), unit, note)


def classes(probabilities: Vector) -> Estimate:
    """How many classes are drawn, from the p(y|x) of the samples, (N, classes).

    The Inception Score of all samples together: exp of the mean KL(p(y|x) || p(y)). An image that
    may be of any class adds none, as noise does; of certain images it is exp of the entropy of
    p(y).
    """
    together = inception_score(probabilities, splits=1).estimate
    note = "Inception Score of all samples together"
    return dataclasses.replace(together, unit="classes", note=note)


def moments(features: Vector) -> tuple[Vector, Vector]:
    """Mean (F,) and covariance (F, F) of features (N, F)."""
    return features.mean(axis=0), np.cov(features, rowvar=False)
