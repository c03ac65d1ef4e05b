"""What the pages show, keep to themselves and survive."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grader.report import (
    write_class_report,
    write_reports,
    write_student_report,
    write_ta_report,
)
from grader.report.submission import NOT_GRADED_NOTE, student_view
from grader.results import RuleFinding

XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)"
VOID = {"meta", "br", "input", "img", "link", "hr"}
VISIBLE_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class Page(HTMLParser):
    """A page taken apart: elements, attributes, text; it must be well nested."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
        elif not self._open or self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def values(self, name: str) -> list[str]:
        return [value for _, key, value in self.attributes if key == name]


def hostile(make):
    """A result with a payload in every text that comes from a student or passes on their words."""
    result = make.troubled(XSS)
    checks = [
        c.model_copy(update={"rationale": XSS, "help": XSS, "detail": XSS, "title": XSS})
        for c in result.checks
    ]
    files = [f.model_copy(update={"taken": XSS, "others": [XSS]}) for f in result.files]
    return result.model_copy(
        update={"checks": checks, "files": files, "notes": [XSS], "output": XSS, "source": XSS,
                "problem": XSS}
    )  # fmt: skip


def all_pages(make, results, out: Path) -> list[Page]:
    paths = write_reports(make.assignment, results, out)
    files = [paths.class_page, *paths.students.values(), *paths.ta.values()]
    return [Page(path) for path in files]


def test_payloads_appear_as_text_and_nowhere_else(make, tmp_path: Path) -> None:
    statuses = ["graded", "unreadable", "not_graded"]
    results = [
        hostile(make).model_copy(update={"status": status, "submission": XSS + status})
        for status in statuses
    ]
    for page in all_pages(make, results, tmp_path):
        assert "<script>alert" not in page.source
        assert "<img" not in page.source
        assert page.tags["img"] == 0
        assert not [key for _, key, _ in page.attributes if key.startswith("on")]
        assert XSS in page.text


def test_nothing_is_loaded_and_only_our_script_may_run(make, tmp_path: Path) -> None:
    for page in all_pages(make, make.class_of(12), tmp_path):
        policy = page.values("content")[0]
        assert policy.startswith("default-src 'none'; ")
        assert "script" not in policy.replace("script-src 'sha256-", "")
        links = [*page.values("src"), *page.values("href")]
        assert not [link for link in links if ":" in link or link.startswith("//")]
        assert "@import" not in page.source
        assert "url(" not in page.source.replace("url(#", "")
        for script in page.scripts:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"script-src 'sha256-{digest}'" in policy


def test_student_pages_carry_no_script_at_all(make, tmp_path: Path) -> None:
    write_student_report(make.assignment, make.troubled("a"), tmp_path / "a.html")
    page = Page(tmp_path / "a.html")
    assert page.tags["script"] == 0
    assert "script-src" not in page.values("content")[0]


def test_links_lead_to_pages_that_exist(make, tmp_path: Path) -> None:
    results = [*make.class_of(6), make.result("Ünïcode / näme")]
    paths = write_reports(make.assignment, results, tmp_path)
    for path in [paths.class_page, *paths.ta.values()]:
        page = Page(path)
        for link in page.values("href"):
            if link.startswith("#"):
                assert link[1:] in page.values("id")
            else:
                assert (path.parent / link).is_file()
    for path in paths.students.values():
        assert not [link for link in Page(path).values("href") if not link.startswith("#")]


def test_ids_occur_once_in_a_page(make, tmp_path: Path) -> None:
    for page in all_pages(make, make.class_of(12), tmp_path):
        twice = [i for i, times in Counter(page.values("id")).items() if times > 1]
        assert not twice


@pytest.mark.parametrize("kind", ["result", "troubled", "unreadable", "not_graded",
                                  "with_undecided_check"])  # fmt: skip
