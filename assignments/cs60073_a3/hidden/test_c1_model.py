"""Question c.1.4: the Transformer's blocks, its sizes and its beginning; c.1.5: the loss."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grader.suite.expect import as_array


def shapes_of(vocab_size):
    """How often each shape has to be there, whatever is left open; and what is left open."""
    must = Counter(
        {
            (vocab_size, 192): 2,  # embedding and head
            (vocab_size,): 1,
            (768, 192): 2,
            (768,): 2,
            (192, 768): 2,
        }
    )
    # Feed-forward biases and two norms with weight and bias, in each block.
    vectors = 2 * (1 + 4)
    return must, vectors


def trained(found):
    """Shapes of the parameters that are trained, and whether these are all but position tables.

    A table of positions that is kept as a frozen parameter is as good as a buffer.
    """
    pairs = list(zip(found["shapes"], found["trained"], strict=True))
    frozen = [[n for n in shape if n != 1] for shape, learns in pairs if not learns]
    tables = all(len(shape) == 2 and shape[0] >= 128 and shape[1] == 192 for shape in frozen)
    return [shape for shape, learns in pairs if learns], tables


# --- c.1.4 ------------------------------------------------------------------------------------


@pytest.mark.question("c.1.4", weight=2)
@pytest.mark.parametrize("vocab_size", ["that_of_shakespeare", "another"])
def test_model_has_the_parameters_that_are_asked_for(submission, probes, expect, draw, vocab_size):
    """385 V + 889 728, 384 more with a final norm, 384 less for each projection without bias."""
    size = 65 if vocab_size == "that_of_shakespeare" else draw.integer(66, 120)
    found = submission(probes.parameters, vocab_size=size)
    shapes, complete = trained(found)
    expect.true(complete, "some parameters do not require a gradient")
    total = sum(math.prod(shape) for shape in shapes)
    allowed = {385 * size + 889728 + 384 * (norm - bare) for norm in (0, 1) for bare in range(5)}
    expect.true(
        total in allowed,
        f"the model has {total} parameters; for a vocabulary of {size} there are "
        f"{385 * size + 889728} without a final norm and {385 * size + 890112} with it",
        "Look at the width 768 of the feed-forward network, at the two blocks, at biases, and at "
        "positions, which are no parameters.",
    )


@pytest.mark.question("c.1.4")
def test_parameters_have_the_right_shapes(submission, probes, expect, draw):
    """Embedding and head of V rows, feed-forward networks of 768, projections of 192 by 192."""
    size = draw.integer(200, 300)
    found = submission(probes.parameters, vocab_size=size)
    shapes = Counter(tuple(shape) for shape in trained(found)[0])
    must, vectors = shapes_of(size)
    for shape, count in must.items():
        expect.true(
            shapes[shape] == count,
            f"{shapes[shape]} parameters have the shape {shape}; {count} have to",
            "Compare with the list of parts in the docstrings.",
        )
    square, fused = shapes[192, 192], shapes[576, 192]
    expect.true(
        square + 3 * fused == 8,
        "the projections of attention are not four of 192 by 192 in each of two blocks",
    )
    expect.true(
        vectors <= shapes[(192,)] <= vectors + 2 + 8,
        "the number of vectors of 192 (biases and norms) is not what the parts make",
    )
    for part in ("weight", "bias"):
        norms = sum(name.endswith((f".norm1.{part}", f".norm2.{part}")) for name in found["names"])
        expect.true(
            norms == 4,
            f"{norms} of the norms in the blocks have a {part}, not 4",
            "nn.LayerNorm(192) has a weight and a bias that are trained.",
        )


@pytest.mark.question("c.1.4", weight=2)
def test_block_adds_before_it_goes_on_and_norms_first(submission, reference, probes, expect, draw):
    """x + attention(norm1(x)), then y + feed_forward(norm2(y)): the pre-norm order."""
    x = draw.normal(2, 5, 192)
    numbers = draw.uniform(4, 3, low=0.5, high=1.5)
    found = submission(probes.block_of_odd_parts, x=x, numbers=numbers)
    wanted = reference(probes.block_of_odd_parts, x=x, numbers=numbers)
    expect.close(
        found["result"],
        wanted["result"],
        what="the result of a block whose parts were replaced",
        help="The norm comes before each part, and what came in is added after it.",
        slack=1e-5,
    )
    expect.unchanged(found["x"], x, what="the input of the block")


@pytest.mark.question("c.1.4")
def test_feed_forward_is_gelu_between_two_layers(submission, probes, expect, draw):
    """Linear, GELU, Linear; the GELU may be the exact one or that with tanh."""
    x = draw.normal(2, 3, 192)
    weights = {
        "first.weight": draw.normal(768, 192, std=0.1),
        "first.bias": draw.normal(768),
        "second.weight": draw.normal(192, 768, std=0.05),
        "second.bias": draw.normal(192),
    }
    found = submission(probes.feed_forward, x=x, weights=weights)
    hidden = x @ weights["first.weight"].T + weights["first.bias"]
    wanted = [
        F.gelu(hidden, approximate=kind) @ weights["second.weight"].T + weights["second.bias"]
        for kind in ("none", "tanh")
    ]
    words = {
        "what": "the feed-forward network",
        "help": "nn.Linear(192, 768), nn.GELU and nn.Linear(768, 192).",
        "terms": 768,
    }
    try:
        expect.close(found, wanted[1], **words)
    except AssertionError:
        expect.close(found, wanted[0], **words)


@pytest.mark.question("c.1.4", weight=2)
@pytest.mark.parametrize("length", [7, 1, 128])
def test_model_joins_its_parts(submission, probes, expect, draw, length):
    """Embedding plus position, both blocks in order, the norm if there is one, the head."""
    size = draw.integer(20, 40)
    batch = 1 if length == 1 else 2
    tokens = torch.tensor(
        [[draw.integer(0, size - 1) for _ in range(length)] for _ in range(batch)]
    )
    weights = {
        "embedding.weight": draw.normal(size, 192),
        "head.weight": draw.normal(size, 192, std=0.1),
        "head.bias": draw.normal(size),
        "final_norm.weight": draw.normal(192, mean=1.0, std=0.3),
        "final_norm.bias": draw.normal(192, std=0.3),
    }
    numbers = draw.uniform(2, 3, low=0.5, high=1.5)
    found = submission(probes.model_of_odd_blocks, tokens=tokens, weights=weights, numbers=numbers)

    # Behind these blocks a row may vary so little that the norm's own small number shows.
    eps = found["eps"] if 0 < found["eps"] <= 1e-4 else 1e-5

    def logits(scale, positions):
        x = weights["embedding.weight"][tokens] * scale + positions
        for row in numbers.tolist():
            x = probes.OddBlock(*row)(x)
        if found["final_norm"]:
            parameters = weights["final_norm.weight"], weights["final_norm.bias"]
            x = F.layer_norm(x, (192,), *parameters, eps)
        return x @ weights["head.weight"].T + weights["head.bias"]

    angle = torch.arange(length).double()[:, None] / 10000 ** (torch.arange(0, 192, 2) / 192)
    sines, cosines = angle.sin().float(), angle.cos().float()
    tables = [
        torch.stack([sines, cosines], dim=2).flatten(1),
        torch.cat([sines, cosines], dim=1),
    ]
    # A model that rightly adds the submission's own wrong positions is a right model.
    own = found["positions"]
    if own is not None and own.numel() == length * 192:
        tables.append(own.float().reshape(length, 192))
    wanted = [logits(scale, table) for table in tables for scale in (1.0, math.sqrt(192))]
    words = {
        "what": "the logits",
        "help": "Positions are added to the embedding; each block is used once, in its order.",
        "terms": 192,
        "slack": 2e-3,  # positions and sines computed in float32, behind a norm
    }
    for one in wanted[1:]:
        try:
            expect.close(found["logits"], one, **words)
            break
        except AssertionError:
            continue
    else:
        expect.close(found["logits"], wanted[0], **words)


@pytest.mark.question("c.1.4", weight=1)
def test_model_gives_logits_for_each_place(submission, probes, expect, draw):
    """(B, T, V), for a single text and a single place as well."""
    weights = {
        "embedding.weight": draw.normal(30, 192),
        "head.weight": draw.normal(30, 192, std=0.1),
        "head.bias": draw.normal(30),
        "final_norm.weight": draw.normal(192, mean=1.0, std=0.3),
        "final_norm.bias": draw.normal(192, std=0.3),
    }
    asked = {"weights": weights, "numbers": draw.uniform(2, 3, low=0.5, high=1.5)}
    for batch, length in ((1, 1), (1, 6), (3, 5)):
        tokens = torch.tensor([[draw.integer(0, 29) for _ in range(length)] for _ in range(batch)])
        found, other = (
            submission(probes.model_of_odd_blocks, tokens=some, **asked)["logits"]
            for some in (tokens, (tokens + 7) % 30)
        )
        expect.true(
            not np.array_equal(as_array(found, "the logits"), as_array(other, "the logits")),
            "the model gives the same logits for other texts",
            "Is the model finished?",
        )
        expect.shape(found, (batch, length, 30), what="the logits")


@pytest.mark.question("c.1.4", weight=2)
def test_linear_layers_begin_with_xaviers_distribution(submission, probes, expect, stats, draw):
    """Every linear layer is uniform on +-sqrt(6 / (inputs + outputs)) at the beginning."""
    size = draw.integer(30, 60)
    found = submission(probes.first_weights, vocab_size=size)
    others = [name for name in found if ".attention." not in name]
    expect.true(
        len(others) == 5,
        f"the model has {len(others)} linear layers besides those of attention, not 5",
    )
    for name, weight in found.items():
        # torch computes the fans from all rows, and a fused Q, K, V may be drawn in one piece.
        bounds = [math.sqrt(6 / sum(weight.shape))]
        if tuple(weight.shape) == (576, 192):
            bounds.append(math.sqrt(6 / 384))
        largest = float(weight.abs().max())
        bound = min(bounds, key=lambda b: abs(b - largest))
        values = (weight.flatten()[:7000] / bound + 1) / 2
        expect.plausible(
            stats.uniform(values, false_fail=1e-9, effect=0.07),
            f"the weights of {_shown(name)} are not drawn as Xavier's uniform distribution says",
            "nn.init.xavier_uniform_ on the weight of every nn.Linear, the head among them.",
        )
        expect.true(
            0.99 * bound < largest <= 1.000001 * bound,
            f"the largest weight of {_shown(name)} is not at sqrt(6 / (inputs + outputs))",
            "nn.init.xavier_uniform_ with its default gain.",
        )


def _shown(name):
    return name[:40]


@pytest.mark.question("c.1.4", weight=0.5)
def test_initialise_draws_linear_layers_and_nothing_else(submission, probes, expect, stats, draw):
    """Any model's linear layers, with a bias or without; norms stay, biases stay or become 0."""
    sizes = [draw.integer(*bounds) for bounds in ((80, 90), (100, 120), (121, 150))]
    found = submission(probes.initialised, sizes=sizes)
    for name, before, after in zip(found["names"], found["before"], found["after"], strict=True):
        if after.ndim == 2:
            bound = math.sqrt(6 / sum(after.shape))
            values = (after.flatten() / bound + 1) / 2
            expect.plausible(
                stats.uniform(values[:7000], false_fail=1e-9, effect=0.07),
                "the weights of a linear layer are not drawn as Xavier's uniform distribution says",
                "Every nn.Linear of the model, however deep it lies.",
            )
        elif not (name.endswith("bias") and bool((after == 0).all())):
            expect.unchanged(after, before, what=f"what is no weight of a linear layer ({name})")


