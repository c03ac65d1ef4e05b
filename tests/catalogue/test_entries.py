"""Entries of a catalogue are grafted onto the reference as source, or refused with a reason."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grader.assignment import Assignment
from grader.catalogue import CatalogueError, Entry, grafted_file, read_catalogue

HEAD = "from grader.catalogue import Mistakes\n\nvalue = Mistakes('mean.mean', 'test_mean')\n"


def read(toy: Assignment, text: str, folder: str = "mistakes") -> dict[str, Entry]:
    (toy.folder / folder / "z.py").write_text(text)
    return {e.name: e for e in read_catalogue(toy)}


def run(toy: Assignment, entry: Entry) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(grafted_file(toy, entry), names)
    return names


def test_a_function_takes_the_contracts_place(toy: Assignment) -> None:
    helper = "import math\n\ndef half(x):\n    return x / 2\n\n"
    text = '@value\ndef f(x):\n    """A\n    hint."""\n    return half(math.pi)\n'
    entry = read(toy, HEAD + helper + text)["f"]
    assert (entry.kind, entry.replaces, entry.fails) == ("mistake", "mean.mean", ("test_mean",))
    assert entry.text == "A hint." and "hint" not in entry.source
    assert entry.place == f"{toy.folder / 'mistakes' / 'z.py'}:10"
    assert run(toy, entry)["mean"](0) == pytest.approx(1.5707963)


def test_a_group_of_one_entry_needs_no_name(toy: Assignment) -> None:
    group = "Mistakes('mean.mean', 'test_mean')"
    text = f"{group}.edit('f', 'sum(1)', 'sum(0)', 'why')\n@{group}\ndef g(x):\n    'because'\n"
    found = read(toy, f"from grader.catalogue import Mistakes\n{text}")
    for name, told in (("f", "why"), ("g", "because")):
        assert (found[name].replaces, found[name].fails) == ("mean.mean", ("test_mean",))
        assert found[name].text == told


def test_an_edit_changes_the_contract_alone(toy: Assignment) -> None:
    reference = toy.reference / "mean.py"
    more = "\n\ndef other(x):\n    return x.sum(1)\n"
    reference.write_text(reference.read_text() + more)
    entry = read(toy, f"{HEAD}value.edit('f', 'sum(1)', 'sum(0)', '''Two\n lines''')\n")["f"]
    grafted = grafted_file(toy, entry)
    assert entry.text == "Two lines"
    assert grafted == reference.read_text().replace("sum(1)", "sum(0)", 1)
    assert grafted.endswith(more)


def test_an_edit_may_use_what_is_beside_it(toy: Assignment) -> None:
    text = "import math\n\nvalue.edit('f', 'x.sum(1)', 'x * math.pi', 'why')\n"
    mean = run(toy, read(toy, HEAD + text)["f"])["mean"]

    class Rows(float):
        shape = (1, 2)

    assert mean(Rows(1)) == pytest.approx(1.5707963)


def test_an_edit_reaches_a_method_and_leaves_its_docstring(toy: Assignment) -> None:
    source = 'class mean:\n    def go(self):\n        """one"""\n        return "one"\n'
    (toy.reference / "mean.py").write_text(source)
    config = toy.folder / "assignment.toml"
    config.write_text(config.read_text().replace('"mean.mean"', '"mean.mean.go"'))
    for folder in ("mistakes", "variants"):
        (toy.folder / folder / "q1.py").unlink()
    toy = Assignment(toy.folder, toy.reference)
    entry = read(toy, HEAD.replace("mean.mean", "mean.mean.go") + "value.edit('f','one','two','w')")
    assert grafted_file(toy, entry["f"]) == source.replace('"one"\n', '"two"\n')


def test_another_contract_is_replaced_beside_an_entry(toy: Assignment) -> None:
    text = (
        "value = Variants('total.total', beside={'total.other': ours})\n"
        "def ours():\n    return 7\n\n"
        "@value\ndef f(x):\n    'why'\n    return other()\n\n"
        "value.edit('g', 'x.sum()', 'other()', 'why')\n"
    )
    entries = read(toy, text, "variants")
    assert entries["f"].text == "why"
    assert [run(toy, entries[name])["total"](1) for name in "fg"] == [7, 7]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "invalid syntax"),
        ("@value\ndef f(x):\n    return x\n", "f has no docstring; write its hint there"),
        ("@valu\ndef f(x):\n    'why'\n", "valu is not a group of this file: value"),
        ("@value\n@value\ndef f(x):\n    'why'\n", "not an entry; decorate it with one group"),
        ("value('f')\n", "not an entry"),
        ("value.edit('f', 'a', 'b')\n", "edit takes the name, the old text, the new one, and why"),
        ("value.edit('f', str(1), 'b', 'why')\n", "plain texts"),
        ("value.edit('f', 'nowhere', 'b', 'why')\n", "'nowhere' is in .* 0 times; copy it"),
        ("value.edit('f', '1', '2', 'why')\n", "'1' is in .* mean.mean 2 times; give more"),
        ("value.edit('f', 'sum(1)', 'sum(', 'why')\n", "is not Python after this edit"),
        ("@value\ndef mean_is_a_sum(x):\n    'why'\n", "is the name of another entry"),
        ("other = Mistakes('mean.mean')\n", "Mistakes takes the contract, the checks"),
        ("other = Mistakes('mean.mean', 'a', hint='x')\n", "Mistakes takes the contract"),
        ("other = Mistakes('mean.mean', str(1))\n", "plain texts"),
        ("other = Mistakes('mean.mean', 'a', beside=f)\n", "plain texts"),
        (
            "other = Mistakes('mean.mean', 'a', beside={'mean.b': gone})\n",
            "gone is not a function of this file",
        ),
        ("other = Variants('mean.mean')\n", "Variants have a folder of their own"),
        ("other = Mistakes('mean.no', 'a')\n@other\ndef f(x):\n    'why'\n", "no question"),
    ],
)
def test_malformed_entries_are_named(toy: Assignment, text: str, words: str) -> None:
    with pytest.raises(CatalogueError, match=words) as error:
        read(toy, f"{HEAD}\n{text}")
    assert re.match(rf"{toy.folder / 'mistakes' / 'z.py'}:\d+: ", str(error.value))


def test_an_edit_needs_a_definition_to_edit(toy: Assignment) -> None:
    (toy.reference / "mean.py").write_text("mean = max\n")
    with pytest.raises(CatalogueError, match="mean does not define mean"):
        read(toy, f"{HEAD}value.edit('f', 'sum(1)', 'sum(0)', 'why')\n")


def test_a_docstring_alone_is_an_empty_function(toy: Assignment) -> None:
    entry = read(toy, f"{HEAD}@value\ndef f(x):\n    'Nothing is done.'\n")["f"]
    assert run(toy, entry)["mean"](1) is None
