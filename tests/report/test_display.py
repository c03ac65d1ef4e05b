"""Text and numbers as readers see them."""

from __future__ import annotations

import pytest

from grader.report import display


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("naïve Ω 数", "naïve Ω 数"),
        ("nul\x00bell\x07", "nulbell"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("c1\x9b31mred\x90", "c1red"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("tab\tstays", "tab\tstays"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("\u2066isolate\u2069\u200f\u061c", "isolate"),
        ("\udc80 not UTF-8", "\ufffd not UTF-8"),
    ],
)
def test_clean_drops_what_a_browser_obeys_or_hides(raw: str, shown: str) -> None:
    assert display.clean(raw) == shown


def test_cleaned_text_can_always_be_written_as_utf8() -> None:
    everything = "".join(map(chr, [*range(0x3000), *range(0xD800, 0xE000), 0xFEFF, 0xFFFF]))
    display.clean(everything).encode("utf-8")


def test_a_name_nobody_can_see_says_so() -> None:
    assert display.name("\x00\u202e \n") == "(a name without visible characters)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0"), (-0.001, "0"), (1.5, "1.5"), (10.0, "10"), (1 / 3, "0.33")],
)
def test_marks_are_short(value: float | None, shown: str) -> None:
    assert display.marks(value) == shown


def test_only_everybody_is_all_and_only_nobody_is_none() -> None:
    assert [display.percent(s) for s in (0, 0.001, 0.5, 0.999, 1)] == [
        "0%",
        "1%",
        "50%",
        "99%",
        "100%",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.02, "0.02 s"), (3.21, "3.2 s"), (125.4, "2 min 5 s"), (7260, "2 h 1 min")],
)
def test_durations_grow_with_their_units(seconds: float, shown: str) -> None:
    assert display.duration(seconds) == shown


def test_a_moment_is_told_in_utc_and_nonsense_left_as_it_is() -> None:
    assert display.moment("2025-03-14T17:42:07+01:00") == "2025-03-14 16:42 UTC"
    assert display.moment("yesterday") == "yesterday"
