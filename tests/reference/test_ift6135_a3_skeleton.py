"""What is left of the files of `reference/ift6135_a3` once the solutions are cut out."""

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "reference" / "ift6135_a3"

# Each part that students write: the file, its qualified name, and a call of it.
X = torch.ones(2, 3)
PARTS: dict[tuple[str, str], Any] = {
    ("q1_solution", "log_likelihood_bernoulli"): lambda m: m.log_likelihood_bernoulli(X, X),
    ("q1_solution", "log_likelihood_normal"): lambda m: m.log_likelihood_normal(X, X, X),
    ("q1_solution", "log_mean_exp"): lambda m: m.log_mean_exp(X),
    ("q1_solution", "kl_gaussian_gaussian_analytic"): lambda m: m.kl_gaussian_gaussian_analytic(
        X, X, X, X
    ),
    ("q1_solution", "kl_gaussian_gaussian_mc"): lambda m: m.kl_gaussian_gaussian_mc(X, X, X, X, 5),
    ("gan", "jsd"): lambda m: m.jsd(X[0], X[0]),
    ("gan", "w1"): lambda m: m.w1(X[0], X[0]),
    ("gan", "r1gp"): lambda m: m.r1gp(X, X[:, 0], X, X[:, 0], lambda x: x[:, 0]),
    ("gan", "ogp"): lambda m: m.ogp(X, X[:, 0], X, X[:, 0], lambda x: x[:, 0]),
    ("gan", "make_losses.metric"): lambda m: m.make_losses("JSD")[0](X, X, lambda x: x[:, 0]),
    ("gan", "make_losses.critic_loss"): lambda m: m.make_losses("W1", "GP")[1](
        X, X, lambda x: x[:, 0]
    ),
    ("gan", "apply_exponential_moving_average"): lambda m: m.apply_exponential_moving_average(
        torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    ),
    ("gan", "make_train_step.train_step"): lambda m: m.make_train_step("JSD")(*[None] * 6),
    ("solution", "PlanarTransformation.forward"): lambda m: m.PlanarTransformation(3)(X),
    ("solution", "PlanarTransformation.get_logdet"): lambda m: m.PlanarTransformation(3).get_logdet(
        X
    ),
    ("solution", "Flow.forward"): lambda m: m.Flow(3, 2)(X),
    ("solution", "loss1"): lambda m: m.loss1(X, X[:, :1]),
    ("solution", "loss2"): lambda m: m.loss2(X[:, 0], X, X[:, :1]),
}

BLOCK = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION\n", re.DOTALL | re.MULTILINE)


def cut(name: str) -> ModuleType:
    source = (FOLDER / f"{name}.py").read_text()
    skeleton = BLOCK.sub(r"\1raise NotImplementedError\n", source)
    module = ModuleType(name)
    exec(compile(skeleton, f"{name}.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("name", ["q1_solution", "gan", "solution"])
def test_every_block_is_one_of_the_parts(name) -> None:
    source = (FOLDER / f"{name}.py").read_text()
    parts = [part for file, part in PARTS if file == name]
    assert len(BLOCK.findall(source)) == source.count("### BEGIN") == len(parts)
    assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION")


@pytest.mark.parametrize(("name", "part"), PARTS, ids=".".join)
def test_part_is_missing_and_only_that(name, part) -> None:
    """What is given around the part still runs, up to the line that is to be replaced."""
    with pytest.raises(NotImplementedError) as error:
        PARTS[name, part](cut(name))
    assert error.traceback[-1].name == part.split(".")[-1]


@pytest.mark.parametrize("name", ["q1_solution", "gan", "solution"])
def test_documentation_stays(name) -> None:
    module = cut(name)
    assert inspect.getdoc(module)
    for _, part in (key for key in PARTS if key[0] == name):
        function: Any = module
        if part.startswith("make_losses"):
            function = dict(zip(("metric", "critic_loss"), module.make_losses("JSD"), strict=True))[
                part.split(".")[1]
            ]
        elif part.startswith("make_train_step"):
            function = module.make_train_step("JSD")
        else:
            for attribute in part.split("."):
                function = getattr(function, attribute)
        assert inspect.getdoc(function)


def test_given_checks_stay() -> None:
    gan = cut("gan")
    with pytest.raises(NotImplementedError, match="loss_type"):
        gan.make_losses("KL")
    with pytest.raises(NotImplementedError, match="reg_type"):
        gan.make_losses("JSD", "L2")
    with pytest.raises(AssertionError):
        gan.make_losses("JSD", "R1", -1.0)
    with pytest.raises(AssertionError):
        gan.make_train_step("JSD", critic_inner_iters=0)
    with pytest.raises(AssertionError):
        gan.make_train_step("JSD", alpha_ema=2.0)


def test_given_adjustment_of_u_runs_before_the_part() -> None:
    planar = cut("solution").PlanarTransformation(2)
    for method in (planar.forward, planar.get_logdet):
        planar.w.data, planar.u.data = torch.ones(1, 2), -2 * torch.ones(1, 2)
        with pytest.raises(NotImplementedError):
            method(torch.ones(1, 2))
        assert (planar.w * planar.u).sum() > -1
