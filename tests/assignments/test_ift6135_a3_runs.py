"""The runs of ift6135_a3: the reference goes through each of them, and what is wrong shows."""

from __future__ import annotations

import functools
import importlib
import re
import shutil
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from grader.assignment import Assignment
from grader.batch.slot import given_folder
from grader.data import DataSet, cached_export, load
from grader.intake import Candidate, read_submission
from grader.marks.judging import decide, judge
from grader.marks.scoring import nothing
from grader.marks.thresholds import Thresholds, read_thresholds
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import MeasureError
from grader.results import Figure, RunResult
from grader.runs.artefacts import Artefacts
from grader.runs.execute import Executor
from grader.runs.loading import load_functions, load_parts
from grader.runs.measured import Context, Measured, Measurement
from grader.runs.measuring import Measurer
from grader.subjects.flows import around
from grader.suite.local import load_text
from grader.wall import isolation
from grader.wall.warm_handle import Warm

ROOT = Path(__file__).resolve().parents[2]
REAL = Assignment(ROOT / "assignments" / "ift6135_a3", ROOT / "reference" / "ift6135_a3")
# Sizes with which the whole of profile smoke takes a few seconds.
TINY = {
    "samples = 10, own_images = 100": "samples = 4, own_images = 6",
    " steps = 1200,": " steps = 2,",
    " steps = 150,": " steps = 12,",
    " steps = 80,": " steps = 8,",
    " steps = 4,": " steps = 2,",
    "samples = 200, features": "samples = 60, features",
    "feature_steps = 150 ": "feature_steps = 2 ",
    "resolution = 200": "resolution = 100",
}


@functools.cache
def data(name: str) -> DataSet:
    return load(name, embedded=True)


@functools.cache
def runs() -> dict[str, Callable[..., Any]]:
    return load_functions(REAL, "runs")


@functools.cache
def measures() -> dict[str, Callable[..., Any]]:
    return load_functions(REAL, "measures")


# --- the description ------------------------------------------------------------------------------


def test_every_run_and_its_measures_have_their_functions() -> None:
    for run in REAL.description.runs:
        assert run.id in runs() and run.id in measures()
        assert run.profiles.keys() == {"smoke", "cpu", "full"}
        for name in run.data:
            data(name)


def test_every_case_is_known_to_the_code_that_runs_it() -> None:
    assert set(REAL.run("images").cases) == set(load_parts(REAL, "runs")["q2"].IMAGE_CASES)
    assert len(REAL.run("dirac").cases) == 20


def test_every_measure_that_gives_marks_is_calibrated_for_every_size() -> None:
    thresholds = read_thresholds(REAL)
    for measure in (m for m in REAL.description.measures if m.question is not None):
        run = REAL.run(measure.run)
        # Inception v3 and days of training: the images have no thresholds of that size.
        for profile in ("smoke", "cpu") if run.id == "images" else ("smoke", "cpu", "full"):
            for case in run.cases_of(profile):
                if measure.question_in(profile, case) is None:
                    continue
                found = thresholds.find(profile, run.id, case, measure.name)
                assert found is not None, (profile, run.id, case, measure.name)


def test_full_is_what_the_assignment_asks_for() -> None:
    steps = {run.id: run.profiles["full"].steps for run in REAL.description.runs}
    # 20 epochs of 50,000 images in batches of 64: 782 batches each.
    assert steps["vae"] == 20 * 782
    assert (steps["dirac"], steps["images"], steps["flow_from_samples"]) == (5000, 100_000, 20_001)
    (elbo,) = [m for m in REAL.description.measures if m.name == "validation_elbo"]
    assert elbo.asked == {"cpu": -102.0, "full": -102.0} and elbo.question == "q1.6"


