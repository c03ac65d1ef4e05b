"""A small assignment with training runs, and what they left for a class of students."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from grader.assignment import Assignment
from grader.marks.judging import decide, judge
from grader.marks.thresholds import Calibrated, Thresholds
from grader.results import (
    Environment,
    Figure,
    Picture,
    QuestionMark,
    Result,
    RunResult,
    TakenFile,
)

SENTINEL_DETAIL = "SENTINEL-RUN-DETAIL"
SENTINEL_KEY = "SENTINELKEY"
SENTINEL_SEED = 987654321

DIRAC = [f"{loss}-{n}" for loss in ("jsd", "w1") for n in range(1, 11)]
IMAGES = ["jsd-1", "jsd-2", "jsd-3", "w1-2", "w1-3"]
FLOWS = [f"{name}-{layers}" for name in ("arcs", "sine") for layers in (2, 8, 32)]

TOML = f"""
name = "toy_runs"
title = "Assignment 3: training runs"
course = "IFT 6135 Representation Learning"
university = "Université de Montréal"

[[files]]
name = "gan"
path = "gan.py"

[[parts]]
id = "q1"
title = "Variational autoencoder"
marks = 7

[[parts]]
id = "q2"
title = "Adversarial networks"
marks = 10

[[parts]]
id = "q3"
title = "Planar flow"
marks = 5

[[questions]]
id = "q1.1"
title = "Log-likelihood of a Bernoulli"
kind = "unit"
marks = 2
contracts = ["gan.bernoulli"]

[[questions]]
id = "q1.6"
title = "A trained VAE"
kind = "run"
marks = 3
about = "ELBO of the validation set after 20 epochs."

[[questions]]
id = "q1.7"
title = "Its log-likelihood"
kind = "run"
marks = 2

[[questions]]
id = "q2.6"
title = "The dirac game"
kind = "run"
marks = 5

[[questions]]
id = "q2.7"
title = "CIFAR-10"
kind = "run"
marks = 5

[[questions]]
id = "q3.2"
title = "Transformations"
kind = "run"
marks = 1

[[questions]]
id = "q3.7"
title = "Flows from samples"
kind = "run"
marks = 4

[[runs]]
id = "vae"
title = "VAE on binarised MNIST"
about = "100 latent dimensions, Adam with a learning rate of 3e-4, batches of 64, 20 epochs."
modules = ["gan"]
submitted = "vae"
[runs.profiles.cpu]
steps = 15640
seconds = 1200
[runs.profiles.full]
steps = 15640
seconds = 1200

[runs.measures.elbo]
title = "ELBO of the validation set"
unit = "nats per image"
question = "q1.6"
better = "higher"
asked = {{ cpu = -102.0, full = -102.0 }}

[runs.measures.log_likelihood]
title = "Log-likelihood of the test set by importance sampling"
unit = "nats per image"
question = "q1.7"
better = "higher"

[runs.measures.own_estimate]
title = "The submission's own estimates of log p(x), minus ours"
unit = "nats per image"
question = "q1.7"
better = "near"
target = 0.0
within = 0.1

[[runs]]
id = "dirac"
title = "The dirac game"
about = "SGD with a learning rate of 0.1 for both players."
modules = ["gan"]
cases = {DIRAC}
[runs.profiles.cpu]
steps = 5000
seconds = 120

[runs.measures.verdict]
title = "Does what theory says (1: yes)"
question = "q2.6"
better = "near"
target = 1.0
within = 0.5

[runs.measures.distance]
title = "Largest distance from the iterated map"
better = "near"
target = 0.0
within = 1e-3

[[runs]]
id = "images"
title = "Adversarial networks on CIFAR-10"
modules = ["gan"]
cases = {IMAGES}
[runs.profiles.cpu]
steps = 600
seconds = 900
note = "600 steps instead of 100,000, networks an eighth as wide"

[runs.measures.is]
title = "Inception score"
question = "q2.7"
better = "higher"

