"""What the kinds of contract share: a test class whose header names the laws that one owes.

    class TestLogMeanExp(
        Function, question="q1.3", of="q1_solution.log_mean_exp",
        values=4, shape=0.75, batch_of_one=0.25, arguments=0.25,
    ):
        '''The logarithm of the mean of the exponentials, for each example.'''

        def inputs(self, draw, batch=4):
            return [draw.normal(batch, draw.integer(2, 9), std=2.0)]

Each keyword names a law and the weight of its check; a law that is not named is not checked. Where
that makes a long header, `owes = {"values": 4, ...}` in the class says the same. The
tests of the class itself belong to the same question; `@weight` sets what they count. They use
`self.submission`, `self.reference`, `self.probes`, `self.draw`, `self.expect` and `self.stats`,
which are the fixtures of these names.

A class without `question` and `of` adds something for other classes to inherit. A class with them
is read from its text as well, for the mistakes that break its laws: `of` and `question` are plain
texts there, `owes` a plain dict, and weights plain numbers.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])


def law(name: str, shows: float = 1.0) -> Callable[[F], F]:
    """Make a method of a kind of contract a law, which headers name by `name`.

    The check is called `test_` and the method's name; its docstring is the check's reason. A
    class that overrides the method changes the law for itself.

    Args:
        name: of the law.
        shows: of knowledge of the task; see `form` and `partial`.
    """

    def mark(method: F) -> F:
        method.law = name  # type: ignore[attr-defined]
        method.shows = shows  # type: ignore[attr-defined]
        return method

    return mark


def weight(value: float) -> Callable[[F], F]:
    """Set the weight of a test of a contract's class; without it a test counts 1."""

    def mark(test: F) -> F:
        test.weight = value  # type: ignore[attr-defined]
        return test

    return mark


def form(test: F) -> F:
    """Say that a test can be passed by what computes nothing of the task: it asks for a shape, for
    manners, or that values follow others of the submission's own.

    It pays for an attempt only: where another test of the contract passes, where a mistake of the
    catalogue explains the submission, or where `Contract.related` says so.
    """
    test.shows = 0.0  # type: ignore[attr-defined]
    return test


def partial(test: F) -> F:
    """Say that a test looks at one part of the values, which may be right by chance: that it passes
    is half an attempt, and two such tests make a whole one."""
    test.shows = 0.5  # type: ignore[attr-defined]
    return test


