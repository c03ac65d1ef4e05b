"""Part B of cs60073_a3: the suite on the reference and the sample class, and the runs."""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grader.assignment import Assignment
from grader.data import DataSet, cached_export, load
from grader.measures.artefacts import ArtefactError
from grader.runs.artefacts import Artefacts
from grader.runs.loading import load_functions
from grader.runs.measured import Context, Measured, Measurement
from grader.suite.local import load_text

ROOT = Path(__file__).resolve().parents[2]
REAL = Assignment(ROOT / "assignments" / "cs60073_a3", ROOT / "reference" / "cs60073_a3")
SETTINGS = {"feature_steps": 120, "real": 200, "draws": 4}
VARIANT = """

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.d3, self.d2, self.d1 = nn.Linear(512, 784), nn.Linear(256, 512), nn.Linear(16, 256)
        self.heads = nn.Linear(256, 32)
        self.e2, self.e1 = nn.Linear(512, 256), nn.Linear(784, 512)

    def encode(self, x):
        logvar, mu = self.heads(F.relu(self.e2(F.relu(self.e1(x))))).chunk(2, 1)
        return mu, logvar

    def decode(self, z):
        return torch.sigmoid(self.d3(F.relu(self.d2(F.relu(self.d1(z))))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), mu, logvar
"""


@functools.cache
def data(name: str) -> DataSet:
    return load(name, embedded=True)


@functools.cache
def runs() -> dict[str, Callable[..., Any]]:
    return load_functions(REAL, "runs")


@functools.cache
def measures() -> dict[str, Callable[..., Any]]:
    return load_functions(REAL, "measures")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(autouse=True)
def _reference_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REAL.reference))


# --- the description ------------------------------------------------------------------------------


def test_marks_are_those_of_the_text() -> None:
    questions = [q for q in REAL.description.questions if q.id.startswith("b.")]
    totals = [sum(q.marks for q in questions if q.id.split(".")[1] == n) for n in "12345"]
    assert totals == [10, 10, 10, 10, 20]


def test_full_is_what_the_text_asks_for() -> None:
    loops = importlib.import_module("image_training")
    steps = {run.id: run.profiles["full"].steps for run in REAL.description.runs}
    assert steps["vae"] == steps["gan"] == loops.steps_in(10, 50_000)
    assert steps["classifier"] == loops.steps_in(5, 60_000)


def test_every_measure_has_its_function_and_every_run_its_profiles() -> None:
    for run in (r for r in REAL.description.runs if r.modules == ("image_models",)):
        assert run.id in runs() and run.id in measures()
        assert run.profiles.keys() == {"smoke", "cpu", "full"}


# --- runs, in this process ------------------------------------------------------------------------


def trained(run_id: str, steps: int, added: str = "") -> Artefacts:
    """What a run leaves with the reference's functions, some of them replaced."""
    source = (REAL.reference / "image_models.py").read_text() + added
    implementation = types.SimpleNamespace(image_models=load_text(source, "changed_image_models"))
    folders = {"mnist": str(cached_export(data("mnist")))}
    torch.manual_seed(3)
    training = runs()[run_id](implementation, "", steps, SETTINGS, folders)
    return Artefacts.from_plain(_to_the_end(training))


def _to_the_end(training: Iterator[int]) -> Any:
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value


def measured(run_id: str, artefacts: Artefacts, cache: Path, steps: int = 10) -> Measured:
    context = Context("", steps, SETTINGS, 5, data, importlib.import_module, cache)
    found: Measured = measures()[run_id](artefacts, context)
    return found


def figures(found: Measured) -> dict[str, Measurement]:
    return {m.name: m for m in found.figures}


def value(found: Measurement) -> float:
    assert found.estimate is not None, found.problem
    return found.estimate.value


@pytest.mark.parametrize(
    ("run_id", "drawings"),
    [
        ("vae", {"training", "reconstructions", "generations", "samples"}),
        ("gan", {"training", "grid-1", "grid-5", "grid-10"}),
        ("classifier", {"training"}),
    ],
)
@pytest.mark.timeout(600)
def test_the_reference_goes_through_every_run(cache: Path, run_id: str, drawings: set[str]) -> None:
    found = measured(run_id, trained(run_id, 10), cache)
    wanted = {m.name for m in REAL.description.measures if m.run == run_id}
    assert set(figures(found)) == wanted
    for figure in found.figures:
        value(figure)
    assert {d.name for d in found.drawings} == drawings


