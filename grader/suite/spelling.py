"""Finds names in an assignment that nothing defines, without running any of it.

Names are looked up in the sources. Where these leave it open (a star import, attributes that are
set from elsewhere, a base class), a name counts as right.
"""

from __future__ import annotations

import ast
import difflib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Assignment

HERE = Path(__file__).resolve().parent
# Whatever a test calls by these names is ours: fixture, file that defines it, class in it.
TOOLS = {
    "stats": (HERE / "stats.py", ""),
    "expect": (HERE / "expect.py", "Expect"),
    "draw": (HERE / "draw.py", "Draw"),
}
IMPLEMENTATIONS = ("submission", "reference")
# Of pytest's own; a suite may define more, and parametrise by any name.
FIXTURES = frozenset(
    {*TOOLS, *IMPLEMENTATIONS, "probes", "request", "monkeypatch", "tmp_path", "tmp_path_factory"}
    | {"capsys", "capsysbinary", "capfd", "capfdbinary", "caplog", "recwarn", "pytestconfig"}
    | {"cache", "record_property", "subtests", "doctest_namespace"}
)
DYNAMIC = ("__getattr__", "globals(", "setattr(", "exec(")


@dataclass(frozen=True)
class Names:
    """What a scope defines; `open` if it may define more than can be read."""

    known: Mapping[str, ast.AST]
    open: bool

    def lacks(self, name: str) -> bool:
        return not self.open and name not in self.known and not name.startswith("__")

    def nearest(self, name: str) -> str:
        """A hint at the name that may be meant."""
        near = difflib.get_close_matches(name, self.known, 1)
        return f"; is {near[0]!r} meant?" if near else ""


def misspelt_contracts(assignment: Assignment) -> list[str]:
    """Contracts that the reference lacks, in assignment.toml and in both suites, a line each.

    Each line names the file, the line or key, and the nearest name.
    """
    files = {f.name: assignment.reference / f.path for f in assignment.description.files}
    toml = assignment.folder / "assignment.toml"
    text = toml.read_text(encoding="utf-8").splitlines()
    found = []
    for question in assignment.description.questions:
        for contract in question.contracts:
            module, *inside = contract.split(".")
            lacking = _lacking(_names_in(files[module]), inside)
            if lacking:
                number = next((n for n, line in enumerate(text, 1) if f'"{contract}"' in line), 1)
                found.append(
                    f"{toml}:{number}: contracts of {question.id}: {contract!r} is not defined in "
                    f"{files[module]}{lacking}"
                )
    adapted = (
        assignment.adapters.read_text(encoding="utf-8") if assignment.adapters.exists() else ""
    )
    for path, tree in _suites(assignment):
        for line, attributes in _chains(tree, IMPLEMENTATIONS):
            module, *names = attributes
            if module not in files:
                near = Names(dict.fromkeys(files, tree), False).nearest(module)
                found.append(f"{path}:{line}: the assignment has no file {module!r}{near}")
            elif names and names[0] not in adapted:
                lacking = _lacking(_names_in(files[module]), names[:1])
                if lacking:
                    found.append(
                        f"{path}:{line}: {'.'.join((module, names[0]))!r} is not defined in "
                        f"{files[module]}{lacking}"
                    )
    return found


def misspelt_tools(assignment: Assignment) -> list[str]:
    """What the suites ask of fixtures that there is not, and fixtures that there are not."""
    found = []
    for path, tree in _suites(assignment):
        for name, (file, inside) in TOOLS.items():
            names = _names_in(file)
            if inside:
                names = _inside(names.known[inside])
            found += [
                f"{path}:{line}: {name} has no {attributes[0]!r}{names.nearest(attributes[0])}"
                for line, attributes in _chains(tree, (name,))
                if names.lacks(attributes[0])
            ]
        found += [
            f"{path}:{line}: {said}"
            for line, attributes in _chains(tree, ("probes",))
            if (said := _lacking_probe(assignment, attributes))
        ]
        found += [f"{path}:{line}: {said}" for line, said in _unknown_fixtures(path, tree)]
    return found


