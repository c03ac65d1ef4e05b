"""Question c.1.3: attention that never looks ahead, in three heads."""

import math

import numpy as np
import pytest
import torch

from grader.suite.expect import as_array


def projections(draw):
    """Weights of the four projections, large enough that attention is far from even."""
    names = ("query", "key", "value", "output")
    weights = {f"{n}.weight": draw.normal(192, 192, std=0.12) for n in names}
    return weights | {f"{n}.bias": draw.normal(192, std=0.5) for n in names}


def attend(q, k, v):
    """The formula, one position after the other, in float64: (B, H, T, d)."""
    q, k, v = q.double(), k.double(), v.double()
    rows = []
    for t in range(q.shape[2]):
        scores = (q[:, :, t : t + 1] * k[:, :, : t + 1]).sum(-1) / math.sqrt(q.shape[-1])
        weights = scores.softmax(dim=-1)  # (B, H, t + 1)
        rows.append((weights[..., None] * v[:, :, : t + 1]).sum(2))
    return torch.stack(rows, dim=2)


@pytest.mark.question("c.1.3", weight=2)
@pytest.mark.parametrize("size", ["one_head", "several", "of_the_model"])
def test_attention_has_the_right_values(submission, expect, draw, size):
    """softmax(q k^T / sqrt(d)) v over what came before, d being the size of a head."""
    batch, heads, length, dim = {
        "one_head": (1, 1, draw.integer(4, 7), draw.integer(3, 9)),
        "several": (2, draw.integer(2, 4), draw.integer(4, 9), draw.integer(5, 12)),
        "of_the_model": (2, 3, 17, 64),
    }[size]
    q, k, v = (draw.normal(batch, heads, length, dim) for _ in range(3))
    expect.close(
        submission.language_model.causal_attention(q, k, v),
        attend(q, k, v).float(),
        what="the attention",
        help="Scores are divided by sqrt(d), the softmax is over keys, and later keys are masked.",
        terms=dim + length,
    )


@pytest.mark.question("c.1.3")
def test_attention_never_looks_ahead(submission, expect, draw):
    """What comes later changes nothing before; what comes earlier does."""
    q, k, v = (draw.normal(2, 3, 12, 8) for _ in range(3))
    place = draw.integer(3, 8)
    changed = [t.clone() for t in (q, k, v)]
    for t in changed:
        t[:, :, place:] = draw.normal(2, 3, 12 - place, 8, std=3.0)
    before = submission.language_model.causal_attention(q, k, v)
    after = submission.language_model.causal_attention(*changed)
    for result in (before, after):
        expect.shape(result, (2, 3, 12, 8), what="the attention")
    # In another past, the last place has another result.
    past = [t.clone() for t in (k, v)]
    for t in past:
        t[:, :, 0] = draw.normal(2, 3, 8, std=3.0)
    other = submission.language_model.causal_attention(q, *past)
    expect.finite(before[:, :, -1], what="the attention of the last place")
    expect.true(
        bool((other[:, :, -1] - before[:, :, -1]).abs().max() > 1e-5),
        "the attention of the last place does not change with the first key and value",
        "A place sees itself and all places before it.",
    )
    expect.close(
        after[:, :, :place],
        before[:, :, :place],
        what="the attention of the places before a change",
        help="The mask has to cover all keys that come later than the query.",
    )


@pytest.mark.question("c.1.3")
def test_gradients_reach_the_past_and_the_present_alone(submission, probes, expect, draw):
    """The result at a place has no slope at any later place, and one at each other place."""
    q, k, v = (draw.normal(1, 2, 9, 6) for _ in range(3))
    place = draw.integer(2, 6)
    found = submission(probes.attention_slopes, q=q, k=k, v=v, place=place)
    for name in ("key", "value"):
        slopes = found[name]
        expect.close(
            slopes[place + 1 :],
            torch.zeros(8 - place),
            what=f"the slope along the later {name}s",
            help="Later places must not enter at all.",
        )
        expect.true(
            bool((slopes[: place + 1] > 1e-7).all()),
            f"the result does not depend on every {name} up to its own place",
            "A place sees itself and all places before it.",
        )


@pytest.mark.question("c.1.3", weight=0.5)
@pytest.mark.parametrize("length", [1, 128])
def test_attention_takes_any_length(submission, expect, draw, length):
    """A single place sees itself alone; 128 places are the longest text."""
    q, k, v = (draw.normal(1, 3, length, 64, std=2.0) for _ in range(3))
    expect.close(
        submission.language_model.causal_attention(q, k, v),
        attend(q, k, v).float(),
        what="the attention",
        terms=64 + length,
        scale=8.0,
    )


