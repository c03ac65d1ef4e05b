"""Names that others chose: whatever they are, what becomes of them is safe."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.intake.limits import shown
from grader.intake.names import (
    Person,
    UnsafeNameError,
    clean_path,
    display_name,
    identifiers,
    is_archive,
    is_junk,
    is_litter,
    is_set_aside,
    meant_name,
    renamed_from,
    spellings,
)

any_name = st.text(
    st.one_of(st.characters(), st.sampled_from("./\\:\x00\n\u202e-_ ")), max_size=300
)


class TestCleanPath:
    @pytest.mark.parametrize(
        ("raw", "clean"),
        [
            ("gan.py", "gan.py"),
            ("./Q2-GAN//gan.py", "Q2-GAN/gan.py"),
            ("Q2-GAN\\gan.py", "Q2-GAN/gan.py"),
            ("a\nb/gan.py", "a_b/gan.py"),
            ("gan\u202eyp.exe", "gan_yp.exe"),
            ("Zoë/gan.py", "Zoë/gan.py"),
        ],
    )
    def test_gives_one_spelling(self, raw: str, clean: str) -> None:
        assert clean_path(raw) == clean

    @pytest.mark.parametrize(
        "raw",
        [
            "../gan.py",
            "a/../../b",
            "..\\gan.py",
            "/etc/passwd",
            "\\\\server\\x",
            "C:\\x",
            "c:x",
            "",
            ".",
            "/",
            "a/" * 33 + "gan.py",
            ("a" * 200 + "/") * 6,
            "é" * 128,
        ],
    )
    def test_refuses_what_leads_out(self, raw: str) -> None:
        with pytest.raises(UnsafeNameError):
            clean_path(raw)

    @given(any_name)
    def test_never_leads_out_and_is_stable(self, raw: str) -> None:
        try:
            clean = clean_path(raw)
        except UnsafeNameError:
            return
        parts = clean.split("/")
        assert not {"", ".", ".."} & set(parts)
        assert clean.isprintable() or all(c.isprintable() or c.isspace() for c in clean)
        assert "\\" not in clean
        assert clean_path(clean) == clean


def ids(*names: str) -> list[str]:
    """Ids of people who are known by their names."""
    return identifiers([Person(name, name, f"class/{n}") for n, name in enumerate(names)])


class TestIdentifiers:
    def test_stay_readable(self) -> None:
        assert ids("Jane Doe_12345", "Zoë Müller", "Søren Ł_7", "submission_1") == [
            "Jane_Doe_12345",
            "Zoe_Muller",
            "Soren_L_7",
            "submission_1",
        ]

    def test_are_told_apart_in_whatever_case(self) -> None:
        four = ids("jane", "Jane", "jane-2", "jane")
        assert len({id.lower() for id in four}) == 4
        assert four[2] == "jane-2"

    @pytest.mark.parametrize("name", ["王伟", "محمد", "Δημήτρης_7", "Дмитрий", "!!!", "..", ""])
    def test_of_any_script_are_the_names_own(self, name: str) -> None:
        (alone,) = ids(name)
        assert ids("李娜", "Иван", "Νίκος_7", "??", name)[-1] == alone
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", alone)

    def test_never_move_to_another_person(self) -> None:
        people = [
            Person("Zoë Roy", "Zoë Roy", "a"),
            Person("Zoe Roy", "Zoe Roy", "b"),
            Person("jane", "jane", "jane.zip"),
            Person("jane", "jane", "jane"),
            Person("王伟", "王伟", "c"),
        ]
        known: dict[str, str] = {}
        owners: dict[str, set[tuple[str, str]]] = {}
        for wanted in ([0], [0, 1], [1], [2, 4], [2, 3], [3], [4, 1, 0], [1, 2, 3, 4]):
            given = [people[n] for n in wanted]
            found = identifiers(given, known)
            assert len(set(found)) == len(given)
            known |= {id: person.key for id, person in zip(found, given, strict=True)}
            for id, person in zip(found, given, strict=True):
                # Two of one name that nothing else tells apart may be one who handed in again.
                owners.setdefault(id, set()).add((person.key, ""))
        assert all(len(owner) == 1 for owner in owners.values())

    def test_stay_with_whom_the_platform_knows(self) -> None:
        known = {"Jane_Doe_7": "moodle:7"}
        renamed = Person("Jane Roe_7", "moodle:7", "")
        other = Person("Jane Doe_7", "canvas:7", "")
        assert identifiers([renamed], known) == ["Jane_Doe_7"]
        assert identifiers([other], known)[0].startswith("Jane_Doe_7-")

    @given(st.lists(any_name, max_size=20))
    def test_are_safe_unique_and_deterministic(self, names: list[str]) -> None:
        found = ids(*names)
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", id) for id in found)
        assert len({id.lower() for id in found}) == len(names)
        assert found == ids(*names)

    @given(st.lists(any_name, max_size=9, unique=True), st.integers(0, 8))
    def test_of_unequal_names_do_not_depend_on_the_order(self, names: list[str], at: int) -> None:
        found = dict(zip(names, ids(*names), strict=True))
        turned = [*names[at:], *names[:at]]
        assert dict(zip(turned, ids(*turned), strict=True)) == found


def test_names_are_shown_as_they_are_written() -> None:
    assert display_name("Zoe\u0308 O'Brien 王伟") == "Zoë O'Brien 王伟"
    assert display_name("a\u202eb\n") == "a_b_"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jane Doe", "doejane"), ("Zoë Müller", "mullerzoe"), ("O'Brien, Ann", "annobrien")],
)
def test_platforms_spell_one_name_in_several_ways(one: str, other: str) -> None:
    assert spellings(one) & spellings(other)
    assert not spellings(one) & spellings("Jim Roe")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gan.py.txt", "gan.py"),
        ("a/gan.PY", "a/gan.py"),
        ("gan .py", "gan.py"),
        ("gan.py.py", "gan.py"),
        ("gan.py.download", "gan.py"),
        ("gan.ipynb.txt", "gan.ipynb"),
        ("gan.ipynb.json", "gan.ipynb"),
        ("gan(1).py.txt", "gan(1).py"),
        ("gan.pyc", "gan.pyc"),
        ("gan.txt", "gan.txt"),
        (".py", ".py"),
        ("my.python.notes", "my.python.notes"),
    ],
)
def test_what_was_appended_to_a_name_is_seen_through(name: str, meant: str) -> None:
    assert meant_name(name) == meant


def test_what_lies_in_a_class_and_is_nobodys() -> None:
    for name in ("README.md", "index.html", "grades.csv", "Thumbs.db", ".DS_Store", "__MACOSX"):
        assert is_litter(name)
    for name in ("gus.pdf", "jane", "roy.txt", "indira.zip", "markson.docx", "gradeon.py"):
        assert not is_litter(name)
    # A person may be called so, and students hand in shortcuts, saved pages and half a download.
    for name in ("Marks, Tom.zip", "Grade Ann", "index", "jane.html", "jane.lnk", "jane.zip.part"):
        assert not is_litter(name)


def test_packed_data_is_no_archive() -> None:
    assert all(map(is_archive, ["a.zip", "a.tar.zst", "gan.py.gz", "a.GZ", "a.7z"]))
    assert not any(map(is_archive, ["x.npy.gz", "train-images-idx3-ubyte.gz", "a.pdf"]))


@pytest.mark.parametrize(
    "name",
    [
        "gan (1).py",
        "GAN(2).py",
        "gan - Copy.py",
        "gan - Copy (2).py",
        "gan copy 2.py",
        "gan (copy).py",
        "gan-1.py",
        "Copy of gan.py",
        "gan.py",
    ],
)
def test_downloads_rename(name: str) -> None:
    assert renamed_from(name) == "gan.py"


@pytest.mark.parametrize("name", ["gan_final.py", "my gan.py", "gan2.py"])
def test_what_students_rename_stays(name: str) -> None:
    assert renamed_from(name) == name


def test_junk_and_what_is_set_aside() -> None:
    assert all(map(is_junk, ["__MACOSX/gan.py", "a/.git/x", "._gan.py", "x/site-packages/y.py"]))
    assert not is_junk("env/gan.py")
    assert all(map(is_set_aside, ["old/gan.py", "a/Template/gan.py", "gan_backup/gan.py"]))
    assert not any(map(is_set_aside, ["gold/gan.py", "old.py", "solution/gan.py"]))


@given(any_name)
def test_shown_is_one_short_line(name: str) -> None:
    text = shown(name)
    assert len(text) <= 120
    assert len(text.splitlines()) <= 1
    text.encode()
