"""Learning platforms' names: whose each is, and what else it says."""

import pytest

from grader.intake.platforms import (
    handed_by,
    handed_in_class,
    moment,
    submitters,
    uploaded_as,
)

MOODLE = "Jane Doe_12345_assignsubmission"
ATTEMPT = "attempt_2025-11-01-10-00-00"


@pytest.mark.parametrize(
    ("name", "platform", "who", "rest"),
    [
        (f"{MOODLE}_file", "moodle", "Jane Doe_12345", ""),
        (f"{MOODLE}_file_", "moodle", "Jane Doe_12345", ""),
        (f"{MOODLE}_file_gan.py", "moodle", "Jane Doe_12345", "gan.py"),
        (f"{MOODLE}_file_my_gan_2.py", "moodle", "Jane Doe_12345", "my_gan_2.py"),
        ("Zoë O'Brien_1_assignsubmission_file", "moodle", "Zoë O'Brien_1", ""),
        ("Team 3_77_assignsubmission_file", "moodle", "Team 3_77", ""),
        ("doejane_12345_67890_hw3.zip", "canvas", "doejane_12345", "hw3.zip"),
        ("doejane_LATE_12345_67890_gan.py", "canvas", "doejane_12345", "gan.py"),
        ("doejane_12_3456_my_gan.py", "canvas", "doejane_12", "my_gan.py"),
        (
            "doejane_12345_6789012_lab_1_20251101_x.py",
            "canvas",
            "doejane_12345",
            "lab_1_20251101_x.py",
        ),
        ("王伟_12345_67890_gan.py", "canvas", "王伟_12345", "gan.py"),
        ("project_group_1_111111_900007_gan.py", "canvas", "project_group_1_111111", "gan.py"),
        ("anon_yBV4d_900001_gan.py", "canvas", "anon_yBV4d", "gan.py"),
        ("anon_LATE_yBV4d_900001_gan.py", "canvas", "anon_yBV4d", "gan.py"),
        ("LATE_anon_x9Kq2_900004_gan.py", "canvas", "anon_x9Kq2", "gan.py"),
        (f"Assignment 3_jdoe_{ATTEMPT}_gan.py", "blackboard", "Assignment 3_jdoe", "gan.py"),
        (
            "123-4567 - Jane Doe - Oct 31, 2025 1159 PM - my gan.py",
            "brightspace",
            "Jane Doe_123-4567",
            "my gan.py",
        ),
        ("submission_1234567", "gradescope", "submission_1234567", ""),
    ],
)
def test_tell_whose_it_is(name: str, platform: str, who: str, rest: str) -> None:
    named = handed_by(name)
    assert named is not None
    assert (named.platform, named.who, named.rest, named.is_file) == (platform, who, rest, True)


@pytest.mark.parametrize(
    ("name", "who"),
    [
        (f"{MOODLE}_onlinetext", "Jane Doe_12345"),
        (f"{MOODLE}_onlinetext_", "Jane Doe_12345"),
        (f"{MOODLE}_onlinetext_onlinetext.html", "Jane Doe_12345"),
        ("doejane_12345_text.html", "doejane_12345"),
        ("doejane_LATE_12345_link.html", "doejane_12345"),
        ("doejane_12345_67890_text.html", "doejane_12345"),
        ("anon_yBV4d_text.html", "anon_yBV4d"),
        (f"Assignment 3_jdoe_{ATTEMPT}.txt", "Assignment 3_jdoe"),
    ],
)
def test_a_text_in_the_platforms_form_is_no_file_but_the_persons(name: str, who: str) -> None:
    named = handed_by(name)
    assert named is not None
    assert (named.who, named.is_file) == (who, False)


@pytest.mark.parametrize(
    "name",
    ["jane", "q1_solution.py", "hw_3_final.zip", "exp_10_20_x", "exp_lr_01_1000_steps.py",
     "submission_1", "2025-11 notes", "assignsubmission_file"],
)  # fmt: skip
def test_a_students_own_name_is_no_platforms(name: str) -> None:
    assert handed_by(name) is None


def test_late_is_told_by_canvas_alone() -> None:
    for name, late in (
        ("doejane_LATE_12345_67890_x.py", True),
        ("doejane_12345_67890_x.py", False),
        (f"{MOODLE}_file", None),
    ):
        named = handed_by(name)
        assert named is not None and named.late is late


def test_a_teams_number_is_no_persons() -> None:
    for name in ("Group 5_77", "Team A_8", "Équipe 12_9", "Default group_3"):
        named = handed_by(f"{name}_assignsubmission_file")
        assert named is not None and named.team and named.person == "" and named.name == name
    named = handed_by("Teamy Groupson_5_assignsubmission_file")
    assert named is not None and not named.team and named.person == "5"


@pytest.mark.parametrize(
    ("names", "people"),
    [
        (["Assignment 3_jdoe", "Assignment 3_zmuller"], ["jdoe", "zmuller"]),
        (["My_HW_3_jane_doe", "My_HW_3_jim_roe"], ["jane_doe", "jim_roe"]),
        (["Assignment 3_jdoe"], ["jdoe"]),
        (["jdoe"], ["jdoe"]),
    ],
)
def test_what_blackboards_names_have_in_common_is_the_assignment(
    names: list[str], people: list[str]
) -> None:
    found = handed_in_class(f"{name}_{ATTEMPT}_gan.py" for name in names)
    assert [named.person for named in found.values()] == people


def test_of_brightspaces_numbers_the_one_that_differs_is_the_persons() -> None:
    date = "Oct 31, 2025 1159 PM"
    for first, second, persons in (
        ("11-900", "12-900", ["11", "12"]),
        ("900-11", "900-12", ["11", "12"]),
        ("11-900", "12-901", ["11", "12"]),
    ):
        names = [f"{first} - Jane Doe - {date} - x.py", f"{second} - Jim Roe - {date} - x.py"]
        assert [named.person for named in handed_in_class(names).values()] == persons


def test_gradescopes_short_numbers_count_beside_its_metadata() -> None:
    assert handed_in_class(["submission_7"]) == {}
    assert list(handed_in_class(["submission_7", "submission_metadata.yml"])) == ["submission_7"]


def test_moments_sort_by_time() -> None:
    assert moment("2025-11-01-10-00-00") == "2025-11-01-10-00-00"
    assert moment("Oct 31, 2025 1159 PM") == "2025-10-31-23-59-00"
    assert moment("31 October, 2025 9_05 AM") == "2025-10-31-09-05-00"
    assert moment("yesterday") == ""


def test_a_later_upload_has_the_name_of_the_first() -> None:
    assert [uploaded_as(n) for n in ("gan-1.py", "a-b-12.zip", "notes-2")] == [
        "gan.py", "a-b.zip", "notes",
    ]  # fmt: skip
    assert uploaded_as("gan-final.py") == "gan-final.py"


def test_submitters_are_read_from_gradescopes_metadata() -> None:
    metadata = """---
submission_71:
  :submitters:
  - :name: Zoë Müller
    :sid: '123'
    :email: zoe@example.org
  :created_at: 2025-11-01 10:00:00.000000000 Z
  :results:
    :tests:
    - :name: not a person
submission_72:
  :submitters:
  - :name: Jim Roe
    :sid:
    :email: jim@example.org
  - :name: "Ann Lee"
    :sid: '9'
  :history: []
"""
    assert submitters(metadata) == {
        "submission_71": [("Zoë Müller", "123")],
        "submission_72": [("Jim Roe", "jim@example.org"), ("Ann Lee", "9")],
    }
    assert submitters("\x00 :submitters:\n:name: x\n- - -") == {}