# --- the reference, behind the wall ---------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The assignment with few steps."""
    folder = tmp_path_factory.mktemp("tiny") / "ift6135_a3"
    shutil.copytree(REAL.folder, folder)
    toml = folder / "assignment.toml"
    text = toml.read_text()
    for old, new in TINY.items():
        assert old in text, old
        text = text.replace(old, new)
    toml.write_text(text)
    return Assignment(folder, REAL.reference)


@pytest.fixture(scope="module")
def executor(tiny: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    names = {name for run in tiny.description.runs for name in run.data}
    mounted = {name: cached_export(data(name)) for name in names}
    root = tmp_path_factory.mktemp("batch")
    given = given_folder(tiny, root)
    with Warm(isolation.choose(), tiny.description.limits, given, mounted) as warm:
        warm.start()
        yield Executor(tiny, "smoke", root / "out", None, warm)


def submit(folder: Path, **changed: str) -> Any:
    """The reference as a submission, some of its files changed."""
    folder.mkdir(exist_ok=True)
    for file in REAL.description.files:
        text = (REAL.reference / file.path).read_text()
        (folder / file.path).write_text(changed.get(file.name, text))
    return read_submission(Candidate("alice_20201234", folder), REAL)


@pytest.mark.parametrize(
    ("run_id", "case"),
    [
        (run.id, case)
        for run in REAL.description.runs
        if any(m.run == run.id for m in REAL.description.measures)
        for case in run.cases_of("smoke")
    ],
)
@pytest.mark.timeout(900)
def test_the_reference_goes_through_every_run(
    executor: Executor, tiny: Assignment, tmp_path: Path, run_id: str, case: str
) -> None:
    told: list[int] = []
    result = executor.execute(
        submit(tmp_path / "s"), run_id, case, "secret", tell=lambda step, _: told.append(step)
    )
    assert result.status == "finished", result.problem + result.detail
    assert {f.measure for f in result.figures} == {
        m.name for m in tiny.description.measures if m.run == run_id
    }
    for figure in result.figures:
        assert figure.value is not None, figure.note
    assert result.pictures and result.steps == tiny.run(run_id).profiles["smoke"].steps


@pytest.mark.timeout(900)
def test_a_loss_of_shape_b_b_keeps_the_flow_that_it_trained(
    executor: Executor, tmp_path: Path
) -> None:
    text = (REAL.reference / "solution.py").read_text()
    slip = "\n\ndef loss1(z0, logdet):\n    return 0.5 * (1.8378770664 + z0**2).sum(1) - logdet\n"
    submission = submit(tmp_path / "s", solution=text + slip)
    result = executor.execute(
        submission, "flow_from_samples", "arcs-2", "secret", tell=lambda *_: None
    )
    found = {figure.measure: figure for figure in result.figures}
    assert result.status == "finished", result.problem
    assert found["negative_log_likelihood"].value is not None
    assert found["own_integral"].value is None
    assert "no value for each of the points" in found["own_integral"].note


# --- what controls the process, behind the wall ---------------------------------------------------


def awarded(question: str, *results: RunResult) -> float | None:
    """What a rehearsal gives for a question, from the runs of a submission."""
    judged = judge(REAL, read_thresholds(REAL), results)
    return next(
        q.rehearsed for q in decide(REAL, nothing(REAL, None, "open"), judged) if q.id == question
    )


def through(executor: Executor, submission: Any, run_id: str) -> list[RunResult]:
    return [
        executor.execute(submission, run_id, case, "secret", tell=lambda *_: None)
        for case in REAL.run(run_id).cases_of("smoke")
    ]


NOOP = """

def make_train_step(*args, **kwargs):
    import dirac
    {patch}
    return lambda *_: torch.zeros(())
"""
# What the run is given is changed: what it says of the parameters, what it starts from.
PATCHES = {
    "zeros": "dirac.parameters_of = lambda *_: [0.0, 0.0, 0.0]",
    "start": "dirac.DiracGenerator.theta = dirac.DiracCritic.param = torch.zeros(2)",
    "nothing": "pass",
}
IDENTITY = """

def _stays(self, x):
    import sys
    runs = sys.modules["grader_runs.q3"]
    runs.PLANAR_EXAMPLES = [((0.0, 0.0), (1.0, 0.0), 0.0)] * 6
    return x


PlanarTransformation.forward = _stays
"""
UNIFORM = """

def _uniform(impl, model, settings):
    side = 2 * settings["half_width"]
    return torch.full((int(settings["resolution"]) ** 2,), 2 * math.log(side))


_right_loss1 = loss1


def loss1(z0, logdet):
    import sys
    sys.modules["grader_runs.q3"]._own_density = _uniform
    return _right_loss1(z0, logdet)
"""


@pytest.mark.timeout(900)
def test_the_reference_gets_the_marks_of_its_runs(executor: Executor, tmp_path: Path) -> None:
    submission = submit(tmp_path / "s")
    for run_id, question, marks in (("dirac", "q2.6", 15.0), ("planar", "q3.2", 2.0)):
        results = through(executor, submission, run_id)
        assert awarded(question, *results) == marks
        for result in results:
            # The measures know what the run was started with.
            (distance,) = [f.value for f in result.figures if f.measure == "distance"]
            assert distance is not None and distance < 1e-5


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.timeout(900)
def test_a_game_that_is_not_played_gets_no_marks(
    executor: Executor, tmp_path: Path, patch: str
) -> None:
    text = (REAL.reference / "gan.py").read_text() + NOOP.format(patch=PATCHES[patch])
    results = through(executor, submit(tmp_path / "s", gan=text), "dirac")
    assert awarded("q2.6", *results) == 0.0
    assert not any(result.status == "not_graded" for result in results)


@pytest.mark.timeout(900)
def test_a_generator_that_is_never_trained_gets_no_marks(
    executor: Executor, tmp_path: Path
) -> None:
    text = (REAL.reference / "gan.py").read_text() + NOOP.format(patch="pass")
    results = through(executor, submit(tmp_path / "s", gan=text), "images")
    for result in judge(REAL, read_thresholds(REAL), results):
        scores = [f for f in result.figures if f.measure != "copies"]
        assert len(scores) == 2 and all(f.value is None for f in scores)
        assert all("still the one" in f.note for f in scores)


@pytest.mark.timeout(900)
def test_an_identity_with_changed_examples_gets_no_marks(
    executor: Executor, tmp_path: Path
) -> None:
    text = (REAL.reference / "solution.py").read_text() + IDENTITY
    (result,) = through(executor, submit(tmp_path / "s", solution=text), "planar")
    assert result.status == "finished" and result.figures[0].value is not None
    assert result.figures[0].value > 1 and awarded("q3.2", result) == 0.0


@pytest.mark.timeout(900)
def test_a_claimed_grid_gets_no_marks(executor: Executor, tmp_path: Path) -> None:
    text = (REAL.reference / "solution.py").read_text() + UNIFORM
    results = through(executor, submit(tmp_path / "s", solution=text), "flow_from_samples")
    for result in judge(REAL, read_thresholds(REAL), results):
        (figure,) = [f for f in result.figures if f.measure == "own_integral"]
        assert figure.share == 0.0 and "is not the density of the flow's weights" in figure.note


# --- wrong functions, in this process -------------------------------------------------------------


@pytest.fixture(autouse=True)
def _reference_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REAL.reference))


