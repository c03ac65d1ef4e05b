"""The catalogue of an assignment: wrong and right implementations of its contracts.

Files in `mistakes/` and `variants/` group them by contract, mistakes by the check that must catch
them too. An entry is a function whose docstring is the hint, or an edit of the reference:

    scale = Mistakes("gan.jsd", "test_jsd_has_the_right_scale")

    @scale
    def jsd_in_bits(cp, cq):
        '''This is in bits. ...'''
        return (F.logsigmoid(cp).mean() + F.logsigmoid(-cq).mean()) / (2 * math.log(2)) + 1

    scale.edit("jsd_without_the_half", "0.5 *", "1.0 *", "The half is missing: ...")

A group of one entry needs no name: `@Mistakes("gan.jsd", "test_x")`, or `Mistakes(...).edit(...)`.
The files are read, never executed. A function is grafted onto the reference's file as source, so
that it sees the names there; the imports, functions and constants beside it come along.

`wrong_runs/` and `right_runs/` say what training runs may keep of their marks. Their entries change
a contract likewise, or are those of the other two folders, or make what a run leaves; `runs.py`
reads them.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from grader.assignment import Assignment
from grader.catalogue.errors import CatalogueError
from grader.catalogue.generic import law_mistakes

F = TypeVar("F", bound=Callable[..., object])
Kind = Literal["mistake", "variant", "wrong run", "right run"]
Definition = ast.FunctionDef | ast.ClassDef


class Mistakes:
    """Wrong implementations of one contract that one check has to catch.

    As a decorator, it makes a mistake of a function or class, whose docstring is the hint: what a
    student who made this mistake is told.

    Args:
        replaces: the contract, e.g. `gan.jsd` or `solution.Flow.forward`.
        caught_by: names of tests of the hidden suite, with or without parameters, of which at
            least one must fail.
        central: whether the question is about just this, so that it has to cost a third of it.
        beside: functions of the same file that replace other contracts of the same module, by
            contract.
    """

    def __init__(
        self,
        replaces: str,
        *caught_by: str,
        central: bool = False,
        beside: Mapping[str, Callable[..., object]] | None = None,
    ) -> None: ...

    def __call__(self, function: F) -> F:
        return function

    def edit(self, name: str, old: str, new: str, hint: str) -> None:
        """A mistake that is the reference with a piece of its text replaced.

        Args:
            name: of the mistake.
            old: what is replaced; it must be in the contract's source exactly once, its docstring
                left out.
            new: what takes its place.
            hint: what a student who made this mistake is told.
        """


class Variants:
    """Right implementations of one contract in other styles and readings.

    As a decorator, it makes a variant of a function or class, whose docstring says why it is right.

    Args:
        replaces: the contract.
        beside: as for `Mistakes`.
    """

    def __init__(
        self,
        replaces: str,
        *,
        beside: Mapping[str, Callable[..., object]] | None = None,
    ) -> None: ...

    def __call__(self, function: F) -> F:
        return function

    def edit(self, name: str, old: str, new: str, because: str) -> None:
        """A variant that is the reference with a piece of its text replaced.

        Args:
            name: of the variant.
            old: as for `Mistakes.edit`.
            new: what takes its place.
            because: why it is right.
        """


class WrongRuns:
    """What a run must not pay for: slips in a contract, or artefacts that nothing was trained for.

    Without a contract it makes an entry of a function that is given the `Context` of a measure and
    returns the `Artefacts` that a run would leave. Such functions are executed, by us alone.

    Args:
        run: the id of the run.
        replaces: the contract, as for `Mistakes`.
        keeps: the share of the run's marks that an entry may keep.
        beside: as for `Mistakes`.
    """

    def __init__(
        self,
        run: str,
        replaces: str = "",
        *,
        keeps: float,
        beside: Mapping[str, Callable[..., object]] | None = None,
    ) -> None: ...

    def __call__(self, function: F) -> F:
        return function

    def edit(self, name: str, old: str, new: str, hint: str) -> None:
        """As `Mistakes.edit`."""

    def catalogued(self, *names: str) -> None:
        """Mistakes of these names in `mistakes/`: what the run pays for them."""


class RightRuns:
    """What a run must pay in full: other styles and readings, or other artefacts.

    Args:
        run, replaces, beside: as for `WrongRuns`.
    """

    def __init__(
        self,
        run: str,
        replaces: str = "",
        *,
        beside: Mapping[str, Callable[..., object]] | None = None,
    ) -> None: ...

    def __call__(self, function: F) -> F:
        return function

    def edit(self, name: str, old: str, new: str, because: str) -> None:
        """As `Variants.edit`."""

    def catalogued(self, *names: str) -> None:
        """Variants of these names in `variants/`."""


@dataclass(frozen=True)
class Group:
    """What the entries of one `Mistakes`, `Variants`, `WrongRuns` or `RightRuns` share."""

    kind: Kind
    replaces: str
    fails: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()  # other contracts, and what replaces them
    run: str = ""
    keeps: float = 1.0
    central: bool = False


@dataclass(frozen=True)
class Entry:
    """A mistake, a variant or what is tried in a run, as source.

    Attributes:
        source: what is added to the reference's file; of a run's entry without a contract, the
            function that makes its artefacts.
        edit: for an edit, the old text and the new.
        place: file and line.
        text: a mistake's hint, a variant's reason.
    """

    group: Group
    name: str
    source: str
    edit: tuple[str, str] | None
    place: str
    text: str

    @property
    def kind(self) -> Kind:
        return self.group.kind

    @property
    def replaces(self) -> str:
        """The contract."""
        return self.group.replaces

    @property
    def fails(self) -> tuple[str, ...]:
        """Tests of which at least one must fail."""
        return self.group.fails

    @property
    def module(self) -> str:
        """Name of the assignment's file that it replaces a part of."""
        return self.replaces.split(".")[0]

    def question(self, assignment: Assignment) -> str:
        """The question that marks the contract.

        Raises:
            CatalogueError: none does.
        """
        for question in assignment.description.questions:
            if self.replaces in question.contracts:
                return question.id
        raise CatalogueError(
            f"{self.place}: no question of assignment.toml has the contract {self.replaces!r}"
        )

    def graft(self, reference: str) -> str:
        """The reference's file with this entry in the place of its contract.

        Raises:
            CatalogueError: the file does not have the text that is to be edited, or has it twice.
        """
        parts = dict(self.group.beside)
        if self.edit is None:
            parts[self.replaces] = self.name
        else:
            reference = self._edited(reference, *self.edit)
        replaced = "".join(f"{_within(part)} = {name}\n" for part, name in parts.items())
        return "\n\n".join(text for text in (reference, self.source, replaced) if text)

    def _edited(self, reference: str, old: str, new: str) -> str:
        before, pieces, after = _contract_pieces(reference, _within(self.replaces))
        if not pieces:
            raise CatalogueError(
                f"{self.place}: {self.module} does not define {_within(self.replaces)}, "
                "so there is nothing to edit; write a function"
            )
        times = sum(pieces[n].count(old) for n in (0, 2))
        if times != 1:
            raise CatalogueError(
                f"{self.place}: {old!r} is in the reference's {self.replaces} {times} times; "
                + ("give more of the text around it" if times else "copy it from there")
            )
        head, docstring, body = pieces
        edited = f"{head.replace(old, new)}{docstring}{body.replace(old, new)}"
        try:
            ast.parse(f"if True:\n{edited}" if edited[0].isspace() else edited)
        except SyntaxError as error:
            raise CatalogueError(
                f"{self.place}: {self.replaces} is not Python after this edit: {error.msg}"
            ) from None
        return before + edited + after