class Contract:
    """What a class says of its contract, and the checks that follow from it.

    Attributes:
        contract: dotted name of the contract, from the header's `of`.
        owes: laws and the weights of their checks, besides those of the header; a class that says
            nothing has those of the class that it inherits from.
        attempt: the contract of the same question that has to be attempted for form to count,
            where it is another one.
        parameters: names of its parameters, for messages.
        readings: names of variants of the catalogue whose values differ from the reference's and
            are as right: what agrees with one of them passes `same` and `same_change`.
        worlds: names of what the contract is tried with, where it may be built on another
            question's work: first the submission's own, then stand-ins. Each check of the class
            has to pass in one of them.
        world: the one in which a check asks now.
        look_at: by a law's name, what students should look at where the usual help does not
            point at the place.
    """

    contract: ClassVar[str]
    owes: ClassVar[Mapping[str, float]] = {}
    attempt: ClassVar[str] = ""
    parameters: ClassVar[tuple[str, ...]] = ()
    readings: ClassVar[tuple[str, ...]] = ()
    worlds: ClassVar[tuple[str, ...]] = ()
    world = ""
    look_at: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, *, question: str = "", of: str = "", **weights: float) -> None:
        super().__init_subclass__()
        methods, header = cls.laws(), weights
        weights = {**cls.owes, **header}
        for name in weights:
            if name not in methods:
                near = difflib.get_close_matches(name, methods, 1)
                meant = f"; is {near[0]!r} meant?" if near else "."
                raise TypeError(
                    f"{cls.__name__}: there is no law {name!r}{meant} There are: "
                    f"{', '.join(methods)}"
                )
        if bool(question) != bool(of) or (header and not of):
            raise TypeError(f"{cls.__name__}: a header with laws needs both question= and of=")
        if not of:
            return
        cls.contract = of
        for name, value in weights.items():
            check = _check(cls, methods[name])
            setattr(cls, check.__name__, weight(value)(check))
        for name, test in list(vars(cls).items()):
            if name.startswith("test_") and callable(test):
                if getattr(test, "shows", 1.0) < 1:
                    test = _noting_attempts(test)
                if cls.worlds:
                    test = _in_either_world(test)
                setattr(cls, name, test)
                pytest.mark.question(question, weight=getattr(test, "weight", 1.0))(test)

    @classmethod
    def laws(cls) -> dict[str, str]:
        """The laws that a header may name, and the methods that check them."""
        return {
            method.law: name
            for kind in reversed(cls.__mro__)
            for name, method in vars(kind).items()
            if hasattr(method, "law")
        }

    # --- what tests use -----------------------------------------------------------------------

    @pytest.fixture(autouse=True)
    def _fixtures(self, request: pytest.FixtureRequest) -> None:
        self.enter(request.getfixturevalue)

    def enter(self, fixture: Callable[[str], Any]) -> None:
        """Take fixtures from here, by name, each when it is used: a public suite has no
        `reference` and no `stats`.

        Nothing of them is kept: pytest uses one instance for one submission after another.
        """
        self._fixture = fixture

    @property
    def submission(self) -> Any:
        """The student's implementation, behind the wall."""
        return self._fixture("submission")

    @property
    def reference(self) -> Any:
        """Our implementation, asked in the same way."""
        return self._fixture("reference")

    @property
    def probes(self) -> Any:
        """The probes of the assignment and of `grader.suite.driving`."""
        return self._fixture("probes")

    @property
    def draw(self) -> Any:
        """Random inputs, other ones for each test."""
        return self._fixture("draw")

    @property
    def expect(self) -> Any:
        """Comparisons that explain themselves."""
        return self._fixture("expect")

    @property
    def stats(self) -> Any:
        """Statistical tests with stated error rates."""
        return self._fixture("stats")

    @property
    def name(self) -> str:
        """The contract's name without its module."""
        return self.contract.rpartition(".")[2]

    @property
    def usage(self) -> str:
        """How it is called, as `log_mean_exp(y)`; its name where `parameters` are not given."""
        return f"{self.name}({', '.join(self.parameters)})" if self.parameters else self.name

    def parameter(self, place: int) -> str:
        """The name of a parameter, or its number from 1 where names are not given."""
        return self.parameters[place] if self.parameters else f"argument {place + 1}"

    def related(self) -> bool:
        """Whether answers of the submission show knowledge of the task, though none was right.

        Raises:
            CheckFailed: it gives no answers.
        """
        return False

    def own_parts_are_right(self) -> bool:
        """Whether what the first of `worlds` has of the submission's own is right: asked after a
        check failed there. Then the contract has only itself to blame."""
        return False

    def either(self, check: Callable[[], None]) -> None:
        """Follow-through: what is built on another question's work is not marked down for it.

        Args:
            check: it asks the submission in `self.world` and raises on a wrong answer.

        Raises:
            CheckFailed: that of the first world if the submission's own parts are right, else
                that of the last; none if the check passes in any world.
        """
        for place, world in enumerate(self.worlds, start=1):
            self.world = world
            try:
                check()
            except AssertionError:
                if place == len(self.worlds) or (place == 1 and self.own_parts_are_right()):
                    raise
            else:
                return

    def right(self) -> Iterator[Any]:
        """The implementations that are right: the reference, and the variants of `readings`."""
        yield self.reference
        for name in self.readings:
            yield self._fixture("readings")(name)

    def in_any_reading(self, compare: Callable[[Any], None]) -> None:
        """Compare with the reference, and with each of the readings until one agrees.

        Args:
            compare: compares with the implementation that it gets; it raises where they differ.

        Raises:
            CheckFailed: that of the comparison with the reference.
        """
        first: AssertionError | None = None
        for implementation in self.right():
            try:
                return compare(implementation)
            except AssertionError as failure:
                first = first or failure
        assert first is not None
        raise first


def _check(cls: type[Contract], method: str) -> Callable[[Any], None]:
    """The test of a law: one of the class's own, so that its marks are."""

    def check(self: Any) -> None:
        getattr(self, method)()

    check.__name__ = f"test_{method}"
    check.__qualname__ = f"{cls.__qualname__}.{check.__name__}"
    check.__doc__ = inspect.getdoc(getattr(cls, method))
    check.__module__ = cls.__module__
    # A class may change the method of a law, and what it shows.
    methods = [vars(kind)[method] for kind in cls.__mro__ if method in vars(kind)]
    check.shows = next(m.shows for m in methods if hasattr(m, "shows"))  # type: ignore[attr-defined]
    return check


def _noting_attempts(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def check(self: Any, **case: Any) -> None:
        test(self, **case)
        self._fixture("attempts").look(self.attempt or self.contract, self.related)

    return check


def _in_either_world(test: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(test)
    def check(self: Any, **case: Any) -> None:
        self.either(functools.partial(test, self, **case))

    return check
