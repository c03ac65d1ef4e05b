"""The mistakes that the laws of a hidden suite bring with them.

For each law that the header of a class names, the catalogue holds what breaks it: the reference's
function, wrapped in a function of `law_mistakes.py`. Suite and wrappers are read as text; neither
is run here.
"""

from __future__ import annotations

import ast
import functools
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from grader.catalogue.errors import CatalogueError

F = TypeVar("F", bound=Callable[..., object])
LAW_MISTAKES = Path(__file__).with_name("law_mistakes.py")


def breaks(law: str, check: str, *, per_example: bool | None = None) -> Callable[[F], F]:
    """Mark a function as what breaks a law; it gets the right function and its arguments.

    Args:
        law: its name in headers.
        check: the method that checks it.
        per_example: True if the contract's result has to have a batch axis for this mistake,
            False if it must have none; None: it breaks either.
    """
    return lambda function: function


@dataclass(frozen=True)
class Breaker:
    """A function of `law_mistakes.py`."""

    name: str
    law: str
    check: str
    per_example: bool | None
    hint: str
    source: str


@dataclass(frozen=True)
class Header:
    """What a class of a hidden suite says of its contract."""

    name: str
    contract: str
    laws: frozenset[str]
    per_example: bool
    place: str


def law_mistakes(hidden: Path) -> Iterator[dict[str, Any]]:
    """The mistakes that break the laws of a hidden suite, as fields of an `Entry`.

    A suite that is not Python has none: collecting it says what is wrong.

    Args:
        hidden: the suite's folder.

    Raises:
        CatalogueError: a header is not made of plain texts and numbers.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(hidden.rglob("*.py")):
        for header in _headers(path):
            for breaker in breakers():
                fits = breaker.per_example in (None, header.per_example)
                if breaker.law in header.laws and fits:
                    said = _fields(header, breaker)
                    # Two classes may name a law for one contract: a step of two optimisers.
                    known = found.setdefault(said["name"], said)
                    known["fails"] = tuple(dict.fromkeys(known["fails"] + said["fails"]))
    yield from found.values()


@functools.cache
def breakers() -> tuple[Breaker, ...]:
    """What breaks the laws, in the order of the file."""
    tree = ast.parse(LAW_MISTAKES.read_text(encoding="utf-8"))
    shared, found = [], []
    for node in tree.body:
        decorators = getattr(node, "decorator_list", [])
        if isinstance(node, ast.FunctionDef) and decorators:
            found.append(node)
        elif not isinstance(node, ast.ImportFrom) or node.module not in (
            "__future__",
            "grader.catalogue.generic",
        ):
            shared.append(ast.unparse(node))
    return tuple(_breaker(node, "\n".join(shared[1:])) for node in found)


def _breaker(node: ast.FunctionDef, shared: str) -> Breaker:
    (call,) = node.decorator_list
    assert isinstance(call, ast.Call)
    law, check = (ast.literal_eval(argument) for argument in call.args)
    hint = " ".join((ast.get_docstring(node) or "").split())
    only = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    node.decorator_list, node.body = [], node.body[1:]
    source = f"{shared}\n{ast.unparse(node)}"
    return Breaker(node.name, law, check, only.get("per_example"), hint, source)


def _headers(path: Path) -> Iterator[Header]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in classes.values():
        if any(k.arg == "of" for k in node.keywords):
            place = f"{path}:{node.lineno}"
            try:
                said = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
                owed = _owes(node, classes)
            except ValueError:
                raise CatalogueError(
                    f"{place}: the header of {node.name} takes plain texts and numbers, without "
                    "computing anything"
                ) from None
            laws = (frozenset(said) | owed) - {"of", "question"}
            yield Header(node.name, str(said["of"]), laws, _has_examples(node, classes), place)


def _owes(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> frozenset[str]:
    """The laws of `owes`: of the class, or of the first class of its file that it inherits from."""
    for statement in node.body:
        match statement:
            case ast.Assign([ast.Name("owes")], value) | ast.AnnAssign(ast.Name("owes"), _, value):
                return frozenset(ast.literal_eval(value or ast.Dict([], [])))
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    inherited = [_owes(classes[name], classes) for name in names if name in classes]
    return next(filter(None, inherited), frozenset())


def _has_examples(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> bool:
    """Whether a class leaves its contract a result with a batch axis: neither it nor a class of its
    file that it inherits from is `scalar`, or has a shape () of its own."""
    if any("scalar = True" in ast.unparse(n) for n in node.body if isinstance(n, ast.Assign)):
        return False
    own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "result_shape"]
    returned = [n.value for one in own for n in ast.walk(one) if isinstance(n, ast.Return)]
    if returned:
        return not any(isinstance(value, ast.Tuple) and not value.elts for value in returned)
    names = [base.id for base in node.bases if isinstance(base, ast.Name)]
    return all(_has_examples(classes[name], classes) for name in names if name in classes)


def _fields(header: Header, breaker: Breaker) -> dict[str, Any]:
    target = header.contract.partition(".")[2]
    name = f"{target.replace('.', '_')}__{breaker.name}"
    # In a function of its own, so that no name of the reference's file is overwritten.
    source = (
        f"def {name}(right):\n"
        f"    import functools\n"
        f"{textwrap.indent(breaker.source, '    ')}\n"
        f"    broken = functools.partial({breaker.name}, right)\n"
        f"    return functools.wraps(right)(lambda *args, **kwargs: broken(*args, **kwargs))\n\n\n"
        f"{name} = {name}({target})"
    )
    return {
        "name": name,
        "replaces": header.contract,
        "source": source,
        "place": header.place,
        "fails": (f"{header.name}::test_{breaker.check}",),
        "text": breaker.hint,
    }
