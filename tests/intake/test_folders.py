"""Folders whose contents may be anything."""

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import grader.intake.folders as folders_module
from grader.intake import Submission
from grader.intake.folders import children_of, folder_entries, read_regular_file
from grader.intake.limits import IntakeError, Notes, UnreadableEntryError

Put = Callable[[Mapping[str, bytes]], Path]


def paths_in(root: Path) -> tuple[list[str], list[str]]:
    """Paths of the entries, and the notes."""
    notes = Notes()
    return [entry.path for entry in folder_entries(root, notes)], notes.texts


def test_files_come_shallow_first_then_by_name(put: Put) -> None:
    root = put({"b.py": b"", "a/z.py": b"", "a.py": b"", "c/d/e.py": b""})
    assert paths_in(root) == (["a.py", "b.py", "a/z.py", "c/d/e.py"], [])


def test_links_are_not_followed(put: Put, tmp_path: Path) -> None:
    root = put({"real.py": b""})
    (tmp_path / "secret.py").write_text("secret")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    (root / "loop").symlink_to(root)
    found, notes = paths_in(root)
    assert found == ["real.py"]
    assert notes == [
        "link.py: is a symbolic link; left out",
        "loop: is a symbolic link; left out",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_pipes_and_sockets_are_not_opened(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put({"real.py": b""})
    os.mkfifo(root / "gan.py")
    monkeypatch.chdir(root)  # a socket's name must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.py")
        found, notes = paths_in(root)
    assert found == ["real.py"]
    assert len(notes) == 2
    with pytest.raises(UnreadableEntryError, match="not a regular file"):
        read_regular_file(root / "gan.py", 10)


def test_a_device_is_not_opened() -> None:
    with pytest.raises(UnreadableEntryError, match="not a regular file"):
        read_regular_file(Path(os.devnull), 10)


def test_a_link_is_not_opened(put: Put) -> None:
    root = put({"real.py": b""})
    (root / "link.py").symlink_to("real.py")
    with pytest.raises(UnreadableEntryError, match="not a regular file"):
        read_regular_file(root / "link.py", 10)


def test_a_file_is_read_up_to_its_limit(put: Put) -> None:
    root = put({"a.py": b"12345"})
    assert read_regular_file(root / "a.py", 5) == b"12345"
    with pytest.raises(UnreadableEntryError, match="larger than 4 bytes"):
        read_regular_file(root / "a.py", 4)


def test_a_sparse_file_without_end_costs_nothing(
    put: Put, read: Callable[[Path], Submission]
) -> None:
    root = put({"q1_solution.py": b"def log_mean_exp(y): return y"})
    with (root / "gan.py").open("wb") as file:
        file.truncate(1 << 40)
    submission = read(root)
    assert "gan.py: is larger than 2 MiB; left out" in submission.notes
    assert list(submission.files) == ["q1_solution.py"]


def test_a_large_notebook_is_told_how_to_become_smaller(
    put: Put, read: Callable[[Path], Submission]
) -> None:
    root = put({"q1_solution.py": b"def log_mean_exp(y): return y"})
    with (root / "gan.ipynb").open("wb") as file:
        file.truncate(1 << 30)
    note = "gan.ipynb: is larger than 64 MiB, but its outputs can be cleared; left out"
    assert note in read(root).notes


def test_what_may_not_be_read_is_left_out(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    root = put({"a.py": b"", "b/c.py": b""})
    scandir = os.scandir

    def refuse(path: os.PathLike[str], *_: object) -> object:
        if Path(path).name in ("a.py", "b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(folders_module.os, "scandir", refuse)
    monkeypatch.setattr(folders_module.os, "open", refuse)
    assert paths_in(root) == (["a.py"], ["b: cannot be listed: Permission denied; left out"])
    with pytest.raises(UnreadableEntryError, match="cannot be read: Permission denied"):
        read_regular_file(root / "a.py", 10)


def test_what_tools_leave_behind_is_passed_over_in_silence(put: Put) -> None:
    junk = [".git/gan.py", "__MACOSX/gan.py", "x/__pycache__/gan.py", "venv/lib/gan.py", "._gan.py"]
    assert paths_in(put(dict.fromkeys(junk, b""))) == ([], [])


def test_entries_are_counted(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders_module, "MAX_ENTRIES", 3)
    found, notes = paths_in(put({f"{n}.py": b"" for n in range(9)}))
    assert len(found) == 3
    assert notes == ["more than 3 files and folders; the rest was not looked at"]


def test_deep_folders_are_left_out(put: Put) -> None:
    found, notes = paths_in(put({"a/" * 31 + "in.py": b"", "b/" * 40 + "out.py": b""}))
    assert [path.rsplit("/", 1)[1] for path in found] == ["in.py"]
    assert "more than 32 folders deep" in notes[0]


def test_names_that_are_not_text(put: Put) -> None:
    root = put({"a.py": b""})
    try:
        (root / os.fsdecode(b"b\xff.py")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    found, _ = paths_in(root)
    assert found == ["a.py", "b\ufffd.py"]


def test_children_are_sorted_and_links_have_a_reason(put: Put) -> None:
    root = put({"b/x.py": b"", "a.zip": b"", ".git/x": b""})
    (root / "link").symlink_to("b")
    *ordinary, link = children_of(root)
    assert ordinary == [("a.zip", False, ""), ("b", True, "")]
    assert link.name == "link" and "links are not followed" in link.problem
    with pytest.raises(IntakeError, match="cannot be listed"):
        children_of(root / "nowhere")
