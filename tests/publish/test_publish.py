"""The template: what is in it, how it is written, and that it works where there is no grader."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch  # noqa: F401 - pytester unloads what a run imported, and torch loads but once

from grader.assignment import Assignment, find_assignment, known_assignments
from grader.publish import PublishError, publish, template_files

pytest_plugins = ["pytester"]

Run = Callable[..., tuple[int, str]]
REPOSITORY = Path(__file__).parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder but what Python leaves there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def run_pytest(template: Path, *arguments: str) -> tuple[int, str]:
    """Bare pytest in a template, in a Python that has no grader; its status and output."""
    program = (
        "import sys; sys.dont_write_bytecode = True; sys.modules['grader'] = None; import pytest; "
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, "-p", "no:cacheprovider", *arguments],
        cwd=template,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def template(assignment: Assignment, tmp_path: Path) -> Path:
    """The toy's template."""
    publish(assignment, tmp_path / "template")
    return tmp_path / "template"


class TestContents:
    def test_files(self, assignment: Assignment) -> None:
        assert list(template_files(assignment)) == [
            "README.md",
            "gan.py",
            "handout.md",
            "plot.py",
            "pytest.ini",
            "requirements.txt",
            "solution.py",
            "tests/assignment.json",
            "tests/conftest.py",
            "tests/draw.py",
            "tests/driving.py",
            "tests/expect.py",
            "tests/probes.py",
            "tests/test_toy.py",
        ]

    def test_nothing_of_a_solution(self, assignment: Assignment) -> None:
        files = template_files(assignment)
        assert b"secret" not in files["gan.py"] + files["solution.py"]
        assert not any(b"SOLUTION" in text for text in files.values())

    def test_the_readme_says_what_counts(self, assignment: Assignment) -> None:
        readme = template_files(assignment)["README.md"].decode()
        assert "# A toy\n\nIFT 1, U.\n5.5 marks." in readme
        assert "| **q1** | **Losses** | **3** | |" in readme
        assert "| q2.1 | Explain | 2.5 | a person |" in readme
        assert "- `gan.py`\n- `solution.py`\n" in readme
        assert "need matplotlib, pillow" in readme
        assert "numpy, pytest and torch" in readme
        assert not re.search(r"\n\n\n|[{}]", readme)

    def test_requirements(self, assignment: Assignment) -> None:
        lines = template_files(assignment)["requirements.txt"].decode().splitlines()
        packages = [line.partition(">")[0] for line in lines if not line.startswith("#")]
        assert packages == ["numpy", "pytest", "torch", "matplotlib", "pillow"]

    def test_the_suite_is_ours_as_it_is(self, assignment: Assignment) -> None:
        files = template_files(assignment)
        for name in ("expect.py", "draw.py"):
            assert files[f"tests/{name}"] == (REPOSITORY / "grader/suite" / name).read_bytes()


class TestRefusals:
    @pytest.mark.parametrize("name", ["handout.md", "public/test_toy.py"])
    def test_a_missing_file(self, assignment: Assignment, name: str) -> None:
        (assignment.folder / name).unlink()
        with pytest.raises(PublishError, match=Path(name).parts[0]):
            template_files(assignment)

    def test_a_missing_reference(self, assignment: Assignment) -> None:
        (assignment.reference / "plot.py").unlink()
        with pytest.raises(PublishError, match=r"plot\.py: there is no such file"):
            template_files(assignment)

    def test_a_contract_without_a_solution(self, assignment: Assignment) -> None:
        (assignment.reference / "gan.py").write_text("def jsd(cp, cq):\n    return 0\n")
        with pytest.raises(PublishError, match=r"gan\.jsd is a contract of question q1\.1"):
            template_files(assignment)

    def test_a_solution_in_what_is_published_as_it_is(self, assignment: Assignment) -> None:
        (assignment.public / "test_toy.py").write_text("\n### BEGIN SOLUTION\n")
        with pytest.raises(PublishError, match=r"tests/test_toy\.py:2: a solution marker"):
            template_files(assignment)

    def test_a_solution_in_another_file(self, assignment: Assignment) -> None:
        (assignment.folder / "handout.md").write_text("`secret_total = (cp - cq).sum() * 2`")
        with pytest.raises(PublishError, match=r"gan\.py:11: .* is published in handout\.md too"):
            template_files(assignment)

    def test_a_file_that_the_template_has_itself(self, assignment: Assignment) -> None:
        (assignment.public / "conftest.py").write_text("")
        with pytest.raises(PublishError, match=r"public.conftest\.py.*rename yours"):
            template_files(assignment)


