"""CS60073 A3, Part B - Anjali"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from scipy.linalg import sqrtm

device = torch.device("cpu")
bce_logits = nn.BCEWithLogitsLoss()


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 512)
        self.fc2 = nn.Linear(512, 256)
        self.fc_mu = nn.Linear(256, 16)
        self.fc_logvar = nn.Linear(256, 16)
        self.fc3 = nn.Linear(16, 256)
        self.fc4 = nn.Linear(256, 512)
        self.fc5 = nn.Linear(512, 784)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        h = F.relu(self.fc2(h))
        return self.fc_mu(h), self.fc_logvar(h)

    def decode(self, z):
        h = F.relu(self.fc3(z))
        h = F.relu(self.fc4(h))
        return torch.sigmoid(self.fc5(h))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = reparameterise(mu, logvar)
        return self.decode(z), mu, logvar


def reparameterise(mu, logvar):
    std = torch.exp(0.5 * logvar)
    eps = torch.randn_like(std)
    return mu + eps * std


def vae_loss(reconstruction, x, mu, logvar):
    batch_size = x.size(0)
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / batch_size
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / batch_size
    return bce + kld, bce, kld


def vae_step(model, optimizer, x):
    optimizer.zero_grad()
    recon, mu, logvar = model(x)
    loss, bce, kld = vae_loss(recon, x, mu, logvar)
    loss.backward()
    optimizer.step()
    return loss.item(), bce.item(), kld.item()


@torch.no_grad()
def reconstruct(model, x):
    recon, _, _ = model(x)
    return recon


@torch.no_grad()
def generate_images(model, count):
    z = torch.randn(count, 16).to(device)
    return model.decode(z)


def to_signed(x):
    return x * 2.0 - 1.0


def to_unit(x):
    return (x + 1.0) / 2.0


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(64, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 784), nn.Tanh(),
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(256, 1),
        )

    def forward(self, x):
        return self.net(x)


def discriminator_loss(real_logits, fake_logits):
    real_labels = torch.full_like(real_logits, 0.9)
    fake_labels = torch.zeros_like(fake_logits)
    return bce_logits(real_logits, real_labels) + bce_logits(fake_logits, fake_labels)


def generator_loss(fake_logits):
    return bce_logits(fake_logits, torch.ones_like(fake_logits))


def gan_step(generator, discriminator, generator_optimizer, discriminator_optimizer, x):
    real = to_signed(x)
    # --- D
    z = torch.randn(x.size(0), 64)
    fake = generator(z).detach()
    d_loss = discriminator_loss(discriminator(real), discriminator(fake))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
    # --- G
    z = torch.randn(x.size(0), 64)
    g_loss = generator_loss(discriminator(generator(z)))
    generator_optimizer.zero_grad()
    g_loss.backward()
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()


@torch.no_grad()
def generator_images(generator, z):
    return to_unit(generator(z)).clamp(0, 1)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(7 * 7 * 64, 128)
        self.fc2 = nn.Linear(128, 10)

    def features(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.flatten(1)
        return F.relu(self.fc1(x))

    def forward(self, x):
        return self.fc2(self.features(x))  # logits; softmax only when needed

    def probabilities(self, x):
        return F.softmax(self.forward(x), dim=1)


def classifier_loss(output, labels):
    return F.cross_entropy(output, labels)


def inception_score(probabilities, splits=10):
    p = probabilities.detach().cpu().numpy().astype(np.float64)
    eps = 1e-12
    n = len(p) // splits
    scores = []
    for i in range(splits):
        part = p[i * n:(i + 1) * n]
        py = part.mean(axis=0, keepdims=True)
        kl = (part * (np.log(part + eps) - np.log(py + eps))).sum(axis=1)
        scores.append(np.exp(kl.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def feature_statistics(features):
    f = features.detach().cpu().numpy().astype(np.float64)
    return f.mean(axis=0), np.cov(f, rowvar=False)


def frechet_distance(mu_r, sigma_r, mu_g, sigma_g):
    diff = mu_r - mu_g
    covmean = sqrtm(sigma_r @ sigma_g)
    if not np.isfinite(covmean).all():
        offset = 1e-6 * np.eye(len(mu_r))
        covmean = sqrtm((sigma_r + offset) @ (sigma_g + offset))
    if np.iscomplexobj(covmean):
        covmean = covmean.real
    return float(diff @ diff + np.trace(sigma_r + sigma_g - 2 * covmean))