def play(
    run_id: str, case: str = "", steps: int = 8, changes: Any = None, **settings: Any
) -> dict[str, Measurement]:
    """A run with the reference's functions, some of them changed, and its figures.

    `changes` maps a module's name to what is put in place of what in its text, or to what is
    added at its end.
    """
    run = REAL.run(run_id)
    modules = {}
    for file in REAL.description.files:
        text = (REAL.reference / file.path).read_text()
        change = (changes or {}).get(file.name, "")
        for old, new in change.items() if isinstance(change, dict) else ():
            assert old in text, old
            text = text.replace(old, new)
        text += change if isinstance(change, str) else ""
        modules[file.name] = load_text(text, f"changed_{file.name}")
    given = {**run.profiles["smoke"].settings, **settings}
    folders = {name: str(cached_export(data(name))) for name in run.data}
    torch.manual_seed(3)  # the measures' seed is the next one
    implementation = types.SimpleNamespace(**modules)
    left = _to_the_end(runs()[run_id](implementation, case, steps, given, folders))
    return measured(run_id, Artefacts.from_plain(left), case, steps, **given)


def measured(
    run_id: str, artefacts: Artefacts, case: str = "", steps: int = 8, **settings: Any
) -> dict[str, Measurement]:
    """The figures of what a run left that was started with seed 3."""
    context = Context(case, steps, settings, 4, data, importlib.import_module, Path())
    found: Measured = measures()[run_id](artefacts, context)
    return {m.name: m for m in found.figures}


