"""Which contracts each check reaches, recorded while the reference is graded.

A check asks a submission for the same things as the reference until an answer differs. So a
submission that differs from the reference in one contract can fail only checks that reach that
contract when they are asked of the reference, under the same secret. Reaching it means that code of
the contract is executed: called by the check, by a probe or an adapter, or by another function.

The record is made behind the wall, by the reference itself: its functions are extended by a
statement that notes the contracts that they belong to.
"""

from __future__ import annotations

import ast
import functools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from grader.assignment import Assignment
from grader.batch.slot import given_folder
from grader.batch.task import Task
from grader.catalogue import Entry
from grader.suite.plugin import SuitePlugin, serve_suite
from grader.suite.remote import Remote
from grader.wall.warm_handle import Warm

# Names in the extended reference that none of its own may collide with.
NOTED = "_contracts_reached"
TAKE = "take_contracts_reached"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Reach:
    """What was recorded.

    Attributes:
        checks: the question of each check, by its id.
        statistical: ids of the checks that make a statistical test.
        of_contract: ids of the checks that reach a contract; not the contracts for which that
            cannot be told.
    """

    checks: dict[str, str]
    statistical: frozenset[str]
    of_contract: dict[str, frozenset[str]]

    def of_entry(self, assignment: Assignment, entry: Entry) -> frozenset[str]:
        """Ids of the checks that an entry of the catalogue can fail."""
        changed = changed_by(assignment, entry)
        if not changed <= self.of_contract.keys():
            return frozenset(self.checks)
        return frozenset[str]().union(*(self.of_contract[contract] for contract in changed))


def record(assignment: Assignment, task: Task, questions: frozenset[str] | None) -> Reach:
    """Grade the reference and record which contracts each check reaches.

    Args:
        assignment: whose reference and suite.
        task: how it is graded.
        questions: the questions to grade; None: all.

    Raises:
        SuiteError: the suite does not collect.
        WallError: the wall cannot be started.
        SubmissionFailed: the reference cannot be imported.
    """
    torch.set_num_threads(1)
    files = {}
    for file in assignment.description.files:
        text = (assignment.reference / file.path).read_text(encoding="utf-8")
        files[file.path] = noting(text, file.name, _contracts(assignment)).encode()
    reached: dict[str, set[str]] = {}
    statistical: set[str] = set()

    def serve(plugin: SuitePlugin) -> None:
        remote = Remote(warm, assignment, files, apart=False)

        def take() -> set[str]:
            taken: set[str] = set()
            for file in assignment.description.files:
                taken.update(remote.ask("call", f"{file.name}.{TAKE}", {"args": [], "kwargs": {}}))
            return taken

        try:
            at_import = take()
            for check in plugin.of(questions):
                seen = plugin.run(remote, task.secret, [check])[check.id]
                reached[check.id] = take() | at_import
                if seen.findings:
                    statistical.add(check.id)
        finally:
            remote.close()
        checks.update({c.id: c.question for c in plugin.of(questions)})

    checks: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="grader-audit-") as scratch:
        given = given_folder(assignment, Path(scratch))
        hide = (task.assignment, task.reference)
        with Warm(task.wall, assignment.description.limits, given, {}, hide) as warm:
            serve_suite(assignment, assignment.hidden, serve)
    told = {
        contract
        for file in assignment.description.files
        for contract in _traced(
            ast.parse((assignment.reference / file.path).read_text(encoding="utf-8")),
            file.name,
            _contracts(assignment),
        )
    }
    return Reach(
        checks,
        frozenset(statistical),
        {c: frozenset(i for i, found in reached.items() if c in found) for c in told},
    )


def _contracts(assignment: Assignment) -> list[str]:
    return [c for q in assignment.description.questions for c in q.contracts]


# --- the reference that takes notes ---------------------------------------------------------------


