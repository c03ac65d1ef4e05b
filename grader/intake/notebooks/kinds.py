"""What kind of statement something is: a definition, a constant, or what else happens."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator

from grader.intake.notebooks.needs import annotations_of
from grader.intake.notebooks.source import Function, is_text, is_unwritten

# They exist only where notebooks run.
_NOTEBOOK_PACKAGES = (
    "google.colab",
    "IPython",
    "ipywidgets",
    "import_ipynb",
    "importnb",
    "nbimporter",
    "ipynb",
)
# Importing these does not fail; what is imported from them may still be missing.
_THERE = sys.stdlib_module_names | {"torch", "numpy", "scipy", "torchvision", "matplotlib"}
# They give a function that is used in the place of the one that they are given.
_WRAPPERS = frozenset(
    {
        *("compile", "jit", "njit", "script", "vectorize", "vmap", "lru_cache", "cache"),
        *("partial", "no_grad", "inference_mode", "enable_grad", "checkpoint"),
    }
)
_CALLS = frozenset({"torch.device", "torch.cuda.is_available"})
_CALL_ROOTS = ("math.", "np.log", "np.sqrt", "np.exp", "numpy.log", "numpy.sqrt", "numpy.exp")


def is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return not any(_needs_notebook(alias.name) for alias in statement.names)
    if isinstance(statement, ast.ImportFrom):
        return not _needs_notebook(statement.module or "")
    if isinstance(statement, ast.Assign):
        return all(_is_name(target) for target in statement.targets) and (
            is_constant(statement.value) or isinstance(statement.value, ast.Lambda)
        )
    if isinstance(statement, ast.AnnAssign):
        return (
            _is_name(statement.target)
            and statement.value is not None
            and is_constant(statement.value)
        )
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def is_safe(statement: ast.stmt) -> bool:
    """Is it a definition that cannot fail, whatever else there is?"""
    if isinstance(statement, Function):
        given = (*statement.args.defaults, *statement.args.kw_defaults)
        return (
            not statement.decorator_list
            and all(value is None or is_literal(value) for value in given)
            and not any(annotations_of(statement))
        )
    if isinstance(statement, ast.ClassDef):
        plain = (Function, ast.Pass, ast.Assign, ast.AnnAssign)
        return not (statement.bases or statement.keywords or statement.decorator_list) and all(
            is_safe(inner) if isinstance(inner, plain) else is_text(inner)
            for inner in statement.body
        )
    if isinstance(statement, ast.Assign):
        return all(isinstance(t, ast.Name) for t in statement.targets) and is_literal(
            statement.value
        )
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.annotation, ast.Name) and (
            statement.annotation.id in ("int", "float", "str", "bool", "list", "dict", "tuple")
            and (statement.value is None or is_literal(statement.value))
        )
    if isinstance(statement, ast.Import):
        return all(alias.name.split(".")[0] in _THERE for alias in statement.names)
    return isinstance(statement, ast.Pass)


def is_import_of_what_is_there(statement: ast.stmt) -> bool:
    """Does it import from packages that are always there?"""
    if isinstance(statement, ast.ImportFrom):
        return (statement.module or "").split(".")[0] in _THERE and statement.level == 0
    return isinstance(statement, ast.Import) and is_safe(statement)


def is_literal(value: ast.expr) -> bool:
    """A number, a text, or a list or tuple or the like of those."""
    allowed = (ast.Constant, ast.Tuple, ast.List, ast.expr_context, ast.USub, ast.UAdd)
    return all(
        isinstance(node, allowed)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))
        for node in ast.walk(value)
    )


def made_by(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """The functions and classes that a statement defines, and whether each is filled in.

    A function that looks at none of its arguments is a stand-in for one, as tests use it, or was
    left for later.
    """
    if isinstance(statement, Function):
        yield statement.name, not is_unwritten(statement) and _uses_arguments(statement)
    elif isinstance(statement, ast.ClassDef):
        methods = [inner for inner in statement.body if isinstance(inner, Function)]
        others = [i for i in statement.body if not (isinstance(i, ast.Pass) or is_text(i))]
        written = any(not is_unwritten(method) for method in methods)
        yield statement.name, written if methods else bool(others)
    elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, _uses_arguments(statement.value)
    elif isinstance(statement, (ast.If, ast.Try)):
        for inner in (*statement.body, *statement.orelse):
            yield from made_by(inner)


def _uses_arguments(function: Function | ast.Lambda) -> bool:
    given = function.args
    names = {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
    names |= {a.arg for a in (given.vararg, given.kwarg) if a is not None}
    return not names or any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(function))


def wraps(statement: ast.stmt, name: str) -> bool:
    """Does it put a wrapped function in the place of the function, as `f = torch.jit.script(f)`?"""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return False
    call, called = statement.value, statement.value.func
    if isinstance(called, ast.Call):  # lru_cache(maxsize=8)(f)
        called = called.func
    return dotted(called).rsplit(".", 1)[-1] in _WRAPPERS and any(
        isinstance(argument, ast.Name) and argument.id == name for argument in call.args
    )


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
