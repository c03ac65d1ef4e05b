"""Puts together what students get: every file of a template, by its path, as bytes."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2

from grader.assignment import Assignment
from grader.publish.notebooks import as_notebook
from grader.publish.skeleton import (
    PublishError,
    Skeleton,
    cut,
    refuse_leaks,
    refuse_markers,
    to_write,
    with_examples,
)

_HERE = Path(__file__).parent / "template"
_SUITE = Path(__file__).parents[1] / "suite"
_INTAKE = Path(__file__).parents[1] / "intake"

# What the tests need; the versions are those that the project was tried with.
BASE_REQUIREMENTS = {"numpy": "numpy>=2.0", "pytest": "pytest>=8.3", "torch": "torch>=2.5"}
# What reads notebooks for the tests.
NOTEBOOK_REQUIREMENTS = {"nbformat": "nbformat>=5.10"}
# Where the package to install has another name than the module.
_PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_PYTEST_INI = """\
# It also keeps pytest from using the settings of a folder further up.
[pytest]
testpaths = tests
addopts = -q
# A test that takes longer than this, in seconds, shows the line that it is at.
faulthandler_timeout = 30
markers =
    question(id, weight=1.0): the question that a test belongs to
"""


def template_files(assignment: Assignment, notebooks: bool = False) -> dict[str, bytes]:
    """Every file of the assignment's template, by its path in it, sorted.

    Args:
        assignment: whose template.
        notebooks: the files to fill in are notebooks instead of modules.

    Raises:
        PublishError: a file is missing, or cannot be published; the message names it.
    """
    description = assignment.description
    skeletons = {
        source.path: _skeleton(assignment, source.path, source.name) for source in description.files
    }
    _check_contracts(assignment, skeletons)
    for name in description.given:
        skeletons[name] = _skeleton(assignment, name, Path(name).stem)
    modules = {path: skeleton.text for path, skeleton in skeletons.items()}
    unwritten = [name for skeleton in skeletons.values() for name in skeleton.unwritten]
    paths = {f.path: f.path for f in description.files}
    if notebooks:
        paths = {path: f"{Path(path).stem}.ipynb" for path in paths}
    written = {
        paths[f.path]: as_notebook(assignment, f, modules[f.path])
        for f in description.files
        if paths[f.path] != f.path
    }
    files = {
        **{path: text for path, text in modules.items() if paths.get(path, path) == path},
        **written,
        "handout.md": _text(assignment.folder / "handout.md"),
        "pytest.ini": _PYTEST_INI,
        **{
            f"tests/{name}": text
            for name, text in _suite(assignment, paths, modules, unwritten).items()
        },
    }
    with_notebooks = any(path.endswith(".ipynb") for path in paths.values())
    if with_notebooks:
        files["notebooks.py"] = _text(_HERE / "notebooks.py")
    extra = _other_packages(
        [text for path, text in (modules | files).items() if path.endswith(".py")],
        {Path(path).stem for path in files} | {"intake"},
    )
    base = dict(BASE_REQUIREMENTS)
    if with_notebooks:
        base |= NOTEBOOK_REQUIREMENTS
    extra = [package for package in extra if package not in base]
    files["requirements.txt"] = _requirements(base, extra)
    files["README.md"] = _readme(assignment, base, extra, paths)
    for path, text in files.items():
        refuse_markers(text, path)
    refuse_leaks((s for skeleton in skeletons.values() for s in skeleton.secrets), files)
    return {path: files[path].encode("utf-8") for path in sorted(files)}


def _skeleton(assignment: Assignment, path: str, module: str) -> Skeleton:
    source = assignment.reference / path
    if path.endswith(".ipynb"):
        return Skeleton(_text(source))
    return cut(_text(source), module, str(source))


def _check_contracts(assignment: Assignment, skeletons: Mapping[str, Skeleton]) -> None:
    """Something of every contract must be left to the students."""
    unwritten = [name for skeleton in skeletons.values() for name in skeleton.unwritten]
    for question in assignment.description.questions:
        if question.kind == "written":
            continue
        for contract in question.contracts:
            if not any(name == contract or name.startswith(contract + ".") for name in unwritten):
                raise PublishError(
                    f"{assignment.reference}: {contract} is a contract of question {question.id}, "
                    "but no solution in it is marked; put '### BEGIN SOLUTION' and "
                    "'### END SOLUTION' around it, or its answer is published"
                )


def functions_to_write(assignment: Assignment) -> dict[str, list[str]]:
    """What students write for each unit question, by qualified name, the module's name first."""
    unwritten = [
        name
        for f in assignment.description.files
        for name in _skeleton(assignment, f.path, f.name).unwritten
    ]
    return _by_question(assignment, unwritten)


def _by_question(assignment: Assignment, unwritten: Sequence[str]) -> dict[str, list[str]]:
    return {
        q.id: to_write(q.contracts, unwritten)
        for q in assignment.description.questions
        if q.kind == "unit"
    }


