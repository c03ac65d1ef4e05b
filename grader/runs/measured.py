"""What the functions of an assignment's `measures` get and give."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.assignment import Setting
from grader.data import DataSet
from grader.measures.artefacts import ArtefactError
from grader.measures.estimate import Estimate, MeasureError


@dataclass(frozen=True)
class Measurement:
    """A figure of one measure.

    Attributes:
        name: of the measure in `assignment.toml`.
        estimate: the figure; None where there is none, which counts as a threshold missed.
        claim: the same figure as the submission has it.
        problem: why there is no figure.
    """

    name: str
    estimate: Estimate | None
    claim: float | None = None
    problem: str = ""


def measurement(
    name: str, compute: Callable[[], Estimate], claim: float | None = None
) -> Measurement:
    """A figure, or why it cannot be had, so that the other figures of the run are."""
    try:
        return Measurement(name, compute(), claim)
    except (MeasureError, ArtefactError) as error:
        return Measurement(name, None, claim, str(error))


@dataclass(frozen=True)
class Drawing:
    """A picture, as the bytes of a PNG file."""

    name: str
    title: str
    png: bytes
    alternative: str


@dataclass(frozen=True)
class Measured:
    """What the measures of a run give for one case."""

    figures: tuple[Measurement, ...] = ()
    drawings: tuple[Drawing, ...] = ()


@dataclass(frozen=True)
class Context:
    """What a function of `measures` may use besides the artefacts.

    Attributes:
        case, steps, settings: of the run, as the run got them.
        seed: for whatever the measure draws; other than that of the training.
        data: gives a data set by its name.
        given: gives a module of the reference's folder by its name: the architectures.
        cache: a folder for what is costly and the same for all submissions.
    """

    case: str
    steps: int
    settings: Mapping[str, Setting]
    seed: int
    data: Callable[[str], DataSet]
    given: Callable[[str], types.ModuleType]
    cache: Path
