"""Right ways to write b.1.2, b.2.1, b.2.2 and b.4.1: the draw of z, and the images."""

import numpy as np
import torch
import torch.distributions as D

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


@Variants("image_models.generator_images")
def images_detached(generator, z):
    """evaluation mode, detached, written out"""
    generator.eval()
    return ((generator(z) + 1) * 0.5).detach()
