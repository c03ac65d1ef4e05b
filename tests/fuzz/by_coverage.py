"""Drives one reader by coverage: `python -m tests.fuzz.by_coverage NAME [SECONDS]`.

It takes `pip install atheris`, which is no dependency because it has no wheels for every system.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# What is watched for new paths; instrumenting all of torch would take minutes.
WATCHED = ["grader.intake", "grader.wall.behind.wire", "grader.assignment", "zipfile", "tarfile"]
WATCHED += ["tomllib", "nbformat", "lzma", "gzip", "bz2", "json.decoder"]


def main() -> None:
    """Run until the time is over or something is found."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=WATCHED):
        from tests.fuzz.readers import READERS
        from tests.fuzz.test_readers import ARCHIVES, TOML, notebook
    # Where every path starts with a magic number, noise alone never gets past it.
    seeds = {
        "archive": ARCHIVES,
        "notebook": [notebook(["def f(x):\n    return x", "%time\nx = 1"], None)],
        "assignment": [TOML.encode()],
    }
    name, seconds = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "60"
    reader = READERS[name]
    options = [f"-max_total_time={seconds}", "-rss_limit_mb=4096", "-timeout=20", "-max_len=20000"]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds.get(name, [])):
            Path(corpus, str(number)).write_bytes(seed)
        arguments = [sys.argv[0], *options, f"-artifact_prefix={os.curdir}/", corpus]
        atheris.Setup(arguments, reader)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
