"""Takes the definitions out of a notebook, so that it can be graded like a module.

Kept are imports, functions, classes and assignments of constants, in the order of the cells, and
what the contracts need besides. All else loads data, trains or plots and is left out: behind the
wall it would fail or take hours. Whatever may fail when the module is imported is guarded, each
statement for itself, so that it costs what needs it and nothing else.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from grader.intake.limits import Notes, shown
from grader.intake.notebooks.kinds import (
    is_definition,
    is_import_of_what_is_there,
    is_patch,
    is_safe,
    made_by,
    wraps,
)
from grader.intake.notebooks.needs import rebound
from grader.intake.notebooks.places import mark_lost
from grader.intake.notebooks.rewriting import (
    Constants,
    brought_out,
    constants_of,
    fix_constants,
    guarded,
    marked,
)
from grader.intake.notebooks.statements import Statement, read_statements

# What may be executed where a contract needs a name that it binds.
_EXECUTED = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.Try, ast.With)


def definitions(
    content: bytes,
    name: str,
    notes: Notes,
    wanted: Collection[str] = (),
    execute: bool = True,
) -> bytes:
    """The source of a module with the notebook's definitions, as UTF-8.

    What the contracts need besides definitions, a generator or a table that a call makes, is
    executed too, when the module is imported: each such statement alone, and one that fails is
    passed over. Loops are not, since nobody knows which of them train. A default that cannot be
    computed here, as one that was read from a file, is None. Nothing but a later definition that
    is filled in takes the place of a function or class that is.

    Args:
        content: the `.ipynb` file, or a `.py` file, exported from one or not.
        name: what to call it in notes.
        notes: told of every cell that does not parse, and of what is left out or executed.
        wanted: names at the top level that contracts need.
        execute: execute what they need besides definitions.

    Raises:
        UnreadableEntryError: it is not a notebook.
    """
    read = read_statements(content, name, notes)
    return _Module(read.kept, notes, wanted, execute).text(read.lost)


class _Module:
    """A module as it is put together, statement by statement."""

    def __init__(
        self,
        statements: Sequence[Statement],
        notes: Notes,
        wanted: Collection[str],
        execute: bool,
    ) -> None:
        self._notes = notes
        self._future = [s.text for s in statements if s.is_future]
        self._annotated = not any("annotations" in text for text in self._future)
        self._replaced: dict[int, frozenset[str]] = {}
        self._statements = self._lasting([s for s in statements if not s.is_future])
        classes = {s.node.name for s in self._statements if isinstance(s.node, ast.ClassDef)}
        self._defining = {id(s) for s in self._statements if is_definition(s.node)}
        self._patching = {id(s) for s in self._statements if is_patch(s.node, classes)}
        self._reasons = _needed_for(
            wanted,
            self._statements,
            self._defining | self._patching,
            _EXECUTED if execute else (),
            self._annotated,
        )
        self._constants: Mapping[str, Constants] = constants_of(self._statements, self._defining)
        self._bound = set(dir(builtins))
        self._unsure: set[str] = set()  # what is bound unless it fails

    def text(self, lost: Mapping[str, str]) -> bytes:
        """All of it; at its end why names are not there."""
        parts: list[str] = []
        for statement in self._statements:
            try:
                parts += self._take(statement)
            except (RecursionError, MemoryError):
                self._notes.add(f"{statement.place} is left out: it is nested too deeply")
                continue
        ends = [mark_lost(name, reason) for name, reason in lost.items()]
        whole = "\n".join([*dict.fromkeys(self._future), *parts, *ends, ""])
        return whole.encode("utf-8", errors="replace")

    def _lasting(self, statements: Sequence[Statement]) -> list[Statement]:
        """Those that are not superseded: what is filled in is not replaced by what is not."""
        filled: set[str] = set()
        result = []
        for statement in statements:
            made = dict(made_by(statement.node))
            if isinstance(statement.node, (ast.If, ast.Try)):
                made = {n: True for n in made if n not in filled or made[n]}
            stubs = {n for n, written in made.items() if not written} & filled
            others = (rebound(statement.node) - made.keys()) & filled
            others -= {name for name in others if wraps(statement.node, name)}
            for name in sorted(stubs):
                self._notes.add(
                    f"{statement.place}: a second {shown(name)} is not filled in; the first counts"
                )
            for name in sorted(others):
                self._notes.add(
                    f"{statement.place}: {shown(name)} becomes something else; "
                    "its definition counts"
                )
            filled |= {n for n, written in made.items() if written}
            replaced = stubs | others
            if not replaced:
                result.append(statement)
            elif rebound(statement.node) - replaced and not stubs:
                self._replaced[id(statement)] = frozenset(others)
                result.append(statement)
        return result

    def _take(self, statement: Statement) -> list[str]:
        kept = self._text_of(statement)
        if not kept:
            return []
        self._bound |= statement.names.binds
        lasting = sorted(self._replaced.get(id(statement), ()))
        return [
            *(f"_own_{name} = globals().get({name!r})" for name in lasting),
            *kept,
            *(f"if _own_{name} is not None:\n    {name} = _own_{name}" for name in lasting),
        ]

    def _text_of(self, statement: Statement) -> list[str]:
        """What stands for a statement in the module; nothing where it is left out."""
        names, reason = statement.names, self._reasons.get(id(statement))
        missing: AbstractSet[str] = set() if "*" in self._bound else names.executes - self._bound
        if id(statement) in self._patching:
            return [] if missing else [guarded(statement)]
        if id(statement) not in self._defining:
            if reason is None or missing:
                return []
            self._notes.add(f"{statement.place} is executed, since {shown(reason)} is needed")
            self._unsure |= names.binds
            return [guarded(statement)]
        if missing and (statement.is_constant or reason is None):
            if not statement.is_constant:
                self._notes.add(
                    f"{statement.place} is left out: it needs {shown(min(missing))}, which is not "
                    "a definition"
                )
            return []
        if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
            if not is_import_of_what_is_there(statement.node):
                self._unsure |= names.binds - {"*"}
            return _imported(statement)
        return self._defined(statement, missing)

    def _defined(self, statement: Statement, missing: AbstractSet[str]) -> list[str]:
        names = statement.names
        statement, fixed = fix_constants(statement, names.mentions & self._bound, self._constants)
        kept = [f"{new} = globals().get({old!r})" for old, new in fixed.items()]
        if fixed:
            self._notes.add(
                f"{statement.place} keeps the value of {shown(', '.join(fixed))} that stands above "
                "it; another one stands below"
            )
        fragile = missing | (names.executes & self._unsure)
        if self._annotated:
            fragile |= names.annotates & self._unsure
            if "*" not in self._bound:
                fragile |= names.annotates - self._bound
        if fragile and not statement.is_constant:
            statement, before = brought_out(statement, fragile)
            kept += before
            if missing:
                self._notes.add(
                    f"{statement.place} needs {shown(min(missing))}, which is not a definition"
                    + ("; as a default it is None" if before else "")
                )
        if is_safe(statement.node):
            self._unsure -= names.binds
            return [*kept, marked(statement)]
        self._unsure |= names.binds
        return [*kept, guarded(statement)]


def _imported(statement: Statement) -> list[str]:
    """An import; of several names each for itself, where one may be missing."""
    node = statement.node
    if is_safe(node):
        return [marked(statement)]
    text = guarded(statement)
    if isinstance(node, (ast.Import, ast.ImportFrom)) and len(node.names) > 1:
        single = (
            ast.unparse(
                ast.Import([alias])
                if isinstance(node, ast.Import)
                else ast.ImportFrom(node.module, [alias], node.level)
            )
            for alias in node.names
        )
        for one in single:
            text += f"\n    try:\n        {one}\n    except Exception:\n        pass"
    return [text]


def _needed_for(
    wanted: Collection[str],
    statements: Sequence[Statement],
    taken: Collection[int],
    executed: tuple[type[ast.stmt], ...],
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
            if id(statement) not in taken and not isinstance(statement.node, executed):
                continue
            needed.setdefault(id(statement), name)
            left += sorted(statement.names.executes | statement.names.mentions)
            if annotated:
                left += sorted(statement.names.annotates)
    return needed
