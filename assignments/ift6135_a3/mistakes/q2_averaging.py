"""Mistakes in 2.4: the moving average, `apply_exponential_moving_average`."""

import torch
from torch import nn

from grader.catalogue import Mistakes


def pairs(source, target):
    """Each parameter of the target with the one of the same name in the source."""
    return list(zip(target.parameters(), source.parameters(), strict=True))


moves = Mistakes("gan.apply_exponential_moving_average", "test_moves_the_target_towards_the_source")
moves.edit(
    "average_with_alpha_on_the_source",
    "alpha * parameter + (1 - alpha) * source_parameters[name]",
    "(1 - alpha) * parameter + alpha * source_parameters[name]",
    """alpha is on the wrong side: it is the share of the old target that stays, and close to one so
    that the target moves slowly.""",
)
moves.edit(
    "average_bound_to_a_local_name",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter = alpha * parameter + (1 - alpha) * source_parameters[name]",
    """The result is bound to a local name and forgotten, and the target stays what it was. An
    assignment to a variable changes no tensor; an in-place operation does.""",
)
moves.edit(
    "average_under_the_eyes_of_autograd",
    "torch.no_grad()",
    "torch.enable_grad()",
    """Parameters that require a gradient cannot be changed in place while autograd is watching. The
    update is no part of any graph: switch the recording off around it.""",
)
moves.edit(
    "average_without_the_decay",
    "alpha * parameter + (1",
    "parameter + (1",
    """The source's share is added without taking anything from the old target, so the parameters
    grow at every step. The two shares add up to one.""",
)
moves.edit(
    "average_with_the_share_twice",
    "(1 - alpha) *",
    "(1 - alpha) ** 2 *",
    """The source's share is multiplied by 1 - alpha twice, so the two shares no longer add up to
    one and the average shrinks.""",
)
moves.edit(
    "average_with_alpha_on_both",
    "(1 - alpha) *",
    "alpha *",
    """Both parts are multiplied by alpha. What the target gives up, 1 - alpha, is what the source
    contributes.""",
)
moves.edit(
    "average_moves_away",
    "alpha * parameter + (1 - alpha) * source_parameters[name]",
    "(2 - alpha) * parameter - (1 - alpha) * source_parameters[name]",
    """The step goes away from the source: from the target, the way to the source is the source
    minus the target.""",
)
moves.edit(
    "average_of_the_first_parameter",
    "source_parameters[name])",
    """source_parameters[name])
            return""",
    "Only the first parameter is averaged: the loop is left at its end after one turn.",
)
moves.edit(
    "average_of_the_weights_only",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    """if "weight" in name:
                parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])""",
    "Only parameters called weight are averaged. The biases are parameters as well.",
)
moves.edit(
    "average_ignores_alpha",
    "alpha * parameter + (1 - alpha)",
    "0.998 * parameter + 0.002",
    "The number 0.998 is written into the formula, and the argument alpha is not used.",
)


@moves
def average_copies_the_source(source, target, alpha=0.998):
    """The source is copied, so nothing is averaged: the old target has to keep its share."""
    target.load_state_dict(source.state_dict())


@moves
def average_of_the_outer_layers(source, target, alpha=0.998):
    """Only the outermost layers are averaged. Modules lie inside modules, and named_parameters goes
    through all of them."""
    with torch.no_grad():
        for outer, inner in zip(target.children(), source.children(), strict=True):
            for name, t in outer.named_parameters(recurse=False):
                t.copy_(alpha * t + (1 - alpha) * inner.get_parameter(name))


@Mistakes("gan.apply_exponential_moving_average", "test_keeps_the_targets_parameters")
def average_replaces_the_parameters(source, target, alpha=0.998):
    """The values are right, but the target gets new parameter objects. Whoever holds the old ones
    does not see the change: update them in place."""
    for name, s in source.named_parameters():
        path, _, last = name.rpartition(".")
        module = target.get_submodule(path)
        setattr(module, last, nn.Parameter(alpha * getattr(module, last) + (1 - alpha) * s))


source = Mistakes("gan.apply_exponential_moving_average", "test_leaves_the_source_as_it_is")
source.edit(
    "average_written_into_both",
    "source_parameters[name])",
    """source_parameters[name])
            source_parameters[name].copy_(parameter)""",
    """The average is written into both models. The source is the model in training and stays as it
    is.""",
)
source.edit(
    "average_scales_the_source_in_place",
    "(1 - alpha) * source_parameters[name]",
    "source_parameters[name].mul_(1 - alpha)",
    """The source is multiplied in place on the way to the average, so the model in training shrinks
    at every step.""",
)


@source
def average_moves_the_source(source, target, alpha=0.998):
    """It is the model in training that is moved towards the average. The average follows; the
    source is only read."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            s.copy_(alpha * s + (1 - alpha) * t)


@source
def average_freezes_the_source(source, target, alpha=0.998):
    """The gradient is switched off in the source's parameters, and stays off: the generator learns
    nothing from the second step on. torch.no_grad() ends with its block."""
    for t, s in pairs(source, target):
        s.requires_grad_(False)
        t.data.copy_(alpha * t.data + (1 - alpha) * s)


Mistakes("gan.apply_exponential_moving_average", "test_uses_the_default_alpha").edit(
    "average_with_another_default",
    "alpha: float = 0.998",
    "alpha: float = 0.9",
    """The default of alpha has been changed. It is given in the signature, 0.998, and callers rely
    on it.""",
)

without_gradients = Mistakes(
    "gan.apply_exponential_moving_average", "test_averages_parameters_without_gradients_too"
)
without_gradients.edit(
    "average_passes_over_a_frozen_target",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    """if parameter.requires_grad:
                parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])""",
    """Parameters of the target that do not require a gradient are passed over. A test generator is
    never trained, so all of its parameters may be such.""",
)


@without_gradients
def average_passes_over_a_frozen_source(source, target, alpha=0.998):
    """Parameters of the source that do not require a gradient are passed over. Every parameter is
    averaged, whether it learns at the moment or not."""
    with torch.no_grad():
        for new, kept in zip(source.parameters(), target.parameters(), strict=True):
            if new.requires_grad:
                kept.mul_(alpha).add_(new, alpha=1 - alpha)
