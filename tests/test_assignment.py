"""`assignment.toml`: what is wrong is reported with file, line, key and what was expected."""

import re
from pathlib import Path

import pytest

from grader.assignment import (
    Assignment,
    AssignmentError,
    find_assignment,
    known_assignments,
    read_description,
)

GOOD = """\
name = "toy"
title = "A toy"
course = "C"
university = "U"
given = ["model.py"]

[limits]
call_seconds = 2.5

[[files]]
name = "gan"
path = "gan.py"
aliases = ["gan_2020.py"]

[[parts]]
id = "q1"
title = "Losses"
marks = 3

[[parts]]
id = "q2"
title = "Words"
marks = 1

[[questions]]
id = "q1.1"
title = "The divergence"
kind = "unit"
marks = 1
contracts = ["gan.jsd"]

[[questions]]
id = "q1.2"
title = "The distance"
kind = "run"
marks = 2

[[questions]]
id = "q2.1"
title = "Explain"
kind = "written"
marks = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a good assignment."""
    folder = tmp_path / "assignments" / "toy"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(GOOD)
    return folder


@pytest.fixture
def toy(folder: Path, tmp_path: Path) -> Assignment:
    """A good assignment."""
    reference = tmp_path / "reference" / "toy"
    reference.mkdir(parents=True)
    (reference / "gan.py").write_text("def jsd(cp, cq): ...\n")
    return Assignment(folder, reference)


class TestAGoodAssignment:
    def test_has_its_questions_and_marks(self, toy: Assignment) -> None:
        assert toy.name == "toy"
        assert toy.total_marks == 4
        assert [q.id for q in toy.description.questions_of("q1")] == ["q1.1", "q1.2"]
        assert toy.question("q1.2").marks == 2
        assert toy.description.limits.call_seconds == 2.5
        assert toy.description.files[0].accepted_names == ("gan.py", "gan_2020.py")

    def test_does_not_have_others(self, toy: Assignment) -> None:
        with pytest.raises(KeyError):
            toy.question("q9")

    def test_knows_its_places(self, toy: Assignment) -> None:
        names = [toy.hidden.name, toy.public.name, toy.probes.name, toy.adapters.name]
        assert names == ["hidden", "public", "probes.py", "adapters.py"]

    def test_cannot_be_changed(self, toy: Assignment) -> None:
        with pytest.raises(ValueError, match="frozen"):
            toy.description.questions[0].marks = 7


RUN = """[[runs]]
id = "r"
title = "R"
modules = ["gan"]
profiles.smoke = { steps = 1, seconds = 1 }
profiles.cpu = { steps = 0 }

"""

CHANGES = [
    # a table's own keys
    ("marks = 2\n", "marks = -2\n", "marks = -2", "questions[2].marks", "greater than 0, got -2"),
    ("marks = 2\n", "marks = inf\n", "marks = inf", "questions[2].marks", "finite number, got inf"),
    ("marks = 2\n", "marks = nan\n", "marks = nan", "questions[2].marks", "got nan"),
    ('"run"', '"rum"', '"rum"', "questions[2].kind", "'unit', 'run' or 'written', got 'rum'"),
    ('"q1.2"', '"Q 1"', '"Q 1"', "questions[2].id", "pattern"),
    ('"The distance"', "3", "title = 3", "questions[2].title", "valid string, got 3"),
    ('"run"\n', '"run"\nmark = 2\n', "mark = 2", "questions[2].mark", "no such key"),
    ('title = "The distance"\n', "", '[[questions]]\nid = "q1.2"', "questions[2].title", "missing"),
    ('["gan.jsd"]', '["gan jsd"]', "gan jsd", "questions[1].contracts[1]", "pattern"),
    ('"gan.py"', '"../gan.py"', "../gan.py", "files[1].path", "pattern"),
    ('"gan.py"', '"gan.pyc"', "gan.pyc", "files[1].path", "pattern"),
    ('"gan_2020.py"', "1", "aliases = [1]", "files[1].aliases[1]", "valid string, got 1"),
    ("= 2.5", "= 0", "call_seconds", "limits.call_seconds", "greater than 0, got 0"),
    ("= 2.5", "= 2\ncalls = 1", "calls = 1", "limits.calls", "no such key"),
    # a key of a table in the table
    ("[[parts]]\n", f"{RUN}[[parts]]\n", "profiles.cpu", "runs[1].profiles.cpu.steps", "got 0"),
    # keys of no table
    ('name = "toy"\n', "", 'title = "A toy"', "name", "missing"),
    ('"toy"', '"my toy"', "my toy", "name", "pattern"),
    ('university = "U"\n', "", 'name = "toy"', "university", "missing"),
    ('title = "A toy"', 'titel = "A toy"', "titel", "titel", "no such key"),
    # what tables say together
    ('id = "q1.2"', 'id = "q1.1"', "[[questions]]", "questions", "q1.1 is listed more than"),
    ('id = "q2"\n', 'id = "q1"\n', "[[parts]]", "parts", "q1 is listed more than once"),
    ('"gan_2020.py"', '"gan.py"', "[[files]]", "files", "gan.py is listed more than once"),
    ('"model.py"', '"gan.py"', "[[files]]", "files", "gan.py is listed more than once"),
    ('"q2.1"', '"q3.1"', "q3.1", "questions[3].id", "needs [[parts]] with id = 'q3', but there"),
    ('"gan.jsd"', "", 'kind = "unit"', "questions[1].kind", "needs contracts, for example"),
    ('"gan.jsd"', '"vae.f"', "vae.f", "questions[1].contracts", "one of the [[files]]: gan"),
    ("marks = 3", "marks = 4", "marks = 4", "parts[1].marks", "states 4 marks, but its questions"),
]


