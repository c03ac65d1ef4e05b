"""Cuts the solution out of a reference file and leaves a skeleton to fill in.

What is between `### BEGIN SOLUTION` and `### END SOLUTION` is replaced by one statement that
raises NotImplementedError and names the function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_MARKER = re.compile(r"^\s*### (BEGIN|END) SOLUTION\s*$")
_NEARLY_A_MARKER = re.compile(r"#.*\b(?:BEGIN|END)[\s_-]*SOLUTION\b", re.IGNORECASE)

# Shorter lines (without blanks) say nothing about a solution.
_TELLING_LENGTH = 24
_COMMENT = re.compile(r"(?:^|\s)#.*$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class PublishError(Exception):
    """A template cannot be made; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Secret:
    """A line of a solution that is long enough to give something away.

    Attributes:
        code: without blanks and comments.
        function: whose solution it belongs to.
        place: file and line, for messages.
    """

    code: str
    function: str
    place: str


@dataclass(frozen=True)
class Skeleton:
    """A reference file without its solutions.

    Attributes:
        text: the source.
        unwritten: qualified names of the functions that were cut, the module's name first.
        secrets: what was cut.
    """

    text: str
    unwritten: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()


@dataclass(frozen=True)
class _Block:
    """A solution: the lines of its markers (from 1) and what replaces it."""

    begin: int
    end: int
    function: str
    indent: str


def cut(text: str, module: str, file: str) -> Skeleton:
    """Replace every solution block of a source file.

    Args:
        text: the source.
        module: how tests call the file, e.g. `gan`.
        file: what to call it in messages.

    Raises:
        PublishError: a marker is misspelt, has no partner or stands outside a function; a block is
            empty or cuts a statement in two; or source or result does not parse.
    """
    lines = text.splitlines()
    pairs = _pairs(lines, file)
    tree = _parsed(text, file)
    blocks = [_block(tree, lines, begin, end, module, file) for begin, end in pairs]
    result = _without(lines, [])
    for count, block in enumerate(blocks, start=1):
        result = _without(lines, blocks[:count])
        try:
            ast.parse(result)
        except SyntaxError as error:
            raise PublishError(
                f"{file}:{block.begin}: what is left does not parse when this solution is cut: "
                f"{error.msg}"
            ) from None
    return Skeleton(
        result,
        tuple(dict.fromkeys(block.function for block in blocks)),
        tuple(secret for block in blocks for secret in _secrets(lines, block, file)),
    )


def _without(lines: list[str], blocks: list[_Block]) -> str:
    kept: list[str] = []
    position = 0
    for block in blocks:
        kept += lines[position : block.begin - 1]
        message = f"{block.function} is not written yet"
        kept.append(f'{block.indent}raise NotImplementedError("{message}")')
        position = block.end
    return "\n".join([*kept, *lines[position:]]) + "\n"