def _lacking_probe(assignment: Assignment, attributes: list[str]) -> str:
    """What is wrong with a probe that a test names; nothing if it is there, or may be."""
    files = assignment.probe_files
    first, *more = attributes
    if (part := f"probes.{first}") in files:
        names = _names_in(files[part])
        lacks = bool(more) and names.lacks(more[0])
        return f"{part}: there is no {more[0]!r}{names.nearest(more[0])}" if lacks else ""
    known: dict[str, ast.AST] = dict.fromkeys(_general_probes(), ast.Pass())
    known |= {name.partition(".")[2]: ast.Pass() for name in files if name != "probes"}
    own = _names_in(files["probes"]) if "probes" in files else Names({}, False)
    names = Names(known | dict(own.known), own.open)
    where = "probes.py" if "probes" in files else "probes"
    return f"{where} has no {first!r}{names.nearest(first)}" if names.lacks(first) else ""


@functools.cache
def _general_probes() -> tuple[str, ...]:
    """`driving.PROBES`, read from its source: importing it would import torch."""
    tree = ast.parse((HERE / "driving.py").read_text(encoding="utf-8"))
    values = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PROBES"
    )
    return tuple(ast.literal_eval(next(values)))


def _lacking(names: Names, path: list[str]) -> str | None:
    """None if the path is defined, or may be; else a hint at what may be meant, after a space."""
    for n, name in enumerate(path):
        if names.lacks(name):
            return names.nearest(name) or "; correct its spelling"
        if n + 1 < len(path):
            node = names.known.get(name)
            if not isinstance(node, ast.ClassDef):
                return None
            names = _inside(node)
    return None


def _names_in(path: Path) -> Names:
    tree = _parsed(path)
    if tree is None:
        return Names({}, True)  # importing it says what is wrong
    known, text = dict(_defined(tree)), path.read_text(encoding="utf-8")
    return Names(known, "*" in known or any(word in text for word in DYNAMIC))


def _inside(node: ast.AST) -> Names:
    assert isinstance(node, ast.ClassDef)
    known = dict(_defined(node))
    for part in ast.walk(node):  # what methods set
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            known[part.attr] = part
    return Names(known, bool(node.bases or node.keywords) or "__getattr__" in known)


def _defined(scope: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Names that a module or class defines, in blocks too, but not within functions."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0], node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            yield from _defined(node)


def _suites(assignment: Assignment) -> Iterator[tuple[Path, ast.Module]]:
    for folder in (assignment.hidden, assignment.public):
        for path in sorted(folder.rglob("*.py")):
            tree = _parsed(path)
            if tree is not None:  # else collecting it says what is wrong
                yield path, tree


def _parsed(path: Path) -> ast.Module | None:
    try:
        return _tree(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None


@functools.cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _chains(tree: ast.Module, roots: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """What is asked of names that are arguments of functions: line, and attributes from the left.

    A name that the file gives another meaning is left alone.
    """
    stored = {
        n.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Name) and n.id in roots and not isinstance(n.ctx, ast.Load)
    }
    imported = {
        name for name, node in _defined(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        attributes: list[str] = []
        value: ast.expr = node
        while isinstance(value, ast.Attribute):
            attributes.insert(0, value.attr)
            value = value.value
        root = value.id if isinstance(value, ast.Name) else ""
        if root == "self" and len(attributes) > 1:  # in a class of laws
            root = attributes.pop(0)
        if root in roots and root not in stored | imported:
            yield node.lineno, attributes


def _unknown_fixtures(path: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Arguments of tests that neither a fixture nor a parametrisation gives."""
    own = {name for name, _ in _defined(tree)} | set(_names_in(path.with_name("conftest.py")).known)
    # Names of parameters are texts, anywhere in the decorators or in what these name.
    texts = {
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.replace(",", " ").split()
    }
    if "*" in own:
        return
    known = Names(dict.fromkeys(FIXTURES | own, tree), False)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            given = len(node.args.defaults)
            for argument in arguments[: len(arguments) - given] if given else arguments:
                name = argument.arg
                if name not in known.known and name not in texts and name not in ("self", "cls"):
                    yield node.lineno, f"there is no fixture {name!r}{known.nearest(name)}"
