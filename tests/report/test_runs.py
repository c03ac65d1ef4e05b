"""Training runs on the pages: what is shown of them, to whom, and that nothing breaks a page."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from PIL import Image
from test_pages import XSS, Page
from toy_runs import DIRAC, RunFactory, make_run_assignment, tiny_png

from grader.marks.words import asked
from grader.report import pictures as embedding
from grader.report import write_class_report, write_reports, write_student_report, write_ta_report
from grader.report.attention import who_needs_attention
from grader.report.pictures import DAMAGED, MISSING, TOO_LARGE, Pictures
from grader.report.run_summary import Cell, run_summaries
from grader.report.runs import NO_THRESHOLD, NOT_GRADED, RULE, run_views
from grader.report.strips import heights, limits, strip
from grader.report.submission import NOT_GRADED_NOTE, student_view, ta_view
from grader.results import Picture, Result


@pytest.fixture
def make(tmp_path: Path) -> RunFactory:
    """Makes results with runs; their pictures lie below `tmp_path / "out"`."""
    return RunFactory(make_run_assignment(tmp_path / "assignments"), tmp_path / "out")


def student_page(make: RunFactory, result: Result) -> Page:
    path = make.out / "reports" / "students" / "s.html"
    write_student_report(make.assignment, result, path)
    return Page(path)


def ta_page(make: RunFactory, result: Result) -> Page:
    path = make.out / "reports" / "ta" / "t.html"
    write_ta_report(make.assignment, result, path)
    return Page(path)


def class_page(make: RunFactory, results: list[Result]) -> Page:
    path = make.out / "reports" / "class.html"
    write_class_report(make.assignment, results, path)
    return Page(path)


def images(page: Page) -> list[str]:
    return [value for tag, key, value in page.attributes if (tag, key) == ("img", "src")]


# --- views ---


def test_marks_of_the_figures_add_up_to_those_of_the_question(make) -> None:
    for result in (make.result("ada"), make.troubled("bob")):
        view = student_view(make.assignment, result)
        for question in view.questions:
            cases = [case for run in question.runs for case in run.cases]
            if question.kind == "run":
                assert sum(case.marks for case in cases) == pytest.approx(question.marks)
                assert sum(case.awarded for case in cases) == pytest.approx(question.awarded)
            for case in cases:
                if case.status == "finished":
                    figures = [f.marks for f in case.figures if f.marks is not None]
                    assert sum(figures) == pytest.approx(case.marks)


def test_a_run_is_described_once_and_its_figures_stand_at_their_questions(make) -> None:
    view = student_view(make.assignment, make.result("ada"), make.out)
    by_id = {q.id: q for q in view.questions}
    (home,), (other,) = by_id["q1.6"].runs, by_id["q1.7"].runs
    assert (home.home, other.home) == ("", "q1.6")
    assert [f.title for f in home.cases[0].figures] == ["ELBO of the validation set"]
    assert len(other.cases[0].figures) == 2
    assert len(home.cases[0].pictures) == 3
    assert other.cases[0].pictures == ()
    assert [run.id for run in view.other_runs] == ["sketch"]
    dirac = by_id["q2.6"].runs[0]
    assert dirac.long
    assert [case.name for case in dirac.cases] == DIRAC
    assert [f.marks for f in dirac.cases[0].figures] == [0.25, None]


def test_what_is_for_the_ta_does_not_reach_the_students_view(make) -> None:
    result = make.troubled("bob")
    shown = repr(student_view(make.assignment, result))
    hidden = repr(ta_view(make.assignment, result))
    for secret in (make.key, make.detail, str(make.seed)):
        assert secret not in shown
        assert secret in hidden


@pytest.mark.parametrize(
    ("measure", "threshold", "words"),
    [
        ("elbo", -102.0, "at least -102"),
        ("own_estimate", 0.0, "0 to within 0.1"),
        ("elbo", None, ""),
    ],
)
def test_what_is_asked_is_told_in_words(make, measure, threshold, words) -> None:
    found = next(m for m in make.assignment.description.measures if m.name == measure)
    assert asked(found, threshold) == words
    assert asked(None, 1234.5) == "1,234" if threshold else True


def test_runs_of_another_version_of_the_assignment_are_still_shown(make) -> None:
    run = make.run("ada", "vae", "", [("elbo", -101.0, 0.1, None)])
    figure = run.figures[0].model_copy(
        update={"measure": "gone", "question": None, "share": None, "threshold": -100.0}
    )
    old = run.model_copy(update={"run": "gone", "figures": [figure], "title": "An old run"})
    result = make.result("ada").model_copy(update={"runs": [old]})
    (view,) = run_views(make.assignment, result, None, for_ta=True)[""]
    assert view.title == "An old run"
    assert view.cases[0].figures[0].asked == "-100"
    assert "An old run" in ta_page(make, result).text
    assert run_summaries(make.assignment, [result])[0].measures == ()


# --- pages about a submission ---


def test_a_finished_run_is_shown_with_figures_rule_and_pictures(make) -> None:
    page = student_page(make, make.result("ada"))
    for words in (
        "VAE on binarised MNIST",
        "Trained here, profile cpu",
        "600 steps instead of 100,000, networks an eighth as wide",
        "15,640 steps in 3 min 31 s of processor time",
        "Binarised MNIST: 50,000 images of 28 x 28.",
        "nats per image",
        "n = 10,000",
        "at least -102",
        "the assignment asks for at least -102; 99 % interval",
        "The run is described at question q1.6",
        "Runs that give no marks",
        "shown only",
    ):
        assert words in page.text
    assert page.text.count(RULE) == 1
    assert "not borne out" not in page.text
    # 20 games, 2 pictures of 5 networks and of 6 flows, 3 of the VAE, 1 planar, 2 sketches.
    assert len(images(page)) == 20 + 10 + 12 + 3 + 1 + 2
    alternatives = [v for tag, key, v in page.attributes if (tag, key) == ("img", "alt")]
    assert len(alternatives) == len(images(page))
    assert all(alternatives)
    assert "training of vae" in alternatives


def test_a_page_without_runs_has_neither_rule_nor_section(make) -> None:
    result = make.result("ada", [])
    for page in (student_page(make, result), ta_page(make, result)):
        assert RULE not in page.text
        assert "judged by the results of the training run; it is not marked yet" in page.text
    assert "Training runs" not in class_page(make, [result]).text


def test_a_claim_that_is_not_borne_out_is_flagged_with_both_figures(make) -> None:
    for page in (student_page(make, make.troubled("b")), ta_page(make, make.troubled("b"))):
        assert (
            "The submission states -80 , we measure -110.31 ± 0.14 : the claim is not borne out."
            in page.text
        )
        assert "0 of 3" in page.text
    honest = make.run("c", "vae", "", [("elbo", -101.2, 0.12, -101.3)])
    page = student_page(make, make.result("c", [honest]))
    assert "Stated in the submission" in page.text
    assert "-101.3" in page.text
    assert "not borne out" not in page.text


def test_a_claim_in_one_of_many_cases_is_seen_before_its_row_is_opened(make) -> None:
    runs = [make.run("a", "flows", c, [("nll", 1.6, 0.0, 0.2)]) for c in ("arcs-2", "arcs-8",
            "arcs-32", "sine-2")]  # fmt: skip
    assert student_page(make, make.result("a", runs)).text.count("a claim is not borne out") == 4


@pytest.mark.parametrize("claim", [float("nan"), float("inf"), -1e300])
def test_claims_that_are_no_figures_are_told(make, claim: float) -> None:
    run = make.run("a", "vae", "", [("elbo", -101.2, 0.12, claim)])
    assert "not borne out" in student_page(make, make.result("a", [run])).text


def test_failures_say_why_and_cost_their_marks(make) -> None:
    page = student_page(make, make.troubled("bob"))
    assert "after step 12: the loss is not finite" in page.text
    assert "r1gp raised RuntimeError: element 0 of tensors" in page.text
    assert "19 of 20 finished" in page.text
    assert "there is no figure: the weights are not finite" in page.text
    # Once in the judgement, and not again beside it.
    assert page.text.count("the weights are not finite") == 1
    view = student_view(make.assignment, make.troubled("bob"))
    (planar,) = next(q for q in view.questions if q.id == "q3.2").runs
    assert (planar.cases[0].awarded, planar.cases[0].marks) == (0, 1)


def test_what_was_handed_in_is_called_so_and_what_was_not_is_named(make) -> None:
    page = student_page(make, make.handed_in("cyd"))
    assert "Handed in, judged as profile full" in page.text
    assert "no flow-samples-arcs-2.safetensors was handed in" in page.text
    assert page.text.count("not handed in") == 6
    # Its size is the student's own choice.
    assert "6,000 steps instead" not in page.text


def test_our_failure_is_no_zero_and_names_no_folder_to_the_student(make) -> None:
    result = make.not_graded("dan")
    page = student_page(make, result)
    assert NOT_GRADED in page.text
    assert NOT_GRADED_NOTE in page.text
    assert "/srv/" not in page.source
    assert "0 of 3" not in page.text
    assert "No space left on device: /srv/secret" in ta_page(make, result).text


def test_without_a_threshold_the_student_is_not_told_our_commands(make) -> None:
    result = make.without_thresholds("eve")
    page = student_page(make, result)
    assert NO_THRESHOLD in page.text
    assert "grader calibrate" not in page.text
    assert "measured below; the question is not marked yet" in page.text
    assert "grader calibrate" in ta_page(make, result).text


def test_students_never_see_seed_key_or_detail(make) -> None:
    for result in (make.result("a"), make.troubled("b"), make.handed_in("c")):
        source = student_page(make, result).source
        for secret in (make.key, make.detail, str(make.seed), "artefacts/"):
            assert secret not in source
    ta = ta_page(make, make.troubled("b"))
    for secret in (make.key, make.detail, str(make.seed), "Measured in"):
        assert secret in ta.text


def test_everything_of_a_run_is_escaped(make) -> None:
    result = make.troubled("x")
    runs = []
    for run in result.runs:
        figures = [
            f.model_copy(update={"note": XSS, "judgement": XSS, "title": XSS, "unit": XSS})
            for f in run.figures
        ]
        pictures = [
            Picture(title=XSS, file=p.file, alternative=XSS) for p in run.pictures
        ] + [Picture(title=XSS, file="gone.png")]  # fmt: skip
        update = {"problem": XSS, "detail": XSS, "data": [XSS], "figures": figures}
        runs.append(run.model_copy(update={**update, "pictures": pictures}))
    hostile = result.model_copy(update={"runs": runs})
    for page in (student_page(make, hostile), ta_page(make, hostile), class_page(make, [hostile])):
        assert "<script>alert" not in page.source
        assert not [key for _, key, _ in page.attributes if key.startswith("on")]
        assert all(src.startswith("data:image/png;base64,") for src in images(page))
        assert XSS in page.text


def test_ids_occur_once_and_links_lead_somewhere(make) -> None:
    results = [make.result("ada"), make.troubled("bob"), make.handed_in("cyd"),
               make.not_graded("dan")]  # fmt: skip
    paths = write_reports(make.assignment, results, make.out / "reports")
    for path in (paths.class_page, *paths.students.values(), *paths.ta.values()):
        page = Page(path)
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        for link in page.values("href"):
            if link.startswith("#"):
                assert link[1:] in ids
            else:
                assert (path.parent / link).is_file()


def test_pages_with_runs_are_the_same_every_time(make, tmp_path: Path) -> None:
    results = [
        make.result(f"s{n}", [make.run(f"s{n}", "vae", "", [("elbo", -101.0 - n, 0.1, None)],
                                       ["training"]), make.failed(f"s{n}", "planar")])
        for n in range(4)
    ]  # fmt: skip
    for name, ordered in (("one", results), ("two", results[::-1])):
        write_reports(make.assignment, ordered, tmp_path / name, pictures=make.out)
    for file in (tmp_path / "one").rglob("*.html"):
        twin = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == twin.read_bytes()


# --- pictures ---


def png(width: int, height: int, noise: bool = False) -> bytes:
    picture = Image.effect_noise((width, height), 90) if noise else Image.new("L", (width, height))
    target = io.BytesIO()
    picture.convert("RGB").save(target, format="PNG")
    return target.getvalue()


def embed(folder: Path, files: dict[str, bytes]) -> list[embedding.PictureView]:
    pictures = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        pictures.append(Picture(title=name, file=name))
    return list(Pictures(folder, pictures).of(pictures))


def test_a_picture_becomes_part_of_the_page_at_its_size(tmp_path: Path) -> None:
    (view,) = embed(tmp_path, {"a.png": png(960, 540)})
    assert view.source.startswith("data:image/png;base64,iVBORw0KGgo")
    assert (view.width, view.height) == (640, 360)
    assert view.problem == ""


def test_a_picture_that_is_gone_is_a_sentence_and_the_rest_of_the_page_is_there(make) -> None:
    result = make.result("ada")
    first = result.runs[0].pictures[0]
    (make.out / first.file).unlink()
    page = student_page(make, result)
    assert f"{first.title}: {MISSING}" in page.text
    assert len(images(page)) == 47
    for file in make.out.rglob("*.png"):
        file.unlink()
    assert images(student_page(make, result)) == []
    assert images(ta_page(make, result)) == []


def test_what_is_no_picture_or_lies_elsewhere_is_not_embedded(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(tiny_png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "text.png").write_text("<svg onload=alert(1)>")
    (folder / "cut.png").write_bytes(tiny_png()[:20])
    names = ["../secret.png", str(tmp_path / "secret.png"), "link.png", "text.png", "cut.png",
             "nul\0.png", "."]  # fmt: skip
    pictures = [Picture(title="t", file=name) for name in names]
    problems = [view.problem for view in Pictures(folder, pictures).of(pictures)]
    assert problems == [MISSING] * 3 + [DAMAGED] * 2 + [MISSING] * 2


def test_many_pictures_are_made_smaller_and_what_is_too_much_is_left_out(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(embedding, "LARGE", 2)
    data = png(510, 60, noise=True)
    monkeypatch.setattr(embedding, "MOST_BYTES", 6 * len(data))
    files = {f"{n}.png": data for n in range(6)}
    assert {view.width for view in embed(tmp_path, files)} == {340}
    files = {f"{n}.png": data for n in range(40)}
    views = embed(tmp_path, files)
    assert [view.width for view in views[:3]] == [340, 340, 320]
    assert views[-1].problem == TOO_LARGE
    assert sum(len(view.source) for view in views) < 1.4 * 6 * len(data)
    (huge,) = embed(tmp_path, {"h.png": png(10, 10) + b"\0" * embedding.MOST_OF_ONE})
    assert huge.problem == TOO_LARGE


def test_a_damaged_picture_among_many_is_a_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(embedding, "LARGE", 0)
    monkeypatch.setattr(embedding, "MOST_BYTES", 300)
    broken = bytearray(png(600, 300, noise=True))
    broken[60:90] = bytes(30)
    (view,) = embed(tmp_path, {"b.png": bytes(broken)})
    assert view.problem in (DAMAGED, TOO_LARGE)


# --- the class ---


def test_the_class_page_sums_runs_up(make) -> None:
    results = [*make.class_of(9), make.handed_in("cyd")]
    page = class_page(make, results)
    for words in (
        "Training runs",
        "Trained here, profile cpu",
        "Handed in, profile full",
        "Claims that are not borne out: 1",
        "ELBO of the validation set: stated -80, measured -110.31 ± 0.14",
        "Not graded: our fault and not a zero: 1",
        "Not handed in: 6",
        "Median over the class",
    ):
        assert words in page.text
    assert page.text.count(RULE) == 1
    assert "ta/student04.html" in page.values("href")
    strips = [v for tag, key, v in page.attributes if tag == "svg" and key == "aria-labelledby"]
    # Two sizes each: marks, times; ELBO, likelihood, own estimate, IS, FID, NLL, integral.
    assert len(strips) == 2 * (2 + 7)
    assert "#00000" not in page.source


def test_runs_of_a_class_are_counted_by_measure_and_case(make) -> None:
    figures = [("is", 2.1, 0.0), ("is", 3.0, 0.0), ("is", 2.2, 0.0)]
    results = [
        make.result(f"s{n}", [make.run(f"s{n}", "images", "jsd-1", [(*figure, None)])])
        for n, figure in enumerate(figures)
    ]
    results.append(make.result("s3", [make.run("s3", "images", "jsd-1", [("is", None, 0, None)])]))
    results.append(make.result("s4", [make.failed("s4", "images", "jsd-1")]))
    (summary,) = run_summaries(make.assignment, results)
    ((case, cell),) = summary.measures[0].cells
    assert case == "jsd-1"
    assert (cell.low, cell.median, cell.high) == (2.1, 2.2, 3.0)
    # The threshold is about 2.1 less 3.7 deviations of 0.06: 1.85; the one without a figure fails.
    assert (cell.reached, cell.judged) == (3, 4)
    assert cell.share == 0.75
    assert (summary.submissions, summary.finished, summary.total) == (5, 4, 5)
    assert [(i.submission, i.text) for i in summary.failed] == [
        ("s4", "after step 12: the loss is not finite")
    ]


def test_a_cell_without_values_or_thresholds_has_none(make) -> None:
    empty = Cell(values=(), reached=0, judged=0, threshold=None, asked="")
    assert (empty.low, empty.median, empty.high, empty.share) == (None, None, None, None)
    results = [make.without_thresholds("a"), make.without_thresholds("b")]
    images = next(s for s in run_summaries(make.assignment, results) if s.id == "images")
    for measure in images.measures:
        assert measure.asked == ""
        assert {(cell.judged, cell.threshold) for _, cell in measure.cells} == {(0, None)}


def test_profiles_are_kept_apart(make) -> None:
    runs = [
        make.result(
            f"s{n}", [make.run(f"s{n}", "vae", "", [("elbo", -101.0, 0.1, None)], profile=p)]
        )
        for n, p in enumerate(("cpu", "full", "full"))
    ]
    summaries = run_summaries(make.assignment, runs)
    assert [(s.profile, s.submissions) for s in summaries] == [("cpu", 1), ("full", 2)]
    assert len({s.name for s in summaries}) == 2


def test_thresholds_and_outliers_of_strips() -> None:
    low, high = limits([1.0, 1.1, 1.2, 1.3, 90.0], [1.5])
    assert low < 1.0
    assert 1.5 < high < 2
    assert limits([3.0], []) == (3.0 - 0.15, 3.0 + 0.15)
    assert limits([0.0, 0.0], [0.0]) == (-1.0, 1.0)
    assert heights([1.0, 1.0, 1.0, 2.0], (0.0, 3.0)) == [0.0, -0.13, 0.13, 0.0] or heights(
        [1.0, 1.0, 1.0, 2.0], (0.0, 3.0)
    ) == [0.0, 0.13, -0.13, 0.0]
    assert max(map(abs, heights([1.0] * 50, (0.0, 3.0)))) == 0.4


def test_a_yes_or_no_gets_no_strip(make) -> None:
    summaries = run_summaries(make.assignment, make.class_of(6))
    by_name = {(s.id, m.name): m for s in summaries for m in s.measures}
    assert strip(by_name["dirac", "verdict"], "x") == ""
    drawn = strip(by_name["images", "is"], "x")
    assert drawn.count("<svg") == 2
    assert "w1-3" in drawn
    long = dataclasses.replace(
        by_name["images", "is"],
        cells=(("a-case-with-a-very-long-name", by_name["images", "is"].cells[0][1]),),
    )
    assert "a-case-with-a…" in strip(long, "x")


# --- attention ---


def test_claims_and_runs_are_brought_to_attention(make) -> None:
    people = [make.result("ada"), make.troubled("bob"), make.handed_in("cyd"),
              make.not_graded("dan")]  # fmt: skip
    found = who_needs_attention(make.assignment, people)
    assert [one.submission for one in found] == ["dan", "bob"]
    assert found[0].urgency == 0
    assert "Questions not graded (not a zero): q1.6, q1.7" in found[0].reasons
    assert "1 training run not graded (not a zero): VAE on binarised MNIST" in found[0].reasons
    assert (
        "A claim is not borne out: ELBO of the validation set: stated -80, measured -110.31 ± 0.14"
        in found[1].reasons
    )
    assert found[1].reasons[-1].startswith("3 training runs failed: The dirac game: jsd-4, ")


def test_many_failures_are_cut_short(make) -> None:
    runs = [make.failed("x", "dirac", case) for case in DIRAC]
    (one,) = who_needs_attention(make.assignment, [make.result("x", runs)])
    assert any(reason.endswith("jsd-3 and 17 more") for reason in one.reasons)