def _to_the_end(training: Iterator[int]) -> Any:
    while True:
        try:
            next(training)
        except StopIteration as stop:
            return stop.value


def value(found: Measurement) -> float:
    assert found.estimate is not None, found.problem
    return found.estimate.value


NEGATIVE = """

_right_kl = kl_gaussian_gaussian_analytic


def kl_gaussian_gaussian_analytic(*args):
    return -_right_kl(*args)
"""
SUM = """

_right_mean = log_mean_exp


def log_mean_exp(y):
    return _right_mean(y) + np.log(y.shape[1])
"""


def test_a_kl_of_the_wrong_sign_shows_in_the_elbo() -> None:
    right, wrong = (play("vae", steps=40, changes=c) for c in (None, {"q1_solution": NEGATIVE}))
    assert value(right["validation_elbo"]) > -450
    assert value(wrong["validation_elbo"]) < value(right["validation_elbo"]) - 100
    # Estimates that are off by 10^10 are no match, however noisy they are.
    assert own_estimate(wrong) == 0.0


def own_estimate(found: dict[str, Measurement]) -> float | None:
    """The share that the submission's own estimates of log p(x) get."""
    run = RunResult.model_validate(
        {"run": "vae", "case": "", "title": "", "profile": "full", "origin": "trained",
         "status": "finished", "figures": [_figure(found["own_estimate"])]}
    )  # fmt: skip
    return judge(REAL, Thresholds(), [run])[0].figures[0].share


def _figure(found: Measurement) -> Figure:
    about = {"measure": found.name, "title": "", "unit": "", "question": "q1.7", "weight": 1}
    estimate = found.estimate
    numbers = {"value": None, "note": found.problem}
    if estimate is not None:
        numbers = {"value": estimate.value, "standard_error": estimate.standard_error}
    return Figure.model_validate({**about, **numbers})


def test_a_log_mean_exp_that_is_a_log_sum_exp_shows() -> None:
    right, wrong = (
        play("vae", steps=40, changes=c, samples=20, own_images=300)
        for c in (None, {"q1_solution": "import numpy as np\n" + SUM})
    )
    difference = value(wrong["own_estimate"]) - value(right["own_estimate"])
    assert difference == pytest.approx(torch.log(torch.tensor(20.0)).item(), abs=1e-3)
    assert own_estimate(wrong) == 0.0
    # The weights are what they are: the likelihood that counts is ours.
    assert value(wrong["log_likelihood"]) == value(right["log_likelihood"])


def test_estimates_that_raise_leave_the_model() -> None:
    changes = {"q1_solution": {"def log_mean_exp": "def forgotten"}}
    found = play("vae", steps=4, changes=changes, samples=3, own_images=5)
    assert found["own_estimate"].estimate is None
    assert "no estimate of log p(x) for each of the" in found["own_estimate"].problem
    value(found["validation_elbo"])