def refuse_markers(text: str, file: str) -> None:
    """Make sure that a file to be published holds no solution.

    Raises:
        PublishError: it holds a marker, or what looks like one.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if _NEARLY_A_MARKER.search(line):
            raise PublishError(
                f"{file}:{number}: a solution marker in a file that is published as it is; "
                "move the solution to the reference"
            )


def refuse_leaks(secrets: Iterable[Secret], published: Mapping[str, str]) -> None:
    """Make sure that no line of a solution stands in what is published.

    Raises:
        PublishError: one does; the message names both places.
    """
    squeezed = {path: _squeezed(text) for path, text in published.items()}
    for secret in secrets:
        for path, text in squeezed.items():
            if secret.code in text:
                raise PublishError(
                    f"{secret.place}: this line of the solution of {secret.function} is published "
                    f"in {path} too; change one of the two, or take it out of the solution"
                )


def _pairs(lines: list[str], file: str) -> list[tuple[int, int]]:
    """Line numbers of the markers, begin and end."""
    pairs: list[tuple[int, int]] = []
    begin = 0
    for number, line in enumerate(lines, start=1):
        match = _MARKER.match(line)
        if match is None:
            if _NEARLY_A_MARKER.search(line):
                raise PublishError(
                    f"{file}:{number}: looks like a solution marker but is none; write "
                    "'### BEGIN SOLUTION' or '### END SOLUTION' on a line of its own"
                )
        elif match[1] == "BEGIN":
            if begin:
                raise PublishError(
                    f"{file}:{number}: a solution begins here, but the one of line {begin} has "
                    "not ended; add '### END SOLUTION'"
                )
            begin = number
        else:
            if not begin:
                raise PublishError(
                    f"{file}:{number}: a solution ends here, but none has begun; "
                    "add '### BEGIN SOLUTION'"
                )
            pairs.append((begin, number))
            begin = 0
    if begin:
        raise PublishError(
            f"{file}:{begin}: a solution begins here and never ends; add '### END SOLUTION'"
        )
    return pairs


def _parsed(text: str, file: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise PublishError(f"{file}:{error.lineno}: does not parse: {error.msg}") from None


def _block(
    tree: ast.Module, lines: list[str], begin: int, end: int, module: str, file: str
) -> _Block:
    statements = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        starts_inside = begin < _first_line(node) < end
        if starts_inside and _last_line(node) < end:
            statements.append(node)
        # A compound statement may begin before the marker: the function itself does.
        elif starts_inside or (
            not hasattr(node, "body") and _first_line(node) < begin < _last_line(node)
        ):
            raise PublishError(
                f"{file}:{begin}: the solution cuts the statement of line {node.lineno} in two; "
                "move the markers before and after it"
            )
    if not statements:
        raise PublishError(f"{file}:{begin}: the solution holds no whole statement")
    first = min(statements, key=lambda node: (_first_line(node), node.col_offset))
    last = max(_last_line(node) for node in statements)
    around = [
        (name, node)
        for name, node in _functions(tree.body, module)
        if node.lineno < begin and _last_line(node) >= first.lineno
    ]
    if not around:
        raise PublishError(
            f"{file}:{begin}: a solution outside a function; only the body of a function can be "
            "left to students"
        )
    name, function = max(around, key=lambda pair: pair[1].lineno)
    if last > _last_line(function):
        raise PublishError(
            f"{file}:{begin}: the solution begins in {name} and ends outside it; "
            "put both markers into one body"
        )
    line = lines[_first_line(first) - 1]
    return _Block(begin, end, name, line[: len(line) - len(line.lstrip())])


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Function]]:
    """All functions with their qualified names, inner ones included."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"{prefix}.{node.name}", node
            yield from _functions(node.body, f"{prefix}.{node.name}")
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}.{node.name}")
        elif inner := [
            child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)
        ]:
            yield from _functions(inner, prefix)


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _secrets(lines: list[str], block: _Block, file: str) -> Iterator[Secret]:
    for number in range(block.begin + 1, block.end):
        code = _squeezed(_COMMENT.sub("", lines[number - 1]))
        if len(code) >= _TELLING_LENGTH:
            yield Secret(code, block.function, f"{file}:{number}")


def _squeezed(text: str) -> str:
    return "".join(text.split())


def to_write(contracts: Iterable[str], unwritten: Iterable[str]) -> list[str]:
    """The functions that a student writes for some contracts; of a class, its methods."""
    wanted = tuple(contracts)
    return [name for name in unwritten if any(f"{name}.".startswith(f"{c}.") for c in wanted)]


def with_examples(text: str, module: str) -> set[str]:
    """Qualified names of the functions and classes whose docstring shows an example."""
    return {
        name for name, docstring in _docstrings(ast.parse(text).body, module) if ">>>" in docstring
    }


def _docstrings(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{prefix}.{node.name}", ast.get_docstring(node) or ""
            if isinstance(node, ast.ClassDef):
                yield from _docstrings(node.body, f"{prefix}.{node.name}")
