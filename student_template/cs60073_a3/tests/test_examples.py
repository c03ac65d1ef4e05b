"""The examples in the docstrings of your files: each call gives what is shown below it."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest
from expect import CheckFailed  # type: ignore[import-not-found]

ABOUT = json.loads(Path(__file__).with_name("assignment.json").read_text(encoding="utf-8"))
EXAMPLES = [
    pytest.param(name, marks=pytest.mark.question(question), id=name)
    for question, names in ABOUT["examples"].items()
    for name in names
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(submission: Any, name: str) -> None:
    """The values of the examples can be checked by hand."""
    if not submission(run_example, name=name):
        pytest.skip(f"the docstring of {name} has no example any more")


def run_example(impl: Any, *, name: str) -> bool:
    """Run the example in the docstring of a function or class; is there one?

    Raises:
        CheckFailed: it gives something else.
    """
    file, *path = name.split(".")
    module = target = getattr(impl, file)
    for part in path:
        target = getattr(target, part, None)
        if target is None:
            raise CheckFailed(f"{name} is not defined", "the template; keep its names")
    docstring, names = target.__doc__ or "", dict(vars(module))
    example = doctest.DocTestParser().get_doctest(docstring, names, name, None, None)
    try:
        doctest.DebugRunner().run(example, out=lambda _: None)
    except doctest.UnexpectedException as error:
        raise error.exc_info[1] from None
    except doctest.DocTestFailure as error:
        raise CheckFailed(
            f"{error.example.source.strip()} gives {error.got.strip() or 'nothing'}, and not "
            f"{error.example.want.strip() or 'nothing'}",
            f"the example in the docstring of {name}",
        ) from None
    return bool(example.examples)
