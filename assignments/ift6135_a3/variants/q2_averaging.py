"""Right implementations of `apply_exponential_moving_average`."""

import copy

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from grader.catalogue import Variants

apply_exponential_moving_average = Variants("gan.apply_exponential_moving_average")


@apply_exponential_moving_average
def average_with_mul_and_add(source, target, alpha=0.998):
    """parameters() of equal models go together"""
    with torch.no_grad():
        for s, t in zip(source.parameters(), target.parameters(), strict=True):
            t.mul_(alpha).add_(s, alpha=1 - alpha)


@apply_exponential_moving_average
def average_with_lerp(source, target, alpha=0.998):
    """lerp_ goes a share of the way"""
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.lerp_(s, 1 - alpha)


@apply_exponential_moving_average
def average_by_data_copy(source, target, alpha=0.998):
    """.data is not watched by autograd"""
    sources = dict(source.named_parameters())
    for name, t in target.named_parameters():
        t.data.copy_(alpha * t.data + (1 - alpha) * sources[name].data)


@apply_exponential_moving_average
def average_by_assigned_data(source, target, alpha=0.998):
    """a new .data keeps the parameter object"""
    targets = dict(target.named_parameters())
    for name, s in source.named_parameters():
        targets[name].data = targets[name].data * alpha + s.data * (1 - alpha)


@apply_exponential_moving_average
def average_steps_towards_the_source(source, target, alpha=0.998):
    """the way to the source, in place"""
    with torch.no_grad():
        for name, t in target.named_parameters():
            t -= (1 - alpha) * (t - source.get_parameter(name))


@apply_exponential_moving_average
def average_with_foreach(source, target, alpha=0.998):
    """one call for all parameters"""
    with torch.no_grad():
        targets, sources = list(target.parameters()), list(source.parameters())
        torch._foreach_mul_(targets, alpha)
        torch._foreach_add_(targets, sources, alpha=1 - alpha)


@apply_exponential_moving_average
def average_of_the_whole_state(source, target, alpha=0.998):
    """buffers may be averaged as well"""
    sources = source.state_dict()
    for name, t in target.state_dict().items():
        if t.is_floating_point():
            t.mul_(alpha).add_(sources[name], alpha=1 - alpha)
        else:
            t.copy_(sources[name])


@apply_exponential_moving_average
def average_loaded_as_a_state(source, target, alpha=0.998):
    """load_state_dict copies in place"""
    before, now = target.state_dict(), source.state_dict()
    target.load_state_dict({k: alpha * before[k] + (1 - alpha) * now[k] for k in before})


@apply_exponential_moving_average
def average_with_copied_buffers(source, target, alpha=0.998):
    """buffers may be copied from the source"""
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.copy_(t * alpha + s.detach() * (1 - alpha))
        for t, s in zip(target.buffers(), source.buffers(), strict=True):
            t.copy_(s)


@apply_exponential_moving_average
def average_of_one_vector(source, target, alpha=0.998):
    """all parameters in one vector and back"""
    before = parameters_to_vector(target.parameters()).detach()
    now = parameters_to_vector(source.parameters()).detach()
    vector_to_parameters(alpha * before + (1 - alpha) * now, target.parameters())


@apply_exponential_moving_average
def average_with_a_scaled_copy(source, target, alpha=0.998):
    """a copy of the source may be scaled"""
    scaled = copy.deepcopy(source)
    with torch.no_grad():
        for s, t in zip(scaled.parameters(), target.parameters(), strict=True):
            t *= alpha
            t += s.mul_(1.0 - alpha)


@apply_exponential_moving_average
def average_of_the_library(source, target, alpha=0.998):
    """torch has this average"""
    update = torch.optim.swa_utils.get_ema_multi_avg_fn(alpha)
    update(list(target.parameters()), list(source.parameters()), None)


@apply_exponential_moving_average
def average_in_double(source, target, alpha=0.998):
    """in float64, and copied back in float32"""
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.copy_(alpha * t.double() + (1 - alpha) * s.double())


@apply_exponential_moving_average
def average_in_inference_mode(source, target, alpha=0.998):
    """inference mode records no graph either"""
    with torch.inference_mode():
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.mul_(alpha).add_((1 - alpha) * s)