class TestWriting:
    def test_is_the_same_every_time(self, assignment: Assignment, tmp_path: Path) -> None:
        one = publish(assignment, tmp_path / "a.zip", "zip")[0].read_bytes()
        two = publish(assignment, tmp_path / "b", "zip")
        assert two == [tmp_path / "b" / "toy.zip"]
        assert two[0].read_bytes() == one

    def test_a_zip_holds_the_folder(
        self, assignment: Assignment, template: Path, tmp_path: Path
    ) -> None:
        (path,) = publish(assignment, tmp_path / "toy.zip", "zip")
        with zipfile.ZipFile(path) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        assert found == {f"toy/{name}": text for name, text in contents(template).items()}

    def test_tells_what_was_written(self, assignment: Assignment, tmp_path: Path) -> None:
        written = publish(assignment, tmp_path / "new" / "folder")
        assert written == sorted(written)
        assert len(written) == len(contents(tmp_path / "new" / "folder"))

    def test_does_not_write_over_work(self, assignment: Assignment, template: Path) -> None:
        (template / "gan.py").write_text("my work")
        with pytest.raises(PublishError, match=r"is not empty; .*--force"):
            publish(assignment, template)
        assert (template / "gan.py").read_text() == "my work"

    def test_force_replaces_its_own_files_only(
        self, assignment: Assignment, template: Path
    ) -> None:
        (template / "gan.py").write_text("my work")
        (template / "mine.py").write_text("mine")
        publish(assignment, template, force=True)
        assert "not written yet" in (template / "gan.py").read_text()
        assert (template / "mine.py").read_text() == "mine"

    def test_a_file_in_the_way(self, assignment: Assignment, tmp_path: Path) -> None:
        (tmp_path / "x.zip").write_text("")
        with pytest.raises(PublishError, match="name a folder"):
            publish(assignment, tmp_path / "x.zip")
        with pytest.raises(PublishError, match="is there already"):
            publish(assignment, tmp_path / "x.zip", "zip")
        with pytest.raises(PublishError, match="cannot be written"):
            publish(assignment, tmp_path / "x.zip" / "y")


