"""What a case of a run left, as a function of an assignment's `measures` asks for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import nn

from grader import pictures
from grader.measures.arrangements import arrangements
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, MeasureError
from grader.measures.weights import load_weights
from grader.runs.artefacts import Array, Artefacts
from grader.runs.execute import Context, Drawing, Measurement, measurement

# What a curve may be drawn over, the first that it has.
AXES = ("step", "epoch")


class Left:
    """The artefacts of a case, which came from a stranger, and what they are measured with.

    Args:
        artefacts: what was trained, or was handed in.
        context: of the measure.
    """

    def __init__(self, artefacts: Artefacts, context: Context) -> None:
        self.artefacts = artefacts
        self.context = context

    def figure(
        self, name: str, compute: Callable[[], Estimate], claim: str | None = None
    ) -> Measurement:
        """A figure with the submission's claim, or why it cannot be had.

        Args:
            name: of the figure.
            compute: gives it; `MeasureError` and `ArtefactError` leave the other figures alone.
            claim: the claim's name where it is not that of the figure.
        """
        return measurement(name, compute, self.artefacts.claims.get(claim or name))

    def setting(self, name: str) -> Any:
        """A setting of the profile.

        Raises:
            KeyError: the profile has none of this name; the message has those that it has.
        """
        if name not in self.context.settings:
            known = ", ".join(self.context.settings) or "none"
            raise KeyError(f"there is no setting {name!r}; there are {known}")
        return self.context.settings[name]

    @property
    def seed_of_the_run(self) -> int:
        """The seed that the run was started with; that of its measures is the next one."""
        return (self.context.seed - 1) % 2**31

    def array(self, name: str, shape: tuple[int, ...] | None = None) -> Array:
        """An array in double precision.

        Raises:
            ArtefactError: it is missing, or has another shape.
        """
        if name not in self.artefacts.arrays:
            raise ArtefactError(f"the array {name!r} is missing")
        array = np.asarray(self.artefacts.arrays[name], dtype=np.float64)
        if shape is not None and array.shape != shape:
            raise ArtefactError(f"{name!r} has shape {array.shape}; {shape} is asked for")
        return array

    def number(self, name: str) -> float:
        """A number that the submission's function gave, or that was handed in as a claim.

        Raises:
            MeasureError: there is none, or it is not one finite number.
        """
        words = name.replace("_", " ")
        if name in self.artefacts.arrays:
            value = np.ravel(self.array(name))
        elif name in self.artefacts.claims:
            value = np.array([self.artefacts.claims[name]])
        else:
            raise MeasureError(f"there is no {words}")
        if value.size != 1 or not math.isfinite(value[0]):
            raise MeasureError(f"the {words} is not one finite number")
        return float(value[0])

    def weights(self) -> Mapping[str, Array]:
        """The one set of weights.

        Raises:
            ArtefactError: there are none, or several.
        """
        sets = self.artefacts.weights
        if len(sets) != 1:
            raise ArtefactError(f"{len(sets)} sets of weights; one was asked for")
        return next(iter(sets.values()))

    def snapshots(self, name: str, most: int | None = None) -> dict[int, Mapping[str, Array]]:
        """The sets of weights `<name>-<step>` by their steps, in order.

        What was handed in is a single set under any name, and that of the last step.

        Args:
            name: of the network.
            most: how many the run makes; each costs as much to measure as the last one.

        Raises:
            ArtefactError: there are more, or there is none.
        """
        sets = self.artefacts.weights
        if most is not None and len(sets) > most:
            raise ArtefactError(
                f"there are {len(sets)} snapshots of the {name}; the run makes {most}, "
                "and no more are measured"
            )
        steps = {
            int(key.removeprefix(f"{name}-")): weights
            for key, weights in sets.items()
            if key.startswith(f"{name}-") and key.removeprefix(f"{name}-").isdecimal()
        }
        return dict(sorted(steps.items())) or {self.context.steps: self.weights()}

    def network(
        self,
        module: str,
        kind: str,
        *args: Any,
        weights: Mapping[str, Array] | None = None,
        any_names: bool = False,
        better: Callable[[Any], float] | None = None,
    ) -> Any:
        """A network of the reference with the weights that were left, in evaluation mode.

        Args:
            module, kind: the given module and its class.
            args: of the class.
            weights: a set of several; else the only one.
            any_names: names of layers are the students' own; shapes tell which layer is which.
            better: with `any_names`, says how good a network is: of the arrangements of layers
                that have one shape the best is taken. `MeasureError` counts as the worst.

        Raises:
            ArtefactError: the weights do not fit.
        """
        tensors = self.weights() if weights is None else weights

        def made(named: Mapping[str, Any]) -> nn.Module:
            network: nn.Module = getattr(self.context.given(module), kind)(*args)
            load_weights(network, named)
            return network.eval()

        if not any_names:
            return made(tensors)
        found = arrangements(tensors, getattr(self.context.given(module), kind)(*args))
        if better is None:
            return made(next(found))

        def goodness(network: Any) -> float:
            try:
                return better(network)
            except MeasureError:
                return -math.inf

        return max(map(made, found), key=goodness)

    def curves(self, label: str) -> tuple[Drawing, ...]:
        """The curves of the training over its steps or epochs; none where it left none.

        Args:
            label: of the vertical axis.
        """
        columns = self.artefacts.curves.get("training", {})
        x = next((axis for axis in AXES if len(columns.get(axis, ()))), None)
        if x is None:
            return ()
        ys = [name for name in columns if name != x]
        png = pictures.curve(columns, x=x, ys=ys, title="training", ylabel=label)
        words = f"{', '.join(ys)} over the {x}s of the training"
        return (Drawing("training", "Training", png, words),)
