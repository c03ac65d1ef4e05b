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
        prepared: whether that probe is in between where nothing is replaced, too, because it
            prepares what the contract is called with.
    """

    built_on: ClassVar[tuple[type[Contract], ...]] = ()
    stand_ins: ClassVar[tuple[str, ...]] = ()
    prepared: ClassVar[bool] = False

    def __init_subclass__(cls, **header: Any) -> None:
        if cls.stand_ins:
            cls.worlds = (OWN, STAND_INS)
        super().__init_subclass__(**header)

    @property
    def replaced(self) -> tuple[str, ...]:
        """The contracts that have stand-ins in the world of now."""
        return self.stand_ins if self.world == STAND_INS else ()

    def enter(self, fixture: Callable[[str], Any]) -> None:
        super().enter(lambda name: self._on_parts(name, fixture(name)))

    def ask(self, implementation: Any, *args: Any) -> Any:
        run = implementation(self.probes.call, function=self.contract, args=list(args))
        return run["result"]

    def own_parts_are_right(self) -> bool:
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
        if not self.replaced and not self.prepared:
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