@pytest.mark.question("c.1.3", weight=2)
def test_the_whole_model_never_sees_its_future(submission, probes, expect, draw):
    """Other tokens from a place on change no logits before it, nor is there a slope."""
    tokens = torch.tensor([[draw.integer(0, 49) for _ in range(20)] for _ in range(2)])
    place = draw.integer(6, 14)
    other = tokens.clone()
    other[:, place + 1 :] = (other[:, place + 1 :] + draw.integer(1, 49)) % 50
    found = submission(probes.whole_model, vocab_size=50, tokens=tokens, other=other, place=place)
    before, after = found["before"], found["after"]
    expect.finite(before, what="the logits")
    expect.true(
        before.is_floating_point()
        and before.dim() > 1
        and before.shape == after.shape
        and bool((before != after).any()),
        "the model gives no logits that depend on the text",
        "Is the model finished?",
    )
    if before.shape[:2] != tokens.shape:
        return  # What comes back of which places is c.1.4's.
    if found["apart"] is not None and float(found["apart"]) > 1e-5:
        return  # It is not attention that looks ahead, or nothing comes back twice: c.1.4's too.
    expect.close(
        found["after"][:, : place + 1],
        found["before"][:, : place + 1],
        what="the logits of the places before a change",
        help="Somewhere a later place enters: in the mask, or in a mean over the text.",
        terms=192,
        scale=3.0,
    )
    expect.true(
        bool((found["after"][:, place + 1 :] - found["before"][:, place + 1 :]).abs().max() > 1e-4),
        "the logits do not change with the tokens",
    )
    if found["slopes"] is not None:
        expect.close(
            found["slopes"][place + 1 :],
            torch.zeros(19 - place),
            what="the slope of the logits along later embeddings",
            help="Later places must not enter at all.",
        )


