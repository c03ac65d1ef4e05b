"""Mistakes in `apply_exponential_moving_average`."""

import torch
from torch import nn

from grader.catalogue import Mistakes


def pairs(source, target):
    """Each parameter of the target with the one of the same name in the source."""
    return list(zip(target.parameters(), source.parameters(), strict=True))


moves = Mistakes("gan.apply_exponential_moving_average", "test_target_moves_towards_the_source")


@moves
def average_with_alpha_on_the_source(source, target, alpha=0.998):
    """alpha is on the wrong side: it is the share of the old target that stays, and close to one so
    that the target moves slowly."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.copy_((1 - alpha) * t + alpha * s)


@moves
def average_bound_to_a_local_name(source, target, alpha=0.998):
    """The result is bound to a local name and forgotten, and the target stays what it was. An
    assignment to a variable changes no tensor; an in-place operation does."""
    for t, s in pairs(source, target):
        t = alpha * t + (1 - alpha) * s


@moves
def average_under_the_eyes_of_autograd(source, target, alpha=0.998):
    """Parameters that require a gradient cannot be changed in place while autograd is watching. The
    update is no part of any graph: switch the recording off around it."""
    for t, s in pairs(source, target):
        t.mul_(alpha).add_((1 - alpha) * s)


@moves
def average_copies_the_source(source, target, alpha=0.998):
    """The source is copied, so nothing is averaged: the old target has to keep its share."""
    target.load_state_dict(source.state_dict())


@moves
def average_without_the_decay(source, target, alpha=0.998):
    """The source's share is added without taking anything from the old target, so the parameters
    grow at every step. The two shares add up to one."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.add_((1 - alpha) * s)


@moves
def average_with_the_share_twice(source, target, alpha=0.998):
    """The source's share is multiplied by 1 - alpha twice, so the two shares no longer add up to
    one and the average shrinks."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            share = (1 - alpha) * s
            t.mul_(alpha).add_(share, alpha=1 - alpha)


@moves
def average_with_alpha_on_both(source, target, alpha=0.998):
    """Both parts are multiplied by alpha. What the target gives up, 1 - alpha, is what the source
    contributes."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.add_(s).mul_(alpha)


@moves
def average_moves_away(source, target, alpha=0.998):
    """The step goes away from the source: from the target, the way to the source is the source
    minus the target."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.add_((1 - alpha) * (t - s))


@moves
def average_of_the_first_parameter(source, target, alpha=0.998):
    """Only the first parameter is averaged: the loop is left at its end after one turn."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.copy_(alpha * t + (1 - alpha) * s)
            return


@moves
def average_of_the_weights_only(source, target, alpha=0.998):
    """Only parameters called weight are averaged. The biases are parameters as well."""
    sources = dict(source.named_parameters())
    with torch.no_grad():
        for name, t in target.named_parameters():
            if "weight" in name:
                t.copy_(alpha * t + (1 - alpha) * sources[name])


@moves
def average_of_the_outer_layers(source, target, alpha=0.998):
    """Only the outermost layers are averaged. Modules lie inside modules, and named_parameters goes
    through all of them."""
    with torch.no_grad():
        for outer, inner in zip(target.children(), source.children(), strict=True):
            for name, t in outer.named_parameters(recurse=False):
                t.copy_(alpha * t + (1 - alpha) * inner.get_parameter(name))


@moves
def average_ignores_alpha(source, target, alpha=0.998):
    """The number 0.998 is written into the formula, and the argument alpha is not used."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.copy_(0.998 * t + 0.002 * s)


parameters = Mistakes("gan.apply_exponential_moving_average", "test_target_keeps_its_parameters")


@parameters
def average_replaces_the_parameters(source, target, alpha=0.998):
    """The values are right, but the target gets new parameter objects. Whoever holds the old ones
    does not see the change: update them in place."""
    for name, s in source.named_parameters():
        path, _, last = name.rpartition(".")
        module = target.get_submodule(path)
        setattr(module, last, nn.Parameter(alpha * getattr(module, last) + (1 - alpha) * s))


source = Mistakes("gan.apply_exponential_moving_average", "test_source_stays_as_it_is")


@source
def average_moves_the_source(source, target, alpha=0.998):
    """It is the model in training that is moved towards the average. The average follows; the
    source is only read."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            s.copy_(alpha * s + (1 - alpha) * t)


@source
def average_written_into_both(source, target, alpha=0.998):
    """The average is written into both models. The source is the model in training and stays as it
    is."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.copy_(alpha * t + (1 - alpha) * s)
            s.copy_(t)


@source
def average_scales_the_source_in_place(source, target, alpha=0.998):
    """The source is multiplied in place on the way to the average, so the model in training shrinks
    at every step."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.mul_(alpha).add_(s.mul_(1 - alpha))


@source
def average_freezes_the_source(source, target, alpha=0.998):
    """The gradient is switched off in the source's parameters, and stays off: the generator learns
    nothing from the second step on. torch.no_grad() ends with its block."""
    for t, s in pairs(source, target):
        s.requires_grad_(False)
        t.data.copy_(alpha * t.data + (1 - alpha) * s)


default = Mistakes("gan.apply_exponential_moving_average", "test_default_alpha_is_used")


@default
def average_with_another_default(source, target, alpha=0.9):
    """The default of alpha has been changed. It is given in the signature, 0.998, and callers rely
    on it."""
    with torch.no_grad():
        for t, s in pairs(source, target):
            t.copy_(alpha * t + (1 - alpha) * s)


without_gradients = Mistakes(
    "gan.apply_exponential_moving_average", "test_parameters_without_gradients_are_averaged_too"
)


@without_gradients
def average_passes_over_a_frozen_target(source, target, alpha=0.998):
    """Parameters of the target that do not require a gradient are passed over. A test generator is
    never trained, so all of its parameters may be such."""
    with torch.no_grad():
        for new, kept in zip(source.parameters(), target.parameters(), strict=True):
            if kept.requires_grad:
                kept.mul_(alpha).add_(new, alpha=1 - alpha)


@without_gradients
def average_passes_over_a_frozen_source(source, target, alpha=0.998):
    """Parameters of the source that do not require a gradient are passed over. Every parameter is
    averaged, whether it learns at the moment or not."""
    with torch.no_grad():
        for new, kept in zip(source.parameters(), target.parameters(), strict=True):
            if new.requires_grad:
                kept.mul_(alpha).add_(new, alpha=1 - alpha)
