"""Right ways to build the networks of b.1.1, b.3.2, b.3.3 and b.5.1."""

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Variants

v_a_e = Variants("image_models.VAE")


@v_a_e
class VaeOfNamedLayers(nn.Module):
    """layers by name, decoder first, functional activations"""

    def __init__(self):
        super().__init__()
        self.fc4, self.fc5, self.fc6 = nn.Linear(16, 256), nn.Linear(256, 512), nn.Linear(512, 784)
        self.fc1, self.fc2 = nn.Linear(784, 512), nn.Linear(512, 256)
        self.fc_logvar, self.fc_mu = nn.Linear(256, 16), nn.Linear(256, 16)

    def encode(self, x):
        h = F.relu(self.fc2(F.relu(self.fc1(x.view(-1, 784)))))
        return self.fc_mu(h), self.fc_logvar(h)

    def decode(self, z):
        return torch.sigmoid(self.fc6(F.relu(self.fc5(F.relu(self.fc4(z))))))

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


@v_a_e
class VaeWithJoinedHeads(nn.Module):
    """one layer of 32 cut in two holds the same numbers as two of 16"""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 32)
        )
        self.decoder = nn.Sequential(
            nn.Linear(16, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784)
        )

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(reparameterise(mu, logvar)), mu, logvar


@Variants("image_models.Generator")
class GeneratorOfNamedLayers(nn.Module):
    """layers by name, functional activations"""

    def __init__(self, d_z=64):
        super().__init__()
        self.out = nn.Linear(512, 784)
        self.fc1, self.fc2 = nn.Linear(d_z, 256), nn.Linear(256, 512)

    def forward(self, z):
        h = F.leaky_relu(self.fc1(z), negative_slope=0.2)
        return torch.tanh(self.out(F.leaky_relu(self.fc2(h), 0.2)))


@Variants("image_models.Discriminator")
class DiscriminatorThatDropsFirst(nn.Module):
    """dropout before LeakyReLU; logits of shape (B,)"""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 512), nn.Linear(512, 256), nn.Linear(256, 1)

    def forward(self, x):
        x = x.view(x.size(0), -1)
        for layer in (self.fc1, self.fc2):
            x = F.leaky_relu(F.dropout(layer(x), 0.3, training=self.training), 0.2)
        return self.fc3(x).squeeze(1)


classifier = Variants("image_models.Classifier")


@classifier
class ClassifierOfNamedLayers(nn.Module):
    """layers by name, functional pooling"""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1, 1), nn.Conv2d(32, 64, 3, 1, 1)
        self.fc1, self.fc2 = nn.Linear(3136, 128), nn.Linear(128, 10)

    def features(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(self.fc1(x.view(-1, 7 * 7 * 64)))

    def forward(self, x):
        return self.fc2(self.features(x))

    def probabilities(self, x):
        return F.softmax(self(x), dim=-1)


@classifier
class ClassifierThatPoolsFirst(Classifier):
    """pooling before ReLU: both grow, so their order is free"""

    def __init__(self):
        super().__init__()
        for first in (1, 4):
            self.body[first], self.body[first + 1] = self.body[first + 1], self.body[first]
