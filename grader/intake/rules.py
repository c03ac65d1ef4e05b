"""The rules that a course has for its notebooks, looked up in the cells without running any."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from grader.assignment import NotebookRules
from grader.intake.limits import shown
from grader.intake.notebooks.cells import Cell, parsed
from grader.intake.notebooks.kinds import dotted
from grader.results import RuleFinding

_SHOWN_CELLS = 8
_SEEDERS = {
    "NumPy": (
        "numpy.random.seed",
        "numpy.random.default_rng",
        "numpy.random.RandomState",
        "numpy.random.SeedSequence",
        "numpy.random.PCG64",
    ),
    "PyTorch": ("torch.manual_seed", "torch.random.manual_seed"),
}
# Of libraries that seed everything with one call.
_SEEDS_ALL = ("seed_everything", "set_seed")
_PACKAGES = {"NumPy": "numpy", "PyTorch": "torch"}
_DEVICE = re.compile(r"(?:cuda|mps)(?::\d+)?")


@dataclass(frozen=True)
class Notebook:
    """A notebook that was handed in.

    Attributes:
        path: inside the submission.
        cells: all of them, in order.
    """

    path: str
    cells: Sequence[Cell]


@dataclass
class _Code:
    """What the code cells of a notebook say, without being run.

    Attributes:
        nodes: of each code cell, everything in it.
        aliases: full names of what is imported, by the name that the notebook uses.
    """

    nodes: list[list[ast.AST]]
    aliases: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, notebook: Notebook) -> _Code:
        trees = [parsed(c.source) for c in notebook.cells if c.is_code]
        code = cls([[n for s in tree or [] for n in ast.walk(s)] for tree in trees])
        for node in code.all():
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    code.aliases[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    code.aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return code

    def all(self) -> Iterator[ast.AST]:
        for cell in self.nodes:
            yield from cell

    def imports(self, package: str) -> bool:
        return any(name.split(".")[0] == package for name in self.aliases.values())

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with the full name of what is called, as far as that can be told."""
        for node in self.all():
            if isinstance(node, ast.Call):
                name = dotted(node.func)
                root, dot, rest = name.partition(".")
                yield self.aliases.get(root, root) + dot + rest, node


def rule_findings(rules: NotebookRules, notebooks: Sequence[Notebook]) -> list[RuleFinding]:
    """Whether each rule of the course is kept in all notebooks; nothing where there is none.

    Args:
        rules: what the course asks.
        notebooks: of one submission.
    """
    asked: list[tuple[str, Callable[[Notebook], str]]] = []
    if rules.markdown_before_code:
        asked.append(("A Markdown cell stands before every code cell", _markdown_problem))
    if (seed := rules.seed) is not None:
        asked.append((f"The seed is {seed}", lambda notebook: _seed_problem(notebook, seed)))
    if rules.cpu_only:
        asked.append(("Everything is computed on the CPU", _device_problem))
    findings = []
    for rule, problem in asked if notebooks else []:
        problems = [f"{shown(n.path)}: {text}" for n in notebooks if (text := problem(n))]
        findings.append(RuleFinding(rule=rule, kept=not problems, detail="; ".join(problems)))
    return findings


def _markdown_problem(notebook: Notebook) -> str:
    bare, number, explained = [], 0, False
    for cell in notebook.cells:
        if not cell.source.strip():
            number += cell.is_code
            continue
        if cell.is_code:
            number += 1
            if not explained:
                bare.append(number)
        explained = cell.is_text
    return f"no text stands before {_cells(bare)}" if bare else ""


def _seed_problem(notebook: Notebook, seed: int) -> str:
    """A generator that the notebook uses must be seeded, with the seed or with a name for it.

    Where the seed is not a literal, it is believed if the number stands anywhere in the code:
    as a constant, as a default, or as an argument of the function that seeds.
    """
    code = _Code.read(notebook)
    named = any(_is_number(node, seed) for node in code.all())
    given: dict[str, list[ast.expr | None]] = {library: [] for library in _SEEDERS}
    for name, call in code.calls():
        values = [*call.args, *(k.value for k in call.keywords)]
        by_method = isinstance(call.func, ast.Attribute) and call.func.attr == "manual_seed"
        for library, seeders in _SEEDERS.items():
            if (
                name in seeders
                or name.split(".")[-1] in _SEEDS_ALL
                or (by_method and library == "PyTorch")
            ):
                given[library].append(values[0] if values else None)
    problems = []
    for library, seeds in given.items():
        if not code.imports(_PACKAGES[library]):
            continue
        literals = [v for v in seeds if isinstance(v, ast.Constant)]
        if all(v is None for v in seeds):
            problems.append(f"{library} is not seeded")
        elif len(literals) == len(seeds) and not any(_is_number(v, seed) for v in literals):
            problems.append(f"{library} is seeded with {shown(ast.unparse(literals[0]))}")
        elif not named:
            problems.append(f"{library} is seeded, but {seed} stands nowhere")
    return ", ".join(problems)


def _is_number(node: ast.AST | None, number: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value == number


def _device_problem(notebook: Notebook) -> str:
    used = []
    for number, nodes in enumerate(_Code.read(notebook).nodes, start=1):
        compared = {
            id(n) for node in nodes if isinstance(node, ast.Compare) for n in ast.walk(node)
        }
        if any(_uses_device(node) for node in nodes if id(node) not in compared):
            used.append(number)
    return f"{_cells(used)} would compute on a GPU where there is one" if used else ""


def _uses_device(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and _DEVICE.fullmatch(node.value) is not None
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "cuda"
    )


def _cells(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[:_SHOWN_CELLS]))
    more = f" and {len(numbers) - _SHOWN_CELLS} more" if len(numbers) > _SHOWN_CELLS else ""
    return f"code cell {listed}" if len(numbers) == 1 else f"code cells {listed}{more}"