HALF = {"return 0.5 * (log_real": "return (log_real"}
NORM = {"grad.square().sum(dim=1).mean()": "grad.norm(dim=1).mean()"}
ONE = {"grad.square().sum(dim=1).mean()": "(grad.norm(dim=1) - 1).square().mean()"}
NOTHING = {"grad.square().sum(dim=1).mean()": "0 * grad.square().sum(dim=1).mean()"}
SIGN = {"return cp.mean() - cq.mean()": "return cq.mean() - cp.mean()"}


@pytest.mark.parametrize("case", ["jsd-1", "jsd-3", "w1-3", "w1-5", "w1-8"])
def test_the_references_game_is_the_one_of_the_theory(case: str) -> None:
    found = play("dirac", case, steps=400)
    assert value(found["verdict"]) == 1.0 and value(found["distance"]) < 1e-5


@pytest.mark.parametrize(
    ("case", "change", "verdict"),
    [
        ("jsd-1", HALF, 1.0),  # faster, and round the same circle
        ("jsd-3", NORM, None),
        ("jsd-3", ONE, 0.0),
        ("w1-3", ONE, 0.0),
        ("w1-3", NOTHING, 0.0),
        ("w1-3", SIGN, None),
    ],
)
def test_another_game_shows_in_its_path(
    case: str, change: dict[str, str], verdict: float | None
) -> None:
    found = play("dirac", case, steps=400, changes={"gan": change})
    assert value(found["distance"]) > 0.01
    if verdict is not None:
        assert value(found["verdict"]) == verdict


def path_of(case: str, steps: int = 400) -> Any:
    """The trajectory of the reference, started with seed 3."""
    given = importlib.import_module("gan")
    torch.manual_seed(3)
    implementation = types.SimpleNamespace(gan=given)
    return _to_the_end(runs()["dirac"](implementation, case, steps, {}, {}))["arrays"]["trajectory"]


def test_a_path_from_another_start_is_refused() -> None:
    path = path_of("w1-3")
    assert value(measured("dirac", Artefacts(arrays={"trajectory": path}), "w1-3", 400)["verdict"])
    for other in (path * 0, path * 0.5, path + 0.001, path * float("nan")):
        with pytest.raises(MeasureError, match="the game was started from"):
            measured("dirac", Artefacts(arrays={"trajectory": other}), "w1-3", 400)


def test_a_path_that_does_something_else_gets_nothing() -> None:
    path = path_of("jsd-1")
    path[80:] *= 0.98 ** torch.arange(321).numpy()[:, None]
    found = measured("dirac", Artefacts(arrays={"trajectory": path}), "jsd-1", 400)
    assert value(found["verdict"]) == 0.0


@pytest.mark.parametrize(
    "shape", [(6, 4), (6,), (), (0,), (0, 2000, 2), (6, 2000, 3), (6000, 2000, 2), (5, 2000, 2)]
)
def test_transformed_points_of_another_shape_get_a_sentence(shape: tuple[int, ...]) -> None:
    artefacts = Artefacts(arrays={"moved": np.zeros(shape, dtype=bool)})
    figure = measured("planar", artefacts, steps=6)["distance"]
    assert figure.estimate is None
    assert f"cannot be measured because they have shape {shape}" in figure.problem


def test_transformed_points_that_are_not_finite_get_a_sentence() -> None:
    moved = np.full((6, 2000, 2), np.nan)
    figure = measured("planar", Artefacts(arrays={"moved": moved}), steps=6)["distance"]
    assert figure.estimate is None and "not finite" in figure.problem


def test_a_layer_that_writes_into_its_argument_moves_its_own_points_alone() -> None:
    change = {"solution": {"return x + self.u * h": "x += self.u * h\n        return x"}}
    assert value(play("planar", steps=6, changes=change)["distance"]) < 1e-5


