"""A small assignment and a class that looks like a real one, from a seed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.assignment import Assignment
from grader.results import (
    Check,
    Environment,
    Hint,
    QuestionMark,
    Result,
    TakenFile,
)

# Never on a student's page: planted in every field that is for the TA alone.
SECRET_DETAIL = "SENTINEL-DETAIL"
SECRET_OUTPUT = "SENTINEL-OUTPUT"

ASSIGNMENT = Path(__file__).with_name("toy_a3.toml")


@dataclass(frozen=True)
class Planned:
    """A check of the toy suite and how it fails."""

    question: str
    test: str
    reason: str
    difficulty: float
    weight: float
    rationale: str
    help: str
    hint: Hint | None = None

    @property
    def title(self) -> str:
        return self.test.removeprefix("test_").replace("_", " ").capitalize()

    @property
    def file(self) -> str:
        return {"q1": "q1_solution", "q2": "gan", "q3": "solution"}[self.question[:2]]


EXP_LOGVAR = Hint(
    mistake="std_is_exp_logvar",
    text="This is what one gets when the standard deviation is taken as exp(logvar). "
    "logvar is the logarithm of the variance, so the standard deviation is exp(logvar / 2).",
)
NO_MAX = Hint(
    mistake="log_mean_exp_without_shift",
    text="This is what one gets from log(mean(exp(y))) without first taking the maximum out.",
)
R1_NO_SQUARE = Hint(
    mistake="r1_norm_not_squared",
    text="This is the mean norm of the gradient; the R1 penalty is the mean of its square.",
)
BROADCAST = Hint(
    mistake="loss_broadcasts_to_square",
    text="Adding a (B,) vector to a (B, 1) column gives a (B, B) table, and its mean hides it.",
)

SUITE = (
    Planned("q1.1", "test_bernoulli_sums_over_dimensions",
            "The log-likelihood of independent pixels is the sum over pixels, one per image.",
            0.15, 1, "log_likelihood_bernoulli(mu, target) is wrong in 6 of 6 values",
            "Look at which axis is summed, and whether mu is taken for a logit."),
    Planned("q1.1", "test_bernoulli_returns_one_value_per_image",
            "Everything later averages over the batch, so its shape has to be (B,).",
            0.1, 1, "log_likelihood_bernoulli(mu, target) has shape (6, 784), "
            "but the contract says (6,)", "Look at which axis is reduced."),
    Planned("q1.2", "test_normal_has_its_normalising_constant",
            "Without -D/2 log(2 pi) the ELBO is off by a constant and cannot be compared.",
            0.35, 2, "log_likelihood_normal(mu, logvar, z) is wrong in 5 of 5 values",
            "Write the density down, and compare it with your code term by term.", EXP_LOGVAR),
    Planned("q1.2", "test_normal_accepts_images", "Inputs of shape (B, 1, 28, 28) are legal.",
            0.2, 1, "log_likelihood_normal raised RuntimeError: The size of tensor a (28) must "
            "match the size of tensor b (784) at non-singleton dimension 3",
            "Flatten all but the first axis first."),
    Planned("q1.3", "test_log_mean_exp_survives_large_values",
            "Importance weights of a VAE are as small as exp(-500); "
            "a plain exponential turns them into 0 and their logarithm into -inf.",
            0.55, 2, "log_mean_exp(y) contains infinity",
            "Take the maximum out of the exponentials, and add it again afterwards.", NO_MAX),
    Planned("q1.3", "test_log_mean_exp_averages_over_samples", "It is a mean, not a sum.",
            0.25, 1, "log_mean_exp(y) is wrong in 4 of 4 values", "Look for log K."),
    Planned("q1.4", "test_analytic_kl_of_equal_distributions_is_zero",
            "A divergence is zero exactly when both distributions agree.",
            0.2, 1, "kl_gaussian_gaussian_analytic has the wrong value",
            "Put mu_q = mu_p into your formula and look at what is left."),
    Planned("q1.4", "test_analytic_kl_of_random_gaussians",
            "The ELBO's second term is this divergence.", 0.4, 2,
            "kl_gaussian_gaussian_analytic is wrong in 8 of 8 values",
            "Look at the factor 1/2, and at which variance divides.", EXP_LOGVAR),
    Planned("q1.4", "test_monte_carlo_kl_shows_sampling_variance",
            "An estimate from samples varies; one that never does was not sampled.", 0.6, 2,
            "two calls with num_samples=1 returned exactly the same values",
            "Draw from q and average log q - log p over the draws."),
    Planned("q2.1", "test_jsd_is_zero_for_an_undecided_critic",
            "When the critic says 0 everywhere the two distributions look alike.", 0.3, 1,
            "jsd(cp, cq) has the wrong value", "Look at the constant log 4 and the factor 1/2."),
    Planned("q2.1", "test_w1_keeps_its_sign", "The critic aims high on real data.", 0.15, 1,
            "w1(cp, cq) has the wrong sign", "Real comes first, generated second."),
    Planned("q2.2", "test_r1_is_the_mean_squared_norm",
            "The penalty's coefficient only means something when the norm is squared.", 0.5, 2,
            "r1gp is wrong in 1 of 1 values", "Look at the norm per sample.", R1_NO_SQUARE),
    Planned("q2.2", "test_penalties_accept_images",
            "Both penalties are used on images, not only on points of the plane.", 0.65, 2,
            "ogp raised RuntimeError: The size of tensor a (32) must match the size of tensor b "
            "(5) at non-singleton dimension 3",
            "One mixing weight per sample needs shape (N, 1, 1, 1)."),
    Planned("q2.3", "test_average_moves_the_target_in_place",
            "The optimiser holds these very tensors.", 0.35, 1,
            "the target's parameters were replaced by new tensors",
            "Write into target.data instead of assigning a new parameter."),
    Planned("q3.1", "test_log_determinant_agrees_with_autograd",
            "A flow's density is only right when the log-determinant is.", 0.5, 3,
            "get_logdet is wrong in 7 of 7 values", "Differentiate u tanh(w x + b) by x."),
    Planned("q3.1", "test_transformation_of_a_batch", "Each row is moved on its own.", 0.2, 2,
            "forward is wrong in 14 of 14 values", "Look at the shapes of u, w and b."),
    Planned("q3.2", "test_loss1_is_a_column",
            "A (B, B) table has the same mean, so training looks fine while the loss is wrong.",
            0.6, 1, "loss1 has shape (5, 5), but the contract says (5, 1)",
            "Print the shape of both terms before they are added.", BROADCAST),
    Planned("q3.2", "test_loss2_takes_an_energy",
            "density_* returns -log p, so it enters with a plus.", 0.55, 2,
            "loss2 is wrong in 5 of 5 values", "Look at the sign of the target density."),
)  # fmt: skip

ENVIRONMENT = Environment(
    wall="bubblewrap", python="3.11.7", torch="2.15.0", numpy="2.4.6", cpu="AVX512", threads=1
)
FIRST = ("Amélie", "Bao", "Chidi", "Emre", "Fatou", "Göran", "Hana", "Imran", "Jun", "Lena", "Noor")
LAST = ("Abbott", "Bianchi", "Chen", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Kaya")


def make_assignment(folder: Path) -> Assignment:
    """The toy assignment, written below `folder`."""
    root = folder / "toy_a3"
    root.mkdir(parents=True, exist_ok=True)
    shutil.copy(ASSIGNMENT, root / "assignment.toml")
    return Assignment(root, folder / "reference")


def make_result(
    assignment: Assignment,
    submission: str,
    *,
    ability: float = 0.7,
    seed: int = 0,
    **changes: object,
) -> Result:
    """One graded submission; `ability` 1 passes everything, 0 nothing.

    Args:
        assignment: the toy assignment.
        submission: its id.
        ability: how likely checks are passed.
        seed: of the chance in it.
        changes: fields of the result to set afterwards.
    """
    rng = random.Random(f"{submission!a}/{seed}")
    checks = []
    for plan in SUITE:
        same = [p.weight for p in SUITE if p.question == plan.question]
        worth = assignment.question(plan.question).marks * plan.weight / sum(same)
        chance = max(ability, 1 - 3 * plan.difficulty * (1 - ability)) if ability > 0 else 0
        passed = rng.random() < chance
        shows_hint = plan.hint is not None and rng.random() < 0.7
        checks.append(
            Check(
                id=f"test_{plan.file}.py::{plan.test}",
                question=plan.question,
                title=plan.title,
                reason=plan.reason,
                outcome="passed" if passed else "failed",
                weight=plan.weight,
                marks=worth,
                awarded=worth if passed else 0,
                rationale="" if passed else plan.rationale,
                help="" if passed else plan.help,
                detail=""
                if passed
                else f"{SECRET_DETAIL}\nmu       = [[0.213, 0.871, 0.402], [0.551, 0.092, 0.663]]\n"
                "expected [-1.93112 -0.88231]\nactual   [-0.64371 -0.29410]\n"
                "tolerance 1.22e-05, largest difference 1.29",
                hints=[plan.hint] if plan.hint and shows_hint and not passed else [],
                ending="raised" if not passed and " raised " in plan.rationale else "returned",
                seconds=rng.uniform(0.002, 0.08),
            )
        )
    result = Result(
        assignment=assignment.name,
        assignment_digest="5f0c" * 16,
        secret_id="a41c9e",
        submission=submission,
        source=f"/srv/handed-in/{submission}.zip",
        source_digest="9b1d" * 16,
        status="graded",
        files=[TakenFile(name=f.name, taken=f"a3/{f.path}") for f in assignment.description.files],
        questions=question_marks(assignment, checks),
        checks=checks,
        output=f"{SECRET_OUTPUT}\nepoch 0: loss 543.2\nepoch 1: loss 208.9\n",
        environment=ENVIRONMENT,
        graded_at="2025-03-14T16:42:07+00:00",
        seconds=round(rng.gammavariate(4, 0.35) + 0.4, 3),
    )
    return result.model_copy(update=changes)


def question_marks(assignment: Assignment, checks: Sequence[Check]) -> list[QuestionMark]:
    """Marks per question from checks; a question with one that was not graded stays undecided."""
    marks = []
    for question in assignment.description.questions:
        own = [c for c in checks if c.question == question.id]
        undecided = question.kind != "unit" or any(c.outcome == "not_graded" for c in own)
        marks.append(
            QuestionMark(
                id=question.id,
                title=question.title,
                kind=question.kind,
                marks=question.marks,
                awarded=None if undecided else sum(c.awarded for c in own),
                note="marked by a TA" if question.kind == "written" else "",
            )
        )
    return marks


def make_unreadable(assignment: Assignment, submission: str) -> Result:
    """A submission whose archive is broken."""
    return make_result(
        assignment,
        submission,
        status="unreadable",
        problem="homework.zip is not a zip archive: it ends after 4,096 bytes",
        checks=[],
        questions=[
            q.model_copy(update={"awarded": None})
            for q in make_result(assignment, submission).questions
        ],
        files=[],
        output="",
        environment=None,
        seconds=0.02,
    )


def make_not_graded(assignment: Assignment, submission: str) -> Result:
    """A submission that we failed to grade."""
    return make_unreadable(assignment, submission).model_copy(
        update={
            "status": "not_graded",
            "problem": "the wall could not start: bwrap: No space left on device (/srv/secret)",
        }
    )


def make_troubled(assignment: Assignment, submission: str) -> Result:
    """A submission that lacks a file, hangs in one check and crashes in another."""
    result = make_result(assignment, submission, ability=0.3)
    checks = []
    for number, check in enumerate(result.checks):
        if check.question.startswith("q3"):
            checks.append(failing(check, "solution.py was not found in the submission", "returned"))
        elif number == 4:
            checks.append(failing(check, "log_mean_exp did not return within 5 s", "hung"))
        elif number == 11:
            checks.append(failing(check, "the process died: out of memory", "crashed"))
        else:
            checks.append(check)
    files = [
        TakenFile(name="q1_solution", taken="hw3 (final)/q1_solution.py",
                  others=["hw3 (final)/old/q1_solution.py"]),
        TakenFile(name="gan", taken="hw3 (final)/gan.py"),
        TakenFile(name="solution", taken=None),
    ]  # fmt: skip
    return result.model_copy(
        update={
            "checks": checks,
            "questions": question_marks(assignment, checks),
            "files": files,
            "notes": [
                "ignored 3 files: __MACOSX/._gan.py, .DS_Store, data/train.npy",
                "two files are called q1_solution.py; the one nearest to the top was taken",
            ],
            "seconds": 17.4,
        }
    )


def failing(check: Check, rationale: str, ending: str) -> Check:
    """The check, failed for another reason."""
    return check.model_copy(
        update={"outcome": "failed", "awarded": 0.0, "rationale": rationale, "ending": ending,
                "hints": []}
    )  # fmt: skip


def make_class(assignment: Assignment, size: int, *, seed: int = 0) -> list[Result]:
    """A class of mixed ability; from five on, with what goes wrong in real ones."""
    rng = random.Random(seed)
    names = [f"{last}_{first}" for last in LAST for first in FIRST]
    rng.shuffle(names)
    results = []
    for number in range(size):
        turn, position = divmod(number, len(names))
        submission = names[position] + (f"_{turn + 1}" if turn else "")
        if size >= 5 and number % 60 == 1:
            results.append(make_unreadable(assignment, submission))
        elif size >= 5 and number % 90 == 2:
            results.append(make_not_graded(assignment, submission))
        elif size >= 5 and number % 40 == 3:
            results.append(make_troubled(assignment, submission))
        else:
            ability = min(0.99, max(0.05, rng.betavariate(4, 2)))
            results.append(make_result(assignment, submission, ability=ability, seed=seed))
    return results


class Factory:
    """Makes results of the toy assignment."""

    secret_detail = SECRET_DETAIL
    secret_output = SECRET_OUTPUT

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment

    def result(self, submission: str, **options: object) -> Result:
        return make_result(self.assignment, submission, **options)

    def unreadable(self, submission: str) -> Result:
        return make_unreadable(self.assignment, submission)

    def not_graded(self, submission: str) -> Result:
        return make_not_graded(self.assignment, submission)

    def troubled(self, submission: str) -> Result:
        return make_troubled(self.assignment, submission)

    def class_of(self, size: int) -> list[Result]:
        return make_class(self.assignment, size)

    def with_undecided_check(self, submission: str) -> Result:
        """A graded submission in which we failed to run one check."""
        result = self.result(submission, ability=1)
        first = result.checks[0].model_copy(
            update={"outcome": "not_graded", "awarded": 0.0, "rationale": "disk full: /srv/secret"}
        )
        checks = [first, *result.checks[1:]]
        return result.model_copy(
            update={"checks": checks, "questions": question_marks(self.assignment, checks)}
        )


@pytest.fixture
def assignment(tmp_path: Path) -> Assignment:
    """The toy assignment."""
    return make_assignment(tmp_path / "assignments")


@pytest.fixture
def make(assignment: Assignment) -> Factory:
    """Makes results: `make.result("ada", ability=0.5)`, `make.class_of(14)`."""
    return Factory(assignment)
