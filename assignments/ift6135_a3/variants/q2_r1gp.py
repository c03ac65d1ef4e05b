"""Right zero-centred penalties in other styles, `r1gp`."""

import torch
from torch.autograd import grad

from grader.catalogue import variant


@variant("gan.r1gp", because="the gradient may be switched on in the caller's tensor")
def r1gp_switches_the_gradient_on_in_place(p, cp, q, cq, critic):
    p.requires_grad_(True)
    (gradient,) = grad(critic(p).sum(), p, create_graph=True)
    return gradient.pow(2).view(p.size(0), -1).sum(1).mean()


@variant("gan.r1gp", because="grad_outputs of ones give the gradient of the sum")
def r1gp_with_grad_outputs(p, cp, q, cq, critic):
    x = p.detach().clone()
    x.requires_grad = True
    out = critic(x)
    gradient = grad(
        outputs=out,
        inputs=x,
        grad_outputs=torch.ones_like(out),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )[0]
    return (gradient.reshape(gradient.shape[0], -1).norm(2, dim=1) ** 2).mean()


@variant("gan.r1gp", because="a copy with a history of its own, when p requires a gradient")
def r1gp_on_a_copy(p, cp, q, cq, critic):
    x = (p * 1.0).requires_grad_() if not p.requires_grad else p * 1.0
    gradient = grad(critic(x).sum(), x, create_graph=True)[0]
    return torch.linalg.vector_norm(gradient.reshape(len(x), -1), dim=1).square().mean()


@variant("gan.r1gp", because="the sum of all squares over N is the mean of the squared norms")
def r1gp_by_one_sum(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    gradient = grad(critic(x).sum(), x, create_graph=True)[0]
    return gradient.square().sum() / x.shape[0]


@variant("gan.r1gp", because="einsum takes the scalar product of each row with itself")
def r1gp_with_einsum(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    gradient = grad(critic(x).sum(), x, create_graph=True)[0].reshape(x.shape[0], -1)
    return torch.einsum("nd,nd->n", gradient, gradient).mean()


@variant("gan.r1gp", because="one sample at a time: the critic scores each by itself")
def r1gp_sample_by_sample(p, cp, q, cq, critic):
    total = 0.0
    for i in range(p.shape[0]):
        x = p[i : i + 1].detach().requires_grad_()
        (gradient,) = grad(critic(x).sum(), x, create_graph=True)
        total = total + (gradient**2).sum()
    return total / p.shape[0]


@variant("gan.r1gp", because="torch.func differentiates a function of p, which need not require it")
def r1gp_with_torch_func(p, cp, q, cq, critic):
    gradient = torch.func.grad(lambda x: critic(x).sum())(p)
    return gradient.reshape(p.shape[0], -1).square().sum(1).mean()


@variant("gan.r1gp", because="vmap gives each sample's gradient by itself")
def r1gp_with_vmap(p, cp, q, cq, critic):
    def value(x):
        return critic(x.unsqueeze(0)).sum()

    gradients = torch.func.vmap(torch.func.grad(value))(p)
    return gradients.reshape(p.shape[0], -1).square().sum(1).mean()


@variant("gan.r1gp", because="the diagonal of the Jacobian holds the same gradients")
def r1gp_with_a_jacobian(p, cp, q, cq, critic):
    jacobian = torch.autograd.functional.jacobian(
        lambda x: critic(x).reshape(-1), p.detach(), create_graph=True
    )  # (N, N, *sample.size())
    own = [jacobian[i, i].square().sum() for i in range(p.shape[0])]
    return torch.stack(own).mean()


@variant("gan.r1gp", because="backward() with inputs of its own leaves nothing in the critic")
def r1gp_with_backward_on_a_leaf(p, cp, q, cq, critic):
    x = p.detach().clone().requires_grad_()
    critic(x).sum().backward(create_graph=True, inputs=[x])
    return x.grad.reshape(x.shape[0], -1).square().sum(dim=1).mean()


@variant("gan.r1gp", because="cp is differentiated where it depends on p, else critic(p) afresh")
def r1gp_differentiates_cp_if_it_can(p, cp, q, cq, critic):
    if not (p.requires_grad and cp.requires_grad):
        p = p.detach().requires_grad_()
        cp = critic(p)
    gradient = grad(cp.sum(), p, create_graph=True)[0]
    return gradient.reshape(p.shape[0], -1).square().sum(dim=1).mean()


@variant("gan.r1gp", because="the norm is taken in float64, and the result stays there")
def r1gp_norm_in_double(p, cp, q, cq, critic):
    with torch.enable_grad():
        x = p.detach().requires_grad_()
        gradient = grad(critic(x).sum(), x, create_graph=True)[0].double()
        return gradient.reshape(x.shape[0], -1).square().sum(1).mean(0)


@variant("gan.r1gp", because="all axes but the first are named, and there may be none")
def r1gp_sums_over_named_axes(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    squares = grad(critic(x).sum(), x, create_graph=True)[0] ** 2
    if squares.dim() > 1:
        squares = squares.sum(dim=list(range(1, squares.dim())))
    return squares.mean()


@variant("gan.r1gp", because="1e-12 in the norm changes nothing")
def r1gp_with_an_epsilon(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    gradient = grad(critic(x).sum(), x, create_graph=True)[0].reshape(x.shape[0], -1)
    norm = torch.sqrt(gradient.square().sum(dim=1) + 1e-12)
    return torch.mean(norm**2)


@variant("gan.r1gp", because="the gradient of the mean is that of the sum over N")
def r1gp_by_the_gradient_of_the_mean(p, cp, q, cq, critic):
    x = p.detach().requires_grad_()
    (gradient,) = grad(critic(x).mean(), x, create_graph=True)
    return (gradient.reshape(x.shape[0], -1) * x.shape[0]).square().sum(dim=1).mean()
