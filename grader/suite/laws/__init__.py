"""Laws that contracts owe: a test class of a hidden suite inherits them and names those it wants.

`base.py` has what all kinds of contract share, `function.py` the laws of a function of tensors,
`network.py` those of a method of a model and of an architecture, `draws.py` those of random draws,
`step.py` those of a training step, `follow.py` what is built on other questions' work. Each law has
a mistake that breaks it in `grader/catalogue/law_mistakes.py`, but for `far_out` and
`distribution`: what is wrong there depends on the formula, so a catalogue has mistakes of its own
for it.
"""

from grader.suite.laws.base import Contract, form, law, partial, weight
from grader.suite.laws.draws import Draws, generator, has_standard_moments, is_normal
from grader.suite.laws.follow import FollowThrough
from grader.suite.laws.function import Function
from grader.suite.laws.network import Architecture, Network, model
from grader.suite.laws.step import Step

__all__ = [
    "Architecture",
    "Contract",
    "Draws",
    "FollowThrough",
    "Function",
    "Network",
    "Step",
    "form",
    "generator",
    "has_standard_moments",
    "is_normal",
    "law",
    "model",
    "partial",
    "weight",
]
