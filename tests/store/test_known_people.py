"""Who was in the class that was given last, and whose each id is."""

from __future__ import annotations

from pathlib import Path

from grader.assignment import Assignment
from grader.batch.task import Task, blank
from grader.intake import Candidate
from grader.results import Handed
from grader.store import Store
from grader.store.people import Member, known_people, settle_class


def graded(store: Store, toy: Assignment, *ids: str) -> None:
    for id in ids:
        task = Task(toy.folder, toy.reference, "none", store.secret)
        store.save(blank(task, toy, Candidate(id, Path("/nowhere") / id, name=id)))


def members(*ids: str) -> dict[str, Member]:
    return {id: Member(f"key of {id}", id) for id in ids}


def test_who_is_not_in_the_class_any_more_is_marked_until_they_are_back(
    toy: Assignment, tmp_path: Path
) -> None:
    with Store(tmp_path, toy) as store:
        graded(store, toy, "ann", "bob")
        assert settle_class(store, members("ann", "bob"), whole=True) == []
        assert settle_class(store, members("ann"), whole=True) == ["bob"]
        assert [r.given_last for r in store.results()] == [True, False]
        # One submission by its own path says nothing about the others.
        assert settle_class(store, members("ann"), whole=False) == ["bob"]
        assert settle_class(store, members("ann", "bob"), whole=True) == []


def test_results_that_stay_learn_how_the_person_is_named_now(
    toy: Assignment, tmp_path: Path
) -> None:
    handed = Handed(platform="canvas", person="7", name="Zoë", late=True)
    with Store(tmp_path, toy) as store:
        graded(store, toy, "zoe")
        settle_class(store, {"zoe": Member("canvas:7", "Zoë", handed)}, whole=True)
        (result,) = store.results()
    assert (result.name, result.handed) == ("Zoë", handed)


def test_an_id_is_kept_for_its_person_even_after_the_row_is_dropped(
    toy: Assignment, tmp_path: Path
) -> None:
    assert known_people(tmp_path) == {}
    with Store(tmp_path, toy) as store:
        graded(store, toy, "ann", "bob")
        settle_class(store, members("ann", "bob"), whole=True)
        store.drop("ann")
        settle_class(store, members("bob"), whole=True)
        assert [r.submission for r in store.results()] == ["bob"]
    assert not (tmp_path / "results" / "ann.json").exists()
    assert known_people(tmp_path) == {"ann": "key of ann", "bob": "key of bob"}
