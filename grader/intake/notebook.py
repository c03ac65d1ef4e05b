"""Takes the definitions out of a notebook, so that it can be graded like a module.

Kept are imports, functions, classes and assignments of constants, in the order of the cells, and
what the contracts need besides. All else loads data, trains or plots and is left out: behind the
wall it would fail or take hours.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import nbformat

from grader.intake.limits import MAX_PARSED, Notes, UnreadableEntryError, shown
from grader.intake.source import parse

# The rest of such a cell is no Python, or belongs to another process.
_FOREIGN_CELL = re.compile(
    r"\s*%%(?:bash|sh|script|html|javascript|js|latex|markdown|perl|ruby|svg|writefile|cmd)\b"
)
_MAGIC_LINE = re.compile(r"(?P<indent>\s*)(?:[%!?]|[\w.]+\s*=\s*[%!]|[\w.]+\?{1,2}\s*$)")
# They exist only where notebooks run.
_NOTEBOOK_PACKAGES = ("google.colab", "IPython", "ipywidgets")
# What may be executed where a contract needs a name that it binds.
_EXECUTED = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.Try, ast.With)
_CALLS = frozenset({"torch.device", "torch.cuda.is_available"})
_CALL_ROOTS = ("math.", "np.log", "np.sqrt", "np.exp", "numpy.log", "numpy.sqrt", "numpy.exp")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook: `kind` is "code", "markdown" or "raw"."""

    kind: str
    source: str

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @property
    def is_text(self) -> bool:
        return self.kind == "markdown"


def read_cells(content: bytes) -> list[Cell]:
    """The cells of a notebook.

    Args:
        content: the `.ipynb` file.

    Raises:
        UnreadableEntryError: it is not a notebook, or holds more code than is read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing cell ids
            notebook = nbformat.reads(  # type: ignore[no-untyped-call]
                content.decode("utf-8-sig"), as_version=4
            )
            cells = [Cell(str(c.cell_type), str(c.source)) for c in notebook.cells]
    # nbformat raises the errors of json, jsonschema and its own converters, and AttributeError.
    except Exception as error:
        raise UnreadableEntryError(
            f"is not a notebook that can be read ({type(error).__name__})"
        ) from None
    if sum(len(cell.source) for cell in cells if cell.is_code) > MAX_PARSED:
        raise UnreadableEntryError("holds more code than is read of a notebook")
    return cells


@dataclass(frozen=True)
class _Statement:
    """A statement at the top of a code cell.

    Attributes:
        cell: number of the code cell, from 1.
        text: as it was typed.
        node: the statement.
        binds: names that it defines; `*` for a star import, which may define any.
        executes: names that must exist when it is executed.
        mentions: names that must exist when what it defines is called.
    """

    cell: int
    text: str
    node: ast.stmt
    binds: frozenset[str]
    executes: frozenset[str]
    mentions: frozenset[str]

    @property
    def is_constant(self) -> bool:
        return isinstance(self.node, (ast.Assign, ast.AnnAssign))


def definitions(content: bytes, name: str, notes: Notes, wanted: Collection[str] = ()) -> bytes:
    """The source of a module with the notebook's definitions, as UTF-8.

    What the contracts need besides definitions, a generator or a table that a call makes, is
    executed too, when the module is imported: each such statement alone, and one that fails is
    passed over. Loops are not, since nobody knows which of them train.

    Args:
        content: the `.ipynb` file.
        name: what to call it in notes.
        notes: told of every cell that does not parse, and of what is left out or executed.
        wanted: names at the top level that contracts need.

    Raises:
        UnreadableEntryError: it is not a notebook.
    """
    statements = _read_statements(content, name, notes)
    defining = {id(s) for s in statements if _is_definition(s.node)}
    executed = _executed_for(wanted, statements, defining)
    parts: dict[int, list[str]] = {}
    bound = set(dir(builtins))
    for statement in statements:
        place = f"{shown(name)}: code cell {statement.cell}: line {statement.node.lineno}"
        missing = set() if "*" in bound else statement.executes - bound
        if id(statement) in executed and not missing:
            parts.setdefault(statement.cell, []).append(_attempt(statement.node))
            notes.add(f"{place} is executed, since {shown(executed[id(statement)])} is needed")
        elif id(statement) not in defining:
            continue
        elif missing:
            if not statement.is_constant:
                notes.add(
                    f"{place} is left out: it needs {shown(min(missing))}, which is not a "
                    "definition"
                )
            continue
        else:
            parts.setdefault(statement.cell, []).append(statement.text)
        bound |= statement.binds
    return "\n\n".join(
        f"# code cell {number}\n" + "\n".join(kept) + "\n" for number, kept in parts.items()
    ).encode("utf-8", errors="replace")


def _read_statements(content: bytes, name: str, notes: Notes) -> list[_Statement]:
    cells = [cell.source for cell in read_cells(content) if cell.is_code]
    statements = []
    for number, cell in enumerate(cells, start=1):
        body = _statements(cell)
        if body is None:
            notes.add(f"{shown(name)}: code cell {number} is not valid Python; left out")
            continue
        lines, nodes = body
        for node in nodes:
            try:
                text = _text(lines, node)
            except RecursionError:
                notes.add(
                    f"{shown(name)}: code cell {number}: line {node.lineno} is left out: it "
                    "is nested too deeply"
                )
                continue
            statements.append(
                _Statement(
                    number,
                    text,
                    node,
                    frozenset(_bound_by(node)),
                    frozenset(_needed(node)),
                    frozenset(_mentioned(node)),
                )
            )
    return statements


def _executed_for(
    wanted: Collection[str], statements: Sequence[_Statement], defining: Collection[int]
) -> dict[int, str]:
    """Statements that are no definitions, but give names that contracts need; with such a name."""
    by_name: dict[str, list[_Statement]] = {}
    for statement in statements:
        for name in statement.binds:
            by_name.setdefault(name, []).append(statement)
    executed: dict[int, str] = {}
    seen = set(dir(builtins))
    left = [name for name in wanted if name not in seen]
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in by_name.get(name, ()):
            if id(statement) not in defining:
                if not isinstance(statement.node, _EXECUTED):
                    continue
                executed.setdefault(id(statement), name)
            left += sorted(statement.executes | statement.mentions)
    return executed


def _attempt(statement: ast.stmt) -> str:
    """The statement as source text that goes on where it raises."""
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])
    return ast.unparse(ast.fix_missing_locations(ast.Try([statement], [handler], [], [])))


def _statements(cell: str) -> tuple[list[str], list[ast.stmt]] | None:
    """The lines and statements of a cell without magics, or None if it does not parse."""
    if _FOREIGN_CELL.match(cell):
        return [], []
    tree = parse(cell)
    if tree is None:
        # Only now, since `% b` on a line of its own is Python within parentheses.
        cell = "\n".join(_without_magic(line) for line in cell.split("\n"))
        tree = parse(cell)
    return None if tree is None else (cell.split("\n"), tree.body)


def parsed(cell: str) -> list[ast.stmt] | None:
    """The statements of a code cell, its magics left out; None if it is no Python."""
    body = _statements(cell)
    return None if body is None else body[1]


def _needed(statement: ast.stmt) -> set[str]:
    """Names that must exist when the statement is executed, not only when it is called."""
    executed: list[ast.AST | None] = [statement]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        executed = [*statement.decorator_list, statement.args, statement.returns]
    elif isinstance(statement, ast.ClassDef):
        executed = [*statement.decorator_list, *statement.bases, *statement.keywords]
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        executed = [statement.value]
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        executed = []
    return {
        node.id
        for root in executed
        if root
        for node in ast.walk(root)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    } - _of_comprehensions(executed)


def _of_comprehensions(roots: Iterable[ast.AST | None]) -> set[str]:
    """Names that exist only inside a comprehension or lambda of an expression."""
    nodes = [node for root in roots if root for node in ast.walk(root)]
    targets = [t for n in nodes if isinstance(n, ast.comprehension) for t in ast.walk(n.target)]
    return {t.id for t in targets if isinstance(t, ast.Name)} | {
        argument.arg
        for n in nodes
        if isinstance(n, ast.Lambda)
        for argument in ast.walk(n.args)
        if isinstance(argument, ast.arg)
    }


def _mentioned(statement: ast.stmt) -> set[str]:
    """Names that a function or class uses when it is called and does not bind itself.

    A name that one method binds and another takes from the notebook is missed; nothing else is.
    """
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return set()
    names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
    bound = {n.id for n in names if not isinstance(n.ctx, ast.Load)}
    bound |= {n.arg for n in ast.walk(statement) if isinstance(n, ast.arg)}
    shared = {name for n in ast.walk(statement) if isinstance(n, ast.Global) for name in n.names}
    return ({n.id for n in names if isinstance(n.ctx, ast.Load)} - bound) | shared


def _bound_by(statement: ast.stmt) -> set[str]:
    """Names that the statement defines; `*` for a star import, which may define any."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    return {
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _without_magic(line: str) -> str:
    match = _MAGIC_LINE.match(line)
    return f"{match['indent']}pass" if match else line


