"""A toy assignment: small enough to read, with everything that a real one has."""

from __future__ import annotations

import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.assignment import Assignment, Limits
from grader.wall import isolation
from grader.wall.warm_handle import Warm

# A shell starts what runs in the background with Ctrl-C ignored, and children inherit that. The
# tests that press it must not depend on where they run.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOY = {
    "assignments/toy/assignment.toml": """
        name = "toy"
        title = "Means and sums"
        course = "Toy course"
        university = "Nowhere"
        given = ["constants.py"]

        [limits]
        call_seconds = 2.0
        import_seconds = 5.0
        question_seconds = 30.0
        memory_mib = 512

        [[files]]
        name = "mean"
        path = "mean.py"
        aliases = ["average.py"]

        [[files]]
        name = "total"
        path = "total.py"

        [[parts]]
        id = "q1"
        title = "Everything"
        marks = 10

        [[questions]]
        id = "q1.1"
        title = "Mean"
        kind = "unit"
        marks = 4
        contracts = ["mean.mean"]

        [[questions]]
        id = "q1.2"
        title = "Total"
        kind = "unit"
        marks = 3
        contracts = ["total.total"]

        [[questions]]
        id = "q1.3"
        title = "Discuss"
        kind = "written"
        marks = 3
    """,
    "assignments/toy/handout.md": "# Means and sums\n",
    "assignments/toy/probes.py": '''
        """Probes of the toy."""


        def mean_and_input(impl, *, x):
            """The mean, and the input after the call."""
            value = impl.mean.mean(x)
            return {"mean": value, "x": x}
    ''',
    "assignments/toy/hidden/test_toy.py": '''
        import pytest


        @pytest.mark.question("q1.1", weight=2)
        def test_mean_has_the_right_value(submission, reference, draw, expect):
            """A mean is a sum divided by a count."""
            x = draw.normal(4, 5)
            expect.close(submission.mean.mean(x), reference.mean.mean(x), what="the mean")


        @pytest.mark.question("q1.1")
        def test_mean_has_the_right_shape(submission, draw, expect):
            """One mean per row."""
            expect.shape(submission.mean.mean(draw.normal(4, 5)), (4,))


        @pytest.mark.question("q1.1")
        def test_mean_leaves_its_input_alone(submission, probes, draw, expect):
            """The caller needs it again."""
            x = draw.normal(2, 3)
            expect.unchanged(submission(probes.mean_and_input, x=x)["x"], x, what="x")


        @pytest.mark.question("q1.2")
        @pytest.mark.parametrize("size", [1, 7])
        def test_total_has_the_right_value(submission, reference, draw, expect, size):
            """A total adds everything up."""
            x = draw.normal(size)
            expect.close(submission.total.total(x), reference.total.total(x), terms=size)
    ''',
    "assignments/toy/mistakes/q1.py": '''
        """Mistakes of the toy."""

        from grader.catalogue import Mistakes

        mean_value = Mistakes("mean.mean", "test_mean_has_the_right_value")


        @mean_value
        def mean_is_a_sum(x):
            """This is the sum of each row; divide it by the number of columns."""
            return x.sum(1)


        @mean_value
        def mean_over_the_wrong_axis(x):
            """This is the mean over the rows; the mean of each row was asked for."""
            return x.mean(0)


        total_value = Mistakes("total.total", "test_total_has_the_right_value[7]")

        total_value.edit("total_is_a_mean", "sum()", "mean()", "This is a mean; add the values up.")
    ''',
    "assignments/toy/variants/q1.py": '''
        """Variants of the toy."""

        import torch

        from grader.catalogue import Variants

        mean = Variants("mean.mean")
        total = Variants("total.total")


        @mean
        def mean_of_the_library(x):
            """The library's own mean."""
            return torch.mean(x, dim=1)


        @total
        def total_in_a_loop(x):
            """A loop over the entries."""
            result = torch.zeros(())
            for value in x:
                result = result + value
            return result
    ''',
    "assignments/toy/public/test_public.py": '''
        import pytest
        import torch


        @pytest.mark.question("q1.1")
        def test_mean_of_ones_is_one(submission, expect):
            """A mean of ones is one."""
            expect.close(submission.mean.mean(torch.ones(2, 3)), torch.ones(2))
    ''',
    "reference/toy/constants.py": "ZERO = 0.0\n",
    "reference/toy/mean.py": '''
        """Means."""

        from torch import Tensor


        def mean(x: Tensor) -> Tensor:
            """Mean of each row, (B, D) to (B,)."""
            ### BEGIN SOLUTION
            return x.sum(1) / x.shape[1]
            ### END SOLUTION
    ''',
    "reference/toy/total.py": '''
        """Totals."""

        from torch import Tensor


        def total(x: Tensor) -> Tensor:
            """Sum of all, (N,) to ()."""
            ### BEGIN SOLUTION
            return x.sum()
            ### END SOLUTION
    ''',
}

RIGHT = {
    "mean.py": "def mean(x):\n    return x.mean(dim=1)\n",
    "total.py": "import constants\n\ndef total(x):\n    return x.sum() + constants.ZERO\n",
}

