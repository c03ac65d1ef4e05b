"""Right ways to write b.1.4 and b.3.5: the step of the VAE, and that of the two players."""

import torch
import torch.nn.functional as F
from torch import nn

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


gan_step = Variants("image_models.gan_step")


@gan_step
def gan_step_with_fresh_noise(generator, discriminator, opt_g, opt_d, x):
    """new noise for the generator's step, tensors as results"""
    b = x.size(0)
    opt_d.zero_grad()
    with torch.no_grad():
        fake = generator(torch.randn(b, 64))
    d_loss = discriminator_loss(discriminator(2 * x - 1), discriminator(fake))
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = generator_loss(discriminator(generator(torch.randn(b, 64))))
    g_loss.backward()
    opt_g.step()
    return d_loss.detach(), g_loss.detach()


@gan_step
def gan_step_generator_first(generator, discriminator, opt_g, opt_d, x):
    """the generator moves first, and its images serve both"""
    real = to_signed(x)
    opt_g.zero_grad()
    fake = generator(torch.randn(real.shape[0], 64))
    g_loss = generator_loss(discriminator(fake))
    g_loss.backward()
    opt_g.step()
    opt_d.zero_grad()
    d_loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    d_loss.backward()
    opt_d.step()
    return d_loss.item(), g_loss.item()


@gan_step
def gan_step_of_both_at_once(generator, discriminator, opt_g, opt_d, x):
    """both gradients by autograd, before either step"""
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    g_loss = generator_loss(discriminator(fake))
    for loss, module in ((d_loss, discriminator), (g_loss, generator)):
        parameters = list(module.parameters())
        for p, grad in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            p.grad = grad
    opt_d.step()
    opt_g.step()
    return d_loss.item(), g_loss.item()


@gan_step
def gan_step_written_out(generator, discriminator, opt_g, opt_d, x):
    """nothing detached, all gradients cleared before each loss"""
    real, z = x.view(-1, 784) * 2 - 1, torch.randn(len(x), 64)
    bce = nn.BCEWithLogitsLoss()
    opt_d.zero_grad()
    real_logits, fake_logits = discriminator(real), discriminator(generator(z))
    loss_d = bce(real_logits, torch.full_like(real_logits, 0.9)) + bce(
        fake_logits, torch.zeros_like(fake_logits)
    )
    loss_d.backward()
    opt_d.step()
    opt_g.zero_grad()
    fake_logits = discriminator(generator(z))
    loss_g = bce(fake_logits, torch.ones_like(fake_logits))
    loss_g.backward()
    opt_g.step()
    return loss_d.item(), loss_g.item()


@gan_step
def step_with_a_frozen_discriminator(
    generator, discriminator, generator_optimizer, discriminator_optimizer, x
):
    """the discriminator is frozen for the generator's step"""
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
    discriminator.requires_grad_(False)
    g_loss = generator_loss(discriminator(fake))
    generator_optimizer.zero_grad()
    g_loss.backward()
    generator_optimizer.step()
    discriminator.requires_grad_(True)
    return d_loss.item(), g_loss.item()