class TestAWrongAssignment:
    @pytest.mark.parametrize(("old", "new", "at", "key", "expected"), CHANGES)
    def test_names_file_line_key_and_expectation(
        self, folder: Path, old: str, new: str, at: str, key: str, expected: str
    ) -> None:
        path = folder / "assignment.toml"
        assert GOOD.count(old) >= 1
        text = GOOD.replace(old, new, 1)
        path.write_text(text)
        with pytest.raises(AssignmentError) as raised:
            read_description(path)
        lines = [line for line in str(raised.value).splitlines() if line.split(": ")[1:2] == [key]]
        assert len(lines) == 1, str(raised.value)
        where, _, told = lines[0].partition(": ")
        assert expected in told
        # Of a table that is there more than once, the first is named.
        place = text.index(at) if at.startswith("[[") and "\n" not in at else text.rindex(at)
        assert where == f"{path}:{text[:place].count(chr(10)) + 1}"

    def test_whose_own_keys_are_missing_is_reported_at_its_start(self, folder: Path) -> None:
        path = folder / "assignment.toml"
        path.write_text(GOOD[GOOD.index("[[files]]") :])
        with pytest.raises(AssignmentError) as raised:
            read_description(path)
        missing = [
            f"{path}:1: {key}: is missing" for key in ("name", "title", "course", "university")
        ]
        assert str(raised.value).splitlines() == missing

    def test_tells_everything_at_once(self, folder: Path) -> None:
        path = folder / "assignment.toml"
        path.write_text(GOOD.replace('"run"', '"rum"').replace("= 2.5", "= -1"))
        with pytest.raises(AssignmentError) as raised:
            read_description(path)
        assert len(str(raised.value).splitlines()) == 2

    @pytest.mark.parametrize(
        ("text", "line"), [("name = \n", 1), ("a = 1\nb = [\n", 2), ("a = 1\na = 2\n", 2)]
    )
    def test_that_is_no_toml(self, folder: Path, text: str, line: int) -> None:
        path = folder / "assignment.toml"
        path.write_text(text)
        with pytest.raises(AssignmentError, match=rf"assignment\.toml:{line}: not valid TOML"):
            read_description(path)

    def test_that_is_not_utf8(self, folder: Path) -> None:
        (folder / "assignment.toml").write_bytes(b"title = '\xff'")
        with pytest.raises(AssignmentError, match=r"assignment\.toml: cannot be read: .*utf-8"):
            read_description(folder / "assignment.toml")

    def test_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(AssignmentError, match=r"assignment\.toml: there is no such file"):
            Assignment(tmp_path, tmp_path)

    def test_that_is_called_otherwise_than_its_folder(self, folder: Path) -> None:
        path = folder / "assignment.toml"
        path.write_text("\n" + GOOD.replace('"toy"', '"other"'))
        with pytest.raises(AssignmentError) as raised:
            Assignment(folder, folder)
        assert str(raised.value) == (
            f"{path}:2: name: is 'other', but the folder is called 'toy'; make them equal"
        )


class TestDigest:
    def digest(self, toy: Assignment) -> str:
        """The digest as a new process would find it."""
        return Assignment(toy.folder, toy.reference).digest

    @pytest.mark.parametrize("root", ["folder", "reference"])
    def test_changes_with_every_file(self, toy: Assignment, root: str) -> None:
        before = toy.digest
        (getattr(toy, root) / "more.py").write_text("x")
        added = self.digest(toy)
        (getattr(toy, root) / "more.py").write_text("y")
        assert len({before, added, self.digest(toy)}) == 3

    def test_does_not_change_with_caches(self, toy: Assignment) -> None:
        before = toy.digest
        for name in ("__pycache__/gan.pyc", ".mypy_cache/x.json", ".DS_Store"):
            path = toy.reference / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
        assert self.digest(toy) == before


class TestFinding:
    @pytest.fixture(autouse=True)
    def home(self, toy: Assignment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("GRADER_HOME", str(tmp_path))

    def test_by_name(self, toy: Assignment) -> None:
        assert "toy" in known_assignments()
        found = find_assignment("toy")
        assert (found.folder, found.reference) == (toy.folder, toy.reference)

    def test_an_unknown_name_lists_the_known(self) -> None:
        with pytest.raises(AssignmentError, match=r"no assignment 'tay'; known: .*\btoy\b"):
            find_assignment("tay")

    @pytest.mark.parametrize("name", known_assignments())
    def test_what_is_bundled_is_right(self, name: str) -> None:
        assert re.fullmatch(r"\w+", find_assignment(name).name)
