"""The place where attacks are graded: a toy assignment, honest students, and things to protect."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grader
from grader.results import Result
from grader.store.store import read_results
from grader.wall.isolation import WallKind
from tests.attacks.attack import HONEST, Attack
from tests.attacks.batch import Settings
from tests.conftest import RIGHT, TOY, write_tree

FIRST, LAST = "aa_honest_first", "zz_honest_last"
ORDINARY_UID = 61_234
LIMITS = """
        [limits]
        call_seconds = 1.0
        import_seconds = 4.0
        question_seconds = 20.0
        memory_mib = 320
        scratch_mib = 8
        processes = 24
        reply_mib = 1
        output_kib = 16
"""
SECONDS = 900


@dataclass
class Graded:
    """A class of attacks after it was graded.

    Attributes:
        results: by the name of the attack or honest submission.
        noticed: what the batch said about itself.
        touched: protected files that are not as they were.
        knocked: who was reached that must not be.
        pages: texts that staff and students read, by path.
        leaks: what secrets were found in any text.
    """

    results: dict[str, Result]
    ids: dict[str, str]
    noticed: dict[str, list[str]]
    touched: list[str]
    knocked: list[str]
    out: Path
    secrets: Mapping[str, str] = field(default_factory=dict)

    def student_page(self, name: str) -> str:
        """What the student reads."""
        return (
            self.out / "reports" / "students" / f"{self.results[name].submission}.html"
        ).read_text()

    def leaks(self, name: str) -> list[str]:
        """Secrets in what was stored or written about a submission."""
        text = self.results[name].model_dump_json()
        places = self.out.glob(f"reports/*/{self.results[name].submission}.html")
        text += "".join(page.read_text() for page in places)
        return [what for what, secret in self.secrets.items() if secret in text]


def toy_files(tokens: Mapping[str, str]) -> dict[str, str]:
    """The toy assignment with short limits, and secrets in its hidden parts."""
    files = dict(TOY)
    toml = files["assignments/toy/assignment.toml"]
    start, end = toml.index("[limits]"), toml.index("[[files]]")
    files["assignments/toy/assignment.toml"] = (
        toml[:start] + LIMITS.strip() + "\n\n        " + toml[end:]
    )
    hidden = files["assignments/toy/hidden/test_toy.py"]
    files["assignments/toy/hidden/test_toy.py"] = (
        hidden + f'\n        HIDDEN = "{tokens["hidden"]}"\n'
    )
    files["reference/toy/mean.py"] += f'\n\n        ANSWER = "{tokens["reference"]}"\n'
    return files


def grade(attacks: Sequence[Attack], wall: WallKind, *, ordinary: bool) -> Graded:
    """Grade attacks between two honest submissions, as root or as an ordinary user."""
    root = Path(tempfile.mkdtemp(prefix="attacks-"))
    try:
        return _grade(root, attacks, wall, ordinary)
    finally:
        if "KEEP_ATTACKS" not in os.environ:
            shutil.rmtree(root, ignore_errors=True)


def _grade(root: Path, attacks: Sequence[Attack], wall: WallKind, ordinary: bool) -> Graded:
    root.chmod(0o755)
    kinds = ("hidden", "reference", "store", "neighbour", "home", "environment")
    tokens = {k: f"CANARY-{k.upper()}-{secrets.token_hex(8)}" for k in kinds}
    home = write_tree(root / "course", toy_files(tokens))
    submissions, out, person = root / "class", root / "out", root / "person"
    neighbour = write_tree(submissions / LAST, RIGHT | {"notes.txt": tokens["neighbour"]})
    write_tree(submissions / FIRST, HONEST | {"mean.py": RIGHT["mean.py"]})
    write_tree(person, {"canary.txt": tokens["home"]})
    out.mkdir()
    marker = str(secrets.randbelow(10**9) + 10**9)
    with Door(root / "door") as door:
        places = {
            "HIDDEN": str(home / "assignments/toy/hidden/test_toy.py"),
            "REFERENCE": str(home / "reference/toy/mean.py"),
            "STORE": str(out),
            "NEIGHBOUR": str(neighbour),
            "HOME": str(person),
            "HARNESS": str(Path(grader.__file__).parent),
            "TRAP": str(root / "trap"),
            "PID": str(os.getpid()),
            "PORT": str(door.port),
            "SOCKET": str(root / "door"),
            "ABSTRACT": f"grader-{marker}",
            "MARKER": marker,
        }
        paths = {attack.name: attack.write(submissions, places) for attack in attacks}
        settings = Settings(str(home), str(submissions), str(out), wall, tokens["store"], marker)
        protected = [home, person, submissions]
        command = settings.start()
        if ordinary and os.getuid() == 0:
            for path in (root, *root.rglob("*")):
                os.chown(path, ORDINARY_UID, ORDINARY_UID, follow_symlinks=False)
            command = [sys.executable, "-m", "tests.attacks.ordinary", str(ORDINARY_UID), *command]
        before = fingerprints(protected)
        environment = {"HOME": str(person), "CANARY": tokens["environment"], "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        noticed = json.loads(done.stdout)
        after = fingerprints(protected)
        knocked = door.knocks()
    ids = noticed.pop("ids")
    names = {str(path).encode("utf-8", "replace").decode(): name for name, path in paths.items()}
    by_id = {id: names.get(path, Path(path).name) for path, id in ids.items()}
    touched = [p for p in before.keys() | after.keys() if before.get(p) != after.get(p)]
    if (root / "trap").exists():
        touched.append(f"trap: {(root / 'trap').read_text()}")
    results = {by_id[r.submission]: r for r in read_results(out)[1]}
    kept = Path(tempfile.mkdtemp(prefix="attacks-out-"))
    shutil.copytree(out, kept, dirs_exist_ok=True)
    return Graded(results, ids, noticed, sorted(touched), knocked, kept, tokens)


def fingerprints(roots: Sequence[Path]) -> dict[str, tuple[int, int, int, int, str]]:
    """Owner, mode, times and content of every file."""
    found = {}
    for root in roots:
        for path in (root, *root.rglob("*")):
            info = path.lstat()
            if "__pycache__" in path.parts or ".cache" in path.parts or ".config" in path.parts:
                continue
            regular = path.is_file() and not path.is_symlink()
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if regular else ""
            changed = 0 if path.is_dir() else info.st_mtime_ns
            found[os.fsencode(path).decode(errors="replace")] = (
                info.st_mode,
                info.st_uid,
                info.st_nlink if regular else 0,
                changed,
                digest,
            )
    return found


class Door:
    """Listens on a named socket and a TCP port where nobody must ever knock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sockets: list[socket.socket] = []
        self.port = 0

    def __enter__(self) -> Door:
        named = socket.socket(socket.AF_UNIX)
        named.bind(str(self._path))
        self._path.chmod(0o777)
        named.listen(64)
        tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = tcp.getsockname()[1]
        self._sockets = [named, tcp]
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()

    def knocks(self) -> list[str]:
        """Who connected."""
        found = []
        for one in self._sockets:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.accept()[0].close()
                found.append(str(one.getsockname()))
        return found