def _examples(assignment: Assignment, modules: Mapping[str, str]) -> dict[str, list[str]]:
    """The contracts of each unit question that show an example in their docstring."""
    description = assignment.description
    shown = {
        name
        for f in description.files
        if not f.path.endswith(".ipynb")
        for name in with_examples(modules[f.path], f.name)
    }
    # What an `__init__` promises is in the docstring of its class.
    found = {
        q.id: [name for c in q.contracts if (name := c.removesuffix(".__init__")) in shown]
        for q in description.questions
        if q.kind == "unit"
    }
    return {question: names for question, names in found.items() if names}


def _suite(
    assignment: Assignment,
    paths: Mapping[str, str],
    modules: Mapping[str, str],
    unwritten: Sequence[str],
) -> dict[str, str]:
    """The public suite and what it runs on, as files of `tests/`.

    Args:
        assignment: whose suite.
        paths: under which name each file of the assignment is published.
        modules: the skeleton of each file, by its path.
        unwritten: the functions that students write.
    """
    tests = {path.name: _text(path) for path in sorted(assignment.public.glob("*.py"))}
    if not any(name.startswith("test_") for name in tests):
        raise PublishError(f"{assignment.public}: there is no test_*.py to publish")
    examples = _examples(assignment, modules)
    ours = {
        "conftest.py": _text(_HERE / "conftest.py"),
        "expect.py": _text(_SUITE / "expect.py"),
        "draw.py": _text(_SUITE / "draw.py"),
        "assignment.json": _description(assignment, paths, unwritten, examples),
    }
    if examples:
        ours["test_examples.py"] = _text(_HERE / "test_examples.py")
    if any(path.endswith(".ipynb") for path in paths.values()):
        # What takes definitions out of a notebook, so that the tests take the same as grading.
        for path in (_INTAKE / "limits.py", *sorted((_INTAKE / "notebooks").glob("*.py"))):
            text = _text(path).replace("from grader.intake.notebooks.", "from intake.")
            ours[f"intake/{path.name}"] = text.replace("from grader.intake.", "from intake.")
    probes = {
        name.replace("probes.", "probes/"): path for name, path in assignment.probe_files.items()
    }
    adapters = {"adapters": assignment.adapters} if assignment.adapters.exists() else {}
    for name, path in {"driving": _SUITE / "driving.py", **probes, **adapters}.items():
        ours[f"{name}.py"] = _text(path).replace("from grader.suite.driving ", "from driving ")
    if both := sorted(tests.keys() & ours.keys()):
        raise PublishError(
            f"{assignment.public / both[0]}: the template has a file of its own of that name; "
            "rename yours"
        )
    return tests | ours


def _description(
    assignment: Assignment,
    paths: Mapping[str, str],
    unwritten: Sequence[str],
    examples: Mapping[str, list[str]],
) -> str:
    """What the template's conftest knows of the assignment."""
    description = assignment.description
    known = {
        "title": description.title,
        "files": {source.name: paths[source.path] for source in description.files},
        "contracts": sorted({c for q in description.questions for c in q.contracts}),
        "questions": {q.id: q.title for q in description.questions if q.kind == "unit"},
        "functions": _by_question(assignment, unwritten),
        "examples": examples,
    }
    return json.dumps(known, indent=2, ensure_ascii=False) + "\n"


def _other_packages(sources: Iterable[str], local: set[str]) -> list[str]:
    """Packages beyond the base that some file imports, for the runs; sorted."""
    modules = _imported(sources) - local - BASE_REQUIREMENTS.keys() - sys.stdlib_module_names
    return sorted(_PACKAGES.get(module, module) for module in modules)


def _imported(sources: Iterable[str]) -> set[str]:
    """Names of the modules and packages that some source imports."""
    modules: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    return modules


def _requirements(base: Mapping[str, str], extra: Iterable[str]) -> str:
    lines = ["# What the tests need:", *base.values()]
    if extra := list(extra):
        lines += ["# What the scripts for training and plotting need besides:", *extra]
    return "\n".join(lines) + "\n"


def promised_python() -> str:
    """The oldest Python that grades, as `3.11`: what it reads, every grading machine reads.

    From the package's `requires-python`, not from the Python at hand, so that a template is the
    same wherever it is made.
    """
    required = importlib.metadata.metadata("grader")["Requires-Python"]
    return str(required).removeprefix(">=")


def _readme(
    assignment: Assignment,
    base: Iterable[str],
    extra: Iterable[str],
    paths: Mapping[str, str],
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    description = assignment.description
    names = sorted(base)
    return environment.get_template("README.md.j2").render(
        description=description,
        python=promised_python(),
        paths=paths,
        with_notebooks="nbformat" in names,
        total=assignment.total_marks,
        questions_of=description.questions_of,
        base=f"{', '.join(names[:-1])} and {names[-1]}",
        extra=list(extra),
        first_test=next(f"tests/{p.name}" for p in sorted(assignment.public.glob("test_*.py"))),
    )


def _text(path: Path) -> str:
    """A text file, with line ends as everywhere.

    Raises:
        PublishError: it is missing or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PublishError(f"{path}: there is no such file, but the template needs it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(f"{path}: cannot be read: {error}") from None
