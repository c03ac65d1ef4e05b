"""The example in the docstring of each contract: there is one, and the reference gives it."""

import doctest
from typing import Any

import pytest

from grader.assignment import find_assignment, known_assignments

CONTRACTS = [
    (name, next(f.path for f in description.files if f.name == contract.split(".")[0]), contract)
    for name in known_assignments()
    for description in [find_assignment(name).description]
    for contract in sorted({c for q in description.questions for c in q.contracts})
]


@pytest.mark.parametrize(
    ("assignment", "path", "contract"), CONTRACTS, ids=[f"{a}.{c}" for a, _, c in CONTRACTS]
)
def test_example_holds(load_with_siblings, assignment: str, path: str, contract: str) -> None:
    module = load_with_siblings(assignment, path.removesuffix(".py"))
    target: Any = module
    # A class has its example where it says what it is made of.
    for part in contract.removesuffix(".__init__").split(".")[1:]:
        target = getattr(target, part)
    (found,) = doctest.DocTestFinder(recurse=False).find(target, contract, module, vars(module))
    assert found.examples, f"{contract} has no example in its docstring"
    doctest.DebugRunner().run(found)
