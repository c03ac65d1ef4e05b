"""Takes the definitions out of a notebook, so that it can be graded like a module.

Kept are imports, functions, classes and assignments of constants, in the order of the cells, and
what the contracts need besides. All else loads data, trains or plots and is left out: behind the
wall it would fail or take hours.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Sequence

from grader.intake.kinds import is_definition, is_patch
from grader.intake.limits import Notes, shown
from grader.intake.rewriting import attempt, brought_out, constants_of, fix_constants
from grader.intake.statements import Statement, read_statements

# What may be executed where a contract needs a name that it binds.
_EXECUTED = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.Try, ast.With)


def definitions(content: bytes, name: str, notes: Notes, wanted: Collection[str] = ()) -> bytes:
    """The source of a module with the notebook's definitions, as UTF-8.

    What the contracts need besides definitions, a generator or a table that a call makes, is
    executed too, when the module is imported: each such statement alone, and one that fails is
    passed over. Loops are not, since nobody knows which of them train. A default that cannot be
    computed here, as one that was read from a file, is None.

    Args:
        content: the `.ipynb` file, or the `.py` file that one was exported to.
        name: what to call it in notes.
        notes: told of every cell that does not parse, and of what is left out or executed.
        wanted: names at the top level that contracts need.

    Raises:
        UnreadableEntryError: it is not a notebook.
    """
    statements = read_statements(content, name, notes)
    classes = {s.node.name for s in statements if isinstance(s.node, ast.ClassDef)}
    defining = {id(s) for s in statements if is_definition(s.node)}
    patching = {id(s) for s in statements if is_patch(s.node, classes)}
    future = [s.text for s in statements if s.is_future]
    annotated = not any("annotations" in text for text in future)
    reasons = _needed_for(wanted, statements, defining | patching, annotated)
    constants = constants_of(statements, defining)
    parts: dict[int, list[str]] = {}
    bound = set(dir(builtins))
    unsure: set[str] = set()  # what is bound unless it fails
    for statement in statements:
        place = f"{shown(name)}: code cell {statement.cell}: line {statement.node.lineno}"
        names, reason = statement.names, reasons.get(id(statement))
        missing = set() if "*" in bound else names.executes - bound
        kept = parts.setdefault(statement.cell, [])
        if statement.is_future:
            continue
        if id(statement) in patching:
            if missing:
                continue
            kept.append(attempt(statement.node))
        elif id(statement) not in defining:
            if reason is None or missing:
                continue
            kept.append(attempt(statement.node))
            notes.add(f"{place} is executed, since {shown(reason)} is needed")
            unsure |= names.binds
        elif missing and (statement.is_constant or reason is None):
            if not statement.is_constant:
                notes.add(
                    f"{place} is left out: it needs {shown(min(missing))}, which is not a "
                    "definition"
                )
            continue
        else:
            fixed = fix_constants(statement, names.mentions & bound, constants)
            kept += [f"{new} = {old}" for old, new in fixed.items()]
            if fixed:
                notes.add(
                    f"{place} keeps the value of {shown(', '.join(fixed))} that stands above it; "
                    "another one stands below"
                )
            fragile = missing | (names.executes & unsure)
            if annotated:
                fragile |= names.annotates & unsure
                if "*" not in bound:
                    fragile |= names.annotates - bound
            if fragile:
                kept += brought_out(statement, fragile)
                kept.append(attempt(statement.node))
                unsure |= names.binds
            else:
                kept.append(ast.unparse(statement.node) if fixed else statement.text)
                unsure -= names.binds
            if missing:
                notes.add(
                    f"{place} needs {shown(min(missing))}, which is not a definition; as a "
                    "default it is None"
                )
        bound |= names.binds
    cells = [
        f"# code cell {number}\n" + "\n".join(kept) + "\n" for number, kept in parts.items() if kept
    ]
    return "\n\n".join([*dict.fromkeys(future), *cells]).encode("utf-8", errors="replace")


def _needed_for(
    wanted: Collection[str],
    statements: Sequence[Statement],
    taken: Collection[int],
    annotated: bool,
) -> dict[int, str]:
    """Statements that give names that contracts need, by id; with such a name.

    Of those that are not taken anyway, only what may be executed.
    """
    by_name: dict[str, list[Statement]] = {}
    for statement in statements:
        for name in statement.names.binds:
            by_name.setdefault(name, []).append(statement)
    needed: dict[int, str] = {}
    seen = set(dir(builtins)) - set(wanted)
    left = list(wanted)
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in by_name.get(name, ()):
            if id(statement) not in taken and not isinstance(statement.node, _EXECUTED):
                continue
            needed.setdefault(id(statement), name)
            left += sorted(statement.names.executes | statement.names.mentions)
            if annotated:
                left += sorted(statement.names.annotates)
    return needed
