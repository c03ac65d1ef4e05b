"""Whose submissions lie in what was given."""

from collections.abc import Callable
from pathlib import Path

import pytest
from archives import GAN, GAN_TEMPLATE, VAE, tarred, zipped

from grader.assignment import Assignment, find_assignment, known_assignments
from grader.intake import IntakeError, find_submissions, read_submission

SUBMISSIONS = Path(__file__).parents[1] / "submissions"
Put = Callable[..., Path]
BOTH = {"q1_solution.py": VAE, "gan.py": GAN}


@pytest.fixture
def ids(assignment: Assignment):
    """The ids of the submissions in some paths."""

    def ids(*paths: Path, layout="auto") -> list[str]:
        return [c.id for c in find_submissions(paths, assignment, layout)[0]]

    return ids


class TestOneSubmission:
    @pytest.mark.parametrize(
        "files",
        [
            BOTH,
            {"Q1-VAE/q1_solution.py": VAE, "Q2-GAN/gan.py": GAN},
            {"hw3/Q1/q1_solution.py": VAE, "hw3/Q2/gan.py": GAN},
            {"Q2/gan.py": GAN, "backup/gan.py": GAN, "Template/gan.py": GAN_TEMPLATE},
            {"gan.py": GAN, "v1/gan.py": GAN, "v2/gan.py": GAN},
            {"Q1.zip": zipped({"q1_solution.py": VAE}), "Q2.zip": zipped({"gan.py": GAN})},
            {"Q1/gan.py": b"# another file called the same", "Q2/gan.py": GAN},
            {"work.zip": zipped(BOTH), "report.pdf": b""},
            {"my_gan.py": GAN, "my_vae.py": VAE},
            {},
        ],
    )
    def test_in_a_folder(self, put: Put, ids, files: dict[str, bytes]) -> None:
        assert ids(put(files, "jane")) == ["jane"]

    @pytest.mark.parametrize(
        "name", ["jane.zip", "jane.tar.gz", "jane.py", "jane.ipynb", "jane.rar", "jane.pdf"]
    )
    def test_in_a_file(self, put: Put, ids, name: str) -> None:
        content = {"zip": zipped(BOTH), "gz": tarred(BOTH, "w:gz")}.get(name[-3:].strip("."), b"")
        assert ids(put({name: content}) / name)[0].startswith("jane")

    def test_in_a_damaged_archive(self, put: Put, ids) -> None:
        assert ids(put({"jane.zip": b"PK\x03\x04"}) / "jane.zip") == ["jane"]

    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"roy/notes.txt": b"", "smith/gan.py": GAN, "tremblay/hw.pdf": b""}, True),
            ({"src/gan.py": GAN, "report.pdf": b""}, False),
        ],
    )
    def test_what_may_be_a_class_says_how_to_grade_it(
        self, put: Put, assignment: Assignment, files: dict[str, bytes], said: bool
    ) -> None:
        found, notes = find_submissions([put(files, "hw")], assignment, "auto")
        assert [c.id for c in found] == ["hw"]
        (note,) = [n for n in notes if "taken as one submission" in n]
        assert ("if it is a class, give --layout class" in note) == said

    def test_when_told_so(self, put: Put, ids) -> None:
        assert ids(put({"a/gan.py": GAN, "b/gan.py": GAN}), layout="single") == ["handed_in"]


