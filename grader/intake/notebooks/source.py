"""What a Python file defines and how far it is written, found out by parsing, never by running."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

from grader.intake.limits import MAX_PARSED

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.ClassDef
# Python reads it, in time that is quadratic in the length: two megabytes take minutes.
_TOO_SLOW = "punycode"
# Comments and strings: as syntax trees they take no more than their text.
# One that does not end is taken to its end all the same: to look for it from each quote anew would
# take for ever.
_TEXTS = re.compile(
    r"#[^\n]*"
    r"|\"{3}(?:[^\"\\]|\\[\s\S]|\"(?!\"\"))*+(?:\"{3}|\\?\Z)"
    r"|'{3}(?:[^'\\]|\\[\s\S]|'(?!''))*+(?:'{3}|\\?\Z)"
    r"|\"(?:[^\"\\\n]|\\[\s\S])*+(?:\"|(?=\n)|\\?\Z)"
    r"|'(?:[^'\\\n]|\\[\s\S])*+(?:'|(?=\n)|\\?\Z)"
)
_MOST_TEXT = 4  # times as much as is parsed of anything else


@dataclass(frozen=True)
class Outline:
    """The functions and classes of a file, by qualified name (`Flow.forward`).

    Attributes:
        defined: all of them.
        functions: those that are functions.
        written: the functions that somebody has begun to fill in.
        bound: names that the file imports or gives a value at its top level; `*` where it imports
            all of another file.
    """

    defined: frozenset[str]
    functions: frozenset[str]
    written: frozenset[str]
    bound: frozenset[str]


def parse(text: str | bytes) -> ast.Module | None:
    """The syntax tree, or None if Python cannot parse the text or it is too long to try."""
    if code_size(text) > MAX_PARSED or (isinstance(text, bytes) and _declared(text) == _TOO_SLOW):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes in students' strings
        try:
            return ast.parse(text)
        # Deep nesting ends the parser in one of the last two.
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def code_size(text: str | bytes) -> int:
    """Characters of a text that count when it is parsed: strings and comments do not.

    A text that is very long counts as a whole, whatever is in it.
    """
    if not MAX_PARSED < len(text) <= _MOST_TEXT * MAX_PARSED:
        return len(text)
    plain = text.decode("latin-1") if isinstance(text, bytes) else text
    return len(_TEXTS.sub("", plain))


def outline(content: bytes) -> Outline | None:
    """What the file defines, or None if Python cannot parse it."""
    tree = parse(content)
    if tree is None:
        return None
    found = list(scopes(tree.body))
    return Outline(
        frozenset(name for name, _ in found),
        frozenset(name for name, node in found if _is_function(node)),
        frozenset(name for name, node in found if _is_function(node) and not is_unwritten(node)),
        frozenset(_bound(tree.body)),
    )


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, (ast.If, ast.Try)):
            yield from _bound([*node.body, *node.orelse])


def encoding_problem(content: bytes) -> str | None:
    """Why Python will not read the bytes as source text, or None if it will (PEP 263)."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is saved as UTF-16, which Python does not read; it has to be saved as UTF-8"
    if b"\x00" in content:
        return "contains NUL bytes, which Python does not read"
    if _declared(content) == _TOO_SLOW:
        return (
            f"is declared to be in {_TOO_SLOW}, which takes too long; it has to be saved as UTF-8"
        )
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        content.decode(encoding)
    except SyntaxError as error:
        return f"has no valid encoding: {error.msg}"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f"is not valid {encoding} in line {line}; it has to be saved as UTF-8"
    except (LookupError, ValueError) as error:  # codecs that are not for text
        return f"has no valid encoding: {error}"
    return None


def _declared(content: bytes) -> str:
    """The encoding that the first lines declare, by its usual name; empty if there is none."""
    try:
        return codecs.lookup(tokenize.detect_encoding(io.BytesIO(content).readline)[0]).name
    except (SyntaxError, LookupError, ValueError):
        return ""


def scopes(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Scope]]:
    """Functions and classes with their qualified names, those inside functions left out."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from scopes(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, (ast.If, ast.Try)):
            yield from scopes([*node.body, *node.orelse], prefix)


def _is_function(node: ast.AST) -> TypeGuard[Function]:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def is_unwritten(function: Function) -> bool:
    """Is it as the template has it?

    Templates end a function in `raise NotImplementedError`, in a bare `return`, in `pass` or in
    nothing; a function that only wraps others is unwritten when those are.
    """
    body = [statement for statement in function.body if not is_text(statement)]
    if not body or any(_raises_not_implemented(statement) for statement in body):
        return True
    last = body[-1]
    if isinstance(last, ast.Pass) or (isinstance(last, ast.Return) and last.value is None):
        return True
    inner = [statement for statement in body if _is_function(statement)]
    return bool(inner) and all(is_unwritten(function) for function in inner)


def is_text(statement: ast.stmt) -> bool:
    """A docstring or an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _raises_not_implemented(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Raise):
        return False
    raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