class TestWhatStudentsRead:
    """Pytest in the template says in words what is wrong."""

    @pytest.fixture
    def run(
        self, template: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., tuple[int, str]]:
        """Runs pytest in this process, since torch takes seconds to import; forgets it after."""

        def run(*arguments: str, folder: Path = template) -> tuple[int, str]:
            monkeypatch.chdir(folder)
            for path in folder.glob("tests/test_*.py"):  # this run may have one of its name
                monkeypatch.delitem(sys.modules, path.stem, raising=False)
            result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)
            return int(result.ret), result.stdout.str()

        return run

    def test_the_template_is_not_written_yet(self, run: Run, template: Path) -> None:
        status, output = run()
        assert status == 1
        assert "\ngan.jsd is not written yet\n" in output
        assert "\nflow.Flow.forward is not written yet\n" in output
        assert "Traceback" not in output
        assert "q1.1     0 of 2     The divergence" in output
        # What the template refuses by itself is no achievement of whoever has it.
        assert "q1.2     0 of 3     The flow" in output
        assert "\n0 of 2 functions are written.\n" in output
        assert "marked by a hidden suite with other inputs" in output

    def test_the_reference_passes(self, run: Run, template: Path, reference: Path) -> None:
        for name in ("gan.py", "solution.py"):
            (template / name).write_bytes((reference / name).read_bytes())
        status, output = run()
        assert status == 0, output
        assert "q1.1     2 of 2     The divergence" in output
        assert "\n2 of 2 functions are written.\n" in output

    def test_a_line_of_the_template_that_is_never_reached_costs_nothing(
        self, run: Run, template: Path, reference: Path
    ) -> None:
        for name in ("gan.py", "solution.py"):
            (template / name).write_bytes((reference / name).read_bytes())
        with (template / "gan.py").open("a") as file:
            file.write(
                "\n\n_right = jsd\n\n\ndef jsd(cp, cq):\n    return _right(cp, cq)\n"
                '    raise NotImplementedError("gan.jsd is not written yet")\n'
            )
        status, output = run()
        assert status == 0, output
        assert "\n2 of 2 functions are written.\n" in output

    def test_a_loop_that_never_ends_names_its_line(self, template: Path) -> None:
        (template / "gan.py").write_text("def jsd(cp, cq):\n    while True:\n        pass\n")
        assert "\nfaulthandler_timeout = " in (template / "pytest.ini").read_text()
        command = [sys.executable, "-m", "pytest", "-x", "-o", "faulthandler_timeout=1"]
        with subprocess.Popen(command, cwd=template, stderr=subprocess.PIPE, text=True) as tests:
            assert tests.stderr is not None
            try:
                named = next(line for line in tests.stderr if ", line " in line)
            finally:
                tests.kill()
        assert re.search(r'gan\.py", line [23] in jsd', named)

    def test_a_wrong_value_is_explained(self, run: Run, template: Path) -> None:
        (template / "gan.py").write_text("def jsd(cp, cq):\n    return (cp + cq).mean()\n")
        _, output = run("-k", "zero")
        assert (
            "\njsd has the wrong value\n"
            "  look at:  Look at the sign.\n"
            "  why:      Two equal distributions are no distance apart.\n"
            "  values:   expected "
        ) in output
        assert "q1.2" not in output  # none of its checks was run
        assert "FAILED tests/test_toy.py::test_jsd_of_equal_values_is_zero - jsd has the" in output

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("", "gan.jsd is not written yet"),
            ("return float((cp - cq).sum())", "1 passed"),
            (
                "return float((cp + cq).sum())",
                "jsd(torch.ones(2), torch.zeros(2) + 3) gives 8.0, and not -4.0",
            ),
            ("return cp.no_such_name", "AttributeError: 'Tensor' object has no attribute"),
        ],
        ids=["unwritten", "right", "wrong", "raises"],
    )
    def test_the_example_of_a_docstring_is_run(
        self, assignment: Assignment, run: Run, tmp_path: Path, body: str, said: str
    ) -> None:
        example = (
            "The divergence.\n\n    >>> jsd(torch.ones(2), torch.zeros(2) + 3)\n    -4.0\n    "
        )
        reference = assignment.reference / "gan.py"
        reference.write_text(reference.read_text().replace("The divergence.", example))
        publish(assignment, tmp_path / "shown")
        gan = tmp_path / "shown" / "gan.py"
        unwritten = 'raise NotImplementedError("gan.jsd is not written yet")'
        assert unwritten in gan.read_text()
        gan.write_text(gan.read_text().replace(unwritten, body or unwritten))
        output = run("tests/test_examples.py", folder=tmp_path / "shown")[1]
        assert said in output
        assert "Traceback" not in output

    def test_ones_own_exception_shows_ones_own_lines(self, run: Run, template: Path) -> None:
        (template / "gan.py").write_text("import mine\ndef jsd(cp, cq):\n    return mine.f(cp)\n")
        (template / "mine.py").write_text("def f(x):\n    return x.reshape(7)\n")
        _, output = run("-k", "zero")
        assert "\nRuntimeError: shape '[7]' is invalid for input of size 4\n" in output
        assert (
            "\n  gan.py, line 3, in jsd: return mine.f(cp)\n"
            "  mine.py, line 2, in f: return x.reshape(7)\n"
        ) in output
        assert "conftest.py" not in output

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("def jsd(:\n", "gan.py cannot be imported: SyntaxError: invalid syntax (gan.py, l"),
            ("import nowhere\n", "gan.py cannot be imported: ModuleNotFoundError: No module named"),
            (
                "1 / 0\n",
                "ZeroDivisionError: division by zero\n  gan.py, line 1, in <module>: 1 / 0",
            ),
            ("raise SystemExit(3)\n", "gan.py cannot be imported: SystemExit: 3"),
            ("def js(cp, cq): return 1\n", "\ngan.jsd is not defined\n"),
            ("def jsd(cp): return 1\n", "TypeError: jsd() takes 1 positional argument but 2"),
            ("def jsd(cp, cq): pass\n", "\njsd is None\n"),
        ],
    )
    def test_a_file_that_cannot_be_used(
        self, run: Run, template: Path, source: str, message: str
    ) -> None:
        (template / "solution.py").write_text(
            "class Flow:\n    def forward(self, x): return x + 1\n"
        )
        (template / "gan.py").write_text(source)
        status, output = run()
        assert status == 1
        assert message in output
        assert "q1.2     3 of 3" in output  # one broken file costs its own questions

    def test_a_missing_file(self, run: Run, template: Path) -> None:
        (template / "gan.py").unlink()
        assert "\ngan.py is not in this folder\n" in run()[1]

    def test_an_adapter_is_applied_and_may_fail(
        self, run: Run, assignment: Assignment, tmp_path: Path
    ) -> None:
        (assignment.folder / "adapters.py").write_text(
            "def adapt(impl):\n    impl.gan.jsd = impl.gan.js\n    impl.nothing\n"
        )
        publish(assignment, tmp_path / "adapted")
        (tmp_path / "adapted" / "gan.py").write_text("def js(cp, cq): return (cp - cq).sum()\n")
        assert "q1.1     2 of 2" in run(folder=tmp_path / "adapted")[1]


