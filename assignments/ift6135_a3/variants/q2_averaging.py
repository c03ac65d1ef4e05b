"""Right ways to write 2.4: the moving average, `apply_exponential_moving_average`."""

import copy

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from grader.catalogue import Variants

average = Variants("gan.apply_exponential_moving_average")
average.edit(
    "average_with_mul_and_add",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter.mul_(alpha).add_(source_parameters[name], alpha=1 - alpha)",
    "in place, in two operations",
)
average.edit(
    "average_with_lerp",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter.lerp_(source_parameters[name], 1 - alpha)",
    "lerp_ goes a share of the way",
)
average.edit(
    "average_by_assigned_data",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter.data = alpha * parameter + (1 - alpha) * source_parameters[name]",
    "a new .data keeps the parameter object",
)
average.edit(
    "average_steps_towards_the_source",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter -= (1 - alpha) * (parameter - source_parameters[name])",
    "the way to the source, in place",
)
average.edit(
    "average_in_double",
    "parameter.copy_(alpha * parameter + (1 - alpha) * source_parameters[name])",
    "parameter.copy_(alpha * parameter.double() + (1 - alpha) * source_parameters[name])",
    "in float64, and copied back in float32",
)
average.edit(
    "average_in_inference_mode",
    "torch.no_grad()",
    "torch.inference_mode()",
    "inference mode records no graph either",
)


@average
def average_by_data_copy(source, target, alpha=0.998):
    """.data is not watched by autograd"""
    sources = dict(source.named_parameters())
    for name, t in target.named_parameters():
        t.data.copy_(alpha * t.data + (1 - alpha) * sources[name].data)


@average
def average_with_foreach(source, target, alpha=0.998):
    """one call for all parameters"""
    with torch.no_grad():
        targets, sources = list(target.parameters()), list(source.parameters())
        torch._foreach_mul_(targets, alpha)
        torch._foreach_add_(targets, sources, alpha=1 - alpha)


@average
def average_of_the_whole_state(source, target, alpha=0.998):
    """buffers may be averaged as well"""
    sources = source.state_dict()
    for name, t in target.state_dict().items():
        if t.is_floating_point():
            t.mul_(alpha).add_(sources[name], alpha=1 - alpha)
        else:
            t.copy_(sources[name])


@average
def average_loaded_as_a_state(source, target, alpha=0.998):
    """load_state_dict copies in place"""
    before, now = target.state_dict(), source.state_dict()
    target.load_state_dict({k: alpha * before[k] + (1 - alpha) * now[k] for k in before})


@average
def average_with_copied_buffers(source, target, alpha=0.998):
    """buffers may be copied from the source"""
    with torch.no_grad():
        for t, s in zip(target.parameters(), source.parameters(), strict=True):
            t.copy_(t * alpha + s.detach() * (1 - alpha))
        for t, s in zip(target.buffers(), source.buffers(), strict=True):
            t.copy_(s)


@average
def average_of_one_vector(source, target, alpha=0.998):
    """all parameters in one vector and back"""
    before = parameters_to_vector(target.parameters()).detach()
    now = parameters_to_vector(source.parameters()).detach()
    vector_to_parameters(alpha * before + (1 - alpha) * now, target.parameters())


@average
def average_with_a_scaled_copy(source, target, alpha=0.998):
    """a copy of the source may be scaled"""
    scaled = copy.deepcopy(source)
    with torch.no_grad():
        for s, t in zip(scaled.parameters(), target.parameters(), strict=True):
            t *= alpha
            t += s.mul_(1.0 - alpha)


@average
def average_of_the_library(source, target, alpha=0.998):
    """torch has this average"""
    update = torch.optim.swa_utils.get_ema_multi_avg_fn(alpha)
    update(list(target.parameters()), list(source.parameters()), None)
