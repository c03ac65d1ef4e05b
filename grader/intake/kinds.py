"""What kind of statement something is: a definition, a constant, or what else happens."""

from __future__ import annotations

import ast
from collections.abc import Collection

# They exist only where notebooks run.
_NOTEBOOK_PACKAGES = ("google.colab", "IPython", "ipywidgets")
_CALLS = frozenset({"torch.device", "torch.cuda.is_available"})
_CALL_ROOTS = ("math.", "np.log", "np.sqrt", "np.exp", "numpy.log", "numpy.sqrt", "numpy.exp")


def is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return not any(_needs_notebook(alias.name) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not _needs_notebook(statement.module or "")
    if isinstance(statement, ast.Assign):
        return all(_is_name(target) for target in statement.targets) and is_constant(
            statement.value
        )
    if isinstance(statement, ast.AnnAssign):
        return (
            _is_name(statement.target)
            and statement.value is not None
            and is_constant(statement.value)
        )
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def is_patch(statement: ast.stmt, classes: Collection[str]) -> bool:
    """Does it give a class of the notebook a method or a constant, after the class was made?"""
    if isinstance(statement, ast.Assign):
        return all(
            isinstance(t, ast.Attribute) and isinstance(t.value, ast.Name) and t.value.id in classes
            for t in statement.targets
        ) and (isinstance(statement.value, ast.Lambda) or is_constant(statement.value))
    if isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
        return (
            dotted(call.func) == "setattr"
            and len(call.args) == 3
            and isinstance(call.args[0], ast.Name)
            and call.args[0].id in classes
            and (isinstance(call.args[2], ast.Lambda) or is_constant(call.args[2]))
        )
    return False


def _needs_notebook(module: str) -> bool:
    return any(
        module == package or module.startswith(package + ".") for package in _NOTEBOOK_PACKAGES
    )


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return all(_is_name(element) for element in target.elts)
    return isinstance(target, ast.Name)


def is_constant(value: ast.expr) -> bool:
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
