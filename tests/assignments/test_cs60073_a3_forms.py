"""The suite of cs60073_a3 on answers of another form than the contract's.

Two things are held here. Whatever comes back, a check fails or passes: an error in a check's own
lines would be charged to nobody. And right values in another layout lose the share of the form,
and nothing else.
"""

from __future__ import annotations

import contextlib
import io
import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import grader.suite.stats
from grader.assignment import Assignment
from grader.suite.draw import Draw
from grader.suite.expect import CheckFailed, Expect
from grader.suite.local import load_file, load_text

ROOT = Path(__file__).resolve().parents[2]
REAL = Assignment(ROOT / "assignments" / "cs60073_a3", ROOT / "reference" / "cs60073_a3")
PROBES = load_file(REAL.probes, "probes_of_forms")
FILES = {"a": "sampling", "b": "image_models", "c": "language_model"}
SOURCES = {n: (REAL.reference / f"{n}.py").read_text(encoding="utf-8") for n in FILES.values()}


class Here:
    """`submission`, in this process: a function by its name, or a probe."""

    def __init__(self, impl: Any, path: tuple[str, ...] = ()) -> None:
        self._impl, self._path = impl, path

    def __getattr__(self, name: str) -> Here:
        return Here(self._impl, (*self._path, name))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        try:
            if not self._path:
                return args[0](self._impl, *args[1:], **keywords)
            found = self._impl
            for name in self._path:
                found = getattr(found, name)
            return found(*args, **keywords)
        except Exception as error:
            raise CheckFailed(f"raised {type(error).__name__}: {error}") from error


class Harness:
    """A pytest plugin with the fixtures of a suite.

    Attributes:
        wrong: what was wrong, by check.
        lost: the share of its marks that each question lost.
    """

    def __init__(self, impl: Any, reference: Any) -> None:
        self._impl, self._reference = impl, reference
        self._weights: dict[str, list[tuple[float, bool]]] = {}
        self.wrong: dict[str, str] = {}

    @property
    def lost(self) -> dict[str, float]:
        return {
            question: sum(w for w, right in pairs if not right) / sum(w for w, _ in pairs)
            for question, pairs in self._weights.items()
        }

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "question(id, weight=1.0): where the marks go")

    @pytest.fixture
    def submission(self) -> Here:
        return Here(self._impl)

    @pytest.fixture
    def reference(self) -> Here:
        return Here(self._reference)

    @pytest.fixture
    def probes(self) -> types.ModuleType:
        return PROBES

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Draw:
        torch.manual_seed(0)
        return Draw("forms", f"{request.node.path.name}::{request.node.name}")

    @pytest.fixture
    def expect(self) -> Expect:
        return Expect()

    @pytest.fixture
    def stats(self) -> types.ModuleType:
        return grader.suite.stats

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        mark = item.get_closest_marker("question")
        assert mark is not None, item.name
        wrong = ""
        try:
            yield
        except CheckFailed as error:
            wrong = error.rationale
        except Exception as error:
            wrong = f"ERROR in the check: {type(error).__name__}: {error}"
        weight = float(mark.kwargs.get("weight", 1.0))
        self._weights.setdefault(mark.args[0], []).append((weight, not wrong))
        if wrong:
            self.wrong[item.name] = wrong


def graded(part: str, added: str, pattern: str = "") -> Harness:
    """What the part's suite finds in the reference with more lines at its end."""
    name = FILES[part]
    text = f"{SOURCES[name]}\nimport numpy as np\nimport torch\n{added}\n"
    files = {n: load_text(source, f"forms_{n}") for n, source in SOURCES.items()}
    impl = types.SimpleNamespace(**{**files, name: load_text(text, "forms")})
    harness = Harness(impl, types.SimpleNamespace(**files))
    paths = sorted((REAL.folder / "hidden").glob(f"test_{pattern or part}*.py"))
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:timeout", "--rootdir"]
    with contextlib.redirect_stdout(io.StringIO()):
        arguments = [*options, str(REAL.folder), "-c", os.devnull, *map(str, paths)]
        pytest.main(arguments, plugins=[harness])
    assert harness.lost
    return harness


