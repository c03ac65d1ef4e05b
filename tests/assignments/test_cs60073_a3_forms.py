"""The suite of cs60073_a3 on answers of another form than the contract's.

Two things are held here. Whatever comes back, a check fails or passes: an error in a check's own
lines would be charged to nobody. And right values in another layout lose the share of the form,
and nothing else.
"""

from __future__ import annotations

import pytest

from grader.assignment import find_assignment
from grader.results import Check
from grader.suite.local import Local, load_text
from grader.suite.trial import try_suite

ASSIGNMENT = find_assignment("cs60073_a3")
FILES = {"a": "sampling", "b": "image_models", "c": "language_model"}


def graded(added: str, prefix: str) -> list[Check]:
    """The checks of some questions, by how their ids begin, for the reference with more lines at
    its end."""
    name = FILES[prefix[0]]
    text = (ASSIGNMENT.reference / f"{name}.py").read_text(encoding="utf-8")
    changed = load_text(f"{text}\nimport numpy as np\nimport torch\n{added}\n", f"forms_{name}")
    modules = Local.reference(ASSIGNMENT).modules | {name: changed}
    asked = frozenset(q.id for q in ASSIGNMENT.description.questions if q.id.startswith(prefix))
    return try_suite(ASSIGNMENT, modules, "forms", questions=asked)


def lost(checks: list[Check]) -> dict[str, float]:
    """The share of its marks that each question lost, where it lost any."""
    shares: dict[str, float] = {}
    for check in (c for c in checks if c.outcome != "passed"):
        share = check.marks / ASSIGNMENT.question(check.question).marks
        shares[check.question] = shares.get(check.question, 0.0) + share
    return shares


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
        for question in ASSIGNMENT.description.questions
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
    checks = graded("\n".join(lines), part)
    assert lost(checks)
    assert {c.outcome for c in checks} <= {"passed", "failed"}
    assert not [c for c in checks if "could not be compared" in c.rationale]


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
    shares = lost(graded(FORMS[question], question[:3]))
    assert shares.keys() == {question}
    assert shares[question] <= 0.25


def test_a_crash_of_the_whole_is_not_hidden_by_a_stand_in() -> None:
    """The loss is right, and perplexity calls it as it cannot be called."""
    added = (
        "def perplexity(model, tokens, context=128):\n"
        "    x, y = make_blocks(tokens, context)\n"
        "    return float(torch.exp(next_token_loss(model(x), y.float())))"
    )
    assert lost(graded(added, "c.2"))["c.2.1"] == pytest.approx(1)


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
    shares = lost(graded(added, "c"))
    assert shares.keys() == {"c.1.5"}
    assert shares["c.1.5"] <= 0.25
