"""Warm processes for runs of the toy, one for each wall, kept for a whole module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.assignment import Limits
from grader.data import cached_export, load
from grader.wall import isolation
from grader.wall.warm_handle import Warm

ZERO = "ZERO = 0.0\n"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of the tests' own, for this process and those that it starts."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def points(cache: Path) -> Path:
    """The folder of the toy's data set, readable behind any wall."""
    return opened(cached_export(load("planar_arcs", embedded=True)))


def opened(folder: Path) -> Path:
    """The folder, with those above it that are ours, open to everybody."""
    for path in (folder, *folder.parents):
        if path.stat().st_uid == os.getuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    return folder


@pytest.fixture(scope="module")
def warms(
    tmp_path_factory: pytest.TempPathFactory, points: Path
) -> Iterator[dict[isolation.WallKind, Warm]]:
    """Warm processes by wall, made when they are first asked for."""
    given = opened(tmp_path_factory.mktemp("given"))
    (given / "constants.py").write_text(ZERO)
    made: dict[isolation.WallKind, Warm] = {}

    class Made(dict[isolation.WallKind, Warm]):
        def __missing__(self, wall: isolation.WallKind) -> Warm:
            self[wall] = made[wall] = Warm(
                wall, Limits(memory_mib=512), given, {"planar_arcs": points}
            )
            self[wall].start()
            return self[wall]

    yield Made()
    for warm in made.values():
        warm.close()


@pytest.fixture
def warm(warms: dict[isolation.WallKind, Warm]) -> Warm:
    """Behind the best wall there is."""
    return warms[isolation.choose()]