@pytest.mark.question("c.1.3", weight=0.5)
def test_attention_survives_large_scores(submission, expect, draw):
    """Scores of several hundred do not overflow."""
    q, k, v = (draw.normal(1, 2, 6, 16, std=std) for std in (12.0, 12.0, 1.0))
    found = submission.language_model.causal_attention(q, k, v)
    expect.finite(found, what="the attention")
    expect.close(found, attend(q, k, v).float(), what="the attention", slack=0.02)


@pytest.mark.question("c.1.3", weight=0.5)
def test_attention_takes_heads_of_a_layer(submission, probes, expect, draw):
    """A layer cuts (B, T, 192) into heads, so that places and heads are exchanged in memory. The
    attention is the same, whatever it is."""
    args = [draw.normal(2, 3, 9, 64) for _ in range(3)]
    others = [draw.normal(2, 3, 9, 64) for _ in range(3)]
    plain, cut, other = (
        submission(probes.language_call, function="causal_attention", args=given, views=views)
        for given, views in ((args, False), (args, True), (others, False))
    )
    plain, other = (as_array(got["result"], "the attention") for got in (plain, other))
    expect.true(
        not np.array_equal(plain, other),
        "the attention does not depend on its arguments",
        "Is the function finished?",
    )
    expect.close(
        cut["result"],
        plain,
        what="the attention of heads that were cut out of a layer's result",
        help="reshape takes tensors of any layout in memory, view does not.",
        terms=80,
    )


@pytest.mark.question("c.1.3", weight=0.5)
def test_attention_leaves_its_arguments_alone(submission, probes, expect, draw):
    """Queries, keys and values keep their values."""
    args, others = ([draw.normal(2, 2, 5, 4) for _ in range(3)] for _ in range(2))
    found, again, other = (
        submission(probes.language_call, function="causal_attention", args=given)
        for given in (args, args, others)
    )
    expect.true(
        all(got["result"] is not None for got in (found, again, other)),
        "nothing is returned",
        "Is there a `return` on every path?",
    )
    values, same, changed = (
        torch.as_tensor(as_array(got["result"], "the attention")).double().flatten()
        for got in (found, again, other)
    )
    expect.true(
        values.numel() == 80
        and bool(torch.isfinite(values).any())
        and torch.allclose(values, same, equal_nan=True)
        and not any(torch.equal(values, a.double().flatten()) for a in (changed, *args)),
        "the attention does not depend on its arguments, or is one of them",
        "Is the function finished?",
    )
    for after, before in zip(found["args"], args, strict=True):
        expect.unchanged(after, before, what="an argument")


@pytest.mark.question("c.1.3", weight=3)
@pytest.mark.parametrize("shape", [(2, 11), (1, 5)], ids=["batch", "batch_of_one"])
def test_three_heads_attend_apart(submission, probes, expect, draw, shape):
    """Head h has the columns 64 h to 64 h + 63; the heads are joined, then projected."""
    batch, length = shape
    x, weights = draw.normal(batch, length, 192), projections(draw)
    found = submission(probes.attention_layer, x=x, weights=weights)
    biased = found["biased"]

    def project(name, value):
        bias = weights[f"{name}.bias"] if biased[name] else 0.0
        return value @ weights[f"{name}.weight"].T.to(value) + bias

    def heads(value):
        return torch.stack(value.split(64, dim=2), dim=1)

    def joined(seen):
        return project("output", torch.cat(list(seen.unbind(1)), dim=2))

    cut = [heads(project(name, x)) for name in ("query", "key", "value")]
    right = attend(*cut)
    wanted = [joined(right.float())]
    # A layer that rightly uses the submission's own wrong attention is a right layer.
    if found["own"] is not None and tuple(found["own"].shape) == tuple(right.shape):
        wanted.append(joined(found["own"].float()))
    if found["odd"] is not None:
        wanted.append(joined(probes.odd_attention(*cut)))
    words = {
        "what": "the result of the layer",
        "help": "Look at how (B, T, 192) becomes (B, 3, T, 64) and back: view, then transpose.",
        "terms": 400,
        "scale": 8.0,
    }
    for one in wanted[1:]:
        try:
            expect.close(found["whole"], one, **words)
            return
        except AssertionError:
            continue
    expect.close(found["whole"], wanted[0], **words)
