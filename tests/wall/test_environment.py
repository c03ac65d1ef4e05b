"""What a result says it was computed with."""

from __future__ import annotations

import torch

from grader.wall.behind.warm import environment


def test_a_gpu_is_named() -> None:
    vectors = torch.backends.cpu.get_cpu_capability()
    assert environment()["cpu"] == vectors
    assert environment(gpu=True)["cpu"] == f"{vectors} and CUDA"