ODD = [
    "None",
    "'a text'",
    "[[1.0], [1.0, 2.0]]",
    "torch.zeros(0)",
    "(None, None)",
]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("part", list(FILES))
def test_whatever_comes_back_is_no_error_of_the_suite(part: str, odd: str) -> None:
    contracts = [
        contract.partition(".")[2]
        for question in REAL.about.questions
        for contract in question.contracts
        if question.kind == "unit" and question.id.startswith(part)
    ]
    lines = []
    for name in contracts:
        if name[0].isupper() and "." not in name:
            methods = ("encode", "decode", "features", "probabilities", "forward")
            lines += [f"{name}.{method} = lambda self, *a, **k: {odd}" for method in methods]
        elif not name.endswith("__init__"):
            lines.append(f"{name} = lambda *a, **k: {odd}")
    harness = graded(part, "\n".join(lines))
    assert harness.wrong
    assert not [line for line in harness.wrong.items() if "ERROR in the check" in line[1]]


FORMS = {
    "a.1.1": "own = mixture_log_density\n"
    "def mixture_log_density(*a):\n    return own(*a)[:, None] + np.zeros(len(a[0]))",
    "a.2.1": "own = proposal_log_density\n"
    "def proposal_log_density(*a):\n    return own(*a)[:, None] + np.zeros(len(a[0]))",
    "a.2.2": "own = rejection_sampling\n"
    "def rejection_sampling(*a):\n    x, rate = own(*a)\n    return x[:, None], [rate]",
    "a.3.1": "def integrand(x):\n    return x[:, :1] ** 2 + np.sin(x[:, 1])",
    "a.4.1": "own = metropolis_hastings\n"
    "def metropolis_hastings(*a):\n    x, rate = own(*a)\n    return x[:, None], rate",
    "a.5.1": "own = gibbs_sampling\ndef gibbs_sampling(*a):\n    return own(*a).T",
    "b.1.1": "own = VAE.decode\nVAE.decode = lambda self, z: own(self, z).view(-1, 1, 28, 28)",
    "b.1.3": "own = vae_loss\ndef vae_loss(*a):\n    return [part.reshape(1) for part in own(*a)]",
    "b.3.3": "own = Discriminator.forward\n"
    "Discriminator.forward = lambda self, x: own(self, x).squeeze()",
    "b.5.1": "own = Classifier.features\n"
    "Classifier.features = lambda self, x: own(self, x).squeeze()",
    "c.1.4": "own = TinyTransformer.forward\n"
    "TinyTransformer.forward = lambda self, tokens: own(self, tokens).flatten(0, 1)",
    "c.2.1": "own = perplexity\ndef perplexity(*a):\n    return torch.tensor([own(*a)])",
    "c.3.1": "own = top_k_probabilities\n"
    "def top_k_probabilities(*a, **k):\n    return own(*a, **k)[None]",
    "c.3.2": "own = top_p_probabilities\n"
    "def top_p_probabilities(*a, **k):\n    return own(*a, **k).squeeze()",
    "c.3.3": "own = generate\ndef generate(*a, **k):\n    return own(*a, **k)[None]",
}


@pytest.mark.parametrize("question", list(FORMS))
def test_right_values_in_another_form_lose_the_share_of_the_form(question: str) -> None:
    lost = graded(question[0], FORMS[question], question[0] + question[2]).lost
    assert 0 < lost.pop(question) <= 0.25
    assert not any(lost.values())


def test_a_crash_of_the_whole_is_not_hidden_by_a_stand_in() -> None:
    """The loss is right, and perplexity calls it as it cannot be called."""
    added = (
        "def perplexity(model, tokens, context=128):\n"
        "    x, y = make_blocks(tokens, context)\n"
        "    return float(torch.exp(next_token_loss(model(x), y.float())))"
    )
    assert graded("c", added, "c2").lost["c.2.1"] == 1


def test_a_part_that_crashes_in_the_whole_is_charged_by_itself() -> None:
    """`view` works on logits as they are, and not on parts of larger tensors."""
    added = (
        "def next_token_loss(logits, targets):\n"
        "    return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))\n"
        "def perplexity(model, tokens, context=128):\n"
        "    whole = len(tokens) // (context + 1) * (context + 1)\n"
        "    x = tokens[:whole].view(-1, context + 1)\n"
        "    return float(torch.exp(next_token_loss(model(x[:, :-1]), x[:, 1:])))"
    )
    lost = graded("c", added, "c").lost
    assert 0 < lost.pop("c.1.5") <= 0.25
    assert not any(lost.values())
