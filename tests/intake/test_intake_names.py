"""Names that others chose: whatever they are, what becomes of them is safe."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.limits import shown
from grader.intake.names import (
    UnsafeNameError,
    clean_path,
    handed_by,
    identifiers,
    is_junk,
    is_set_aside,
    renamed_from,
)

any_name = st.text(
    st.one_of(st.characters(), st.sampled_from("./\\:\x00\n\u202e-_ ")), max_size=300
)


class TestCleanPath:
    @pytest.mark.parametrize(
        ("raw", "clean"),
        [
            ("gan.py", "gan.py"),
            ("./Q2-GAN//gan.py", "Q2-GAN/gan.py"),
            ("Q2-GAN\\gan.py", "Q2-GAN/gan.py"),
            ("a\nb/gan.py", "a_b/gan.py"),
            ("gan\u202eyp.exe", "gan_yp.exe"),
            ("Zoë/gan.py", "Zoë/gan.py"),
        ],
    )
    def test_gives_one_spelling(self, raw: str, clean: str) -> None:
        assert clean_path(raw) == clean

    @pytest.mark.parametrize(
        "raw",
        [
            "../gan.py",
            "a/../../b",
            "..\\gan.py",
            "/etc/passwd",
            "\\\\server\\x",
            "C:\\x",
            "c:x",
            "",
            ".",
            "/",
            "a/" * 33 + "gan.py",
            ("a" * 200 + "/") * 6,
            "é" * 128,
        ],
    )
    def test_refuses_what_leads_out(self, raw: str) -> None:
        with pytest.raises(UnsafeNameError):
            clean_path(raw)

    @given(any_name)
    def test_never_leads_out_and_is_stable(self, raw: str) -> None:
        try:
            clean = clean_path(raw)
        except UnsafeNameError:
            return
        parts = clean.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert clean.isprintable() or all(c.isprintable() or c.isspace() for c in clean)
        assert "\\" not in clean
        assert clean_path(clean) == clean


class TestIdentifiers:
    def test_stay_readable(self) -> None:
        assert identifiers(["Jane Doe_12345", "Zoë Müller", "submission_1"]) == [
            "Jane_Doe_12345",
            "Zoe_Muller",
            "submission_1",
        ]

    def test_are_told_apart_in_whatever_case(self) -> None:
        assert identifiers(["jane", "Jane", "jane-2", "jane"]) == [
            "jane",
            "Jane-2",
            "jane-2-2",
            "jane-3",
        ]

    def test_are_never_empty_or_a_dot(self) -> None:
        assert identifiers(["", ".", "..", "王伟", "-rf"]) == [
            "submission",
            "submission-2",
            "submission-3",
            "submission-4",
            "rf",
        ]

    @given(st.lists(any_name, max_size=20))
    def test_are_safe_unique_and_deterministic(self, names: list[str]) -> None:
        ids = identifiers(names)
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", id) for id in ids)
        assert len({id.lower() for id in ids}) == len(names)
        assert ids == identifiers(names)


@pytest.mark.parametrize(
    ("name", "who", "rest"),
    [
        ("Jane Doe_12345_assignsubmission_file_", "Jane Doe_12345", ""),
        ("Jane Doe_12345_assignsubmission_file_gan.py", "Jane Doe_12345", "gan.py"),
        ("doejane_12345_67890_hw3.zip", "doejane_12345", "hw3.zip"),
        ("doejane_LATE_12345_67890_gan.py", "doejane_12345", "gan.py"),
        ("submission_1234567", "submission_1234567", ""),
    ],
)
def test_platforms_tell_whose_it_is(name: str, who: str, rest: str) -> None:
    assert handed_by(name) == (who, rest)


@pytest.mark.parametrize("name", ["jane", "q1_solution.py", "hw_3_final.zip", "exp_10_20_x"])
def test_a_students_own_name_is_no_platforms(name: str) -> None:
    assert handed_by(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "gan (1).py",
        "GAN(2).py",
        "gan - Copy.py",
        "gan - Copy (2).py",
        "gan copy 2.py",
        "gan (copy).py",
        "gan-1.py",
        "Copy of gan.py",
        "gan.py",
    ],
)
def test_downloads_rename(name: str) -> None:
    assert renamed_from(name) == "gan.py"


@pytest.mark.parametrize("name", ["gan_final.py", "my gan.py", "gan2.py"])
def test_what_students_rename_stays(name: str) -> None:
    assert renamed_from(name) == name


def test_junk_and_what_is_set_aside() -> None:
    assert all(map(is_junk, ["__MACOSX/gan.py", "a/.git/x", "._gan.py", "x/site-packages/y.py"]))
    assert not is_junk("env/gan.py")
    assert all(map(is_set_aside, ["old/gan.py", "a/Template/gan.py", "gan_backup/gan.py"]))
    assert not any(map(is_set_aside, ["gold/gan.py", "old.py", "solution/gan.py"]))


@given(any_name)
def test_shown_is_one_short_line(name: str) -> None:
    text = shown(name)
    assert len(text) <= 120
    assert len(text.splitlines()) <= 1
    text.encode()