# What makes the toy one with a run: the mean of points in the plane, found by many small steps.
RUN_TOML = """
    [[questions]]
    id = "q1.4"
    title = "Fit"
    kind = "run"
    marks = 2

    [[runs]]
    id = "fit"
    title = "Fit a mean"
    modules = ["mean"]
    data = ["planar_arcs"]
    submitted = "fit"
    cases = ["slow", "fast"]

    [runs.profiles.smoke]
    steps = 300
    seconds = 20
    settings = { batch = 32 }

    [runs.profiles.cpu]
    steps = 400
    seconds = 20
    settings = { batch = 64 }

    [runs.profiles.full]
    steps = 400
    seconds = 40
    settings = { batch = 64 }

    [runs.measures.distance]
    title = "Distance from the mean of the points"
    question = "q1.4"
    better = "lower"
    weight = 2

    [runs.measures.score]
    title = "Closeness"
    unit = "nats"
    question = "q1.4"
    better = "higher"
    asked = { cpu = -1.0, full = -1.0 }

    [runs.measures.length]
    title = "Points of the path per step"
    question = "q1.4"
    better = "near"
    target = 1.0
    within = 0.01
"""

WITH_RUN = TOY | {
    "assignments/toy/assignment.toml": (
        textwrap.dedent(TOY["assignments/toy/assignment.toml"]).replace("marks = 10", "marks = 12")
        + textwrap.dedent(RUN_TOML)
    ),
    "assignments/toy/runs.py": '''
        """The run of the toy."""

        import importlib
        from pathlib import Path

        import numpy as np
        import torch

        RATES = {"slow": 0.02, "fast": 0.05}


        def fit(impl, case, steps, settings, data):
            """Move a point to the mean of the data with the submission's mean."""
            constants = importlib.import_module("constants")
            file = Path(data["planar_arcs"], "planar_arcs-points.npy")
            points = torch.from_numpy(np.load(file))
            at, path = torch.randn(2), []
            for step in range(1, steps + 1):
                batch = points[torch.randint(len(points), (settings["batch"],))]
                pull = impl.mean.mean(batch.T) - at
                at = at + RATES[case] * pull + constants.ZERO
                path.append(at)
                yield step
            far = torch.stack([(p**2).sum() for p in path])
            return {
                "weights": {"fit": {"at": at}},
                "arrays": {"path": torch.stack(path)},
                "curves": {"training": {"step": list(range(1, steps + 1)), "far": far}},
                "claims": {"distance": float(at.norm())},
            }
    ''',
    "assignments/toy/measures.py": '''
        """Measures of the toy."""

        import numpy as np

        from grader.measures.artefacts import ArtefactError
        from grader.measures.estimate import Estimate, finite
        from grader.runs.measured import Drawing, Measured, measurement


        def fit(artefacts, context):
            """How far the point is from the mean of all points."""
            if list(artefacts.weights.get("fit", {})) != ["at"]:
                raise ArtefactError("the weights must be one tensor called `at`")
            at = np.asarray(artefacts.weights["fit"]["at"], dtype=np.float64)
            if at.shape != (2,):
                raise ArtefactError(f"`at` has shape {at.shape}; (2,) is wanted")
            wanted = context.data("planar_arcs").arrays["points"].mean(axis=0)

            def distance():
                gap = finite(at, "of the values of `at`") - wanted
                return Estimate(float(np.hypot(*gap)), 0.001, 1, "")

            def length():
                return Estimate(len(artefacts.arrays["path"]) / context.steps, 0.0, 1, "")

            figures = [
                measurement("distance", distance, artefacts.claims.get("distance")),
                measurement("score", lambda: Estimate(-distance().value, 0.001, 1, "nats")),
            ]
            if "path" in artefacts.arrays:
                figures.append(measurement("length", length))
            png = b"\\x89PNG of the toy"
            return Measured(tuple(figures), (Drawing("path", "The path", png, "a path"),))
    ''',
}


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder; texts may be indented."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return root


@pytest.fixture
def toy_home(tmp_path: Path) -> Path:
    """A folder with `assignments/toy` and `reference/toy`, as GRADER_HOME wants it."""
    return write_tree(tmp_path / "home", TOY)


@pytest.fixture
def toy(toy_home: Path) -> Assignment:
    """The toy assignment."""
    return Assignment(toy_home / "assignments" / "toy", toy_home / "reference" / "toy")


@pytest.fixture
def home_with_run(tmp_path: Path) -> Path:
    """The same with a run question, for GRADER_HOME."""
    return write_tree(tmp_path / "home-with-run", WITH_RUN)


@pytest.fixture
def toy_with_run(home_with_run: Path) -> Assignment:
    """The toy assignment with a run of two cases, judged in three ways."""
    return Assignment(home_with_run / "assignments" / "toy", home_with_run / "reference" / "toy")


@pytest.fixture
def right_files() -> dict[str, str]:
    """A right submission of the toy."""
    return dict(RIGHT)


@pytest.fixture(params=["bubblewrap", "landlock"])
def wall(request: pytest.FixtureRequest) -> isolation.WallKind:
    """Each wall that works on this machine."""
    finding = next(f for f in isolation.survey() if f.wall == request.param)
    if not finding.works:
        pytest.skip(f"{finding.wall}: {finding.explanation}")
    return finding.wall


def opened(folder: Path) -> Path:
    """The folder, with those above it that are ours, open to everybody."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    return folder


SharedWarm = Callable[[isolation.WallKind, Limits], Warm]


@pytest.fixture(scope="session")
def shared_warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWarm]:
    """The warm process of a wall, for cells with these limits.

    It takes seconds to start, so there is one for each wall in a whole session. Every test has
    cells of its own, and one that ends the process leaves it to the next to start another.
    """
    given = opened(tmp_path_factory.mktemp("given"))
    (given / "constants.py").write_text("ZERO = 0.0\nANSWER = 42\n")
    made: dict[isolation.WallKind, Warm] = {}

    def shared(wall: isolation.WallKind, limits: Limits) -> Warm:
        if wall not in made:
            made[wall] = Warm(wall, limits, given)
        made[wall].limits = limits
        return made[wall]

    yield shared
    for warm in made.values():
        warm.close()
