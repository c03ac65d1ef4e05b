"""All formats behind one function."""

from __future__ import annotations

import json

import pytest

from grader.export import FORMATS, export
from grader.results import Result


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_written_where_it_says(
    format, assignment, graded, unreadable, not_graded, tmp_path
) -> None:
    results = [graded, unreadable, not_graded]
    written = export(assignment, results, format, tmp_path / "new" / "marks")
    assert written
    assert all(path.is_file() for path in written)


@pytest.mark.parametrize("format", FORMATS)
def test_files_do_not_depend_on_the_order_of_results(
    format, assignment, graded, unreadable, tmp_path
) -> None:
    one = export(assignment, [graded, unreadable], format, tmp_path / "one")
    two = export(assignment, [unreadable, graded], format, tmp_path / "two")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


@pytest.mark.parametrize("format", FORMATS)
def test_a_class_without_submissions(format, assignment, tmp_path) -> None:
    written = export(assignment, [], format, tmp_path / "marks")
    assert (written == []) == (format == "gradescope")


def test_gradescope_gets_a_folder_per_submission(assignment, graded, tmp_path) -> None:
    odd = graded.model_copy(update={"submission": "../../etc"})
    written = export(assignment, [graded, odd], "gradescope", tmp_path / "gs")
    assert len(set(written)) == 2
    for path in written:
        assert path.name == "results.json"
        assert path.resolve().parent.parent == (tmp_path / "gs").resolve()
        assert json.loads(path.read_text(encoding="utf-8"))["score"] == 4.33


def test_json_holds_whole_results(assignment, graded, tmp_path) -> None:
    (path,) = export(assignment, [graded], "json", tmp_path / "all.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["schema_version"] == 1
    assert (content["assignment"], content["total_marks"]) == ("toy", 10)
    assert [Result.model_validate(r) for r in content["results"]] == [graded]


def test_an_unknown_format_is_refused_by_name(assignment, graded, tmp_path) -> None:
    with pytest.raises(ValueError, match="no export format 'xls'; known: csv, gradescope"):
        export(assignment, [graded], "xls", tmp_path / "marks")
