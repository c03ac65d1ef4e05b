"""Laws of a function of tensors: values, shape, manners and slopes."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from grader.suite import driving
from grader.suite.laws.base import Contract, law
from grader.suite.laws.relation import Sample, numbers_in, related
from grader.suite.local import ReferenceFailed

Arguments = list[Any]
# Arguments, usual ones beside them, and what tells the former from the latter, in words.
Beside = tuple[Arguments, Arguments, str]

# Differences in float32 are good to about 0.1 % at the steps that are taken here; a detached
# factor changes a slope along a random direction by far more than these are.
SLOPE_RELATIVE, SLOPE_ABSOLUTE = 0.02, 5e-3
# How near values have to be to be called right before others are held against them: a formula
# that is wrong by a little in general is wrong there, not here.
RIGHT_ELSEWHERE = 1e-4
# Calls from which it is told whether answers are related to the right ones; more of them where
# each gives a single number, and fewer where the relation is plain.
RELATED_CALLS, RELATED_BATCHES, MORE_CALLS = 24, (6, 5, 7), 96
PLAIN_CALLS, PLAIN = (8, 24), 0.95


class Function(Contract):
    """A contract that is a function: the same arguments give the same tensor.

    Laws, by the name that a header gives them:

    `values`: the reference's values, for batches of several sizes, in whatever layout.
    `shape`: the shape of the result.
    `batch_of_one`: the axes of the result survive where one has the size one.
    `arguments`: the arguments hold the same values after the call.
    `layout`: parts of larger tensors give what tensors of their own give.
    `gradient`: autograd finds the slope that the function's own values have.
    `far_out`: the values are right far out as well, if they are nearby.
    `images`: images give what their flattened rows give.

    Attributes:
        scalar: whether the result is a single number, of shape ().
        slack, terms: as for `expect.close`, for the values.
        batches: sizes of the batches for which values are compared.
        step: of the central differences of `gradient`, in units of the arguments.
        slope_seed: for `gradient` of a function that draws: set before each call.
        results: of several results, the places of those whose gradients are looked at.
        far_slack: of `far_out`, in units of one plus the largest value.
        image_shapes: shapes of the images of `images`, with the batch.
    """

    scalar: ClassVar[bool] = False
    slack: ClassVar[float] = 0.0
    terms: ClassVar[int] = 1
    batches: ClassVar[tuple[int, ...]] = (4, 7, 64)
    step: ClassVar[float] = 0.005
    slope_seed: ClassVar[int | None] = None
    results: ClassVar[tuple[int, ...]] = (0,)
    far_slack: ClassVar[float] = 6e-3
    image_shapes: ClassVar[tuple[tuple[int, ...], ...]] = ((3, 1, 28, 28), (2, 3, 8, 6))

    # --- what a class fills in ----------------------------------------------------------------

    def inputs(self, draw: Any, batch: int = 4) -> Arguments:
        """Arguments of one call, for a batch of this size."""
        raise NotImplementedError(f"{type(self).__name__} needs inputs(self, draw, batch)")

    def result_shape(self, *args: Any) -> tuple[int, ...]:
        """The shape of the result for these arguments; by default one number per example."""
        return () if self.scalar else (len(args[0]),)

    def tolerance(self, *args: Any) -> dict[str, Any]:
        """Keywords for `expect.close` at these arguments, where they follow their sizes."""
        return {"slack": self.slack, "terms": self.terms}

    def thin(self, draw: Any) -> Iterable[Beside]:
        """For `batch_of_one`: arguments with another axis of size one, usual ones beside them,
        and what it is, in words such as `of one pixel each`."""
        return []

    def kept_inputs(self, draw: Any) -> Arguments:
        """For `arguments`: those that a function may be tempted to change."""
        return self.inputs(draw, batch=3)

    def slope_inputs(self, draw: Any) -> tuple[Arguments, list[int]]:
        """For `gradient`: where slopes are asked for, and the places of the arguments that are
        varied, one after the other."""
        return self.inputs(draw, batch=3), [0]

    def direction(self, argument: Any) -> Any:
        """For `gradient`: a random direction in an argument."""
        return self.draw.normal(*argument.shape)

    def far(self, draw: Any) -> Iterable[Beside]:
        """For `far_out`: arguments far out, usual ones beside them, and where that is, in words
        such as `for values around 1000`."""
        raise NotImplementedError(f"{type(self).__name__} needs far(self, draw) for far_out")

    def image_pair(self, draw: Any, *shape: int) -> tuple[Arguments, Arguments]:
        """For `images`: arguments of two calls with images of this shape. What they share has no
        part in the difference of the two results, which has to be right."""
        raise NotImplementedError(f"{type(self).__name__} needs image_pair(self, draw, *shape)")

    # --- what tests use -----------------------------------------------------------------------

    def ask(self, implementation: Any, *args: Any) -> Any:
        """The contract's result in an implementation."""
        for part in self.contract.split("."):
            implementation = getattr(implementation, part)
        return implementation(*args)

    def got(self, *args: Any) -> Any:
        """What the submission gives."""
        return self.ask(self.submission, *args)

    def called(self, args: Arguments, **how: Any) -> dict[str, Any]:
        """What the submission gives for copies of the arguments, as `result`, and what these are
        after the call, as `args`; `how` are further keywords of the probe `call`."""
        asked = {"function": self.contract, "args": args, **how}
        after: dict[str, Any] = self.submission(driving.call, **asked)
        return after

    def read(self, value: Any, like: Any, what: str) -> Any:
        """The values of a result: one for each example, whatever its layout, where `like` has
        the shape (B,) or (B, 1); else as it is. `shape` marks the layout."""
        like = torch.as_tensor(like)
        one_each = like.dim() > 0 and like.shape == (len(like), 1)[: like.dim()]
        return self.expect.each(value, len(like), what=what) if one_each else value

    def same(
        self,
        *args: Any,
        what: str = "",
        help: str = "",
        relative: float = 0.0,
        **tolerance: Any,
    ) -> None:
        """The submission gives what the reference or a reading gives.

        Args:
            args: of the call.
            what: the subject of the sentence that the student reads.
            help: what the student should look at.
            relative: slack in units of one plus the largest value, in place of `tolerance()`.
            tolerance: keywords for `expect.close`, in place of `tolerance()`.
        """
        what, got = what or self.usage, self.got(*args)

        def compare(implementation: Any) -> None:
            wanted = torch.as_tensor(self.ask(implementation, *args))
            room = self.tolerance(*args) | tolerance
            if relative:
                room = {"slack": relative * (1 + float(wanted.abs().max()))} | tolerance
            self.expect.close(self.read(got, wanted, what), wanted, what=what, help=help, **room)

        self.in_any_reading(compare)

    def same_change(
        self,
        first: Arguments,
        second: Arguments,
        what: str = "",
        help: str = "",
        relative: float = 1e-4,
    ) -> None:
        """f(first) - f(second) is what it should be: a constant of the submission's own cancels.

        Args:
            first, second: arguments of the two calls.
            what: the subject of the sentence that the student reads.
            help: what the student should look at.
            relative: slack in units of the larger of the two values, besides `tolerance()`.
        """
        what = what or f"the difference of {self.name} between two inputs"
        answers = [self.got(*args) for args in (first, second)]

        def compare(implementation: Any) -> None:
            wanted = [torch.as_tensor(self.ask(implementation, *args)) for args in (first, second)]
            got = [
                torch.as_tensor(self.read(answer, value, what)).double()
                for answer, value in zip(answers, wanted, strict=True)
            ]
            for value in got:
                self.expect.finite(value, what=what, help=help)
            scale = max(float(w.abs().max()) for w in wanted)
            room = self.tolerance(*first)["slack"] + relative * scale + 1e-4
            change = wanted[0] - wanted[1]
            self.expect.close(
                got[0] - got[1], change, what=what, help=help, scale=scale, slack=room
            )

        self.in_any_reading(compare)

    def same_as_usual(
        self, args: Arguments, usual: Arguments, what: str, help: str, relative: float
    ) -> None:
        """The values for `args` are right, if those for `usual` are, of which another check says
        whether they are.

        Args:
            args: where the values are held against the reference.
            usual: where they have to be right before.
            what: the subject of the sentence that the student reads.
            help: what the student should look at.
            relative: slack in units of one plus the largest value.
        """
        try:
            self.same(*usual, what=what, relative=RIGHT_ELSEWHERE)
        except AssertionError:
            return
        self.same(*args, what=what, help=help, relative=relative)

    def responds(self, result: Any, other: Any) -> None:
        """Two results are numbers, and differ: a function that ignores its arguments has no shape
        and no manners to be marked."""
        self.expect.finite(result, what=self.usage)
        self.expect.finite(other, what=self.usage)
        same = torch.equal(torch.as_tensor(result).double(), torch.as_tensor(other).double())
        self.expect.true(
            not same,
            f"{self.usage} is the same for two different inputs",
            "Is the function finished?",
        )

    def answers(self, batch: int) -> tuple[Any, Arguments]:
        """A result of the submission, which responds, and the arguments it is for."""
        args, other = (self.inputs(self.draw, batch=batch) for _ in range(2))
        result = self.got(*args)
        self.responds(result, self.got(*other))
        return result, args

    def related_inputs(self, draw: Any, batch: int) -> Arguments | None:
        """Arguments of a call from which it is told whether answers are related to the right ones;
        None where that cannot be told."""
        return None if type(self).inputs is Function.inputs else self.inputs(draw, batch)

    def related(self) -> bool:
        samples: list[Sample] = []
        for batch in itertools.islice(itertools.cycle(RELATED_BATCHES), MORE_CALLS):
            args = self.related_inputs(self.draw, batch)
            if args is None:
                return False
            samples.append(Sample(args, self.got(*args), self.ask(self.reference, *args)))
            if len(samples) in PLAIN_CALLS and related(samples, self._neighbours, PLAIN):
                return True
            if len(samples) == RELATED_CALLS and numbers_in(samples[0].right) > 1:
                break
        return related(samples, self._neighbours)

    def _neighbours(self, sample: Sample) -> dict[str, Any]:
        """What the reference's other contracts of the same file make of these arguments."""
        found = {}
        for name in self._fixture("attempts").neighbours(self.contract):
            with contextlib.suppress(ReferenceFailed):
                found[name] = self.reference(driving.call, function=name, args=sample.args)[
                    "result"
                ]
        return found

    # --- the laws -----------------------------------------------------------------------------

    @law("values")
    def has_the_right_values(self) -> None:
        """The values are those of the definition, whatever the sizes."""
        for batch in self.batches:
            self.same(*self.inputs(self.draw, batch), help=self.look_at.get("values", ""))

    @law("shape", shows=0)
    def has_the_right_shape(self) -> None:
        """The result has the shape that the contract says: a further axis of size one broadcasts
        silently later on."""
        # More examples than other axes have elements, or one axis could be taken for another.
        result, args = self.answers(batch=13)
        self.expect.shape(
            result, self.result_shape(*args), what=self.usage, help=self.look_at.get("shape", "")
        )

    @law("batch_of_one", shows=0)
    def keeps_a_batch_of_one(self) -> None:
        """The last batch of a data set may hold one example: the batch axis has to survive, and
        so has any other axis of size one."""
        help = self.look_at.get(
            "batch_of_one",
            "A bare squeeze() removes every axis of size one; name the axis that should go.",
        )
        result, args = self.answers(batch=1)
        axes = torch.as_tensor(self.got(*self.inputs(self.draw, batch=4))).dim()
        self.expect.true(
            torch.as_tensor(result).dim() >= min(axes, len(self.result_shape(*args))),
            f"{self.usage} has no batch axis left when the batch holds one example",
            help,
        )
        for one, usual, which in self.thin(self.draw):
            self.same_as_usual(one, usual, f"{self.name} {which}", help, relative=1e-3)

    @law("arguments", shows=0)
    def leaves_its_arguments_alone(self) -> None:
        """The caller still needs the arguments after the call."""
        given, other = self.kept_inputs(self.draw), self.inputs(self.draw, batch=3)
        after, again = self.called(given), self.called(other)
        self.responds(after["result"], again["result"])
        for place, (left, was) in enumerate(zip(after["args"], given, strict=True)):
            if isinstance(was, Tensor | np.ndarray):
                self.expect.unchanged(
                    left,
                    was,
                    what=f"{self.parameter(place)} of {self.name}",
                    help=self.look_at.get("arguments", ""),
                )

    @law("layout", shows=0)
    def takes_parts_of_larger_tensors(self) -> None:
        """Heads that a layer cuts out, or the last places of a text, do not follow each other in
        memory. The values are the same, whatever they are."""
        args, other = (self.inputs(self.draw, batch=3) for _ in range(2))
        own, cut = self.called(args)["result"], self.called(args, views=True)["result"]
        self.responds(own, self.called(other)["result"])
        self.expect.close(
            cut,
            own,
            what=f"{self.name} of parts of larger tensors",
            help=self.look_at.get(
                "layout", "reshape takes tensors of any layout in memory, view does not."
            ),
            slack=1e-4 * (1 + float(torch.as_tensor(own).abs().max())),
        )

    @law("gradient", shows=0)
    def has_the_gradient_of_its_values(self) -> None:
        """What is trained learns through this function: autograd must find the slope that the
        values themselves have. The values are the submission's own; whether they are right is
        not asked."""
        args, varied = self.slope_inputs(self.draw)
        for place, result in itertools.product(varied, self.results):
            directions = [
                [self.direction(a) if i == place else None for i, a in enumerate(args)]
                for _ in range(3)
            ]
            slopes = self.submission(
                driving.slopes,
                function=self.contract,
                args=args,
                directions=directions,
                step=self.step,
                seed=self.slope_seed,
                result=result,
            )
            found, wanted = torch.tensor(slopes["autograd"]), torch.tensor(slopes["differences"])
            detail = f"autograd {slopes['autograd']}, differences {slopes['differences']}"
            size = float(wanted.abs().max())
            self.expect.true(
                math.isfinite(size) and size > 1e-2,
                f"{self.name} does not depend on {self.parameter(place)}",
                "Is the function finished?",
                detail,
            )
            self.expect.true(
                bool(((found - wanted).abs() <= SLOPE_RELATIVE * size + SLOPE_ABSOLUTE).all()),
                f"{self.name} is not differentiated with respect to {self.parameter(place)} as "
                "its values say",
                self.look_at.get(
                    "gradient",
                    "Look for .data, .detach(), .item(), numpy or torch.no_grad() on the way.",
                ),
                detail,
            )

    @law("far_out", shows=0)
    def is_right_far_out(self) -> None:
        """Models are bigger and surer than examples: what leaves the range of float32 on the way
        is lost there, though the formula is right."""
        self.answers(batch=4)
        help = self.look_at.get(
            "far_out", "Look for an exponential or a product of many that leaves float32's range."
        )
        for args, usual, where in self.far(self.draw):
            self.same_as_usual(args, usual, f"{self.name} {where}", help, self.far_slack)

    @law("images")
    def takes_images_as_rows(self) -> None:
        """All axes but the first belong to one example, however many there are. Values that are
        wrong for images and rows alike are another check's, up to a constant."""
        what = f"{self.name} of images"
        help = self.look_at.get("images", "Flatten all axes but the first.")
        for shape in self.image_shapes:
            first, second = self.image_pair(self.draw, *shape)
            self.same_change(first, second, what, help)
            rows = [
                a.reshape(shape[0], -1) if isinstance(a, Tensor) and a.shape == shape else a
                for a in first
            ]
            wanted = self.ask(self.reference, *rows)
            image, row = (self.read(self.got(*args), wanted, what) for args in (first, rows))
            size = float(torch.as_tensor(row).abs().max())
            self.expect.close(image, row, what=what, help=help, slack=1e-4 * (1 + size))
