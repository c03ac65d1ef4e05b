"""Laws of a method of a model, those of a function whose first argument is the model; and laws of
a network that a submission builds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from grader.suite import driving
from grader.suite.laws.base import law
from grader.suite.laws.follow import FollowThrough
from grader.suite.laws.function import Arguments, Function

Call = tuple[str, Any]  # a method, `forward` for the network itself, and its argument


def model(name: str, *size: Any, **parameters: Any) -> dict[str, Any]:
    """A model as the first argument of a method; both sides make it of this.

    Args:
        name: of its class, e.g. `solution.Flow`.
        size: arguments of the class.
        parameters: values for its parameters, by their names in `named_parameters()`.
    """
    return {"model": name, "size": list(size), "parameters": parameters}


class Network(FollowThrough):
    """A contract that is a method: `inputs` begin with the model.

    `parameters` begin with what messages call the parameters of the model, e.g. `u, w and b`.
    """

    @property
    def name(self) -> str:
        return ".".join(self.contract.split(".")[1:])

    @property
    def usage(self) -> str:
        return f"{self.name}({', '.join(self.parameters[1:])})"

    def result_shape(self, *args: Any) -> tuple[int, ...]:
        return () if self.scalar else (len(args[1]),)

    def direction(self, argument: Any) -> Any:
        if not isinstance(argument, dict):
            return super().direction(argument)
        return {n: self.draw.normal(*p.shape) for n, p in argument["parameters"].items()}


class Architecture(Function):
    """A contract that is a class of networks whose layers the text names.

    Layers may be called anything. Parameters are known by their shapes: `driving.networks` gives
    them the same values in a submission and in the reference, which is the oracle then.

    Laws, by the name that a header gives them:

    `layers`: the parameters have the number and the shapes of the reference's.
    `rows`: each method gives a row for each example, for a single one as well.
    `trained`: what the network gives has a slope along every parameter.
    `same_in_training`: the methods of `steady` give the same in training and in evaluation.

    Attributes:
        size: arguments of the class.
        sizes: of its layers, in words.
        steady: methods that give the same in training and in evaluation.
        orders: whether matrices of one shape have changed places, in what is right.
        joined: shapes of parameters that may stand for two, each of half the rows.
    """

    size: ClassVar[tuple[Any, ...]] = ()
    sizes: ClassVar[str]
    steady: ClassVar[tuple[str, ...]] = ()
    orders: ClassVar[tuple[bool, ...]] = (False,)
    joined: ClassVar[tuple[tuple[int, ...], ...]] = ()

    # --- what a class fills in ----------------------------------------------------------------

    def calls(self, count: int) -> list[Call]:
        """Methods and arguments of so many examples; the last is the network itself."""
        raise NotImplementedError(f"{type(self).__name__} needs calls(self, count)")

    def has_shape(self, found: Any, wanted: Any, what: str) -> None:
        """For `rows`: a result has the shape of the reference's."""
        self.expect.shape(found, wanted.shape, what=what)

    # --- what tests use -----------------------------------------------------------------------

    def built(self, implementation: Any, *, probe: Any = driving.networks, **how: Any) -> Any:
        """What the probe finds; `how` are keywords of `driving.networks`."""
        network = {"function": self.contract, "size": self.size, "joined": self.joined}
        return implementation(probe, **network, **how)

    def run(self, implementation: Any, calls: list[Call], **how: Any) -> list[Any]:
        """What the methods give with parameters from a seed, which `how` holds."""
        found: list[Any] = self.built(implementation, calls=calls, **how)["results"]
        return found

    def ask(self, implementation: Any, *args: Any) -> Any:
        calls, seed = args
        return self.run(implementation, calls, seed=seed)

    def related_inputs(self, draw: Any, batch: int) -> Arguments | None:
        return [self.calls(batch)[-1:], draw.seed()]

    def said(self, method: str) -> str:
        """What a student calls a method."""
        return self.name if method == "forward" else f"{self.name}.{method}"

    def paired(self, found: Any, like: Any, what: str) -> list[tuple[Any, Any]]:
        """Each result of a method with the reference's."""
        if not isinstance(like, list):
            return [(found, like)]
        help = "Look at the docstring: what is returned, and in which order?"
        parts = self.expect.several(found, len(like), what=what, help=help)
        return list(zip(parts, like, strict=True))

    def is_one_of(self, found: Any, wanted: list[Any], what: str, help: str) -> None:
        """A result equals one of several, all of them right."""
        failures = []
        for candidate in wanted:
            try:
                for one, like in self.paired(found, candidate, what):
                    self.expect.close(one, like, what=what, help=help, slack=1e-3)
                return
            except AssertionError as failure:
                failures.append(failure)
        raise failures[0]

    def gives(
        self, place: int, help: str, kinds: Callable[[Any], list[Any]] = lambda wanted: [wanted]
    ) -> None:
        """A method gives what the reference gives with the same parameters.

        Args:
            place: of the method in `calls`.
            help: what the student should look at.
            kinds: what is right as well, from what the reference gives.
        """
        call = self.calls(5)[place]
        asked = {"calls": [call], "seed": self.draw.seed()}
        (found,) = self.run(self.submission, **asked)
        right = [self.run(self.reference, **asked, turned=t)[0] for t in self.orders]
        self.is_one_of(found, [k for r in right for k in kinds(r)], self.said(call[0]), help)

    # --- the laws -----------------------------------------------------------------------------

    @law("layers", shows=0.5)
    def has_the_layers_of_the_text(self) -> None:
        """Sizes are given, and so is the number of parameters."""
        found, wanted = (
            sorted(self.built(side, calls=[], seed=self.draw.seed())["shapes"])
            for side in (self.submission, self.reference)
        )
        count, total = (sum(map(math.prod, shapes)) for shapes in (found, wanted))
        help = f"Count the layers: {self.sizes}, each with a bias; nothing else has parameters."
        self.expect.true(
            count == total,
            f"{self.name} has {count:,} parameters; the text's layers have {total:,}",
            help,
        )
        told = f"the parameters of {self.name} are not those of the layers that the text names"
        self.expect.true(found == wanted, told, help, f"shapes {found}")

    @law("rows", shows=0)
    def gives_a_row_for_each_example(self) -> None:
        """Examples are rows, for a single one as well."""
        for count in (1, 5):
            calls, seed = self.calls(count), self.draw.seed()
            both = self.run(self.submission, [*calls, *self.calls(count)], seed=seed)
            wanted = self.run(self.reference, calls, seed=seed)
            for k, (method, _) in enumerate(calls):
                what = self.said(method)
                first, other = (
                    self.paired(b[k], wanted[k], what) for b in (both, both[len(calls) :])
                )
                for (found, like), (second, _) in zip(first, other, strict=True):
                    self.responds(found, second)
                    self.has_shape(found, like, what)

    @law("trained", shows=0)
    def is_trained_through(self) -> None:
        """What it gives has a slope along every parameter."""
        asked = {"calls": self.calls(40)[-1:], "seed": self.draw.seed(), "training": True}
        reached = self.built(self.submission, **asked)["reached"]
        self.expect.true(
            bool(reached) and all(reached),
            f"what {self.name} gives does not change with all parameters, as autograd sees it",
            "Look for .detach(), .item(), numpy or torch.no_grad() on the way.",
        )

    @law("same_in_training", shows=0)
    def is_the_same_in_training(self) -> None:
        """The text has no dropout here: the same input gives the same numbers in training and in
        evaluation. Whether they are right is another check's."""
        calls = [call for call in self.calls(4) if call[0] in self.steady]
        seed = self.draw.seed()
        usual, trained, other = (
            self.run(self.submission, calls, seed=number, training=training)
            for number, training in ((seed, False), (seed, True), (seed + 1, False))
        )
        likes = self.run(self.reference, calls, seed=seed)
        for (method, _), like, *results in zip(calls, likes, usual, trained, other, strict=True):
            pairs = (self.paired(result, like, self.said(method)) for result in results)
            for (one, _), (found, _), (second, _) in zip(*pairs, strict=True):
                self.responds(one, second)
                told = f"{self.said(method)} gives the same for all examples"
                alike = one.dim() == 0 or len(one) < 2 or bool((one[0] == one[1]).all())
                self.expect.true(not alike, told, "Is the network finished?")
                self.expect.close(
                    found,
                    one,
                    what=f"{self.said(method)} in training mode",
                    help="Nothing of it should be different in training.",
                    slack=1e-4,
                )