def test_student_pages_never_show_what_is_for_the_ta(make, kind: str, tmp_path: Path) -> None:
    result = getattr(make, kind)("ada")
    planted = result.model_copy(
        update={
            "output": make.secret_output,
            "concerns": ["SENTINEL-CONCERN"],
            "code": [e.model_copy(update={"text": "SENTINEL-CODE"}) for e in result.code],
            "checks": [
                c.model_copy(update={"detail": make.secret_detail, "id": "SENTINEL-ID"})
                for c in result.checks
            ],
        }
    )
    write_student_report(make.assignment, planted, tmp_path / "s.html")
    source = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert "SENTINEL" not in source
    assert "/srv/" not in source
    assert result.source_digest not in source
    write_ta_report(make.assignment, planted, tmp_path / "ta" / "t.html")
    ta = (tmp_path / "ta" / "t.html").read_text(encoding="utf-8")
    assert make.secret_output in ta
    assert "SENTINEL-CONCERN" in ta
    assert not planted.checks or make.secret_detail in ta


@pytest.mark.parametrize("kind", ["result", "troubled", "not_graded", "with_undecided_check"])
def test_what_is_for_the_ta_does_not_even_reach_the_students_template(make, kind: str) -> None:
    result = getattr(make, kind)("ada").model_copy(update={"concerns": ["SENTINEL-CONCERN"]})
    shown = repr(student_view(make.assignment, result))
    assert "SENTINEL" not in shown
    assert "/srv/" not in shown
    assert result.source_digest not in shown
    assert not [c for c in result.checks if c.id in shown]


def test_student_page_explains_failures_and_folds_successes(make, tmp_path: Path) -> None:
    result = make.result("ada", ability=0.6, seed=3)
    failed = [c for c in result.checks if c.outcome == "failed"]
    assert failed
    assert len(failed) < len(result.checks)
    write_student_report(make.assignment, result, tmp_path / "s.html")
    page = Page(tmp_path / "s.html")
    for check in failed:
        for words in (check.title, check.rationale, check.help, check.reason):
            assert words in page.text
        for hint in check.hints:
            assert hint.text in page.text
    assert sum(key == "open" for _, key, _ in page.attributes) == len(failed)
    assert "28 marks" in page.text
    assert "whole assignment has 35 marks" in page.text
    assert "not marked yet" in page.text


def test_rules_for_notebooks_are_shown_to_both(make, tmp_path: Path) -> None:
    broken = RuleFinding(rule="Text before code", kept=False, detail="hw.ipynb: not before 3")
    kept = RuleFinding(rule="The seed is 1234", kept=True)
    result = make.result("ada").model_copy(update={"rules": [broken, kept]})
    for page in all_pages(make, [result], tmp_path)[1:]:
        assert "Text before code no hw.ipynb: not before 3 The seed is 1234 yes" in page.text
    assert (
        "Not as the course asks of notebooks: Text before code"
        in all_pages(make, [result], tmp_path)[0].text
    )
    without = all_pages(make, [make.result("bob")], tmp_path / "other")
    assert not any("asks of notebooks" in page.text for page in without)


def test_an_unreadable_submission_is_told_what_to_do(make, tmp_path: Path) -> None:
    write_student_report(make.assignment, make.unreadable("a"), tmp_path / "s.html")
    text = Page(tmp_path / "s.html").text
    assert "homework.zip is not a zip archive: it ends after 4,096 bytes" in text
    assert "Hand it in again" in text
    assert "q1_solution.py , gan.py and solution.py" in text


def test_people_are_called_as_they_write_themselves(make, tmp_path: Path) -> None:
    result = make.result("Zoe_O_Brien_7", name="Zoë O'Brien 王伟")
    for page in all_pages(make, [result], tmp_path):
        assert "Zoë O'Brien 王伟" in page.text


def test_our_failure_is_called_ours_and_no_zero(make, tmp_path: Path) -> None:
    write_student_report(make.assignment, make.not_graded("a"), tmp_path / "s.html")
    text = Page(tmp_path / "s.html").text
    assert "This is our fault and not a zero" in text
    assert "bwrap" not in text
    write_student_report(make.assignment, make.with_undecided_check("b"), tmp_path / "b.html")
    text = Page(tmp_path / "b.html").text
    assert NOT_GRADED_NOTE in text
    assert "disk full" not in text


