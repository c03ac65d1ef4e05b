"""Merging: what comes out is what one batch leaves, and what cannot be one is refused."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.assignment import Assignment
from grader.batch.task import Task, blank, not_graded, unreadable
from grader.export import export
from grader.intake import Candidate
from grader.results import Result, RunResult
from grader.store import Store, StoreError
from grader.store.merge import merge, read_parts
from grader.store.shards import Shard, begin, complete
from tests.conftest import TOY, write_tree

SECRET = "a secret of the test"
NAMES = ("alice", "bob", "carol", "dan", "eve", "frank", "grace", "heidi")


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    home = write_tree(tmp_path_factory.mktemp("home"), TOY)
    return Assignment(home / "assignments" / "toy", home / "reference" / "toy")


def make_result(assignment: Assignment, name: str) -> Result:
    """Some result; which one hangs on the name."""
    chance = random.Random(name)
    task = Task(assignment.folder, assignment.reference, "none", SECRET)
    kind = chance.choice([blank, not_graded, unreadable])
    candidate = Candidate(name, Path("class", name))
    if kind is blank:
        result = blank(task, assignment, candidate)
        questions = [
            q.model_copy(update={"awarded": chance.choice([0.0, 1.5, q.marks, None])})
            for q in result.questions
        ]
        result = result.model_copy(update={"status": "graded", "questions": questions})
    else:
        result = kind(task, assignment, candidate, f"no {name}")
    return result.model_copy(update={"graded_at": "2025-01-01T00:00:00+00:00"})


def write_shard(
    assignment: Assignment,
    out: Path,
    shard: Shard,
    names: Mapping[str, str],
    *,
    secret: str = SECRET,
    done: bool = True,
    change: Callable[[Result], Result] = lambda result: result,
) -> None:
    with Store(shard.folder(out), assignment, secret) as store:
        begin(store, shard, names)
        for name in names:
            if shard.owns(name):
                store.save(change(make_result(assignment, name)))
        if done:
            complete(store)


def found_at(names: tuple[str, ...] | list[str]) -> dict[str, str]:
    return {name: f"{name}.zip" for name in names}


def write_all(assignment: Assignment, out: Path, of: int = 3) -> list[Shard]:
    shards = [Shard(n, of) for n in range(1, of + 1)]
    for shard in shards:
        write_shard(assignment, out, shard, found_at(NAMES))
    return shards


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / "results").iterdir()}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True), unique=True, max_size=10),
    of=st.integers(1, 6),
    chance=st.randoms(use_true_random=False),
)
def test_shards_become_what_one_batch_leaves(
    assignment: Assignment, names: list[str], of: int, chance: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        one, out = Path(scratch, "one"), Path(scratch, "out")
        with Store(one, assignment, SECRET) as store:
            for name in names:
                store.save(make_result(assignment, name))
            whole = store.results()
        shards = [Shard(n, of) for n in range(1, of + 1)]
        chance.shuffle(shards)
        for shard in shards:
            early = chance.sample(names, chance.randint(0, len(names)))
            write_shard(assignment, out, shard, found_at(early), done=False)
            write_shard(assignment, out, shard, found_at(names))
        folders = [shard.folder(out) for shard in shards] if chance.random() < 0.5 else [out]
        for _ in range(2):  # merged twice, it is the same
            assert merge(read_parts(folders), out, assignment) == whole
            assert files(out) == files(one)
        for folder, results in ((one, whole), (out, whole)):
            export(assignment, results, "csv", folder / "marks.csv")
        assert (one / "marks.csv").read_bytes() == (out / "marks.csv").read_bytes()
        with Store(out, assignment) as store:
            assert store.secret == SECRET


def test_a_later_result_of_the_whole_stays(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    merge(read_parts([tmp_path]), tmp_path, assignment)
    later = make_result(assignment, "alice").model_copy(
        update={"graded_at": "2025-02-01T00:00:00+00:00", "problem": "on appeal"}
    )
    with Store(tmp_path, assignment) as store:
        store.save(later)
    merged = merge(read_parts([tmp_path]), tmp_path, assignment)
    assert merged[0] == later and [r.submission for r in merged] == list(NAMES)


def test_pictures_and_weights_of_runs_come_along(assignment: Assignment, tmp_path: Path) -> None:
    run = RunResult(
        run="fit", case="", title="t", profile="smoke", origin="trained", status="finished", key="k"
    )
    (shard,) = [Shard(1, 1)]
    write_shard(
        assignment, tmp_path, shard, found_at(["alice"]),
        change=lambda r: r.model_copy(update={"runs": [run]}),
    )  # fmt: skip
    pictures = shard.folder(tmp_path) / "artefacts" / "k" / "pictures"
    pictures.mkdir(parents=True)
    (pictures / "a.png").write_bytes(b"png")
    for _ in range(2):
        merge(read_parts([tmp_path]), tmp_path, assignment)
        assert (tmp_path / "artefacts" / "k" / "pictures" / "a.png").read_bytes() == b"png"
        assert [p.name for p in (tmp_path / "artefacts").iterdir()] == ["k"]


def refused(*folders: Path) -> str:
    with pytest.raises(StoreError) as caught:
        read_parts(folders)
    return str(caught.value)


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    assert "--shard 1/4" in refused(tmp_path)


def test_a_missing_shard_is_named(assignment: Assignment, tmp_path: Path) -> None:
    shards = write_all(assignment, tmp_path)
    shutil.rmtree(shards[1].folder(tmp_path))
    assert "no results of shard 2/3" in refused(tmp_path)


def test_an_interrupted_shard_is_named(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    write_shard(assignment, tmp_path, Shard(3, 3), found_at(NAMES), done=False)
    said = refused(tmp_path)
    assert "shard 3/3" in said and "give its command again" in said


def test_two_splits_in_one_folder_are_told_apart(assignment: Assignment, tmp_path: Path) -> None:
    shards = write_all(assignment, tmp_path)
    write_shard(assignment, tmp_path, Shard(1, 2), found_at(NAMES))
    assert "one in 2 and one in 3" in refused(tmp_path)
    assert len(read_parts([shard.folder(tmp_path) for shard in shards])) == 3


def test_one_shard_from_two_folders_is_refused(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path / "a")
    write_all(assignment, tmp_path / "b")
    assert "both shard 1/3" in refused(tmp_path / "a", tmp_path / "b")


def test_a_renamed_folder_is_refused(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    shutil.rmtree(Shard(2, 3).folder(tmp_path))
    shutil.copytree(Shard(1, 3).folder(tmp_path), Shard(2, 3).folder(tmp_path))
    assert "is named after shard 2/3, but holds shard 1/3" in refused(tmp_path)


def test_two_secrets_are_refused_without_saying_them(
    assignment: Assignment, tmp_path: Path
) -> None:
    write_all(assignment, tmp_path)
    shutil.rmtree(Shard(2, 3).folder(tmp_path))
    write_shard(assignment, tmp_path, Shard(2, 3), found_at(NAMES), secret="0123456789")
    said = refused(tmp_path)
    assert "two secrets" in said and SECRET not in said and "0123456789" not in said


@pytest.mark.parametrize(
    ("field", "words"), [("assignment_digest", "the suite"), ("harness", "the harness")]
)
def test_two_versions_are_refused(
    assignment: Assignment, tmp_path: Path, field: str, words: str
) -> None:
    write_all(assignment, tmp_path)
    write_shard(
        assignment, tmp_path, Shard(2, 3), found_at(NAMES),
        change=lambda r: r.model_copy(update={field: "other"}),
    )  # fmt: skip
    said = refused(tmp_path)
    assert f"two versions of {words}" in said and "--again" in said


def test_two_assignments_are_refused(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    shutil.rmtree(Shard(2, 3).folder(tmp_path))
    other = Assignment(assignment.folder, assignment.reference)
    other.description = assignment.description.model_copy(update={"name": "other"})
    write_shard(other, tmp_path, Shard(2, 3), found_at(NAMES))
    assert "two assignments" in refused(tmp_path)


def test_a_submission_that_only_another_shard_saw_is_missed(
    assignment: Assignment, tmp_path: Path
) -> None:
    write_all(assignment, tmp_path)
    late = next(n for n in ("zoe", "yan", "xia", "wim") if not Shard(1, 3).owns(n))
    write_shard(assignment, tmp_path, Shard(1, 3), found_at([*NAMES, late]))
    assert f"no result of {late}" in refused(tmp_path)


def test_ids_that_changed_hands_are_noticed(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    write_shard(assignment, tmp_path, Shard(1, 3), {**found_at(NAMES), "bob": "bob (2).zip"})
    assert "bob was bob.zip to one shard and bob (2).zip" in refused(tmp_path) or (
        "bob was bob (2).zip to one shard" in refused(tmp_path)
    )


def test_one_submission_in_two_shards_is_refused(assignment: Assignment, tmp_path: Path) -> None:
    write_all(assignment, tmp_path)
    stranger = next(s for s in (Shard(n, 3) for n in (1, 2, 3)) if not s.owns("alice"))
    with Store(stranger.folder(tmp_path), assignment) as store:
        store.save(make_result(assignment, "alice"))
    assert "alice is in" in refused(tmp_path)


def test_a_folder_with_another_secret_takes_no_shards(
    assignment: Assignment, tmp_path: Path
) -> None:
    write_all(assignment, tmp_path)
    Store(tmp_path / "whole", assignment, "another").close()
    with pytest.raises(StoreError, match="another secret"):
        merge(read_parts([tmp_path]), tmp_path / "whole", assignment)
