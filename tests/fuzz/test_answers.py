"""Whatever a submission answers, comparing and describing it fails only the check."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grader.results import Check
from grader.suite.calls import Call, held_bytes
from grader.suite.expect import CheckFailed, Expect
from grader.suite.failures import Asked, StudentError
from grader.suite.hints import distance
from grader.wall.behind import wire

# A machine may be busy; what hangs is ended by the limit of a whole test.
UNHURRIED = settings(deadline=None)
SHAPES = st.lists(st.sampled_from([0, 1, 2, 7]), max_size=4)
ARRAYS = st.builds(
    lambda name, shape, torchy: (
        torch.zeros(shape, dtype=wire.DTYPES[name][1])
        if torchy or name == "bfloat16"
        else np.zeros(shape, dtype=wire.DTYPES[name][0])
    ),
    st.sampled_from(sorted(wire.DTYPES)),
    SHAPES,
    st.booleans(),
)
EMPTY = np.zeros((0, 2**31 - 1), dtype=np.uint8)
ANSWERS: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**500), 10**500)
    | st.floats()
    | st.text(st.characters(codec=None, categories=None), max_size=9)
    | ARRAYS
    | st.builds(wire.Opaque, st.text(max_size=300)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)
WANTED = [torch.ones(()), torch.ones(7), torch.ones(2, 7, dtype=torch.float64), EMPTY]


def through_the_wire(value: Any) -> Any:
    """The answer as the trusted side gets it."""
    frame = wire.encode({"value": value})
    header, payload = wire.sizes(frame[: wire.PREFIX.size], max_payload=2**30)
    body = frame[wire.PREFIX.size :]
    return wire.decode(body[:header], body[header : header + payload])["value"]


@UNHURRIED
@given(ANSWERS)
@example("\ud800")
@example({"\udfff": 10**4000})
@example([10**400])
@example(EMPTY)
def test_an_answer_is_compared_and_described(answer: Any) -> None:
    value = through_the_wire(answer)
    expect = Expect()
    rationale = ""
    for wanted in WANTED:
        for attempt in (
            lambda wanted=wanted: expect.close(value, wanted),
            lambda wanted=wanted: expect.unchanged(value, wanted, what="x"),
            lambda: expect.shape(value, (3,)),
            lambda: expect.finite(value),
        ):
            with contextlib.suppress(CheckFailed):
                attempt()
                continue
            try:
                attempt()
            except CheckFailed as failed:
                rationale += failed.rationale + failed.detail
        assert distance(value, wanted) >= 0 and distance(wanted, value) >= 0
    assert distance(value, value) >= 0
    assert held_bytes(value) >= 0
    call = Call("call", "mean.mean", {"args": [value], "kwargs": {"k": value}}, 3, value)
    text = (call.full() + call.outline())[:6000] + rationale
    check = Check(
        id="a", question="q1", title="t", reason="", outcome="failed", weight=1, marks=1,
        awarded=0, rationale=rationale, detail=text,
    )  # fmt: skip
    assert Check.model_validate_json(check.model_dump_json()) == check


@UNHURRIED
@given(ANSWERS)
@example({"type": "\ud800", "text": "\ud800", "frames": [{"file": "\udfff", "line": True}]})
@example({"frames": {"a": 1}, "type": 3})
@example({"frames": [{"line": 10**300, "file": "mean.py"}] * 1000})
def test_an_error_is_described(answer: Any) -> None:
    error = StudentError.read(through_the_wire(answer), {"mean.py": b"def mean(x):\n    pass\n"})
    shown = error.shown_type + error.place()
    assert len(shown) < 300
    (shown + error.full() + error.line()).encode()
    for operation in ("call", "probe", "advance"):
        failure = error.failure(Asked(operation, "mean.mean(tensor(3,) float32)", ("mean.mean",)))
        assert len(failure.rationale) < 1500
        (failure.rationale + failure.help + failure.detail).encode()


TEXTS = ["", "0.12345", "x = 3.1415", "12345", "index 31415 is out of bounds for dimension 0 with"
         " size 3", "'secret' object is not callable", "name 'b0110' is not defined",
         "shape '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]' is invalid for input of size 3",
         "mean() got an unexpected keyword argument 'b0110'"]  # fmt: skip


@UNHURRIED
@given(
    st.sampled_from(["TypeError", "ValueError", "MissingName", "NotImplementedError", "b0110"]),
    st.sampled_from(TEXTS) | st.text(max_size=60),
    st.sampled_from(["mean", "b0110", "mean.<locals>.b0110", "0.12345"]),
    st.lists(st.sampled_from(["x", "b0110", "tensor(31415,) float32", "0.12345", "b0110(3)",
                              "tensor(1, 2, 3, 4, 5, 6, 7, 8) float32"]), max_size=9),
    st.sampled_from(["call", "probe", "advance"]),
)  # fmt: skip
def test_nothing_that_was_not_handed_in_is_repeated(
    kind: str, text: str, function: str, words: list[str], operation: str
) -> None:
    """Code that knows the hidden inputs may put them into whatever is said of it."""
    raw = {
        "type": kind,
        "text": text,
        "frames": [{"file": "mean.py", "line": 1, "function": function, "text": "b0110"}],
        "arguments": [[word, other] for word, other in zip(words, words[::-1], strict=True)],
        "raised_in": "b0110",
    }
    error = StudentError.read(through_the_wire(raw), {"mean.py": b"def mean(x):\n    pass\n"})
    told = error.failure(Asked(operation, "mean.mean(tensor(3,) float32)", ("mean.mean",)))
    for secret in ("b0110", "12345", "1415", "secret", "6, 7"):
        assert secret not in told.rationale + told.help
