"""The catalogue of an assignment: wrong and right implementations of its contracts.

An entry is an ordinary function in `mistakes/*.py` or `variants/*.py`, decorated with what it
replaces. It is grafted onto the reference's file as source, so that it sees what stands there:

    @mistake("gan.jsd", fails=["test_jsd_has_the_right_scale"], hint="The half is missing: ...")
    def jsd_without_the_half(cp, cq):
        return F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean() + math.log(4)

The file's imports and its undecorated functions and constants come along.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from grader.assignment import Assignment
from grader.catalogue.errors import CatalogueError
from grader.catalogue.generic import law_mistakes

F = TypeVar("F", bound=Callable[..., object])
Kind = Literal["mistake", "variant"]


def mistake(replaces: str, *, fails: list[str], hint: str) -> Callable[[F], F]:
    """Mark a function as a catalogued mistake.

    Args:
        replaces: the contract it stands for, e.g. `gan.jsd` or `solution.Flow.forward`.
        fails: names of tests of the hidden suite, with or without parameters, of which at least
            one must fail.
        hint: what a student who made this mistake is told.
    """
    return lambda function: function


def variant(replaces: str, *, because: str) -> Callable[[F], F]:
    """Mark a function as a right implementation in another style.

    Args:
        replaces: the contract it stands for.
        because: why it is right, with the reading of the contract that it takes.
    """
    return lambda function: function


@dataclass(frozen=True)
class Entry:
    """A mistake or a variant, as source."""

    kind: Kind
    name: str
    replaces: str
    source: str
    place: str  # file and line
    fails: tuple[str, ...] = ()
    text: str = ""  # a mistake's hint, a variant's reason

    @property
    def module(self) -> str:
        """Name of the assignment's file that it replaces a part of."""
        return self.replaces.split(".")[0]

    def question(self, assignment: Assignment) -> str:
        """The question that marks the contract.

        Raises:
            CatalogueError: none does.
        """
        for question in assignment.about.questions:
            if self.replaces in question.contracts:
                return question.id
        raise CatalogueError(
            f"{self.place}: no question of assignment.toml has the contract {self.replaces!r}"
        )

    def graft(self, reference: str) -> str:
        """The reference's file with this entry in the place of its contract."""
        target = self.replaces.partition(".")[2]
        return f"{reference}\n\n{self.source}\n\n{target} = {self.name}\n"


def read_catalogue(assignment: Assignment) -> list[Entry]:
    """All entries of an assignment, mistakes first, each kind in the order of its files.

    Raises:
        CatalogueError: an entry is malformed, or two have one name.
    """
    entries: list[Entry] = []
    kinds: tuple[tuple[Kind, str], ...] = (("mistake", "mistakes"), ("variant", "variants"))
    for kind, folder in kinds:
        for path in sorted((assignment.folder / folder).glob("*.py")):
            entries += _read_file(path, kind)
    entries += [Entry("mistake", **fields) for fields in law_mistakes(assignment.hidden)]
    names: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in names:
            raise CatalogueError(
                f"{entry.place}: {entry.name} stands in {names[entry.name].place} already"
            )
        names[entry.name] = entry
        entry.question(assignment)
    return entries


def _read_file(path: Path, kind: Kind) -> list[Entry]:
    text = path.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise CatalogueError(f"{path}:{error.lineno}: {error.msg}") from None
    shared: list[str] = []
    found: list[tuple[ast.FunctionDef | ast.ClassDef, ast.Call]] = []
    for node in tree.body:
        call = _decoration(node, kind)
        if call is not None and isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append((node, call))
        elif not _is_ours(node) and not _is_docstring(node):
            shared.append(ast.unparse(node))
    prelude = "\n".join(shared)
    return [_entry(path, kind, node, call, prelude) for node, call in found]


def _entry(
    path: Path, kind: Kind, node: ast.FunctionDef | ast.ClassDef, call: ast.Call, prelude: str
) -> Entry:
    place = f"{path}:{node.lineno}"
    try:
        (replaces,) = [ast.literal_eval(a) for a in call.args]
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except ValueError:
        raise CatalogueError(
            f"{place}: @{kind} takes the contract and plain texts, without computing anything"
        ) from None
    wanted = {"mistake": {"fails", "hint"}, "variant": {"because"}}[kind]
    if set(keywords) != wanted:
        raise CatalogueError(f"{place}: @{kind} needs exactly {', '.join(sorted(wanted))}")
    bare = ast.unparse(_without_decorators(node))
    return Entry(
        kind=kind,
        name=node.name,
        replaces=str(replaces),
        source=f"{prelude}\n\n{bare}",
        place=place,
        fails=tuple(keywords.get("fails", ())),
        text=str(keywords.get("hint", keywords.get("because", ""))),
    )


def _without_decorators(
    node: ast.FunctionDef | ast.ClassDef,
) -> ast.FunctionDef | ast.ClassDef:
    node.decorator_list = []
    return node


def _decoration(node: ast.stmt, kind: Kind) -> ast.Call | None:
    for decorator in getattr(node, "decorator_list", []):
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Name)
            and decorator.func.id == kind
        ):
            return decorator
    return None


def _is_ours(node: ast.stmt) -> bool:
    """`from grader.audit import ...` does not come along; `from __future__` may not either."""
    return isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
        "grader",
        "__future__",
    )


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def grafted_file(assignment: Assignment, entry: Entry) -> str:
    """The reference's file with this entry in the place of its contract."""
    path = next(f.path for f in assignment.about.files if f.name == entry.module)
    return entry.graft((assignment.reference / path).read_text(encoding="utf-8"))
