"""How long to fuzz: `pytest tests/fuzz --hypothesis-profile=long` for hours instead of seconds."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "long",
    max_examples=20_000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
