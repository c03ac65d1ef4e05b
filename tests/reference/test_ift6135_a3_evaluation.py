"""The given evaluation of the image networks, `reference/ift6135_a3/evaluation.py`."""

import ast
import inspect
import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from scipy import linalg, stats
from torch import Tensor, nn


@pytest.fixture(scope="module")
def evaluation(load_reference) -> ModuleType:
    return load_reference("ift6135_a3", "evaluation")


def draws(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


class TestFiguresOfMerit:
    def test_inception_score_of_sure_and_balanced_predictions_is_the_number_of_classes(
        self, evaluation
    ) -> None:
        ordered = torch.eye(5).repeat_interleave(20, dim=0)
        assert evaluation.inception_score(ordered)[0] == pytest.approx(5)

    def test_inception_score_of_equal_predictions_is_one(self, evaluation) -> None:
        equal = torch.tensor([0.2, 0.5, 0.3]).expand(40, 3)
        assert evaluation.inception_score(equal) == (pytest.approx(1), pytest.approx(0, abs=1e-9))

    def test_inception_score_equals_its_definition(self, evaluation) -> None:
        probabilities = torch.softmax(draws(30, 4), dim=1)
        scores = [
            math.exp(np.mean([stats.entropy(row, part.mean(axis=0)) for row in part]))
            for part in (probabilities.numpy()[start::3] for start in range(3))
        ]
        found = evaluation.inception_score(probabilities, splits=3)
        assert found == (pytest.approx(np.mean(scores)), pytest.approx(np.std(scores)))

    def test_frechet_distance_equals_scipy(self, evaluation) -> None:
        moments = [
            evaluation.feature_statistics(x) for x in (draws(50, 4), 2 * draws(50, 4, seed=1) + 1)
        ]
        (mu_r, sigma_r), (mu_g, sigma_g) = moments
        root = linalg.sqrtm(sigma_r @ sigma_g).real
        expected = ((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root)
        assert evaluation.frechet_distance(*moments[0], *moments[1]) == pytest.approx(expected)

    def test_frechet_distance_of_singular_covariances(self, evaluation) -> None:
        mean, cov, other = np.zeros(3), np.diag([4.0, 0.0, 0.0]), np.diag([1.0, 0.0, 9.0])
        assert evaluation.frechet_distance(mean, cov, mean + 1, other) == pytest.approx(3 + 1 + 9)
        assert evaluation.frechet_distance(mean, cov, mean, cov) == pytest.approx(0, abs=1e-9)

    @pytest.mark.parametrize("name", ["inception_score", "frechet_distance"])
    def test_both_assignments_read_alike(self, load_reference, evaluation, name) -> None:
        models = load_reference("cs60073_a3", "image_models")
        functions = [
            ast.parse(inspect.getsource(getattr(module, name))).body[0]
            for module in (evaluation, models)
        ]
        for function in functions:
            assert isinstance(function, ast.FunctionDef)
            del function.body[0]  # the docstring
        assert ast.dump(functions[0]) == ast.dump(functions[1])


class Pictures(nn.Module):
    """A small generator of 3x4x4 pictures with batch normalisation, which counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 48), nn.BatchNorm1d(48), nn.Tanh())
        self.calls = 0

    def forward(self, z: Tensor | None = None) -> Tensor:
        self.calls += 1
        z = torch.randn(8, 2) if z is None else z
        return self.layers(z).reshape(-1, 3, 4, 4)


class FakeInception(nn.Module):
    """What torchvision's network looks like to `make_eval_step`, without its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.fc: nn.Module = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[1:] == (3, 299, 299)
        assert not self.training
        return self.fc(images.mean(dim=(2, 3)))


class TestEvalStep:
    def test_without_inception(self, evaluation) -> None:
        torch.manual_seed(0)
        generator = Pictures()
        critic = nn.Sequential(nn.Flatten(), nn.Linear(48, 1, bias=False))
        data = torch.ones(10, 3, 4, 4).split(4)
        eval_step = evaluation.make_eval_step("", data, dimz=2, persisting_Z=5)
        norm = generator.layers[1]
        nn.init.constant_(norm.running_mean, 1e6)  # statistics of another time

        figures, samples = eval_step(critic, generator)
        assert figures.keys() == {"critic_real", "critic_fake"}
        assert figures["critic_real"] == pytest.approx(critic[1].weight.sum().item(), abs=1e-5)
        assert samples.shape == (5, 3, 4, 4)
        assert not samples.requires_grad
        assert generator.calls == 1000 + len(data) + 1
        # With noise of mean 0, the mean before the normalisation is the bias.
        torch.testing.assert_close(norm.running_mean, generator.layers[0].bias, atol=0.5, rtol=0)
        assert generator.training
        assert critic.training

    def test_with_inception(self, evaluation, tmp_path, monkeypatch) -> None:
        torch.manual_seed(0)
        made = []

        def inception_v3(**options: Any) -> FakeInception:
            made.append(options)
            return FakeInception()

        monkeypatch.setattr(torchvision.models, "inception_v3", inception_v3)
        path = tmp_path / "stats.npz"
        data = draws(20, 3, 4, 4).float().split(10)
        eval_step = evaluation.make_eval_step(str(path), data, dimz=2)
        assert made == []  # nothing is fetched before it is needed
        critic = nn.Sequential(nn.Flatten(), nn.Linear(48, 1))
        generator = Pictures()
        figures, samples = eval_step(critic, generator)
        assert figures.keys() == {"critic_real", "critic_fake", "is", "is_sd", "fid"}
        assert 1 <= figures["is"] <= 10
        assert figures["fid"] >= 0
        assert samples.shape == (100, 3, 4, 4)
        assert len(made) == 1

        features = torch.cat(data).double()
        large = nn.functional.interpolate(
            features, size=(299, 299), mode="bilinear", align_corners=True
        )
        features = large.mean(dim=(2, 3))
        with np.load(path) as stats:
            np.testing.assert_allclose(stats["mean"], features.mean(dim=0), atol=1e-5)
            np.testing.assert_allclose(stats["cov"], torch.cov(features.T), atol=1e-5)
