"""Follow-through: what is built on another question's work is not marked down for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from grader.suite import driving
from grader.suite.laws.base import Contract
from grader.suite.laws.function import Arguments, Function

OWN, STAND_INS = "own parts", "stand-ins"
# Two right computations of one part in float32 agree to this.
PART_SLACK = 2e-4


class FollowThrough(Function):
    """A function that may be built on contracts which other questions mark.

    A check that fails is repeated with stand-ins in the place of these contracts, unless the
    submission's own are right. What is right on stand-ins is what the reference gives on them. A
    reference that does without these contracts needs `readings` that are built on them.

    Attributes:
        built_on: the classes of the same file that mark these contracts.
        stand_ins: the contracts that are replaced.
        stand_in_probe: the assignment's probe that replaces them, e.g. `c.with_stand_ins` for the
            one of `probes/c.py`.
        prepared: whether that probe is in between where nothing is replaced, too, because it
            prepares what the contract is called with.
    """

    built_on: ClassVar[tuple[type[Contract], ...]] = ()
    stand_ins: ClassVar[tuple[str, ...]] = ()
    prepared: ClassVar[bool] = False
    stand_in_probe: ClassVar[str] = "with_stand_ins"

    def __init_subclass__(cls, **header: Any) -> None:
        if cls.stand_ins:
            cls.worlds = (OWN, STAND_INS)
        super().__init_subclass__(**header)

    def part_inputs(self, draw: Any) -> Iterable[tuple[str, Arguments]]:
        """Contracts that no class of `built_on` marks, each with arguments for which a right one
        gives what the reference gives."""
        return []

    @property
    def replaced(self) -> tuple[str, ...]:
        """The contracts that have stand-ins in the world of now."""
        return self.stand_ins if self.world == STAND_INS else ()

    def enter(self, fixture: Callable[[str], Any]) -> None:
        super().enter(lambda name: self._on_parts(name, fixture(name)))

    def ask(self, implementation: Any, *args: Any) -> Any:
        run = implementation(driving.call, function=self.contract, args=list(args))
        return run["result"]

    def own_parts_are_right(self) -> bool:
        """Whether the submission's own contracts pass all that other questions ask of them, and
        agree with the reference for `part_inputs`."""
        for kind in self.built_on:
            part = kind()
            part.enter(self._fixture)
            for name in [n for n in dir(kind) if n.startswith("test_")]:
                try:
                    getattr(part, name)()
                except AssertionError:
                    return False
        return all(self._agrees(*part) for part in self.part_inputs(self.draw))

    def _agrees(self, function: str, args: Arguments) -> bool:
        call = driving.call
        for views in (False, True):
            asked = {"function": function, "args": args, "views": views}
            try:
                found = self.submission(call, **asked)["result"]
                wanted = self.reference(call, **asked)["result"]
                pair = [found, wanted] if isinstance(wanted, list) else [[found], [wanted]]
                for one, right in zip(*pair, strict=True):
                    self.expect.shape(one, tuple(right.shape))
                    self.expect.close(one, right, slack=PART_SLACK)
            except (AssertionError, TypeError, ValueError):
                return False
        return True

    def _on_parts(self, fixture: str, value: Any) -> Any:
        if not self.replaced and not self.prepared:
            return value
        if fixture == "readings":
            return lambda name: self._on_parts("reference", value(name))
        if fixture in ("submission", "reference"):
            return functools.partial(
                _asked_on, value, driving.find(self.probes, self.stand_in_probe), self.replaced
            )
        return value


def _asked_on(
    implementation: Any, with_stand_ins: Any, replaced: tuple[str, ...], probe: Any, **asked: Any
) -> Any:
    """An implementation's answer to one of the harness's probes, on stand-ins."""
    return implementation(with_stand_ins, other=probe.__name__, replaced=list(replaced), **asked)