def noting(text: str, module: str, contracts: Sequence[str]) -> str:
    """A file of the reference whose functions note the contracts that they belong to.

    Args:
        text: the file.
        module: how tests call it.
        contracts: those of the assignment.
    """
    tree = ast.parse(text)
    nodes = _nodes(tree, module)
    classes = {
        path.rpartition(".")[2]: path
        for path, node in nodes
        if path in contracts and isinstance(node, ast.ClassDef)
    }
    for path, node in nodes:
        if isinstance(node, Function):
            labels = {c for c in contracts if path == c or path.startswith(f"{c}.")}
            # A class is reached by whoever names it, even where no code of its own runs.
            labels |= {
                classes[n.id] for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in classes
            }
            if labels:
                start = 1 if ast.get_docstring(node) is not None else 0
                node.body[start:start] = ast.parse(f"{NOTED}.update({sorted(labels)!r})").body
    first = 1 + max((n for n, s in enumerate(tree.body) if _comes_first(s)), default=-1)
    tree.body[first:first] = ast.parse(f"{NOTED} = set()").body
    taking = f"def {TAKE}():\n    found = sorted({NOTED})\n    {NOTED}.clear()\n    return found"
    return f"{ast.unparse(ast.fix_missing_locations(tree))}\n\n\n{taking}\n"


def _comes_first(statement: ast.stmt) -> bool:
    """The docstring of a file and what it imports from the future."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _nodes(tree: ast.Module, module: str) -> list[tuple[str, Function | ast.ClassDef]]:
    """Functions and classes with their paths; those within functions too."""

    def within(node: ast.AST, path: str) -> Iterator[tuple[str, Function | ast.ClassDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Function | ast.ClassDef):
                yield f"{path}.{child.name}", child
                yield from within(child, f"{path}.{child.name}")
            else:
                yield from within(child, path)

    return list(within(tree, module))


def _traced(tree: ast.Module, module: str, contracts: Sequence[str]) -> list[str]:
    """The contracts of a file of which it can be told whether they are reached.

    A class is reached when an instance is made: seen only where that executes code of its own.
    """
    functions = {path for path, node in _nodes(tree, module) if isinstance(node, Function)}
    return [c for c in contracts if {c, f"{c}.__init__", f"{c}.__new__"} & functions]


# --- what an entry changes ------------------------------------------------------------------------


def changed_by(assignment: Assignment, entry: Entry) -> frozenset[str]:
    """What an entry gives another meaning to: its contract, those beside it, and any name of the
    reference that something which comes along has as well.

    Returns:
        Dotted names, of which those that are not contracts stand for anything: a constant of the
        file, or a statement with an effect of its own.
    """
    path = next(f.path for f in assignment.description.files if f.name == entry.module)
    known, own = _meanings((assignment.reference / path).read_text(encoding="utf-8"))
    changed = {entry.replaces, *dict(entry.group.beside)}
    for statement in ast.parse(entry.source).body:
        for part in _parts(statement):
            if ast.dump(part) in known:
                continue
            bound = _bound(part)
            names = bound & own if bound else {ast.unparse(part)}
            changed |= {f"{entry.module}.{name}" for name in names}
    return frozenset(changed)


@functools.lru_cache(maxsize=16)
def _meanings(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The statements of a file, as dumps, and the names that they give a meaning to."""
    parts = [part for statement in ast.parse(text).body for part in _parts(statement)]
    return frozenset(map(ast.dump, parts)), frozenset(name for p in parts for name in _bound(p))


def _parts(statement: ast.stmt) -> list[ast.stmt]:
    """A statement that imports several things as one for each; any other as it is."""
    if isinstance(statement, ast.Import):
        return [ast.Import([alias]) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        return [ast.ImportFrom(statement.module, [a], statement.level) for a in statement.names]
    return [statement]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a meaning to; none if it may do more than that."""
    if isinstance(statement, Function | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {a.asname or a.name for a in statement.names}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    names = {t.id for t in targets if isinstance(t, ast.Name)}
    return names if len(names) == len(targets) else set()