@functools.lru_cache(maxsize=256)
def _contract_pieces(text: str, contract: str) -> tuple[str, tuple[str, ...], str]:
    """A file in pieces: what is before the contract, the contract's head, docstring and body, and
    what is after it. The middle one is empty if the file does not define the contract."""
    found: ast.Module | Definition = ast.parse(text)
    for name in contract.split("."):
        inside = [n for n in found.body if isinstance(n, Definition) and n.name == name]
        if not inside:
            return text, (), ""
        found = inside[-1]
    assert isinstance(found, Definition)
    first = found.body[0]
    cuts = [found.lineno - 1, first.lineno - 1, found.end_lineno or 0]
    cuts.insert(2, (first.end_lineno or 0) if _is_docstring(first) else cuts[1])
    lines = text.splitlines(keepends=True)
    whole = ["".join(lines[a:b]) for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    return whole[0], tuple(whole[1:4]), whole[4]


def _within(contract: str) -> str:
    """A contract's name in its file."""
    return contract.partition(".")[2]


def read_catalogue(assignment: Assignment) -> list[Entry]:
    """All entries of an assignment, mistakes first, each kind in the order of its files.

    Raises:
        CatalogueError: an entry is malformed, its edit does not fit, or two have one name.
    """
    entries: list[Entry] = []
    kinds: tuple[tuple[Kind, str], ...] = (("mistake", "mistakes"), ("variant", "variants"))
    for kind, folder in kinds:
        for path in sorted((assignment.folder / folder).glob("*.py")):
            entries += CatalogueFile(path, kind).entries()
    for said in law_mistakes(assignment.hidden):
        group = Group("mistake", said["replaces"], said["fails"])
        entries.append(
            Entry(group, said["name"], said["source"], None, said["place"], said["text"])
        )
    names: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in names:
            raise CatalogueError(
                f"{entry.place}: {entry.name} is the name of another entry, "
                f"{names[entry.name].place}; choose another"
            )
        names[entry.name] = entry
        entry.question(assignment)
        if entry.edit:
            grafted_file(assignment, entry)
    return entries


# What groups of each kind are called, and what makes one.
GROUPS: Mapping[Kind, str] = {
    "mistake": "Mistakes",
    "variant": "Variants",
    "wrong run": "WrongRuns",
    "right run": "RightRuns",
}
RUN_KINDS: tuple[Kind, ...] = ("wrong run", "right run")
TAKES: Mapping[Kind, str] = {
    "mistake": "the contract, the checks that catch them, central and beside",
    "variant": "the contract and beside",
    "wrong run": "the run, the contract if there is one, keeps, from 0 to below 1, and beside",
    "right run": "the run, the contract if there is one, and beside",
}


class CatalogueFile:
    """One file of the catalogue, as it is read.

    Attributes:
        named: groups with the names of the other folders' entries that they take over, and places.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self._path = path
        self._kind: Kind = kind
        self._groups: dict[str, Group] = {}
        self._functions: set[str] = set()
        self.named: list[tuple[Group, str, str]] = []

    def entries(self) -> list[Entry]:
        """The entries that stand in this file.

        Raises:
            CatalogueError: it is not Python, or one is malformed.
        """
        try:
            tree = ast.parse(self._path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            raise CatalogueError(f"{self._path}:{error.lineno}: {error.msg}") from None
        found: list[ast.stmt] = []
        shared: list[str] = []
        self._functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        for node in tree.body:
            match node:
                case ast.Assign([ast.Name(name)], ast.Call(ast.Name(of))) if of in GROUPS.values():
                    self._groups[name] = self._group(node, node.value)
                case ast.FunctionDef(decorator_list=[_, *_]) | ast.ClassDef(decorator_list=[_, *_]):
                    found.append(node)
                case ast.Expr(ast.Call(ast.Attribute(of, "catalogued"), names, [])):
                    group = self._group_of(node, of)
                    place = f"{self._path}:{node.lineno}"
                    self.named += [(group, ast.literal_eval(name), place) for name in names]
                case ast.Expr() if not _is_docstring(node):
                    found.append(node)
                case ast.ImportFrom("grader.catalogue" | "__future__"):
                    pass  # what makes groups does not come along; the other may not
                case _ if not _is_docstring(node):
                    shared.append(ast.unparse(node))
        prelude = "\n".join(shared)
        return [self._entry(node, prelude) for node in found]

    def _error(self, node: ast.stmt, told: str) -> CatalogueError:
        return CatalogueError(f"{self._path}:{node.lineno}: {told}")

    def _group(self, node: ast.stmt, call: Any) -> Group:
        wanted = GROUPS[self._kind]
        if call.func.id != wanted:
            raise self._error(node, f"{call.func.id} have a folder of their own; here are {wanted}")
        keywords = {k.arg: k.value for k in call.keywords}
        beside = keywords.pop("beside", ast.Dict([], []))
        of_a_run = self._kind in RUN_KINDS
        try:
            told = [str(ast.literal_eval(a)) for a in call.args]
            run = told.pop(0) if of_a_run and told else ""
            keeps = float(ast.literal_eval(keywords.pop("keeps", ast.Constant(1.0))))
            central = bool(ast.literal_eval(keywords.pop("central", ast.Constant(False))))
            replaces, *fails = told or ([""] if of_a_run else [])
            others = tuple(
                (str(ast.literal_eval(part)), ast.unparse(function))
                for part, function in zip(beside.keys, beside.values, strict=True)
            )
        except (ValueError, AttributeError):
            raise self._error(
                node, f"{wanted} takes plain texts and {{contract: function}}, nothing computed"
            ) from None
        for _, function in others:
            if function not in self._functions:
                raise self._error(node, f"{function} is not a function of this file")
        wrong = bool(fails) != (self._kind == "mistake") or bool(run) != of_a_run
        wrong = wrong or (central and self._kind != "mistake")
        if keywords or wrong or (keeps < 1) != (self._kind == "wrong run") or keeps < 0:
            raise self._error(node, f"{wanted} takes {TAKES[self._kind]}")
        return Group(self._kind, replaces, tuple(fails), others, run, keeps, central)

    def _entry(self, node: ast.stmt, prelude: str) -> Entry:
        place = f"{self._path}:{node.lineno}"
        match node:
            case ast.Expr(ast.Call(ast.Attribute(of, "edit"), [*args], [])):
                try:
                    name, old, new, text = [str(ast.literal_eval(a)) for a in args]
                except ValueError:
                    raise self._error(
                        node, "edit takes the name, the old text, the new one, and why: plain texts"
                    ) from None
                return Entry(
                    self._group_of(node, of), name, prelude, (old, new), place, _line(text)
                )
            case ast.FunctionDef(decorator_list=[of]) | ast.ClassDef(decorator_list=[of]):
                group = self._group_of(node, of)
                told = ast.get_docstring(node)
                if told is None:
                    raise self._error(node, f"{node.name} has no docstring; write its hint there")
                node.decorator_list = []
                node.body = node.body[1:] or [ast.Pass()]
                source = "\n\n".join(text for text in (prelude, ast.unparse(node)) if text)
                return Entry(group, node.name, source, None, place, _line(told))
        raise self._error(node, "this is not an entry; decorate it with one group, or take it away")

    def _group_of(self, node: ast.stmt, of: ast.expr) -> Group:
        match of:
            case ast.Name(name) if name in self._groups:
                return self._groups[name]
            case ast.Call(ast.Name("Mistakes" | "Variants")):
                return self._group(node, of)
        raise self._error(
            node, f"{ast.unparse(of)} is not a group of this file: {', '.join(self._groups)}"
        )


def _line(text: str) -> str:
    """A text without its line breaks."""
    return " ".join(text.split())


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def grafted_file(assignment: Assignment, entry: Entry) -> str:
    """The reference's file with this entry in the place of its contract."""
    path = next(f.path for f in assignment.description.files if f.name == entry.module)
    return entry.graft((assignment.reference / path).read_text(encoding="utf-8"))
