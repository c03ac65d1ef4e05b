"""Right ways to write b.1 and b.2: the VAE's network, its loss, its step and its images."""

import torch.nn.functional as F

from grader.catalogue import Variants

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
