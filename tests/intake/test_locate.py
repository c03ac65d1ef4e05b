"""Which of a submission's files stands for which file of the assignment."""

import json

import pytest
from archives import GAN, GAN_TEMPLATE, VAE

from grader.assignment import Assignment
from grader.intake.limits import Notes
from grader.intake.locate import locate


def notebook(source: str) -> bytes:
    """A notebook of one code cell."""
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}
    cell["execution_count"] = None
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    ).encode()


@pytest.fixture
def gan_of(assignment: Assignment):
    """What was taken for gan.py, the others, and the notes."""

    def gan_of(files: dict[str, bytes]) -> tuple[str | None, list[str], list[str]]:
        notes = Notes()
        choice = locate(files, assignment.description, notes)[1]
        return choice.path, list(choice.others), notes.texts

    return gan_of


def test_a_plain_name_is_taken_without_a_note(gan_of) -> None:
    assert gan_of({"hw/Q2-GAN/gan.py": GAN}) == ("hw/Q2-GAN/gan.py", [], [])


@pytest.mark.parametrize("name", ["GAN.py", "gan (1).py", "Gan - Copy.PY", "gan-1.py"])
def test_other_spellings_are_taken_with_a_note(gan_of, name: str) -> None:
    assert gan_of({name: GAN}) == (name, [], [f"gan.py: {name} was taken for it"])


@pytest.mark.parametrize(
    ("best", "worse"),
    [
        (("gan.py", GAN), ("GAN (1).py", GAN)),
        (("x/gan.py", GAN), ("gan.py", GAN_TEMPLATE)),
        (("x/y/gan.py", GAN), ("old/gan.py", GAN)),
        (("gan (1).py", GAN), ("template/gan.py", GAN)),
        (("gan.py", GAN), ("x/gan.py", GAN)),
        (("a/gan.py", GAN), ("b/gan.py", GAN)),
        (("gan.py", b"def broken(:"), ("gan (1).py", GAN)),
        (("gan.py", GAN), ("gan.ipynb", notebook(GAN.decode()))),
        (("gan.ipynb", notebook(GAN.decode())), ("gan.py", GAN_TEMPLATE)),
        (("hw3.ipynb", notebook(GAN.decode())), ("gan.py", GAN_TEMPLATE)),
        (("gan_final.py", GAN), ("gan.py", GAN_TEMPLATE)),
        (("gan.py", GAN_TEMPLATE), ("gan (1).py", GAN_TEMPLATE)),
    ],
)
def test_the_better_one_is_taken_and_the_other_listed(gan_of, best, worse) -> None:
    taken, others, notes = gan_of(dict([worse, best]))
    assert (taken, others) == (best[0], [worse[0]])
    assert any(f"{best[0]} was taken, not {worse[0]}" in note for note in notes)


def test_the_usual_name_comes_before_an_alias(assignment: Assignment) -> None:
    files = {"a/q1_vae.py": VAE, "a/b/q1_solution.py": VAE}
    assert locate(files, assignment.description, Notes())[0].path == "a/b/q1_solution.py"


def test_without_the_name_the_contents_decide(gan_of) -> None:
    taken, _, notes = gan_of({"train.py": b"import gan", "my_hw.py": GAN})
    assert taken == "my_hw.py"
    assert "my_hw.py was taken for it, since it defines the same names" in notes[0]


def test_one_notebook_may_hold_everything(assignment: Assignment) -> None:
    files = {"hw.ipynb": notebook(VAE.decode() + "\n" + GAN.decode())}
    notes = Notes()
    choices = locate(files, assignment.description, notes)
    assert [choice.path for choice in choices] == ["hw.ipynb", "hw.ipynb"]
    assert "a notebook; its definitions were taken" in notes.texts[1]


def test_a_notebook_that_only_trains_is_not_taken(gan_of) -> None:
    assert gan_of({"gan.ipynb": notebook("import gan\ngan.train()")})[0] is None


def test_a_broken_notebook_is_noted(gan_of) -> None:
    taken, _, notes = gan_of({"gan.ipynb": b"{"})
    assert taken is None
    assert notes == ["gan.ipynb: is not a notebook that can be read (JSONDecodeError); left out"]


def test_nothing_is_nothing(gan_of) -> None:
    assert gan_of({"report.txt": b"jsd"}) == (None, [], [])


def test_a_notebook_with_other_names_is_told_of(gan_of) -> None:
    """Whoever reads it can see that the names are at fault, and not the file."""
    taken, _, notes = gan_of({"final.ipynb": notebook("def my_jsd(p, q): return p")})
    assert taken is None
    assert notes == ["final.ipynb: defines my_jsd, and none of the names that are asked for"]


def test_an_empty_notebook_is_told_of(gan_of) -> None:
    taken, _, notes = gan_of({"final.ipynb": notebook("")})
    assert taken is None
    assert notes == ["final.ipynb: defines no function or class"]


def test_an_exported_notebook_gives_its_definitions_under_its_name(gan_of) -> None:
    """What trains at its top level would keep it from being imported."""
    exported = b"# In[1]:\n\n" + GAN + b"\n\n# In[2]:\n\ntrain()\n"
    taken, _, notes = gan_of({"gan.py": exported})
    assert taken == "gan.py"
    assert notes == [
        "gan.py: a notebook that was exported to Python; its definitions were taken, nothing else "
        "is run"
    ]


def test_functions_inside_of_if_and_try_count(gan_of) -> None:
    inner = "\n".join("    " + line for line in GAN.decode().splitlines())
    assert gan_of({"mine.py": f"try:\n{inner}\nexcept ValueError:\n    pass\n".encode()})[0]