@pytest.mark.parametrize("count", [3, 60])
def test_more_snapshots_than_the_run_makes_are_not_measured(count: int) -> None:
    weights: Any = {f"generator-{n}": {} for n in range(1, count + 1)}
    words = f"there are {count} snapshots of the generator; the run makes 2"
    with pytest.raises(ArtefactError, match=words):
        measured("images", Artefacts(weights=weights), "w1-3", 100, snapshots=2)


def test_a_density_is_shown_where_the_data_lie_unless_it_is_elsewhere() -> None:
    points = torch.tensor([[-2.0, 0.5], [2.5, 1.0]])
    axis = torch.linspace(-9.9, 9.9, 100)
    x, y = torch.meshgrid(axis, axis, indexing="ij")
    near = torch.exp(-((x - 1) ** 2) - y**2).numpy()
    shown, reach = around(points, near, 10.0)
    assert reach == pytest.approx(2.8) and shown.shape == (28, 28)
    # The cells are those between -2.8 and 2.8.
    assert np.array_equal(shown, near[36:64, 36:64])
    far = torch.exp(-((x - 6) ** 2) - y**2).numpy()
    far_shown, far_reach = around(points, far, 10.0)
    assert far_reach == 10.0 and far_shown is far
    broken = np.where(near > 0.5, np.nan, near)
    assert around(points, broken, 10.0)[0] is broken
    wide = around(20 * points, near, 10.0)
    assert wide[1] == 10.0 and wide[0].shape == (100, 100)


CONSTANT = {"(math.log(2 * math.pi) + z0**2).sum(dim=1, keepdim=True)": "(z0**2).sum(1, True)"}


def test_a_loss_without_its_constant_is_no_density() -> None:
    change = {"solution": {"    log_base = -0.5 * " + old: "    log_base = -0.5 * " + new
                           for old, new in CONSTANT.items()}}  # fmt: skip
    right, wrong = (
        play("flow_from_samples", "arcs-2", changes=c, resolution=100) for c in (None, change)
    )
    assert value(right["own_integral"]) == pytest.approx(1.0, abs=1e-3)
    assert wrong["own_integral"].estimate is None
    assert "its integral is 6.28" in wrong["own_integral"].problem  # 2 pi
    # The constant trains nothing, so the flow itself is as good.
    nll = "negative_log_likelihood"
    assert value(wrong[nll]) == pytest.approx(value(right[nll]), abs=1e-6)
    assert value(wrong["integral"]) == pytest.approx(1.0, abs=1e-3)


def test_a_log_determinant_of_the_wrong_sign_is_no_density() -> None:
    change = {"solution": {"return -(log_base + logdet)": "return -(log_base - logdet)"}}
    found = play("flow_from_samples", "sine-8", steps=150, changes=change, resolution=100)
    right = play("flow_from_samples", "sine-8", steps=150, resolution=100)
    nll = "negative_log_likelihood"
    assert value(found[nll]) > value(right[nll]) + 0.1
    assert found["own_integral"].estimate is None


def test_a_density_of_other_weights_is_none_of_the_flow() -> None:
    # Uniform over the grid: it integrates to one.
    uniform = "\n\ndef loss1(z0, logdet):\n    return 0 * logdet + 2 * math.log(24.0)\n"
    change = {"solution": uniform}
    found = play("flow_from_samples", "arcs-2", steps=150, resolution=100, changes=change)
    assert found["own_integral"].estimate is None
    assert "its integral is 1," in found["own_integral"].problem
    assert "exp(-loss1) is not the density of the flow's weights" in found["own_integral"].problem


def test_a_divergence_of_the_wrong_sign_shows_in_the_loss() -> None:
    change = {
        "solution": {"return log_base - logdet + target": "return log_base + logdet + target"}
    }
    right, wrong = (
        play("flow_from_density", "arcs-2", steps=400, changes=c) for c in (None, change)
    )
    assert value(wrong["loss"]) > value(right["loss"]) + 0.1


