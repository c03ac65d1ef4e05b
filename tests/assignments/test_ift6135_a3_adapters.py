"""The marks and the adapters of ift6135_a3."""

from __future__ import annotations

import types
from collections.abc import Callable

import pytest
import torch

from grader.assignment import find_assignment
from grader.publish.contents import template_files
from grader.suite.local import Local, load_file, load_text
from grader.suite.trial import try_suite

ASSIGNMENT = find_assignment("ift6135_a3")


def test_marks_are_those_of_the_text() -> None:
    unit = sum(q.marks for q in ASSIGNMENT.description.questions if q.kind == "unit")
    assert unit == pytest.approx(34)
    assert [p.marks for p in ASSIGNMENT.description.parts] == [40, 55, 27]


# --- the adapter ------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "rows": lambda x, u, w, b: x + u * torch.tanh(x @ w.t() + b),
    "vectors": lambda x, u, w, b: x + torch.outer(torch.tanh(torch.mv(x, w) + b), u),
    "columns": lambda x, u, w, b: x + torch.tanh(x @ w + b) @ u.t(),
    "other order": lambda z, w, u, b: z + u * torch.tanh((z * w).sum(1, keepdim=True) + b),
    "method": lambda self, x: x + self.u * torch.tanh(x @ self.w.t() + self.b),
    "keyword h": lambda x, u, w, b, h=torch.tanh: x + u * h(x @ w.t() + b),
}


@pytest.mark.parametrize("name", list(FUNCTIONS))
@pytest.mark.parametrize("has_class", [True, False])
def test_a_function_stands_for_an_unwritten_method(name: str, has_class: bool) -> None:
    module = load_text(template_files(ASSIGNMENT)["solution.py"].decode(), "only_a_function")
    if not has_class:
        del module.PlanarTransformation
    module.planar_transformation = FUNCTIONS[name]
    suite = ASSIGNMENT.hidden / "test_q3_flow.py"
    checks = try_suite(ASSIGNMENT, {"solution": module}, "adapter", suite)
    passed = {c.question for c in checks if c.outcome == "passed"}
    assert passed == {"q3.1"}
    assert all(c.outcome == "passed" for c in checks if c.question == "q3.1")


def test_a_written_method_is_left_alone() -> None:
    impl = types.SimpleNamespace(**Local.reference(ASSIGNMENT).modules)
    before = impl.solution.PlanarTransformation.forward
    impl.solution.planar_transformation = FUNCTIONS["rows"]
    load_file(ASSIGNMENT.adapters, "adapters_of_the_test").adapt(impl)
    assert impl.solution.PlanarTransformation.forward is before