# --- c.1.5 ------------------------------------------------------------------------------------


@pytest.mark.question("c.1.5", weight=2)
@pytest.mark.parametrize(
    "shape",
    [(3, 6, 11), (1, 1, 5), (16, 128, 65)],
    ids=["batch", "one_token", "of_the_text"],
)
def test_loss_is_the_mean_of_the_negative_log_likelihood(submission, expect, draw, shape):
    """The mean over all places of -log softmax(logits) at the target, in nats."""
    batch, length, size = shape
    logits = draw.normal(batch, length, size, std=2.0)
    targets = targets_of(draw, *shape)
    nats = -logits.double().log_softmax(2).gather(2, targets[..., None])
    found = submission.language_model.next_token_loss(logits, targets)
    expect.close(
        found,
        nats.mean().float(),
        what="the loss",
        help="A mean over all places, natural logarithms; the targets are shifted already.",
        terms=batch * length,
    )


def targets_of(draw, batch, length, size):
    places = draw.uniform(batch, length, low=0.0, high=float(size)).long()
    return places.clamp(max=size - 1)


@pytest.mark.question("c.1.5", weight=0.5)
def test_loss_is_a_scalar(submission, expect, draw):
    """`backward()` needs one number."""
    targets = targets_of(draw, 2, 3, 7)
    found, other = (
        submission.language_model.next_token_loss(draw.normal(2, 3, 7, std=2.0), targets)
        for _ in range(2)
    )
    expect.true(
        not np.array_equal(as_array(found, "the loss"), as_array(other, "the loss")),
        "the loss does not depend on the logits",
        "Is the function finished?",
    )
    expect.shape(found, (), what="the loss")


