"""Submission ids as file names."""

from __future__ import annotations

import pytest

from grader.report.names import file_names


def test_ordinary_ids_are_their_own_names() -> None:
    assert file_names(["s01", "Smith_Jane", "a-b.c"]) == {
        "s01": "s01",
        "Smith_Jane": "Smith_Jane",
        "a-b.c": "a-b.c",
    }


@pytest.mark.parametrize(
    "submission",
    ["../../etc/passwd", "", ".", "..", ".hidden", "con", "NUL.txt", "a/b", "a\\b", "dot.",
     "x" * 300, "Zoë", "<b>", "new\nline", "nul\0", "\udcff", "~", "a b", "a?b#c%20"],
)  # fmt: skip
def test_other_ids_get_names_that_are_safe_everywhere(submission: str) -> None:
    name = file_names([submission])[submission]
    assert "~" in name
    assert name.isascii()
    assert not set(name) & set('/\\:*?"<>|%#& \n\0')
    assert not name.startswith(".")
    assert len(name) < 80


def test_ids_that_differ_only_in_case_do_not_overwrite_one_another() -> None:
    names = file_names(["anna", "Anna", "ANNA"])
    assert len({name.casefold() for name in names.values()}) == 3


def test_an_id_cannot_pose_as_the_name_of_another() -> None:
    strange = file_names(["Zoë"])["Zoë"]
    names = file_names(["Zoë", strange])
    assert len(set(names.values())) == 2


def test_an_id_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'s1' occurs more than once"):
        file_names(["s1", "s2", "s1"])
