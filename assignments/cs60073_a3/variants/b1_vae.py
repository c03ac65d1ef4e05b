"""Right ways to write b.1 and b.2: the VAE's network, its loss, its step and its images."""

import numpy as np
import torch
import torch.distributions as D
import torch.nn.functional as F

from grader.catalogue import Variants

reparameterise = Variants("image_models.reparameterise")


@reparameterise
def draw_by_rsample(mu, logvar):
    """rsample of a normal distribution"""
    return D.Normal(mu, torch.exp(logvar / 2)).rsample()


@reparameterise
def draw_with_a_root(mu, logvar):
    """the standard deviation as the root of the variance"""
    return torch.addcmul(mu, torch.sqrt(torch.exp(logvar)), torch.randn(mu.size()))


@reparameterise
def draw_of_numpys_noise(mu, logvar):
    """NumPy's noise"""
    eps = torch.from_numpy(np.random.standard_normal(tuple(mu.shape))).to(mu)
    return mu + eps * (0.5 * logvar).exp()


vae_loss = Variants("image_models.vae_loss")


@vae_loss
def loss_by_sums(recon_x, x, mu, logvar):
    """torch's sum over everything, divided by the batch"""
    bce = F.binary_cross_entropy(recon_x, x, reduction="sum") / x.size(0)
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / x.size(0)
    return bce + kld, bce, kld


@vae_loss
def loss_by_distributions(p, x, mu, logvar):
    """distributions and a clamp that keeps 0 and 1 away"""
    p = p.clamp(1e-7, 1 - 1e-7)
    bce = -(x * torch.log(p) + (1 - x) * torch.log1p(-p)).sum(-1).mean()
    prior = D.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    kl = D.kl_divergence(D.Normal(mu, (logvar / 2).exp()), prior).sum(-1).mean()
    return bce + kl, bce, kl


@vae_loss
def loss_in_a_list(reconstruction, x, mu, logvar):
    """a list of results, and logits of the probabilities"""
    logits = torch.logit(reconstruction, eps=1e-7)
    bce = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    kl = 0.5 * (mu.pow(2) + logvar.exp() - 1.0 - logvar).sum() / len(x)
    return [bce + kl, bce, kl]


@vae_loss
def loss_of_viewed_rows(reconstruction, x, mu, logvar):
    """rows of 784 by view, as many tutorials have it"""
    bce = F.binary_cross_entropy(reconstruction.view(-1, 784), x.view(-1, 784), reduction="sum")
    kl = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kl) / len(x), bce / len(x), kl / len(x)


vae_step = Variants("image_models.vae_step")


@vae_step
def step_cleared_first(model, optimizer, x):
    """gradients are cleared first, numbers by float()"""
    model.train()
    optimizer.zero_grad(set_to_none=True)
    recon, mu, logvar = model(x.view(x.size(0), -1))
    loss, bce, kl = vae_loss(recon, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return float(loss), float(bce), float(kl)


@vae_step
def step_written_out(model, optimizer, x):
    """the loss written out; detached tensors; cleared at the end"""
    for p in model.parameters():
        p.grad = None
    recon, mu, logvar = model(x)
    bce = F.binary_cross_entropy(recon, x, reduction="sum") / len(x)
    kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum() / len(x)
    (bce + kl).backward()
    optimizer.step()
    optimizer.zero_grad()
    return (bce + kl).detach(), bce.detach(), kl.detach()


reconstruct = Variants("image_models.reconstruct")


@reconstruct
def reconstruction_of_a_draw(model, x):
    """the model's own forward pass, with a draw"""
    model.eval()
    with torch.no_grad():
        return model(x)[0]


@reconstruct
def reconstruction_detached(model, x):
    """encode, draw, decode, and detach"""
    mu, logvar = model.encode(x)
    return model.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).detach()


generate_images = Variants("image_models.generate_images")


@generate_images
def samples_by_distributions(model, n):
    """a decorator, and the draw by torch.distributions"""
    with torch.inference_mode():
        return model.decode(D.Normal(0.0, 1.0).sample((n, 16))).clone()


@generate_images
def samples_one_by_one(model, n):
    """image by image"""
    model.eval()
    return torch.cat([model.decode(torch.randn(1, 16)).detach() for _ in range(n)])
