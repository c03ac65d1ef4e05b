"""Takes the definitions out of a notebook, so that it can be graded like a module.

Kept are imports, functions, classes and assignments of constants, in the order of the cells. What
loads data, trains or plots is left out: behind the wall it would fail or take hours.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings

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
_CALLS = frozenset({"torch.device", "torch.cuda.is_available"})
_CALL_ROOTS = ("math.", "np.log", "np.sqrt", "np.exp", "numpy.log", "numpy.sqrt", "numpy.exp")


def definitions(content: bytes, name: str, notes: Notes) -> bytes:
    """The source of a module with the notebook's definitions, as UTF-8.

    Args:
        content: the `.ipynb` file.
        name: what to call it in notes.
        notes: told of every cell that does not parse.

    Raises:
        UnreadableEntryError: it is not a notebook.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing cell ids
            notebook = nbformat.reads(  # type: ignore[no-untyped-call]
                content.decode("utf-8-sig"), as_version=4
            )
            cells = [str(c.source) for c in notebook.cells if c.cell_type == "code"]
    # nbformat raises the errors of json, jsonschema and its own converters, and AttributeError.
    except Exception as error:
        raise UnreadableEntryError(
            f"is not a notebook that can be read ({type(error).__name__})"
        ) from None
    parts = []
    bound = set(dir(builtins))
    if sum(len(cell) for cell in cells) > MAX_PARSED:
        raise UnreadableEntryError("holds more code than is read of a notebook")
    for number, cell in enumerate(cells, start=1):
        body = _statements(cell)
        if body is None:
            notes.add(f"{shown(name)}: code cell {number} is not valid Python; left out")
            continue
        lines, statements = body
        kept = []
        for statement in statements:
            if not _is_definition(statement):
                continue
            missing = set() if "*" in bound else _needed(statement) - bound
            if missing and not isinstance(statement, (ast.Assign, ast.AnnAssign)):
                notes.add(
                    f"{shown(name)}: code cell {number}: line {statement.lineno} is left out: it "
                    f"needs {shown(min(missing))}, which is not a definition"
                )
            if not missing:
                kept.append(_text(lines, statement))
                bound |= _bound_by(statement)
        if kept:
            parts.append(f"# code cell {number}\n" + "\n".join(kept) + "\n")
    return "\n\n".join(parts).encode("utf-8", errors="replace")


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


def _needed(statement: ast.stmt) -> set[str]:
    """Names that must exist when the statement is executed, not only when it is called."""
    executed: list[ast.AST | None] = []
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        executed = [*statement.decorator_list, statement.args, statement.returns]
    elif isinstance(statement, ast.ClassDef):
        executed = [*statement.decorator_list, *statement.bases, *statement.keywords]
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        executed = [statement.value]
    return {
        node.id
        for root in executed
        if root
        for node in ast.walk(root)
        if isinstance(node, ast.Name)
    }


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
            called = _dotted(node.func)
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


def _dotted(function: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return ""
    return ".".join([function.id, *reversed(parts)])
