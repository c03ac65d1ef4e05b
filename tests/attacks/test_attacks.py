"""Every attack, graded in one batch with honest students, behind each wall, as root and not."""

from __future__ import annotations

import csv
import functools
import os
import re
import shutil
from collections.abc import Iterator

import pytest

from grader.results import Result
from grader.wall import isolation
from tests.attacks.attack import BREACH, Attack
from tests.attacks.catalogue import ATTACKS, GROUPS
from tests.attacks.setting import FIRST, LAST, Graded, grade
from tests.attacks.table import PAGE, inside, table

pytestmark = [pytest.mark.needs_wall, pytest.mark.timeout(1200)]

WALLS: tuple[isolation.WallKind, ...] = ("bubblewrap", "landlock")
USERS = ("root", "ordinary")
CASES = [
    pytest.param(wall, user, name, id=f"{wall}-{user}-{name}")
    for wall in WALLS
    for user in USERS
    for name, attack in ATTACKS.items()
    if wall in attack.walls and not attack.runs
]
BATCHES = [pytest.param(wall, user, id=f"{wall}-{user}") for wall in WALLS for user in USERS]
_KEPT: list[Graded] = []
# Characters that a terminal or browser obeys.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module", autouse=True)
def _clear_away() -> Iterator[None]:
    yield
    for graded in _KEPT:
        shutil.rmtree(graded.out, ignore_errors=True)
    _KEPT.clear()
    batch.cache_clear()


@functools.cache
def batch(wall: isolation.WallKind, user: str) -> Graded:
    """All attacks on this wall, graded as this user; once for all tests."""
    graded = grade(
        [a for a in ATTACKS.values() if wall in a.walls and not a.runs],
        wall,
        ordinary=user == "ordinary",
    )
    _KEPT.append(graded)
    return graded


def graded_or_skip(wall: isolation.WallKind, user: str) -> Graded:
    if user == "root" and os.getuid() != 0:
        pytest.skip("takes root; what an ordinary user gets is tested")
    finding = next(f for f in isolation.survey() if f.wall == wall)
    if not finding.works:
        pytest.skip(f"{wall}: {finding.explanation}")
    return batch(wall, user)


def marks(result: Result) -> tuple[float | None, float | None]:
    by_id = {q.id: q.awarded for q in result.questions}
    return by_id["q1.1"], by_id["q1.2"]


def told(result: Result) -> str:
    """Everything that staff read about a submission."""
    checks = (f"{c.rationale} {c.detail}" for c in result.checks)
    return "\n".join([result.problem, result.output, *result.notes, *result.concerns, *checks])


@pytest.mark.parametrize(("wall", "user", "name"), CASES)
def test_an_attack_gains_nothing(wall: isolation.WallKind, user: str, name: str) -> None:
    attack: Attack = ATTACKS[name]
    graded = graded_or_skip(wall, user)
    result = graded.results[name]
    assert result.status == attack.status, told(result)
    assert marks(result) == attack.marks, told(result)
    assert BREACH not in result.output, result.output
    assert graded.leaks(name) == []
    if attack.says:
        assert re.search(attack.says, told(result)), told(result)
    assert re.findall(r"LEAK|77000\d\d", graded.student_page(name)) == []


@pytest.mark.parametrize(("wall", "user"), BATCHES)
def test_honest_students_keep_their_marks(wall: isolation.WallKind, user: str) -> None:
    graded = graded_or_skip(wall, user)
    for name in (FIRST, LAST):
        assert marks(graded.results[name]) == (4, 3), told(graded.results[name])


@pytest.mark.parametrize(("wall", "user"), BATCHES)
def test_nothing_is_touched_reached_or_left_over(wall: isolation.WallKind, user: str) -> None:
    graded = graded_or_skip(wall, user)
    assert graded.touched == []
    assert graded.knocked == []
    assert graded.noticed["left_over"] == []


@pytest.mark.parametrize(("wall", "user"), BATCHES)
def test_the_batch_goes_on_to_the_end(wall: isolation.WallKind, user: str) -> None:
    graded = graded_or_skip(wall, user)
    wanted = {n for n, attack in ATTACKS.items() if wall in attack.walls and not attack.runs}
    assert set(graded.results) == wanted | {FIRST, LAST}
    assert [r.problem for r in graded.results.values() if r.status == "not_graded"] == []


@pytest.mark.parametrize(("wall", "user"), BATCHES)
def test_what_staff_and_students_open_runs_nothing(wall: isolation.WallKind, user: str) -> None:
    graded = graded_or_skip(wall, user)
    pages = list(graded.out.glob("reports/**/*.html"))
    assert len(pages) == 2 * len(graded.results) + 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        tags = re.findall(r"<\s*(script|img|iframe|object|embed|svg/onload|base)\b[^>]*>", text)
        assert set(tags) <= {"script"} and tags.count("script") <= 1, page
        assert not re.search(r"<[^>]*\son\w+\s*=", text), page
        assert not UNSEEN.search(text), page
    with (graded.out / "marks.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))] == []
    assert not UNSEEN.search("".join(cells))


def test_the_documentation_holds_the_table_of_attacks() -> None:
    assert inside(PAGE.read_text(encoding="utf-8")) == table()


def test_there_are_enough_attacks_and_their_names_differ() -> None:
    assert len(ATTACKS) == sum(map(len, GROUPS.values())) >= 60