def test_a_missing_wall_is_announced_to_staff(make, tmp_path: Path) -> None:
    plain = make.result("a")
    environment = plain.environment.model_copy(update={"wall": "none"})
    result = make.result("a", environment=environment)
    paths = write_reports(make.assignment, [result], tmp_path)
    assert "Graded without a wall" in Page(paths.ta["a"]).text
    assert "Graded without a wall" in Page(paths.class_page).text
    assert "wall" not in Page(paths.students["a"]).text


@pytest.mark.parametrize("size", [0, 1, 2, 3, 14, 61])
def test_classes_of_any_size(make, size: int, tmp_path: Path) -> None:
    results = make.class_of(size)
    pages = all_pages(make, results, tmp_path)
    assert len(pages) == 1 + 2 * size
    assert ("There are no submissions yet" in pages[0].text) == (size == 0)


@pytest.mark.parametrize("ability", [0, 1])
def test_classes_that_are_all_alike(make, ability: int, tmp_path: Path) -> None:
    results = [make.result(f"s{n}", ability=ability) for n in range(12)]
    write_class_report(make.assignment, results, tmp_path / "class.html")
    page = Page(tmp_path / "class.html")
    assert ("Who needs attention" in page.text) == (ability == 0)
    assert ("Most frequent failures" in page.text) == (ability == 0)


@pytest.mark.parametrize("kind", ["unreadable", "not_graded"])
def test_a_class_in_which_nothing_could_be_graded(make, kind: str, tmp_path: Path) -> None:
    results = [getattr(make, kind)(f"s{n}") for n in range(3)]
    write_class_report(make.assignment, results, tmp_path / "class.html")
    assert "Need attention 3" in Page(tmp_path / "class.html").text


def test_a_class_without_any_decided_question(make, tmp_path: Path) -> None:
    results = []
    for name in ("a", "b"):
        result = make.result(name)
        questions = [
            q.model_copy(update={"kind": "written", "awarded": None}) for q in result.questions
        ]
        results.append(result.model_copy(update={"questions": questions, "checks": []}))
    text = all_pages(make, results, tmp_path)[0].text
    assert "Graded 2 of 2" in text
    assert "Need attention 0" in text
    assert "Distribution of marks" not in text


def test_odd_names_are_shown_without_what_browsers_obey(make, tmp_path: Path) -> None:
    names = [
        "x" * 300,
        "ab\u202etxt.exe",
        "\x00\x1b[31m",
        "يوسف אברהם",
        "half \udc80",
        "$x^2$ & <b>",
    ]
    results = [make.result(name, problem=name, output=name, notes=[name]) for name in names]
    for page in all_pages(make, results, tmp_path):
        assert not VISIBLE_CONTROL.search(page.source)


def test_two_results_of_one_submission_are_refused(make, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="occurs more than once"):
        write_reports(make.assignment, [make.result("a"), make.result("a")], tmp_path)


def test_pages_are_the_same_every_time_and_in_any_order(make, tmp_path: Path) -> None:
    results = make.class_of(14)
    write_reports(make.assignment, results, tmp_path / "one")
    write_reports(make.assignment, results[::-1], tmp_path / "two")
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.html"))
    assert len(files) == 29
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_pictures_are_described_and_repeated_as_a_table(make, tmp_path: Path) -> None:
    write_class_report(make.assignment, make.class_of(14), tmp_path / "class.html")
    page = Page(tmp_path / "class.html")
    pictures = [v for tag, key, v in page.attributes if tag == "svg" and key == "aria-labelledby"]
    assert len(pictures) == 4
    for labels in pictures:
        assert set(labels.split()) <= set(page.values("id"))
    assert page.text.count("The same as a table") == 2
    assert "#00000" not in page.source


def test_importing_the_package_loads_neither_torch_nor_matplotlib() -> None:
    code = (
        "import sys, grader.report, grader.export; "
        "print(sorted({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
