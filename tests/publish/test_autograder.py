"""The autograder for Gradescope: what its zip holds, and that its scripts grade in a clean root."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.publish import PublishError, publish
from grader.wall import isolation
from tests.conftest import RIGHT, TOY, write_tree

ROOT = "/autograder"
SECRET = "the secret of the course"
# What Docker leaves root of its rights, and no user namespaces.
DOCKER = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP")
TOOLS = {
    "apt-get": "exit 0",
    "bwrap": "echo 'bwrap: No permissions to create a new namespace' >&2; exit 1",
}
STEALS = """
import torch

def mean(x):
    for name in {names}:
        open(name).read()
    return x.mean(dim=1)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Assignment:
    home = write_tree(tmp_path / "home", TOY)
    return Assignment(home / "assignments" / "toy", home / "reference" / "toy")


@pytest.fixture
def autograder(toy: Assignment, tmp_path: Path) -> Path:
    """The folder that is /autograder in the container, as Gradescope makes it."""
    (target,) = publish(toy, tmp_path / "made", format="gradescope", secret=SECRET)
    folder = tmp_path / "autograder"
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder / "source")
    for name in ("submission", "results"):
        (folder / name).mkdir()
    return folder


def in_container(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root of a container in which nothing of this checkout is to be seen."""
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--die-with-parent"]
    command += ["--cap-drop", "ALL"]
    for capability in DOCKER:
        command += ["--cap-add", f"CAP_{capability}"]
    for name in isolation.SYSTEM_FOLDERS:
        path = Path(name)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            command += ["--ro-bind", name, name]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/etc"]
    for name in ("/etc/ld.so.cache", "/etc/alternatives"):
        command += ["--ro-bind-try", name, name]
    for path in (Path(sys.prefix), Path(sys.base_prefix)):
        if not path.is_relative_to("/usr"):
            command += ["--ro-bind", str(path), str(path)]
    command += ["--bind", str(folder), ROOT]
    # Nothing has to be installed, and bubblewrap says what it says in a container of Docker's.
    for tool, script_text in TOOLS.items():
        if found := shutil.which(tool):
            stand_in = folder.parent / tool
            stand_in.write_text(f"#!/bin/sh\n{script_text}\n")
            stand_in.chmod(0o755)
            command += ["--ro-bind", str(stand_in), found]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "AUTOGRADER_VENV": sys.prefix,
        "PIP_OPTIONS": "--no-index --disable-pip-version-check",
        "HOME": "/tmp",
    }
    return subprocess.run(
        [*command, "--", "bash", f"{ROOT}/source/{script}"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def results(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "results" / "results.json").read_text())
    return loaded


def hand_in(folder: Path, files: dict[str, str]) -> None:
    shutil.rmtree(folder / "submission")
    write_tree(folder / "submission", files)


def test_the_zip_holds_the_harness_one_assignment_and_two_scripts(
    toy: Assignment, tmp_path: Path
) -> None:
    (target,) = publish(toy, tmp_path, format="gradescope", secret=SECRET)
    assert target.name == "toy-autograder.zip"
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        for script in ("setup.sh", "run_autograder"):
            mode = archive.getinfo(script).external_attr >> 16
            assert mode & stat.S_IXUSR
            done = subprocess.run(["bash", "-n"], input=archive.read(script), check=False)
            assert done.returncode == 0
        assert archive.read("secret").decode() == SECRET
        required = archive.read("requirements.txt").decode()
    assert "torch>=" in required and "ruff" not in required and "dask" not in required
    assert {n.split("/")[2] for n in names if n.startswith("home/")} == {"toy"}
    assert "home/assignments/toy/assignment.toml" in names
    assert "harness/grader/wall/behind/worker.py" in names
    assert not any("__pycache__" in n or "/bundled/" in n for n in names)


def test_each_autograder_has_a_secret_of_its_own(toy: Assignment, tmp_path: Path) -> None:
    drawn = set()
    for name in ("a.zip", "b.zip"):
        (target,) = publish(toy, tmp_path / name, format="gradescope")
        with zipfile.ZipFile(target) as archive:
            drawn.add(archive.read("secret"))
    assert len(drawn) == 2
    with pytest.raises(PublishError, match="is there already"):
        publish(toy, tmp_path / "a.zip", format="gradescope")


@pytest.mark.needs_wall
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    os.getuid() != 0 or not all(finding.works for finding in isolation.survey()),
    reason="a container is made with bubblewrap as root, and Landlock is the wall in it",
)
def test_the_scripts_grade_in_a_container_without_user_namespaces(autograder: Path) -> None:
    made = in_container(autograder, "setup.sh")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "landlock" in made.stdout.lower()
    assert not (autograder / "source" / "secret").stat().st_mode & 0o077

    hand_in(autograder, RIGHT)
    done = in_container(autograder, "run_autograder")
    assert done.returncode == 0, done.stdout + done.stderr
    right = results(autograder)
    assert right.get("score") == 7, done.stdout + done.stderr + str(right)
    assert {t["status"] for t in right["tests"] if "status" in t} == {"passed"}

    # What is not to be read: answers of the suite, the secret, the results.
    names = [
        f"{ROOT}/source/secret",
        f"{ROOT}/source/home/reference/toy/mean.py",
        f"{ROOT}/source/home/assignments/toy/hidden/test_toy.py",
        f"{ROOT}/submission/mean.py",
    ]
    for name in names[:3]:
        assert (autograder / Path(name).relative_to(ROOT)).exists()
        hand_in(autograder, RIGHT | {"mean.py": STEALS.format(names=[name])})
        in_container(autograder, "run_autograder")
        stolen = results(autograder)
        assert stolen["score"] == 3
        assert SECRET not in json.dumps(stolen)

    # Nothing that can be graded: no score, and so not a zero.
    hand_in(autograder, {"notes.txt": "I have nothing"})
    in_container(autograder, "run_autograder")
    assert results(autograder).get("score", 0) == 0


def test_a_fault_of_ours_is_no_zero(autograder: Path, tmp_path: Path) -> None:
    settings = autograder / "source" / "settings.sh"
    settings.write_text(settings.read_text().replace("ASSIGNMENT=toy", "ASSIGNMENT=other"))
    hand_in(autograder, RIGHT)
    done = subprocess.run(
        ["bash", str(autograder / "source" / "run_autograder")],
        env=os.environ | {"AUTOGRADER_ROOT": str(autograder), "AUTOGRADER_VENV": sys.prefix},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "there is no assignment" in done.stdout + done.stderr
    told = results(autograder)
    assert "score" not in told and "not a zero" in told["output"]