def _text(lines: list[str], statement: ast.stmt) -> str:
    """The statement as it was typed; rewritten where it shares its lines with another."""
    decorators = getattr(statement, "decorator_list", [])
    first = min(node.lineno for node in (statement, *decorators))
    typed = "\n".join(lines[first - 1 : statement.end_lineno])
    again = parse(typed)
    alone = again is not None and len(again.body) == 1
    return typed if alone else ast.unparse(statement)


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return not any(_needs_notebook(alias.name) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not _needs_notebook(statement.module or "")
    if isinstance(statement, ast.Assign):
        return all(_is_name(target) for target in statement.targets) and _is_constant(
            statement.value
        )
    if isinstance(statement, ast.AnnAssign):
        return (
            _is_name(statement.target)
            and statement.value is not None
            and _is_constant(statement.value)
        )
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def _needs_notebook(module: str) -> bool:
    return any(
        module == package or module.startswith(package + ".") for package in _NOTEBOOK_PACKAGES
    )


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_name(element) for element in target.elts)
    return isinstance(target, ast.Name)


def _is_constant(value: ast.expr) -> bool:
    """A literal, a name, arithmetic of these, or the call of a scalar function or of a device."""
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            if called not in _CALLS and not called.startswith(_CALL_ROOTS):
                return False
        elif not isinstance(
            node,
            (
                ast.Constant,
                ast.Name,
                ast.Attribute,
                ast.Tuple,
                ast.List,
                ast.Set,
                ast.Dict,
                ast.UnaryOp,
                ast.BinOp,
                ast.BoolOp,
                ast.Compare,
                ast.IfExp,
                ast.expr_context,
                ast.operator,
                ast.unaryop,
                ast.boolop,
                ast.cmpop,
            ),
        ):
            return False
    return True


def dotted(function: ast.expr) -> str:
    """The name of what is called, such as `np.random.seed`; empty if it has none."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return ""
    return ".".join([function.id, *reversed(parts)])
