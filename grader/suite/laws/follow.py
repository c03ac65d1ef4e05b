"""Follow-through: what is built on another question's work is not marked down for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from grader.suite.laws.base import Contract
from grader.suite.laws.function import Function

OWN, STAND_INS = "own parts", "stand-ins"


class FollowThrough(Function):
    """A function that may be built on contracts which other questions mark.

    A check that fails is repeated with stand-ins in the place of these contracts, unless the
    submission's own are right. What is right on stand-ins is what the reference gives on them. A
    reference that does without these contracts needs `readings` that are built on them.

    Attributes:
        built_on: the classes that mark these contracts.
        stand_ins: what the assignment's probe `with_stand_ins` replaces, by contract.
    """

    built_on: ClassVar[tuple[type[Contract], ...]] = ()
    stand_ins: ClassVar[tuple[str, ...]] = ()
    replaced: tuple[str, ...] = ()  # as long as a check runs

    def __init_subclass__(cls, **header: Any) -> None:
        super().__init_subclass__(**header)
        for name, test in list(vars(cls).items()):
            if name.startswith("test_"):
                setattr(cls, name, _followed(test))

    def enter(self, fixture: Callable[[str], Any]) -> None:
        super().enter(lambda name: self._on_parts(name, fixture(name)))

    def ask(self, implementation: Any, *args: Any) -> Any:
        run = implementation(self.probes.call, function=self.contract, args=list(args))
        return run["result"]

    def parts_are_right(self) -> bool:
        """Whether the submission's own contracts pass all that other questions ask of them."""
        for kind in self.built_on:
            part = kind()
            part.enter(self._fixture)
            for name in [n for n in dir(kind) if n.startswith("test_")]:
                try:
                    getattr(part, name)()
                except AssertionError:
                    return False
        return True

    def _on_parts(self, fixture: str, value: Any) -> Any:
        if not self.replaced:
            return value
        if fixture == "readings":
            return lambda name: self._on_parts("reference", value(name))
        if fixture in ("submission", "reference"):
            return functools.partial(_asked_on, value, self.probes.with_stand_ins, self.replaced)
        return value


def _asked_on(
    implementation: Any, with_stand_ins: Any, replaced: tuple[str, ...], probe: Any, **asked: Any
) -> Any:
    """An implementation's answer to one of the harness's probes, on stand-ins."""
    return implementation(with_stand_ins, other=probe.__name__, replaced=list(replaced), **asked)


def _followed(test: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(test)
    def check(self: FollowThrough) -> None:
        def hold(replaced: tuple[str, ...]) -> None:
            self.replaced = replaced
            try:
                test(self)
            finally:
                self.replaced = ()

        self.either(
            lambda world: self.stand_ins if world == STAND_INS else (),
            hold,
            [OWN, STAND_INS] if self.stand_ins else [OWN],
            self.parts_are_right,
        )

    return check
