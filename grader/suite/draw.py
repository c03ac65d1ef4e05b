"""Random inputs for tests, drawn from a secret so that nobody can prepare for them.

This file is published with the template as it stands: it imports numpy and torch and nothing else.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Draw:
    """A stream of random inputs that depends on a secret and on the test that asks.

    Two tests never share a stream, so adding a test changes no other test's inputs. The generator
    is NumPy's PCG64, whose streams do not change with the version of torch.

    Args:
        secret: the course's secret; in the public suite any fixed text.
        test: what tells this test from the others, e.g. its pytest node id.
    """

    def __init__(self, secret: str, test: str) -> None:
        entropy = hashlib.sha256(f"{secret}\0{test}".encode()).digest()
        self._generator = np.random.Generator(np.random.PCG64(int.from_bytes(entropy, "big")))

    def normal(
        self,
        *shape: int,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Independent normal values of the given shape."""
        return torch.from_numpy(self._generator.normal(mean, std, shape)).to(dtype)

    def uniform(
        self,
        *shape: int,
        low: float = 0.0,
        high: float = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Independent values, uniform on [low, high), of the given shape."""
        return torch.from_numpy(self._generator.uniform(low, high, shape)).to(dtype)

    def bernoulli(self, *shape: int, p: float = 0.5, dtype: torch.dtype = torch.float32) -> Tensor:
        """Independent zeros and ones of the given shape; a one has probability `p`."""
        return torch.from_numpy(self._generator.random(shape) < p).to(dtype)

    def number(self, low: float, high: float) -> float:
        """One number, uniform on [low, high)."""
        return float(self._generator.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """One integer from low to high, both included."""
        return int(self._generator.integers(low, high + 1))

    def seed(self) -> int:
        """A seed to hand to a probe, in [0, 2**31)."""
        return int(self._generator.integers(0, 2**31))


def array(values: Tensor) -> NDArray[np.float64]:
    """Drawn values as an array of NumPy in double precision, of the same shape."""
    found: NDArray[np.float64] = values.double().numpy()
    return found