@pytest.mark.question("c.1.5", weight=0.5)
def test_loss_takes_parts_of_larger_tensors(submission, probes, expect, draw):
    """Logits and targets may be cut out of larger tensors, as the last places of a text are. The
    loss is the same, whatever it is."""
    args, others = ([draw.normal(3, 4, 7), targets_of(draw, 3, 4, 7)] for _ in range(2))
    plain, cut, other = (
        submission(probes.language_call, function="next_token_loss", args=given, views=views)
        for given, views in ((args, False), (args, True), (others, False))
    )
    plain, other = (as_array(got["result"], "the loss") for got in (plain, other))
    expect.true(
        not np.array_equal(plain, other),
        "the loss does not depend on its arguments",
        "Is the function finished?",
    )
    expect.close(
        cut["result"],
        plain,
        what="the loss of parts of larger tensors",
        help="reshape takes tensors of any layout in memory, view does not.",
        slack=1e-5,
    )


@pytest.mark.question("c.1.5")
def test_loss_can_be_trained_through(submission, probes, expect, draw):
    """Its gradient is (softmax - one hot) over the number of places."""
    logits = draw.normal(2, 4, 7)
    targets = torch.tensor([[draw.integer(0, 6) for _ in range(4)] for _ in range(2)])
    found = submission(probes.loss_and_slope, logits=logits, targets=targets)
    wanted = (logits.softmax(2) - F.one_hot(targets, 7)) / 8
    expect.close(found["slope"], wanted, what="the gradient of the loss")


@pytest.mark.question("c.1.5", weight=0.5)
def test_loss_survives_large_logits(submission, expect, draw):
    """Logits of hundreds give no infinity."""
    logits = draw.uniform(2, 3, 6, low=-200.0, high=200.0)
    targets = torch.tensor([[draw.integer(0, 5) for _ in range(3)] for _ in range(2)])
    found = submission.language_model.next_token_loss(logits, targets)
    expect.finite(found, what="the loss")
    expect.close(found, F.cross_entropy(logits.flatten(0, 1), targets.flatten()), what="the loss")