def test_works_where_there_is_no_grader(template: Path, reference: Path) -> None:
    for name in ("gan.py", "solution.py"):
        (template / name).write_bytes((reference / name).read_bytes())
    status, output = run_pytest(template)
    assert status == 0, output
    assert "q1.1     2 of 2     The divergence" in output


@pytest.mark.parametrize("name", known_assignments())
class TestCommittedTemplates:
    """`student_template/` is what `grader publish` makes, and it works."""

    def test_is_up_to_date(self, name: str, tmp_path: Path) -> None:
        publish(find_assignment(name), tmp_path)
        fresh, committed = contents(tmp_path), contents(REPOSITORY / "student_template" / name)
        stale = sorted(
            path
            for path in fresh.keys() | committed.keys()
            if fresh.get(path) != committed.get(path)
        )
        assert not stale, f"run `grader publish {name} --to student_template/{name} --force`"

    def test_fails_where_nothing_is_written(self, name: str, tmp_path: Path) -> None:
        publish(find_assignment(name), tmp_path)
        status, output = run_pytest(tmp_path)
        assert status == 1
        assert re.search(r"^\w+(\.\w+)+ is not written yet$", output, re.MULTILINE)
        assert "Traceback" not in output

    def test_passes_with_the_reference(self, name: str, tmp_path: Path) -> None:
        assignment = find_assignment(name)
        publish(assignment, tmp_path)
        for source in assignment.description.files:
            solved = (assignment.reference / source.path).read_bytes()
            (tmp_path / source.path).write_bytes(solved)
        status, output = run_pytest(tmp_path)
        assert status == 0, output
