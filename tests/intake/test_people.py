"""Everybody in a class is there, once, under a name of their own, with their newest files."""

import gzip
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from archives import GAN, VAE, tarred, zipped

import grader.intake.discover as discover_module
import grader.intake.listing as listing_module
import grader.intake.tree as tree_module
from grader.assignment import Assignment
from grader.intake import Candidate, IntakeError, find_submissions, read_submission
from grader.intake.listing import Looks

Put = Callable[..., Path]
BOTH = {"q1_solution.py": VAE, "gan.py": GAN}
OLD = b"def jsd(cp, cq):\n    return cq\n"

MOODLE = {
    "Jane Doe_12345_assignsubmission_file/gan.py": GAN,
    "Zoë O'Brien_12346_assignsubmission_file/gan.py": GAN,
}
CANVAS = {
    "doejane_111_90001_gan.py": GAN,
    "doejane_111_90002_q1_solution.py": VAE,
    "roejim_LATE_222_90003_hw.zip": zipped(BOTH),
}


@pytest.fixture
def found(assignment: Assignment):
    """The submissions in some paths, by id, and the notes."""

    def found(*paths: Path, layout="auto", **more) -> tuple[dict[str, Candidate], list[str]]:
        candidates, notes = find_submissions(paths, assignment, layout, **more)
        assert len({c.id for c in candidates}) == len(candidates)
        return {c.id: c for c in candidates}, notes

    return found


@pytest.fixture
def files(assignment: Assignment):
    """What of a candidate goes behind the wall, by name, wherever it lies."""
    return lambda candidate: {
        Path(path).name: content
        for path, content in read_submission(candidate, assignment).files.items()
    }


@pytest.fixture
def problem(assignment: Assignment):
    """Why a candidate cannot be read."""

    def problem(candidate: Candidate) -> str:
        with pytest.raises(IntakeError) as raised:
            read_submission(candidate, assignment)
        return str(raised.value)

    return problem