class TestAClass:
    def test_of_folders(self, put: Put, ids) -> None:
        root = put({"jim/gan.py": GAN, "jane/Q2/gan.py": GAN, "readme.txt": b"", "zoe/x.pdf": b""})
        assert ids(root) == ["jane", "jim", "zoe"]

    def test_of_everything(self, put: Put, ids, assignment: Assignment) -> None:
        root = put(
            {
                "a/gan.py": GAN,
                "b.zip": zipped({"gan.py": GAN}),
                "c.tar.gz": tarred({"hw/gan.py": GAN}, "w:gz"),
                "d.py": GAN,
                "e.rar": b"Rar!",
            }
        )
        candidates, _ = find_submissions([root], assignment)
        assert [c.id for c in candidates] == ["a", "b", "c", "d", "e"]
        assert all(read_submission(c, assignment).files["gan.py"] == GAN for c in candidates[:4])

    def test_of_archives_that_cannot_be_read(self, put: Put, ids) -> None:
        assert ids(put({"a.zip": b"", "b.zip": b""})) == ["a", "b"]

    def test_of_python_files(self, put: Put, ids) -> None:
        assert ids(put({"jane_gan.py": GAN, "jim_gan.py": GAN})) == ["jane", "jim"]
        assert ids(put({"jane.py": GAN, "jim.py": GAN}, "b")) == ["jane", "jim"]

    def test_in_one_more_folder(self, put: Put, ids) -> None:
        assert ids(put({"subs/jane/gan.py": GAN, "subs/jim/gan.py": GAN})) == ["jane", "jim"]

    def test_of_many_folders_without_the_files(self, put: Put, ids) -> None:
        assert len(ids(put({f"s{n}/x.pdf": b"" for n in range(12)}))) == 12

    def test_when_told_so(self, put: Put, ids) -> None:
        root = put({"Q1/q1_solution.py": VAE, "Q2/gan.py": GAN})
        assert ids(root, layout="class") == ["Q1", "Q2"]

    def test_of_moodle(self, put: Put, ids) -> None:
        root = put(
            {
                "Jane Doe_12_assignsubmission_file_/gan.py": GAN,
                "Jane Doe_12_assignsubmission_onlinetext_/onlinetext.html": b"",
                "Zoë Müller_13_assignsubmission_file_/x.pdf": b"",
            }
        )
        assert ids(root) == ["Jane_Doe_12", "Zoe_Muller_13"]

    def test_of_gradescope(self, put: Put, ids) -> None:
        root = put({"submission_71/gan.py": GAN, "submission_metadata.yml": b""})
        assert ids(root) == ["submission_71"]

    def test_of_canvas_with_several_files_of_one_student(
        self, put: Put, assignment: Assignment
    ) -> None:
        root = put(
            {
                "doejane_LATE_12_3456_gan-1.py": GAN,
                "doejane_LATE_12_3457_q1_solution.py": VAE,
                "roejim_13_3458_hw3.zip": zipped(BOTH),
                "poesam_14_3459_report.pdf": b"",
            }
        )
        candidates, _ = find_submissions([root], assignment)
        assert [c.id for c in candidates] == ["doejane_12", "poesam_14", "roejim_13"]
        jane, sam, jim = candidates
        submission = read_submission(jane, assignment)
        assert [f.taken for f in submission.taken] == ["q1_solution.py", "gan.py"]
        assert any("gan-1.py: read as gan.py" in note for note in submission.notes)
        assert read_submission(jim, assignment).files == BOTH
        with pytest.raises(IntakeError, match=r"but .*report\.pdf"):
            read_submission(sam, assignment)

    @pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w:gz")])
    def test_in_an_archive(self, put: Put, assignment: Assignment, pack) -> None:
        name = "class.zip" if pack is zipped else "class.tar.gz"
        files = {
            "Jane_1_assignsubmission_file_/hw/gan.py": GAN,
            "Jane_1_assignsubmission_file_/hw/losses.py": b"x",
            "Jim_2_assignsubmission_file_/hw.zip": zipped(BOTH),
        }
        candidates, _ = find_submissions([put({name: pack(files)}) / name], assignment)
        assert [c.id for c in candidates] == ["Jane_1", "Jim_2"]
        jane, jim = (read_submission(c, assignment) for c in candidates)
        assert jane.files == {"gan.py": GAN, "losses.py": b"x"}
        assert jane.taken[1].taken == "hw/gan.py"
        assert jim.files == BOTH

    def test_the_rule_that_decided_is_noted(self, put: Put, assignment: Assignment) -> None:
        root = put({"jane/gan.py": GAN, "jim/gan.py": GAN, "marks.csv": b""})
        notes = find_submissions([root], assignment)[1]
        assert any("taken as a class: gan.py is in jane and in jim" in note for note in notes)
        assert any("marks.csv: is not a submission; passed over" in note for note in notes)


def test_several_paths_keep_their_order_and_get_unique_ids(put: Put, ids) -> None:
    first = put({"jane/gan.py": GAN}, "b") / "jane"
    second = put({"Jane.zip": zipped(BOTH)}, "a") / "Jane.zip"
    one, other = ids(first, second)
    assert one.lower() != other.lower()
    assert ids(second, first) == [other, one]


def test_a_path_given_twice_counts_once(put: Put, assignment: Assignment) -> None:
    root = put({"jane/gan.py": GAN, "jim/gan.py": GAN})
    candidates, notes = find_submissions([root, root / "jane"], assignment)
    assert [c.id for c in candidates] == ["jane", "jim"]
    assert any("given twice" in note for note in notes)


def test_results_among_the_submissions_are_nobodys(put: Put, assignment: Assignment) -> None:
    folder = put(
        {"ann/gan.py": GAN, "bob/gan.py": GAN, "graded/grades.sqlite": b"results"}, "class"
    )
    found, notes = find_submissions([folder], assignment, out=folder / "graded")
    assert [c.id for c in found] == ["ann", "bob"]
    assert any("graded: results go there; passed over" in note for note in notes)


def test_the_folder_one_stands_in_has_a_name(
    put: Put, ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(put(BOTH, "jane"))
    assert ids(Path()) == ["jane"]


def test_a_missing_path_is_an_error(ids, tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=r"nowhere: there is no such file"):
        ids(tmp_path / "nowhere")


@pytest.mark.parametrize("name", known_assignments())
def test_the_sample_class_is_found_and_read(name: str) -> None:
    folder = SUBMISSIONS / name
    if not folder.is_dir():
        pytest.skip(f"{name} has no sample class")
    real = find_assignment(name)
    candidates, _ = find_submissions([folder], real)
    assert [c.id for c in candidates] == sorted(p.name.split(".")[0] for p in folder.iterdir())
    for candidate in candidates:
        assert read_submission(candidate, real).files
