"""Downloads what torchvision knows."""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from grader.data import sources
from grader.data.dataset import DataError
from grader.data.published import PublishedSet

# Without a limit, a network that swallows packets would hold the command for ever.
SILENCE_SECONDS = 30.0


def fetch(published: PublishedSet, target: Path) -> None:
    """Have torchvision download a set into a folder; its files are yet to be verified.

    Raises:
        DataError: there is no network, the server does not answer, or the disk is full.
    """
    for file in published.files:
        path = target / file.path
        # torchvision takes any file of the right name for whole.
        if path.is_file() and not sources.is_whole(path, file):
            path.unlink()
    # Three seconds, because it imports torch.
    datasets = importlib.import_module("torchvision.datasets")
    try:
        with _silence_limit(), contextlib.redirect_stdout(sys.stderr):
            getattr(datasets, str(published.torchvision))(str(target), train=True, download=True)
    except (OSError, RuntimeError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"torchvision could not download {published.torchvision} ({reason}); try again, or "
            "give a folder that has it with --from"
        ) from None


@contextlib.contextmanager
def _silence_limit() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