class TestExportsInAClass:
    everybody = ("Jane_Doe_12345", "Zoe_O_Brien_12346", "doejane_111", "roejim_222")

    @pytest.mark.parametrize(
        "made",
        [
            {"canvas.zip": zipped(CANVAS), "moodle.zip": zipped(MOODLE)},
            {"canvas.zip": zipped(CANVAS), **{f"moodle/{n}": c for n, c in MOODLE.items()}},
            {"a/b/canvas.tar.gz": tarred(CANVAS, "w:gz"), "c/moodle.zip": zipped(MOODLE)},
            {"all.zip": zipped({"canvas.zip": zipped(CANVAS), "moodle": zipped(MOODLE)})},
            {"x.zip": zipped({f"m/{n}": c for n, c in MOODLE.items()} | {"c.zip": zipped(CANVAS)})},
            {
                **{f"c/{n}": c for n, c in CANVAS.items()},
                "m.zip": zipped(MOODLE),
                "readme.txt": b"",
            },
        ],
    )
    @pytest.mark.parametrize("layout", ["auto", "class"])
    def test_are_all_opened(self, put: Put, found, files, made: dict[str, bytes], layout) -> None:
        people, _ = found(put(made, "exports"), layout=layout)
        assert sorted(people) == sorted(self.everybody)
        for id in ("doejane_111", "roejim_222"):
            assert files(people[id]) == BOTH

    def test_are_told_of_in_the_first_line(self, put: Put, found) -> None:
        made = {"canvas.zip": zipped(CANVAS), "moodle.zip": zipped(MOODLE), "zoe/gan.py": GAN}
        notes = found(put(made, "exports"))[1]
        assert notes[0] == (
            "5 students: 2 from Canvas in canvas.zip, 2 from Moodle in moodle.zip, 1 in exports"
        )

    def test_beside_ordinary_submissions(self, put: Put, found) -> None:
        people, _ = found(put({"canvas.zip": zipped(CANVAS), "zoe/gan.py": GAN, "ann.py": GAN}))
        assert sorted(people) == ["ann", "doejane_111", "roejim_222", "zoe"]

    def test_do_not_make_a_class_of_a_students_own_archive(self, put: Put, found, files) -> None:
        own = zipped({**BOTH, "exp_100_1000_x.txt": b"", "moodle.zip": zipped(MOODLE)})
        people, _ = found(put({"jane.zip": own, "jim.zip": zipped(BOTH)}))
        assert sorted(people) == ["jane", "jim"]
        assert files(people["jane"])["gan.py"] == GAN

    def test_larger_than_is_read_are_rows_with_a_reason(
        self, put: Put, found, problem, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listing_module, "MAX_CLASS_ARCHIVE", 10)
        monkeypatch.setattr(tree_module, "MAX_NESTED_ARCHIVE", 10)
        root = put({"all.zip": zipped({"m.zip": zipped(MOODLE), "c.zip": zipped(CANVAS)})})
        people, _ = found(root / "all.zip", layout="class")
        assert sorted(people) == ["c", "m"]
        assert "c.zip: is larger than" in problem(people["c"])

    def test_that_there_is_no_room_to_look_into_are_told_of(
        self, put: Put, found, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(discover_module, "Looks", partial(Looks, bytes=10))
        root = put({"all.zip": zipped({"m.zip": zipped(MOODLE), "c.zip": zipped(CANVAS)})})
        _, notes = found(root / "all.zip", layout="class")
        assert any("2 archives in it, c.zip the first, were too large" in note for note in notes)

    def test_one_person_of_one_platform_is_one_person(self, put: Put, found, files) -> None:
        late = {"doejane_LATE_111_90009_gan.py": GAN}
        early = {"doejane_111_90001_gan.py": OLD, "roejim_222_90002_gan.py": GAN}
        root = put({"early.zip": zipped(early), "late.zip": zipped(late)})
        people, notes = found(root)
        assert sorted(people) == ["doejane_111", "roejim_222"]
        assert files(people["doejane_111"])["gan.py"] == GAN
        assert "is in 2 exports" in people["doejane_111"].doubts[0]
        assert any("is in 2 exports" in note for note in notes)

    def test_one_name_on_two_platforms_is_for_a_person_to_decide(self, put: Put, found) -> None:
        people, _ = found(put({"c.zip": zipped(CANVAS), "m.zip": zipped(MOODLE)}, "e"))
        assert people["doejane_111"].doubts == ("May be the same person as Jane Doe in m.zip",)
        assert people["Jane_Doe_12345"].doubts == ("May be the same person as doejane in c.zip",)
        assert people["roejim_222"].doubts == ()

    def test_one_name_with_two_ids_of_a_platform_is_two_people(self, put: Put, found) -> None:
        two = {f"Jane Doe_{n}_assignsubmission_file/gan.py": GAN for n in (1, 2)}
        people, _ = found(put(two))
        assert [p.doubts for p in people.values()] == [(), ()]


class TestMoodle:
    def test_a_text_beside_files_is_nobody_elses(self, put: Put, found, files) -> None:
        text = "Jane Doe_12345_assignsubmission_onlinetext"
        people, _ = found(put({**MOODLE, f"{text}/onlinetext.html": b"<p>hi</p>"}))
        assert sorted(people) == ["Jane_Doe_12345", "Zoe_O_Brien_12346"]
        assert files(people["Jane_Doe_12345"]) == {"gan.py": GAN}

    @pytest.mark.parametrize("ending", ["", "_"])
    @pytest.mark.parametrize("pack", [True, False])
    def test_who_sent_only_a_text_has_a_row(
        self, put: Put, found, problem, ending: str, pack: bool
    ) -> None:
        name = f"Jim Roe_9_assignsubmission_onlinetext{ending}/onlinetext.html"
        made = {**MOODLE, name: b"<p>hi</p>"}
        root = put({"class.zip": zipped(made)}) / "class.zip" if pack else put(made)
        people, _ = found(root)
        assert "only a text" in problem(people["Jim_Roe_9"])

    def test_without_folders(self, put: Put, found, files) -> None:
        start = "Zoë Müller_12_assignsubmission_file_"
        people, _ = found(put({f"{start}{name}": content for name, content in BOTH.items()}))
        assert files(people["Zoe_Muller_12"]) == BOTH
        assert people["Zoe_Muller_12"].name == "Zoë Müller"

    def test_teams_are_nobodys_number(self, put: Put, found) -> None:
        people, notes = found(
            put({f"Team {n}_7{n}_assignsubmission_file/gan.py": GAN for n in (3, 4)})
        )
        assert sorted(people) == ["Team_3_73", "Team_4_74"]
        handed = people["Team_3_73"].handed
        assert handed is not None and handed.team and handed.person == ""
        assert notes[0].startswith("2 submissions: 2 from Moodle in ")


class TestCanvas:
    def test_what_was_named_is_kept(self, put: Put, found) -> None:
        people, _ = found(put({"class.zip": zipped(CANVAS)}) / "class.zip")
        jane, jim = (people[id].handed for id in ("doejane_111", "roejim_222"))
        assert jane is not None and jim is not None
        assert (jane.platform, jane.person, jane.name, jane.late) == (
            "canvas", "111", "doejane", False,
        )  # fmt: skip
        assert jane.attachments == ("90001", "90002")
        assert jim.late is True and jim.entries == ("roejim_LATE_222_90003_hw.zip",)
        assert people["roejim_222"].notes == ("Canvas says that it came late",)

    def test_companions_of_a_later_upload_have_their_own_names(
        self, put: Put, found, files
    ) -> None:
        made = {
            "doejane_111_90001_gan-1.py": GAN,
            "doejane_111_90002_helpers-1.py": b"x = 1",
            "doejane_111_90003_part-1.py": b"a",
            "doejane_111_90004_part-2.py": b"b",
        }
        people, _ = found(put(made))
        assert files(people["doejane_111"]) == {
            "gan.py": GAN, "helpers.py": b"x = 1", "part-1.py": b"a", "part-2.py": b"b",
        }  # fmt: skip

    @pytest.mark.parametrize("again", ["gan.py", "gan-2.py"])
    def test_the_newer_of_two_uploads_counts(self, put: Put, found, files, again: str) -> None:
        made = {"doejane_111_90009_" + again: GAN, "doejane_111_10001_gan.py": OLD}
        people, _ = found(put(made))
        assert files(people["doejane_111"])["gan.py"] == GAN
        assert "handed in 2 times" in people["doejane_111"].doubts[0]

    def test_anonymous_files_belong_together(self, put: Put, found, files) -> None:
        made = {
            "anon_yBV4d_90001_gan.py": GAN,
            "anon_yBV4d_90002_q1_solution.py": VAE,
            "anon_LATE_x9Kq2_90003_gan.py": GAN,
        }
        people, _ = found(put(made))
        assert sorted(people) == ["anon_x9Kq2", "anon_yBV4d"]
        assert files(people["anon_yBV4d"]) == BOTH

    @pytest.mark.parametrize("kind", ["text", "link"])
    def test_who_sent_only_a_text_or_link_has_a_row(self, put: Put, found, problem, kind) -> None:
        people, _ = found(put({**CANVAS, f"poesam_333_{kind}.html": b"<p>"}))
        assert "only a text" in problem(people["poesam_333"])


class TestBlackboard:
    def test_the_last_attempt_counts(self, put: Put, found, files) -> None:
        start = "Assignment 3_jdoe_attempt_2025-11-0"
        made = {
            f"{start}1-10-00-00_gan.py": OLD,
            f"{start}1-10-00-00_extra.py": b"",
            f"{start}3-23-34-12_gan.py": GAN,
            f"{start}3-23-34-12.txt": b"Name: Jane",
            "Assignment 3_zmuller_attempt_2025-11-02-09-00-00_gan.py": GAN,
            "Assignment 3_poe_attempt_2025-11-02-09-00-00.txt": b"Name: Poe",
        }
        people, _ = found(put(made))
        assert sorted(people) == ["jdoe", "poe", "zmuller"]
        jane = people["jdoe"]
        assert files(jane) == {"gan.py": GAN}
        assert jane.notes == (
            "the attempt of 2025-11-03-23-34-12 counts, not those of 2025-11-01-10-00-00",
        )
        assert jane.handed is not None and jane.handed.attempt == "2025-11-03-23-34-12"

    def test_an_attempt_without_files_takes_nothing_away(self, put: Put, found, files) -> None:
        start = "A_jdoe_attempt_2025-11-0"
        people, _ = found(put({f"{start}1-10-00-00_gan.py": GAN, f"{start}2-10-00-00.txt": b""}))
        assert files(people["jdoe"]) == {"gan.py": GAN}
        assert "has no file" in people["jdoe"].doubts[0]


def test_brightspace_takes_the_newest_of_each_file(put: Put, found, files) -> None:
    first, second = "Oct 31, 2025 1159 AM", "Oct 31, 2025 1201 PM"
    made = {
        f"11-900 - Jane Doe - {first} - gan.py": OLD,
        f"11-900 - Jane Doe - {second} - gan.py": GAN,
        f"11-900 - Jane Doe - {first} - q1_solution.py": VAE,
        f"12-900 - Zoë Roe - {first} - gan.py": GAN,
        "index.html": b"",
    }
    people, _ = found(put(made))
    assert sorted(people) == ["Jane_Doe_11", "Zoe_Roe_12"]
    assert files(people["Jane_Doe_11"]) == BOTH


def test_gradescope_says_who_submitted(put: Put, found) -> None:
    metadata = b"submission_71:\n  :submitters:\n  - :name: Zo\xc3\xab Roy\n    :sid: '5'\n"
    people, _ = found(
        put(
            {
                "submission_71/gan.py": GAN,
                "submission_72/gan.py": GAN,
                "submission_metadata.yml": metadata,
            }
        )
    )
    assert sorted(people) == ["Zoe_Roy_5", "submission_72"]
    handed = people["Zoe_Roy_5"].handed
    assert handed is not None and (handed.person, handed.attempt) == ("5", "71")


class TestFlatFolders:
    @pytest.mark.parametrize("name", ["{who} - {file}", "{who}_{file}", "{stem}_{who}.py"])
    @pytest.mark.parametrize("layout", ["auto", "class"])
    def test_group_by_what_names_have_in_common(
        self, put: Put, found, files, name: str, layout: str
    ) -> None:
        made = {
            name.format(who=who, file=file, stem=file[:-3]): content
            for who in ("Jane Doe", "Zoë Müller")
            for file, content in BOTH.items()
        }
        people, _ = found(put(made), layout=layout)
        assert sorted(people) == ["Jane_Doe", "Zoe_Muller"]
        assert all(files(one) == BOTH for one in people.values())

    def test_companions_go_with_their_owner(self, put: Put, found, files) -> None:
        made = {
            "jane_gan.py": GAN,
            "jane_helpers.py": b"x",
            "jim_gan.py": GAN,
            "jane_d_gan.py": OLD,
        }
        people, _ = found(put(made))
        assert sorted(people) == ["jane", "jane_d", "jim"]
        assert files(people["jane"]) == {"gan.py": GAN, "helpers.py": b"x"}

    def test_versions_are_nobody(self, put: Put, found) -> None:
        people, _ = found(put({"gan_final.py": GAN, "q1_solution_final.py": VAE}, "jane"))
        assert list(people) == ["jane"]


def test_nbgraders_tree(put: Put, found, files) -> None:
    made = {f"submitted/{who}/ps1/{file}": c for who in ("ann", "bob") for file, c in BOTH.items()}
    made |= {f"{place}/ps1/gan.py": GAN for place in ("source", "release")}
    people, _ = found(put({**made, "gradebook.db": b""}))
    assert sorted(people) == ["ann", "bob"]
    assert files(people["ann"]) == BOTH


class TestNoOneVanishes:
    @pytest.fixture
    def odd(self, put: Put) -> Path:
        root = put(
            {
                "ann/gan.py": GAN,
                "bob/gan.py": GAN,
                "dora": zipped(BOTH),
                "emil.tar.zst": b"\x28\xb5\x2f\xfd" + bytes(100),
                "fay.7z": b"7z\xbc\xaf\x27\x1c",
                "gus.pdf": b"%PDF-1.4",
                "hal.docx": zipped({"word/document.xml": b""}),
                "ida.zip": tarred(BOTH, "w:gz"),
                "jon.gz": gzip.compress(b"x"),
                "kim.txt": b"sorry",
                "README.txt": b"",
                "grades.csv": b"",
                "index.html": b"",
                "Thumbs.db": b"",
                "__MACOSX/._gan.py": b"",
                "bob.pdf": b"the report of bob",
            },
            "class",
        )
        (root / "carl").symlink_to(root / "ann")
        (root / "lea").mkdir()
        os.mkfifo(root / "max")
        return root

    @pytest.mark.parametrize("layout", ["auto", "class"])
    def test_from_a_folder(self, odd: Path, found, files, problem, layout: str) -> None:
        people, _ = found(odd, layout=layout)
        assert sorted(people) == [
            "ann", "bob", "carl", "dora", "emil", "fay", "gus.pdf", "hal.docx", "ida", "jon",
            "kim.txt", "lea", "max",
        ]  # fmt: skip
        assert files(people["dora"]) == files(people["ida"]) == BOTH
        for id, reason in {
            "carl": "links are not followed",
            "emil": "Zstandard",
            "fay": "7z archives are not read",
            "gus.pdf": "holds none of",
            "lea": "nothing that can be read",
            "max": "a pipe, a socket or a device",
        }.items():
            assert reason in problem(people[id])

    def test_from_an_archive(self, put: Put, found, problem) -> None:
        secret = bytearray(zipped({"jim.py": GAN}))
        for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            secret[secret.find(magic) + at] |= 1
        made = {"ann/gan.py": GAN, "bob/gan.py": GAN, "gus.pdf": b"", "lea/": b""}
        people, _ = found(put({"c.zip": zipped(made), "s.zip": bytes(secret)}, "a") / "c.zip")
        assert sorted(people) == ["ann", "bob", "gus.pdf", "lea"]
        assert "is empty" in problem(people["lea"])
        people, _ = found(put({"s.zip": bytes(secret)}, "b") / "s.zip", layout="class")
        assert "encrypted" in problem(people["jim"])

    def test_by_a_path_of_their_own(self, put: Put, found, files) -> None:
        people, _ = found(put({"dora": zipped(BOTH)}) / "dora")
        assert files(people["dora"]) == BOTH


def test_a_class_packed_in_itself_has_the_same_files(put: Put, found, files) -> None:
    each = zipped({f"{name}.zip": zipped({name: content}) for name, content in BOTH.items()})
    made = {f"doejane_111_9000{n}_A3.zip": each for n in (1,)} | {"roeann_222_90002_A3.zip": each}
    packed = {"class.zip": zipped(made)}
    for n, root in enumerate(
        (put(made, "a"), put(packed, "b") / "class.zip", put({"all.zip": zipped(packed)}, "c"))
    ):
        people, _ = found(root)
        assert sorted(people) == ["doejane_111", "roeann_222"], n
        assert all(files(one) == BOTH for one in people.values())


def test_ids_stay_when_others_come_and_go(put: Put, found) -> None:
    many = {f"{who}/gan.py": GAN for who in ("王伟", "李娜", "Zoë", "Zoe", "ann", "Ann B")}
    everybody, _ = found(put(many, "class-1"))
    owner = {one.name: id for id, one in everybody.items()}
    known = {id: one.key for id, one in everybody.items()}
    for n, gone in enumerate(("王伟", "Zoe", "Zoë")):
        fewer = {name: c for name, c in many.items() if not name.startswith(gone + "/")}
        people, _ = found(put(fewer, f"class-2{n}"), known=known)
        assert {one.name: id for id, one in people.items()} == {
            name: id for name, id in owner.items() if name != gone
        }


def test_a_class_of_a_thousand_archives_is_looked_at_once_each(
    put: Put, found, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put({f"student{n}.zip": zipped(BOTH) for n in range(1000)})
    opened: list[Path] = []
    original = tree_module.open_regular_file
    monkeypatch.setattr(
        tree_module, "open_regular_file", lambda path: opened.append(path) or original(path)
    )
    people, _ = found(root)
    assert len(people) == 1000
    assert len(opened) < 1100


def test_a_class_in_the_only_archive_of_a_folder_is_found(put, found) -> None:
    one = zipped(BOTH)
    place = put({"down/class.zip": zipped({"jane.zip": one, "ann.zip": one})})
    people, notes = found(place)
    assert set(people) == {"ann", "jane"} and notes[0].startswith("2 students")


def test_an_archive_of_one_student_stays_one_submission(put, found) -> None:
    people, _ = found(put({"down/hw.zip": zipped({"code.zip": zipped(BOTH)})}))
    assert len(people) == 1
