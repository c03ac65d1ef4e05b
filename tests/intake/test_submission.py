"""One submission: what goes behind the wall, and what a person is told."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import GAN, VAE, tarred, zipped

import grader.intake.submission as submission_module
import grader.intake.tree as tree_module
from grader.intake import IntakeError, Submission

Put = Callable[..., Path]
Read = Callable[..., Submission]

BOTH = {"q1_solution.py": VAE, "gan.py": GAN}


def test_a_plain_submission(put: Put, read: Read) -> None:
    submission = read(put(BOTH))
    assert submission.files == BOTH
    assert [(f.name, f.taken, f.others) for f in submission.taken] == [
        ("vae", "q1_solution.py", []),
        ("gan", "gan.py", []),
    ]
    assert submission.notes == []


def test_an_alias_goes_behind_the_wall_under_the_usual_name(put: Put, read: Read) -> None:
    submission = read(put({"q1_vae.py": VAE}))
    # Under its own name too, since the student's other files import it so.
    assert submission.files == {"q1_solution.py": VAE, "q1_vae.py": VAE}
    assert "gan.py: not found in the submission" in submission.notes


def test_all_files_are_where_the_student_had_them(put: Put, read: Read) -> None:
    submission = read(
        put(
            {
                "hw/Q1/q1_solution.py": VAE,
                "hw/Q1/table.json": b"{}",
                "hw/Q2/gan.py": GAN,
                "hw/Q2/my_losses.py": b"a",
                "hw/Q2/nets/critic.py": b"b",
                "hw/Q2/weights.pt": b"c",
                "hw/Q2/report.pdf": b"d",
                "hw/elsewhere.py": b"e",
            }
        )
    )
    assert submission.files == {
        "Q1/q1_solution.py": VAE,
        "Q1/table.json": b"{}",
        "Q2/gan.py": GAN,
        "Q2/my_losses.py": b"a",
        "Q2/nets/critic.py": b"b",
        "Q2/weights.pt": b"c",
        "elsewhere.py": b"e",
    }
    assert submission.modules == {"vae": "Q1/q1_solution.py", "gan": "Q2/gan.py"}
    assert "hw/Q2/weights.pt" in submission.unread


def test_a_companion_never_takes_a_contracts_name(put: Put, read: Read) -> None:
    submission = read(put({"Q1/q1_solution.py": VAE, "Q1/gan.py": b"# mine", "gan.py": GAN}))
    assert submission.files["gan.py"] == GAN
    submission = read(put({"q1_solution.py": VAE, "gan.py": GAN, "GAN.PY": b"x = 1"}, "case"))
    assert submission.files == BOTH


def test_two_companions_of_one_name_both_come_along(put: Put, read: Read) -> None:
    files = {"a/q1_solution.py": VAE, "a/utils.py": b"1", "b/gan.py": GAN, "b/utils.py": b"2"}
    assert read(put(files)).files == files


def test_companions_have_a_cap(put: Put, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission_module, "MAX_FILES", 1000)
    submission = read(put({**BOTH, "a.npy": b"0" * 2000, "z.py": b"0" * 100}))
    assert set(submission.files) == {*BOTH, "z.py"}
    assert submission.notes[0].startswith("a.npy: left out, so the code does not find it")
    monkeypatch.setattr(submission_module, "MAX_COMPANIONS", 2)
    submission = read(put({**BOTH, "a.py": b"", "b.py": b"", "c.py": b""}, "many"))
    assert set(submission.files) == {*BOTH, "a.py", "b.py"}


def test_what_goes_behind_the_wall_can_be_written_there(put: Put, read: Read) -> None:
    odd = {"a.json": b"", "a.json/b.py": b"x", "gan.py/x.py": b"x", "gan/__init__.py": b"x"}
    submission = read(put({"hw.zip": zipped({**odd, **BOTH})}) / "hw.zip")
    assert submission.files == {**BOTH, "a.json/b.py": b"x"}


def test_reading_has_a_cap(put: Put, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "MAX_READ", 1000)
    submission = read(put({**BOTH, "a/b.npy": b"0" * 2000, "z/z.py": b""}))
    assert "z/z.py" not in submission.files
    assert "the rest was not read" in submission.notes[0]


def test_a_syntax_error_is_the_students_to_read(put: Put, read: Read) -> None:
    submission = read(put({"gan.py": b"def jsd(:\n"}))
    assert submission.files["gan.py"] == b"def jsd(:\n"


def test_an_odd_encoding_is_noted_and_goes_through(put: Put, read: Read) -> None:
    content = "def jsd(cp, cq):\n    return 1  # é".encode("latin-1")
    submission = read(put({"gan.py": content}))
    assert submission.files["gan.py"] == content
    assert any("gan.py: is not valid utf-8 in line 2" in note for note in submission.notes)


def test_nothing_is_run(put: Put, read: Read, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bad = f"open({str(mark)!r}, 'w')\n".encode()
    read(put({"gan.py": bad + GAN, "sitecustomize.py": bad, "conftest.py": bad, "a/gan.py": bad}))
    assert not mark.exists()


class TestArchives:
    @pytest.mark.parametrize("name", ["hw.zip", "hw.tar", "hw.tar.gz", "hw.tgz", "hw.tar.xz"])
    def test_as_a_submission(self, put: Put, read: Read, name: str) -> None:
        mode = {"gz": "w:gz", "tgz": "w:gz", "xz": "w:xz"}.get(name.rsplit(".", 1)[1], "w")
        content = zipped(BOTH) if name == "hw.zip" else tarred(BOTH, mode)
        assert read(put({name: content}) / name).files == BOTH

    def test_within_a_folder_are_opened(self, put: Put, read: Read) -> None:
        submission = read(put({"Q1.zip": zipped({"q1_solution.py": VAE}), "gan.py": GAN}))
        assert submission.files[submission.modules["vae"]] == VAE
        assert submission.taken[0].taken == "Q1.zip/q1_solution.py"

    def test_within_archives_are_opened(self, put: Put, read: Read) -> None:
        each = {"vae.zip": zipped({"q1_solution.py": VAE}), "gan.zip": zipped({"gan.py": GAN})}
        packed = zipped({"A3.zip": zipped(each)})
        for root in (put({"hw.zip": packed}, "a") / "hw.zip", put({"hw.zip": packed}, "b")):
            files = read(root).files
            assert {Path(path).name: content for path, content in files.items()} == BOTH

    def test_too_deep_within_archives_are_named(self, put: Put, read: Read) -> None:
        deep = zipped(BOTH)
        for name in ("d.zip", "c.zip", "b.zip", "a.zip"):
            deep = zipped({name: deep})
        with pytest.raises(IntakeError, match="is an archive within an archive, more than 3 deep"):
            read(put({"hw.zip": deep}) / "hw.zip")

    def test_are_known_by_their_content(self, put: Put, read: Read) -> None:
        for n, (name, content) in enumerate(
            {
                "hw.zip": tarred(BOTH, "w:gz"),
                "hw.tar.gz": zipped(BOTH),
                "hw": zipped(BOTH),
                "hw-2025.11.03": tarred(BOTH),
            }.items()
        ):
            assert read(put({name: content}, f"a{n}") / name).files == BOTH
            assert read(put({name: content}, f"b{n}")).files == BOTH

    def test_damaged_within_a_folder_are_noted(self, put: Put, read: Read) -> None:
        submission = read(put({**BOTH, "data.zip": b"PK\x03\x04"}))
        assert submission.files == BOTH
        assert "data.zip: is damaged" in submission.notes[0]

    @pytest.mark.parametrize("name", ["hw.zip", "hw.rar", "hw.tar.gz"])
    def test_damaged_are_unreadable(self, put: Put, read: Read, name: str) -> None:
        with pytest.raises(
            IntakeError, match=rf"{name}: .*; it has to be handed in again as a zip"
        ):
            read(put({name: b"Rar!" if name.endswith("rar") else b"nonsense"}) / name)

    def test_a_repeated_member_counts_as_when_unpacking(self, put: Put, read: Read) -> None:
        archive = tarred({"gan.py": b"old"})[:1024] + tarred({"gan.py": GAN})
        submission = read(put({"hw.tar": archive}) / "hw.tar")
        assert submission.files["gan.py"] == GAN
        assert "gan.py: is there more than once" in submission.notes[0]


class TestUnreadable:
    def test_none_of_the_files(self, put: Put, read: Read) -> None:
        with pytest.raises(IntakeError) as raised:
            read(put({"report.pdf": b"", "notes.txt": b""}))
        message = str(raised.value)
        assert "holds none of q1_solution.py, gan.py, but notes.txt, report.pdf" in message
        assert "rename them" in message

    def test_an_empty_folder(self, put: Put, read: Read) -> None:
        with pytest.raises(IntakeError, match="nothing that can be read"):
            read(put({}))

    def test_a_missing_path(self, tmp_path: Path, read: Read) -> None:
        with pytest.raises(IntakeError, match=r"gone\.zip: cannot be read"):
            read(tmp_path / "gone.zip")


class TestDigest:
    def test_does_not_depend_on_the_packing(self, put: Put, read: Read) -> None:
        turned = dict(reversed(BOTH.items()))
        root = put({"a.zip": zipped(BOTH), "b.tar.gz": tarred(turned, "w:gz")})
        folder = put(BOTH, "folder")
        digests = {read(path).digest for path in (root / "a.zip", root / "b.tar.gz", folder)}
        assert len(digests) == 1

    def test_depends_on_every_content_and_path(self, put: Put, read: Read) -> None:
        variants = [BOTH, {**BOTH, "x.py": b""}, {**BOTH, "y.py": b""}, {**BOTH, "gan.py": b"x"}]
        digests = {read(put(files, f"v{n}")).digest for n, files in enumerate(variants)}
        assert len(digests) == 4


class TestWrongSuffixes:
    @pytest.mark.parametrize(
        "name",
        ["gan.py.txt", "gan.txt", "gan.PY", "gan .py", "gan.py.py", "gan(1).py", "gan.py.download",
         "gan.py.gz", "GAN.TXT"],
    )  # fmt: skip
    def test_are_seen_through_with_a_note(self, put: Put, read: Read, name: str) -> None:
        content = gzip.compress(GAN) if name.endswith("gz") else GAN
        submission = read(put({name: content, "q1_solution.py": VAE}))
        assert submission.files[submission.modules["gan"]] == GAN
        told = [*submission.notes, *(str(f.taken) for f in submission.taken)]
        assert any(name in text for text in told)

    @pytest.mark.parametrize("name", ["gan.ipynb.txt", "gan.ipynb.json", "gan.json"])
    def test_of_notebooks_too(self, put: Put, read: Read, name: str) -> None:
        cells = [{"cell_type": "code", "source": GAN.decode(), "metadata": {}}]
        notebook = json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
        submission = read(put({name: notebook.encode(), "q1_solution.py": VAE}))
        assert submission.taken[1].taken == "gan.ipynb"

    def test_never_replace_what_is_named_rightly(self, put: Put, read: Read) -> None:
        other = b"def jsd(cp, cq):\n    return cq\n"
        submission = read(put({"gan.py": GAN, "gan.py.txt": other, "gan.txt": other}))
        assert submission.files["gan.py"] == GAN

    def test_of_a_text_that_is_no_code_change_nothing(self, put: Put, read: Read) -> None:
        submission = read(put({"gan.txt": b"my answer", "gan.json": b"[]", "q1_solution.py": VAE}))
        assert "gan.py" not in submission.files and submission.files["gan.txt"] == b"my answer"


class TestRivals:
    def test_are_for_a_person_to_decide(self, put: Put, read: Read) -> None:
        other = b"def jsd(cp, cq):\n    return cq\n"
        submission = read(put({"a/gan.py": GAN, "b/gan.py": other}))
        assert submission.doubts == [
            "Handed in more than once, with different content: gan.py; a/gan.py was taken, "
            "not b/gan.py"
        ]

    def test_are_no_copies_no_old_versions_and_no_notebooks(self, put: Put, read: Read) -> None:
        notebook = json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}})
        files = {"gan.py": GAN, "copy/gan.py": GAN, "old/gan.py": GAN + b"x = 1\n"}
        assert read(put({**files, "gan.ipynb": notebook.encode()})).doubts == []
