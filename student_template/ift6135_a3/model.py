"""The networks of the image experiments: a DCGAN with a gated residual block at each resolution.

Source: Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2016 (arXiv:1511.06434).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm


class ResidualBlock(nn.Module):
    """A convex combination of the identity and a small network: (1 - s) x + s block(x).

    s = sigmoid(alpha) with a learnable alpha that starts at -3, so that s starts at 0.047 and the
    block begins almost as the identity.

    Args:
        dimh: channels that go in and come out.
        style: the layers of the small network in order, a letter each: `a` a 3x3 convolution,
            `b` a 1x1 convolution, `n` batch normalisation, `h` the activation.
        activation: makes the activation.
        sn: whether to divide the weights of each convolution by their spectral norm.
    """

    def __init__(
        self, dimh: int, style: str, activation: Callable[[], nn.Module], sn: bool = False
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for letter in style:
            if letter == "a":
                layers.append(_maybe_sn(nn.Conv2d(dimh, dimh, kernel_size=3, padding=1), sn))
            elif letter == "b":
                layers.append(_maybe_sn(nn.Conv2d(dimh, dimh, kernel_size=1), sn))
            elif letter == "n":
                layers.append(nn.BatchNorm2d(dimh))
            elif letter == "h":
                layers.append(activation())
            else:
                raise ValueError(f"style is made of the letters a, b, n and h, got {style!r}")
        self.block = nn.Sequential(*layers)
        self.alpha = nn.Parameter(torch.tensor(-3.0))

    def forward(self, x: Tensor) -> Tensor:
        """(N, dimh, H, W) to the same shape."""
        s = torch.sigmoid(self.alpha)
        return (1 - s) * x + s * self.block(x)


class Critic(nn.Module):
    """Scores pictures of 32x32 pixels: high for real ones.

    Args:
        dimh: channels at the highest resolution; they double as the picture is halved.
        sn: whether to put spectral normalisation on every convolution, which bounds the
            Lipschitz constant of the critic (Miyato et al., 2018, arXiv:1802.05957).
    """

    def __init__(self, dimh: int = 128, sn: bool = False) -> None:
        super().__init__()

        def activation() -> nn.Module:
            return nn.LeakyReLU(0.2)

        layers: list[nn.Module] = []
        for dim_in, dim_out in [(3, dimh), (dimh, 2 * dimh), (2 * dimh, 4 * dimh)]:
            layers += [
                _maybe_sn(nn.Conv2d(dim_in, dim_out, kernel_size=4, stride=2, padding=1), sn),
                activation(),
                ResidualBlock(dim_out, "ahbh", activation, sn),
            ]
        layers.append(_maybe_sn(nn.Conv2d(4 * dimh, 1, kernel_size=4), sn))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures (N, 3, 32, 32) in [-1, 1] to their values (N,)."""
        values = self.layers(x)  # heights and widths: 32 - 16 - 8 - 4 - 1
        return values.reshape(-1)  # (N, 1, 1, 1) -> (N,), also for N = 1


class Generator(nn.Module):
    """Makes pictures of 32x32 pixels from noise.

    Args:
        dimz: the size of the noise.
        dimh: channels at the highest resolution; they halve as the picture is doubled.
        default_batch_size: how many pictures a call without noise makes.
    """

    def __init__(self, dimz: int = 100, dimh: int = 128, default_batch_size: int = 64) -> None:
        super().__init__()
        self.dimz = dimz
        self.default_batch_size = default_batch_size
        layers: list[nn.Module] = []
        for dim_in, dim_out, stride, padding in [
            (dimz, 4 * dimh, 1, 0),
            (4 * dimh, 2 * dimh, 2, 1),
            (2 * dimh, dimh, 2, 1),
        ]:
            layers += [
                nn.ConvTranspose2d(dim_in, dim_out, kernel_size=4, stride=stride, padding=padding),
                nn.BatchNorm2d(dim_out),
                nn.ReLU(),
                ResidualBlock(dim_out, "anhbnh", nn.ReLU),
            ]
        layers += [nn.ConvTranspose2d(dimh, 3, kernel_size=4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor | None = None) -> Tensor:
        """Noise (N, dimz) to pictures (N, 3, 32, 32) in [-1, 1]; None draws the noise itself."""
        if z is None:
            like = next(self.parameters())
            z = torch.randn(
                self.default_batch_size, self.dimz, dtype=like.dtype, device=like.device
            )
        return self.layers(z[:, :, None, None])  # 1 - 4 - 8 - 16 - 32


def _maybe_sn(layer: nn.Module, sn: bool) -> nn.Module:
    return spectral_norm(layer) if sn else layer