@pytest.mark.timeout(600)
def test_names_and_order_of_layers_are_free(cache: Path) -> None:
    """A student's own names, one layer for both heads, and its halves the other way round."""
    artefacts = trained("vae", 120, VARIANT)
    assert set(artefacts.weights["vae"]) >= {"heads.weight", "d1.bias"}
    found = figures(measured("vae", artefacts, cache))
    claim = found["validation_elbo"].claim
    assert claim is not None and value(found["validation_elbo"]) == pytest.approx(claim, rel=0.01)


def test_weights_of_other_layers_get_a_sentence(cache: Path) -> None:
    tensors = {k: v.numpy() for k, v in nn.Linear(784, 512).state_dict().items()}
    with pytest.raises(ArtefactError, match="lack"):
        measured("gan", Artefacts(weights={"generator-10": tensors}), cache)
    with pytest.raises(ArtefactError, match="0 sets of weights"):
        measured("vae", Artefacts(), cache)


@pytest.mark.timeout(600)
def test_a_collapsed_generator_shows(cache: Path) -> None:
    """One that always draws the same picture has no score, and covers next to nothing."""
    images = torch.tensor(data("mnist").arrays["train_images"]).float()
    found = figures(measured("gan", always(images.mean(dim=0)), cache))
    for name in ("fid", "inception_score", "classes"):
        assert found[name].estimate is None and "few images" in found[name].problem
    assert value(found["coverage"]) < 0.05


@pytest.mark.timeout(600)
def test_copies_of_a_training_image_have_no_scores(cache: Path) -> None:
    image = torch.tensor(data("mnist").arrays["train_images"][7]).float()
    found = figures(measured("gan", always(image), cache))
    assert value(found["copies"]) > 0.9
    for name in ("fid", "inception_score", "classes"):
        assert found[name].estimate is None and "copies of training images" in found[name].problem


def always(image: torch.Tensor) -> Artefacts:
    """What a generator leaves that draws one image of bytes, whatever its noise is."""
    generator = importlib.import_module("image_models").Generator()
    with torch.no_grad():
        generator.layers[4].weight.zero_()
        generator.layers[4].bias.copy_(torch.atanh((image / 127.5 - 1).reshape(-1) * 0.999))
    weights = {k: v.numpy() for k, v in generator.state_dict().items()}
    return Artefacts(weights={"gan": weights})


@pytest.mark.parametrize(
    ("added", "measure"),
    [
        ("\n\ndef inception_score(p, splits=10):\n    return 1.8, 0.1\n", "own_inception_score"),
        (
            "\n\ndef frechet_distance(a, b, c, d):\n    return float(((a - c) ** 2).sum())\n",
            "own_fid",
        ),
    ],
)
@pytest.mark.timeout(600)
def test_wrong_scores_show_beside_ours(cache: Path, added: str, measure: str) -> None:
    about = next(m for m in REAL.description.measures if m.name == measure)
    assert about.within is not None
    right, wrong = (
        figures(measured("classifier", trained("classifier", 40, a), cache)) for a in ("", added)
    )
    assert abs(value(right[measure])) < about.within < abs(value(wrong[measure]))
    assert value(wrong["accuracy"]) == value(right["accuracy"])


@pytest.mark.timeout(600)
def test_scores_that_raise_leave_the_classifier(cache: Path) -> None:
    added = "\n\ndef feature_statistics(features):\n    raise ValueError('no')\n"
    found = figures(measured("classifier", trained("classifier", 4, added), cache))
    assert found["own_fid"].estimate is None and "no scores" in found["own_fid"].problem
    value(found["accuracy"])


def test_what_is_handed_in_needs_no_scores_of_its_own(cache: Path) -> None:
    weights = importlib.import_module("image_models").Classifier().state_dict()
    arrays = {k: np.asarray(v) for k, v in weights.items()}
    found = figures(measured("classifier", Artefacts(weights={"classifier": arrays}), cache))
    assert set(found) == {"accuracy"}