[runs.measures.fid]
title = "Fréchet distance"
question = "q2.7"
better = "lower"

[[runs]]
id = "planar"
title = "Planar transformations of normal samples"
modules = ["gan"]
[runs.profiles.cpu]
steps = 6
seconds = 30

[runs.measures.distance]
title = "Largest distance from x + u tanh(w.x + b)"
question = "q3.2"
better = "near"
target = 0.0
within = 1e-4

[[runs]]
id = "flows"
title = "Flow from samples"
modules = ["gan"]
cases = {FLOWS}
[runs.profiles.cpu]
steps = 6000
seconds = 400
note = "6,000 steps instead of 20,000"

[runs.measures.nll]
title = "Negative log-likelihood of the data"
unit = "nats per point"
question = "q3.7"
better = "lower"
weight = 2

[runs.measures.own_integral]
title = "Integral of the submission's exp(-loss1)"
question = "q3.7"
better = "near"
target = 1.0
within = 0.02

[runs.measures.integral]
title = "Integral of the flow's density"
better = "near"
target = 1.0
within = 0.02

[[runs]]
id = "sketch"
title = "A sketch for nobody's marks"
modules = ["gan"]
cases = ["left", "right"]
[runs.profiles.cpu]
steps = 10
seconds = 30
"""

SCORES = {"jsd-1": (2.1, 160), "jsd-2": (2.6, 118), "jsd-3": (2.4, 131), "w1-2": (2.7, 109),
          "w1-3": (2.5, 121)}  # fmt: skip
LIKELIHOODS = dict(zip(FLOWS, (1.62, 1.31, 1.12, 1.95, 1.58, 1.36), strict=True))


def _calibrated() -> Thresholds:
    found = [("vae", "", "log_likelihood", -94.6, 0.2)]
    found += [("images", c, "is", s[0], 0.06) for c, s in SCORES.items()]
    found += [("images", c, "fid", s[1], 3.0) for c, s in SCORES.items()]
    found += [("flows", c, "nll", v, 0.012) for c, v in LIKELIHOODS.items()]
    entries = [
        Calibrated(profile=p, run=r, case=c, measure=m, mean=mean, sd=sd, n=5)
        for p in ("cpu", "full")
        for r, c, m, mean, sd in found
    ]
    return Thresholds(figures=tuple(entries))


THRESHOLDS = _calibrated()
ENVIRONMENT = Environment(
    wall="bubblewrap", python="3.11.7", torch="2.15.0", numpy="2.4.6", cpu="AVX2", threads=2
)
Draw = Callable[[str, str, str], bytes]


def make_run_assignment(folder: Path) -> Assignment:
    """The assignment, written below `folder`."""
    root = folder / "toy_runs"
    root.mkdir(parents=True, exist_ok=True)
    (root / "assignment.toml").write_text(TOML, encoding="utf-8")
    return Assignment(root, folder / "reference")


def tiny_png(run: str = "", case: str = "", name: str = "") -> bytes:
    """A picture of 6 x 3 pixels, of another colour for each name."""
    shade = sum(f"{run}{case}{name}".encode()) % 256
    target = io.BytesIO()
    Image.new("RGB", (6, 3), (shade, 90, 160)).save(target, format="PNG")
    return target.getvalue()


class RunFactory:
    """Makes results with runs; their pictures are files below `out`.

    Args:
        assignment: the one above.
        out: the batch's output folder.
        draw: what the pictures look like, by run, case and name.
    """

    detail, key, seed = SENTINEL_DETAIL, SENTINEL_KEY, SENTINEL_SEED

    def __init__(self, assignment: Assignment, out: Path, draw: Draw = tiny_png) -> None:
        self.assignment = assignment
        self.out = out
        self._draw = draw

    def result(
        self,
        submission: str,
        runs: list[RunResult] | None = None,
        *,
        thresholds: Thresholds = THRESHOLDS,
        **changes: object,
    ) -> Result:
        """A result with its runs judged and its marks decided."""
        runs = self.runs(submission) if runs is None else runs
        judged = judge(self.assignment, thresholds, runs)
        questions = [
            QuestionMark(id=q.id, title=q.title, kind=q.kind, marks=q.marks,
                         awarded=2.0 if q.kind == "unit" else None)
            for q in self.assignment.description.questions
        ]  # fmt: skip
        result = Result(
            assignment=self.assignment.name,
            assignment_digest="5f0c" * 16,
            secret_id="a41c9e",
            submission=submission,
            source=f"/srv/handed-in/{submission}.zip",
            source_digest="9b1d" * 16,
            status="graded",
            files=[TakenFile(name="gan", taken="gan.py")],
            questions=decide(self.assignment, questions, judged),
            runs=judged,
            environment=ENVIRONMENT,
            graded_at="2025-03-14T16:42:07+00:00",
            seconds=3.2,
        )
        return result.model_copy(update=changes)

    def runs(
        self, submission: str, *, skill: float = 1.0, pictures: bool = True
    ) -> list[RunResult]:
        """All runs of one submission; a skill below 1 misses some thresholds."""
        rng = random.Random(f"{submission!a}")
        worse = 1 - skill
        elbo = -101.2 - 9 * worse + rng.gauss(0, 0.25)
        own = rng.gauss(0, 0.01) + (0.6 if worse > 0.5 else 0)
        made = [
            self.run(submission, "vae", "", [("elbo", elbo, 0.12, elbo + 0.05),
                     ("log_likelihood", elbo + 6.8, 0.11, None), ("own_estimate", own, 0.02, None)],
                     ["training", "reconstructions", "samples"], pictures)
        ]  # fmt: skip
        for case in DIRAC:
            right = rng.random() > 0.4 * worse
            seen = "converges" if case[-1] != "1" else "cycles"
            note = f"{seen if right else 'diverges'}; theory: {seen} (linearised map)"
            figures = [("verdict", float(right), 0.0, None),
                       ("distance", 0.0 if right else 3.4, 0.0, None)]  # fmt: skip
            made.append(
                self.run(submission, "dirac", case, figures, ["trajectory"], pictures, note)
            )
        for case, (score, distance) in SCORES.items():
            figures = [("is", score - 0.4 * worse + rng.gauss(0, 0.05), 0.03, None),
                       ("fid", distance + 40 * worse + rng.gauss(0, 2), 1.1, None)]  # fmt: skip
            made.append(
                self.run(submission, "images", case, figures, ["samples", "training"], pictures)
            )
        made.append(self.run(submission, "planar", "", [("distance", 2e-7, 0.0, None)],
                             ["transformations"], pictures))  # fmt: skip
        for case, nll in LIKELIHOODS.items():
            figures = [("nll", nll + 0.3 * worse + rng.gauss(0, 0.01), 0.0, None),
                       ("integral", 1.0003, 0.0, None),
                       ("own_integral", 1.0003 + 0.5 * worse, 0.0, None)]  # fmt: skip
            made.append(
                self.run(submission, "flows", case, figures, ["training", "density"], pictures)
            )
        made += [
            self.run(submission, "sketch", c, [], ["sketch"], pictures) for c in ("left", "right")
        ]
        return made

    def run(
        self,
        submission: str,
        run: str,
        case: str,
        figures: list[tuple[str, float | None, float, float | None]],
        drawings: list[str] = [],  # noqa: B006
        pictures: bool = True,
        note: str = "",
        **changes: object,
    ) -> RunResult:
        """One case that finished, not judged yet; figures are (measure, value, error, claim)."""
        about = self.assignment.run(run)
        measures = {m.name: m for m in self.assignment.description.measures if m.run == run}
        drawn = []
        for name in drawings if pictures else []:
            file = Path("artefacts") / f"{submission}-{run}-{case}" / f"{name}.png"
            if not (self.out / file).exists():
                (self.out / file).parent.mkdir(parents=True, exist_ok=True)
                (self.out / file).write_bytes(self._draw(run, case, name))
            drawn.append(Picture(title=name.capitalize(), file=file.as_posix(),
                                 alternative=f"{name} of {run} {case}".strip()))  # fmt: skip
        made = RunResult(
            run=run,
            case=case,
            title=f"{about.title}: {case}" if case else about.title,
            profile="cpu",
            origin="trained",
            status="finished",
            steps=about.profiles["cpu"].steps,
            seconds=211.4,
            measured_seconds=4.1,
            seed=SENTINEL_SEED,
            key=SENTINEL_KEY,
            detail="",
            data=["Binarised MNIST: 50,000 images of 28 x 28."] if run == "vae" else [],
            figures=[
                Figure(measure=name, title=measures[name].title, unit=measures[name].unit,
                       question=measures[name].question, value=value, standard_error=error,
                       n=10_000 if error else 1, claim=claim,
                       note="the weights are not finite" if value is None else note,
                       weight=measures[name].weight)
                for name, value, error, claim in figures
            ],
            pictures=drawn,
            environment=ENVIRONMENT,
        )  # fmt: skip
        return made.model_copy(update=changes)

    def failed(self, submission: str, run: str, case: str = "", **changes: object) -> RunResult:
        """A case that broke off."""
        return self.run(submission, run, case, []).model_copy(
            update={"status": "failed", "problem": "after step 12: the loss is not finite",
                    "detail": SENTINEL_DETAIL, "steps": 12, "data": [], **changes}
        )  # fmt: skip

    def troubled(self, submission: str) -> Result:
        """A claim that is not borne out, failures, and figures that cannot be had."""
        runs = {(r.run, r.case): r for r in self.runs(submission, skill=0.4)}
        runs["vae", ""] = self.run(
            submission, "vae", "",
            [("elbo", -110.31, 0.14, -80.0), ("log_likelihood", None, 0.0, None)],
            ["training", "reconstructions", "samples"],
        )  # fmt: skip
        runs["dirac", "jsd-4"] = self.failed(submission, "dirac", "jsd-4")
        runs["images", "w1-2"] = self.failed(
            submission, "images", "w1-2", problem="r1gp raised RuntimeError: element 0 of tensors"
        )
        runs["planar", ""] = self.failed(submission, "planar", problem="forward is not defined")
        return self.result(submission, list(runs.values()))

    def handed_in(self, submission: str) -> Result:
        """Weights that were handed in: some, and not all."""
        figures = [("elbo", -101.4, 0.12, -101.45), ("log_likelihood", -94.7, 0.11, -94.6)]
        vae = self.run(submission, "vae", "", figures, ["samples"],
                       origin="submitted", profile="full", steps=0, seconds=0.0)  # fmt: skip
        flows = [
            self.failed(
                submission, "flows", case, origin="submitted", profile="full", steps=0,
                seconds=0.0, status="absent",
                problem=f"no flow-samples-{case}.safetensors was handed in",
            )
            for case in FLOWS
        ]  # fmt: skip
        return self.result(submission, [vae, *flows])

    def not_graded(self, submission: str) -> Result:
        """A run that we failed to carry out."""
        run = self.failed(
            submission, "vae", status="not_graded", problem="No space left on device: /srv/secret"
        )
        return self.result(submission, [run])

    def without_thresholds(self, submission: str) -> Result:
        """Runs of an assignment that was never calibrated."""
        return self.result(submission, thresholds=Thresholds())

    def class_of(self, size: int, **options: object) -> list[Result]:
        """A class of mixed skill, with what goes wrong in real ones."""
        rng = random.Random(1)
        results = []
        for number in range(size):
            name = f"student{number:02d}"
            if number % 9 == 4:
                results.append(self.troubled(name))
            elif number % 9 == 7:
                results.append(self.not_graded(name))
            else:
                skill = min(1.0, rng.betavariate(5, 1) + 0.15)
                results.append(self.result(name, self.runs(name, skill=skill, **options)))
        return results