# --- what was handed in ---------------------------------------------------------------------------


class Handed:
    """Submissions with weights, measured and judged as the real assignment judges them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "s"

    def measure(self, tensors: dict[str, torch.Tensor], claims: str = "{}") -> RunResult:
        submit(self.folder)
        save_file(tensors, self.folder / "vae.safetensors")
        (self.folder / "vae.json").write_text(claims)
        submission = read_submission(Candidate("alice", self.folder), REAL)
        warm = types.SimpleNamespace(wall="none", environment=ENVIRONMENT)
        with pytest.MonkeyPatch.context() as patch:
            # The embedded digits in place of the real data that the profile asks for.
            patch.setattr(Measurer, "data_set", lambda self, name, size: few(name))
            small = {"samples": 5, "own_images": 5}
            run = REAL.run("vae")
            full = run.profiles["full"].model_copy(update={"settings": small})
            about = REAL.description.model_copy(update={"runs": tuple(
                r if r.id != "vae" else run.model_copy(update={"profiles": {"full": full}})
                for r in REAL.description.runs)})  # fmt: skip
            assignment = Assignment(REAL.folder, REAL.reference)
            assignment.description = about
            executor = Executor(assignment, "full", self.root / "out", None, warm)  # type: ignore[arg-type]
            return executor.submitted(submission, "vae", "", "secret")


ENVIRONMENT = {"python": "3", "torch": "2", "numpy": "2", "cpu": "none", "threads": 1}


@functools.cache
def few(name: str) -> DataSet:
    whole = data(name)
    arrays = {split: array[:40] for split, array in whole.arrays.items()}
    return DataSet(name, "embedded", "forty digits", arrays)


@pytest.fixture
def handed(tmp_path: Path) -> Handed:
    return Handed(tmp_path)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    return importlib.import_module("vae").VAE(latent_size=100)


def test_a_claim_gets_nobody_the_marks_of_what_it_says(handed: Handed, model: Any) -> None:
    result = handed.measure(model.state_dict(), '{"validation_elbo": -80.0}')
    assert result.status == "finished", result.problem
    honest = handed.measure(model.state_dict())
    (judged, unclaimed) = judge(REAL, Thresholds(), [result, honest])
    claimed, measured = judged.figures[0], unclaimed.figures[0]
    assert claimed.value == measured.value and claimed.value is not None and claimed.value < -102
    assert (claimed.claim, claimed.claim_is_borne_out) == (-80.0, False)
    assert claimed.share == 0.0 and claimed.threshold == -102.0
    questions = decide(REAL, nothing(REAL, None, "open"), [judged])
    assert next(q.awarded for q in questions if q.id == "q1.6") == 0.0
    near = f'{{"validation_elbo": {claimed.value * 1.001}}}'
    (other,) = judge(REAL, Thresholds(), [handed.measure(model.state_dict(), near)])
    assert other.figures[0].claim_is_borne_out is True


Change = Callable[[dict[str, torch.Tensor]], Any]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("encode.mlp.0.weight"), "the weights lack `encode.mlp.0.weight`"),
        (lambda t: t.update(extra=torch.zeros(1)), "the weights have `extra`"),
        (
            lambda t: t.update({"decode.mlp.4.bias": torch.zeros(100)}),
            "`decode.mlp.4.bias` has shape (100,); the architecture's has shape (784,)",
        ),
        (
            lambda t: t["decode.mlp.4.bias"].fill_(torch.nan),
            "784 of 784 values that are NaN or infinite",
        ),
    ],
    ids=["missing", "more", "shape", "nan"],
)
def test_weights_of_another_architecture_get_a_sentence(
    handed: Handed, model: Any, change: Change, words: str
) -> None:
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    change(tensors)
    result = handed.measure(tensors)
    assert result.status == "failed" and not result.figures
    assert re.search(re.escape(words), result.problem), result.problem
