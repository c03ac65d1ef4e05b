"""The run of part C: what is right in any form gets our figure, what sees its future is found out.

Everything is tiny: three steps, a short validation text. The full path behind the wall is that of
every run and is tested with the others.
"""

from __future__ import annotations

import functools
import importlib
import math
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grader.assignment import Assignment
from grader.data import DataSet, cached_export, load
from grader.measures.artefacts import ArtefactError
from grader.runs.artefacts import Artefacts
from grader.runs.loading import What, load_functions
from grader.runs.measured import Context, Measured, Measurement
from grader.suite.local import load_text

ROOT = Path(__file__).resolve().parents[2]
REAL = Assignment(ROOT / "assignments" / "cs60073_a3", ROOT / "reference" / "cs60073_a3")
SOURCE = (REAL.reference / "language_model.py").read_text(encoding="utf-8")
SETTINGS = {"epochs": 2, "batch": 4, "validation": 400, "new_tokens": 70}
STEPS = 4


@functools.cache
def data(name: str) -> DataSet:
    """The stand-in, a tenth of it, so that counting n-grams takes no time."""
    whole = load(name, embedded=True)
    arrays = {split: values[: len(values) // 10] for split, values in whole.arrays.items()}
    # Every character of the alphabet stays in use: its size is read off the text.
    arrays["train"] = np.concatenate([np.arange(len(whole.alphabet or "")), arrays["train"]])
    arrays["train"] = arrays["train"].astype(np.uint8)
    return DataSet(name, "embedded", whole.description, arrays, whole.alphabet)


@functools.cache
def ours(what: What) -> Callable[..., Any]:
    return load_functions(REAL, what)["language_model"]


@pytest.fixture(autouse=True)
def _reference_on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(REAL.reference))
    yield
    for name in ("language_model", "train_language_model"):
        sys.modules.pop(name, None)


def trained(addition: str = "", **settings: Any) -> dict[str, Any]:
    """What the run leaves with the reference's functions, and what is added at their end."""
    module = load_text(SOURCE + addition, "submission_of_part_c")
    folders = {"tiny_shakespeare": str(cached_export(data("tiny_shakespeare")))}
    torch.manual_seed(5)
    run = ours("runs")(
        types.SimpleNamespace(language_model=module), "", STEPS, SETTINGS | settings, folders
    )
    while True:
        try:
            next(run)
        except StopIteration as stop:
            return dict(stop.value)


def measured(left: dict[str, Any]) -> Measured:
    context = Context("", STEPS, SETTINGS, 5, data, importlib.import_module, Path())
    result: Measured = ours("measures")(Artefacts.from_plain(left), context)
    return result


def figures(left: dict[str, Any]) -> dict[str, Measurement]:
    return {m.name: m for m in measured(left).figures}


def value(found: Measurement) -> float:
    assert found.estimate is not None, found.problem
    return found.estimate.value


@functools.cache
def right() -> dict[str, Any]:
    return trained()


def test_the_reference_has_every_figure_and_every_picture() -> None:
    result = measured(right())
    found = {m.name: m for m in result.figures}
    assert set(found) == {m.name for m in REAL.description.measures if m.run == "language_model"}
    assert value(found["own_perplexity"]) == pytest.approx(1.0, abs=1e-4)
    assert value(found["validation_perplexity"]) == pytest.approx(
        math.exp(value(found["validation_loss"]))
    )
    for strategy in ("greedy", "top_k", "top_p"):
        assert value(found[f"{strategy}_agreement"]) == 1.0
    for n in ("unigram", "bigram", "trigram", "fourgram"):
        assert found[f"{n}_perplexity"].claim == pytest.approx(value(found[f"{n}_perplexity"]))
    names = [drawing.name for drawing in result.drawings]
    assert names == ["losses", "perplexity", "generations"]
    assert all(drawing.png.startswith(b"\x89PNG") for drawing in result.drawings)


def test_full_is_three_epochs_of_all_blocks() -> None:
    run = REAL.run("language_model")
    blocks = (1_003_854 - 1) // 128
    assert run.profiles["full"].steps == 3 * math.ceil(blocks / 64) == 369


FORMS = {
    "sines before cosines": """
def sinusoidal_positions(length, dim):
    angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, dim, 2) / dim)
    return torch.cat([angle.sin(), angle.cos()], dim=1)
""",
    "embedding scaled by sqrt(d)": """
def forward(self, tokens):
    x = self.embedding(tokens) * math.sqrt(192)
    x = x + sinusoidal_positions(tokens.shape[1], D_MODEL)
    for block in self.blocks:
        x = block(x)
    return self.head(self.final_norm(x))
TinyTransformer.forward = forward
""",
    "no final norm": """
old = TinyTransformer.__init__
def init(self, vocab_size):
    old(self, vocab_size)
    self.final_norm = nn.Identity()
TinyTransformer.__init__ = init
""",
    "one layer for Q, K, V": """
class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(192, 576)
        self.output = nn.Linear(192, 192)
    def forward(self, x):
        q, k, v = (t.unflatten(2, (3, 64)).transpose(1, 2) for t in self.qkv(x).split(192, 2))
        return self.output(causal_attention(q, k, v).transpose(1, 2).flatten(2))
""",
    "no biases": """
old_attention = SelfAttention.__init__
def init_attention(self):
    old_attention(self)
    for name in ("query", "key", "value", "output"):
        setattr(self, name, nn.Linear(192, 192, bias=False))
SelfAttention.__init__ = init_attention
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_the_contract_allows_is_measured_as_it_is(form: str) -> None:
    found = figures(trained(FORMS[form]))
    assert value(found["own_perplexity"]) == pytest.approx(1.0, abs=1e-3)
    assert value(found["greedy_agreement"]) == 1.0


LEAK = """
def causal_attention(q, k, v):
    return (q @ k.transpose(-2, -1) / 8).softmax(-1) @ v
"""


def test_a_model_that_sees_its_future_is_found_out() -> None:
    found = figures(trained(LEAK))
    assert abs(value(found["own_perplexity"]) - 1) > 0.02


def test_a_claim_that_is_far_too_good_is_explained() -> None:
    left = dict(right())
    left["claims"] = {"validation_perplexity": 1.02}
    found = figures(left)["own_perplexity"]
    assert found.estimate is not None and "see the tokens" in found.estimate.note


def test_targets_without_the_shift_are_no_language_model() -> None:
    shift = "\ndef make_blocks(tokens, context=128):\n"
    shift += "    x = tokens[: len(tokens) // context * context].reshape(-1, context)\n"
    shift += "    return x, x.clone()\n"
    wrong = figures(trained(shift, batch=16))
    assert value(wrong["validation_loss"]) > value(figures(right())["validation_loss"])


def test_functions_that_fail_cost_their_own_figures_alone() -> None:
    broken = """
def generate(model, prompt, new_tokens=200, strategy="greedy", **_):
    if strategy == "top_p":
        raise RuntimeError("not today")
    return torch.cat([prompt, torch.zeros(new_tokens, dtype=torch.long)])
def perplexity(model, tokens, context=128):
    raise ZeroDivisionError
def ngram_perplexity(*_):
    raise NotImplementedError
"""
    found = figures(trained(broken))
    assert found["own_perplexity"].estimate is None
    assert "no perplexity" in found["own_perplexity"].problem
    assert found["top_p_agreement"].estimate is None
    assert value(found["greedy_agreement"]) < 1.0
    assert value(found["validation_loss"]) == pytest.approx(
        value(figures(right())["validation_loss"])
    )
    assert found["trigram_perplexity"].claim is None


@pytest.mark.parametrize(
    "text", [np.full(134, 999), np.zeros(134), np.arange(134), np.zeros((0,), dtype=np.int64)]
)
def test_texts_that_are_none_get_no_figure(text: Any) -> None:
    left = dict(right())
    left["arrays"] = {**left["arrays"], "greedy": text}
    assert figures(left)["greedy_agreement"].estimate is None


def test_handed_in_weights_give_the_same_figure() -> None:
    weights = dict(right()["weights"]["epoch-2"])
    weights["positions"] = torch.zeros(128, 192)
    weights["blocks.0.attention.mask"] = torch.ones(1, 1, 128, 128)
    prefixed = {f"module.{name}": values for name, values in weights.items()}
    found = figures({"weights": {"language_model": prefixed}})
    wanted = value(figures(right())["validation_perplexity"])
    assert value(found["validation_perplexity"]) == pytest.approx(wanted, rel=1e-6)
    assert "own_perplexity" not in found and "greedy_agreement" not in found


@pytest.mark.parametrize("damage", ["missing", "shape", "nan", "none"])
def test_damaged_weights_are_refused(damage: str) -> None:
    weights = dict(right()["weights"]["epoch-2"])
    if damage == "missing":
        del weights["head.weight"]
    elif damage == "shape":
        weights["head.bias"] = torch.zeros(3)
    elif damage == "nan":
        weights["head.bias"] = torch.full_like(weights["head.bias"], math.nan)
    left = {"weights": {"language_model": weights}} if damage != "none" else {"weights": {}}
    with pytest.raises(ArtefactError):
        figures(left)
