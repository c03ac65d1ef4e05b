"""The sample class of ift6135_a3: its index and its folder agree, and its archives can be rebuilt.

The two archives are made from their members by `packed_zip` and `packed_tar_gz` below, with fixed
times and owners, so that an edited archive has bytes that a reader can account for. To change one:
read its members, edit them, write back what the function returns.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from grader.assignment import find_assignment
from grader.batch import engine
from grader.batch.task import Job, Task
from grader.intake import find_submissions
from grader.results import Result
from grader.store import Store
from grader.wall import isolation

# A fixture grades a whole class.
pytestmark = pytest.mark.timeout(1200)

SUBMISSIONS = Path(__file__).parent / "submissions"
FOLDER = SUBMISSIONS / "ift6135_a3"
INDEX = SUBMISSIONS / "ift6135_a3.toml"
ARCHIVES = (".tar.gz", ".zip")
VERDICTS = ("full", "partial", "zero")
QUESTIONS = {
    *("q1.1", "q1.2", "q1.3", "q1.4", "q1.5"),
    *("q2.1", "q2.2", "q2.3", "q2.4", "q2.5"),
    *("q3.1", "q3.4", "q3.6", "q3.8"),
}
ZIP_TIME = (2021, 4, 20, 23, 58, 0)
TAR_TIME = 1618977480


def entries() -> list[dict[str, Any]]:
    """The entries of the index."""
    loaded: list[dict[str, Any]] = tomllib.loads(INDEX.read_text(encoding="utf-8"))["submission"]
    return loaded


def stem(name: str) -> str:
    """The name of a folder or an archive without its ending."""
    for ending in ARCHIVES:
        name = name.removesuffix(ending)
    return name


def packed_zip(members: dict[str, bytes]) -> bytes:
    """A zip of the members in their order; a name that ends in a slash is a folder.

    Nothing is compressed: deflated bytes differ between versions of zlib.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.create_system = 3  # unix, as the Finder says
            info.external_attr = (0o40755 if name.endswith("/") else 0o100644) << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def packed_tar(members: dict[str, bytes]) -> bytes:
    """A tar of the members in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), TAR_TIME, 0o644
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def packed_tar_gz(members: dict[str, bytes]) -> bytes:
    """The same, gzipped."""
    return gzip.compress(packed_tar(members), mtime=TAR_TIME)


def test_every_entry_has_its_folder_or_archive_and_every_one_is_indexed() -> None:
    ids = [entry["id"] for entry in entries()]
    assert len(ids) == len(set(ids))
    assert sorted(ids) == sorted(stem(path.name) for path in FOLDER.iterdir())


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["id"])
def test_every_entry_says_what_becomes_of_each_unit_question(entry: dict[str, Any]) -> None:
    assert set(entry) <= {"id", "what", *VERDICTS}
    assert entry["what"].endswith(".")
    said = [question for verdict in VERDICTS for question in entry.get(verdict, [])]
    assert sorted(said) == sorted(QUESTIONS)


def test_the_class_holds_both_right_and_wrong_work_on_every_question() -> None:
    for question in QUESTIONS:
        full = [entry["id"] for entry in entries() if question in entry["full"]]
        assert 3 <= len(full) < len(entries()), question


def test_folders_hold_nothing_that_a_run_left_behind() -> None:
    left = [p for p in FOLDER.rglob("*") if p.name == "__pycache__" or p.suffix in (".pyc", ".png")]
    assert left == []


def test_the_zip_from_a_mac_can_be_rebuilt_byte_by_byte() -> None:
    path = FOLDER / "cote_emilie.zip"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    assert any(name.startswith("__MACOSX/") for name in members)
    assert packed_zip(members) == path.read_bytes()


def test_the_tarball_can_be_rebuilt_byte_by_byte() -> None:
    path = FOLDER / "ibrahim_yusuf.tar.gz"
    plain = gzip.decompress(path.read_bytes())
    members: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            members[member.name] = content.read()
    # Before compression, because gzip's bytes differ between versions of zlib.
    assert packed_tar(members) == plain


def test_the_odd_encodings_are_still_odd() -> None:
    """An editor, a formatter or git's autocrlf would repair them silently."""
    folder = FOLDER / "lavoie_francois"
    assert (folder / "q1_solution.py").read_bytes().startswith(b"\xef\xbb\xbf")
    assert b"Fran\xe7ois" in (folder / "gan.py").read_bytes()
    assert b"\r\n" in (folder / "solution.py").read_bytes()


# --- graded ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The whole class through real slots, behind the best wall there is."""
    assignment = find_assignment("ift6135_a3")
    candidates, _ = find_submissions([FOLDER], assignment, "class")
    with Store(tmp_path_factory.mktemp("out"), assignment) as store:
        task = Task(assignment.folder, assignment.reference, isolation.choose(), store.secret)
        todo = [Job(candidate, store.secret) for candidate in candidates]
        engine.grade_all(task, todo, jobs=2, save=store.save)
        return {result.submission: result for result in store.results()}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry["id"])
def test_every_submission_gets_the_marks_of_the_index(
    graded: dict[str, Result], entry: dict[str, Any]
) -> None:
    result = graded[entry["id"]]
    assert result.status == "graded", result.problem
    for question in result.questions:
        if question.kind != "unit":
            continue
        assert question.awarded is not None
        wanted = next(w for w in VERDICTS if question.id in entry.get(w, []))
        share = question.awarded / question.marks
        got = "full" if share == 1 else "zero" if share == 0 else "partial"
        why = [c.id + ": " + c.rationale for c in result.checks if c.question == question.id]
        assert got == wanted, (question.id, share, why)
