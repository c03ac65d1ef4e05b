"""Part C's reference against torch's own Transformer, brute force and closed forms."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@pytest.fixture
def lm(load_reference) -> ModuleType:
    return load_reference("cs60073_a3", "language_model")


def tokens(*shape: int, size: int, seed: int = 0) -> Tensor:
    return torch.randint(size, shape, generator=torch.Generator().manual_seed(seed))


def stirred(module: nn.Module) -> nn.Module:
    """The module with parameters of which none is zero or one."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module.eval()


# --- characters -------------------------------------------------------------------------------


def test_text_survives_the_round_trip(lm) -> None:
    text = "First Citizen:\nBefore we proceed any further, hear me speak.\n\n"
    vocabulary = lm.make_vocabulary(text)
    assert "\n" in vocabulary and vocabulary == sorted(vocabulary)
    assert lm.decode(lm.encode(text, vocabulary), vocabulary) == text
    assert lm.encode("", vocabulary).shape == (0,)


def test_split_of_tiny_shakespeares_length(lm) -> None:
    parts = lm.split(torch.arange(1_115_394))
    # 1 003 854.6 and 55 769.7 characters; roundings differ by one of them.
    assert [len(p) for p in parts] == [1_003_854, 55_770, 55_770]
    assert torch.equal(torch.cat(parts), torch.arange(1_115_394))


def test_an_epoch_of_tiny_shakespeare_is_123_steps(lm) -> None:
    inputs, targets = lm.make_blocks(torch.arange(1_003_854))
    assert inputs.shape == targets.shape == (7842, 128)
    assert math.ceil(len(inputs) / 64) == 123
    assert torch.equal(targets, inputs + 1)
    assert torch.equal(inputs.flatten(), torch.arange(7842 * 128))


# --- the Transformer --------------------------------------------------------------------------


def test_positions_are_points_on_circles(lm) -> None:
    table = lm.sinusoidal_positions(128, 192).double()
    sines, cosines = table[:, 0::2], table[:, 1::2]
    assert torch.allclose(sines**2 + cosines**2, torch.ones(128, 96).double(), atol=1e-6)
    # The product of two rows depends on their distance alone: sum of cos(distance * frequency).
    frequency = 10000 ** (-torch.arange(0, 192, 2).double() / 192)
    for a, b in ((0, 5), (40, 45), (120, 127)):
        wanted = torch.cos((b - a) * frequency).sum()
        assert float(table[a] @ table[b]) == pytest.approx(float(wanted), abs=1e-4)


@pytest.mark.parametrize("length", [1, 2, 37, 128])
def test_attention_is_torchs_own(lm, length: int) -> None:
    q, k, v = torch.randn(3, 2, 3, length, 64, dtype=torch.float64)
    wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(lm.causal_attention(q, k, v), wanted, atol=1e-12)


def test_attention_passes_gradcheck(lm) -> None:
    q, k, v = torch.randn(3, 1, 2, 4, 3, dtype=torch.float64).unbind(0)
    leaves = [t.clone().requires_grad_() for t in (q, k, v)]
    assert torch.autograd.gradcheck(lm.causal_attention, leaves)


def in_projection(attention: Any) -> tuple[Tensor, Tensor]:
    parts = (attention.query, attention.key, attention.value)
    return torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])


def test_layer_is_torchs_multihead_attention(lm) -> None:
    layer = stirred(lm.SelfAttention())
    theirs = nn.MultiheadAttention(192, 3, batch_first=True).eval()
    weight, bias = in_projection(layer)
    x = torch.randn(2, 20, 192)
    mask = nn.Transformer.generate_square_subsequent_mask(20)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(weight)
        theirs.in_proj_bias.copy_(bias)
        theirs.out_proj.load_state_dict(layer.output.state_dict())
        wanted, _ = theirs(x, x, x, attn_mask=mask, need_weights=False)
        assert torch.allclose(layer(x), wanted, atol=1e-5)


def encoder_layer(block: Any) -> nn.TransformerEncoderLayer:
    """torch's pre-norm block with the same weights."""
    theirs = nn.TransformerEncoderLayer(
        192, 3, 768, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    ).eval()
    weight, bias = in_projection(block.attention)
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(weight)
        theirs.self_attn.in_proj_bias.copy_(bias)
    pairs = (
        (theirs.self_attn.out_proj, block.attention.output),
        (theirs.linear1, block.feed_forward[0]),
        (theirs.linear2, block.feed_forward[2]),
        (theirs.norm1, block.norm1),
        (theirs.norm2, block.norm2),
    )
    for mine, given in pairs:
        mine.load_state_dict(given.state_dict())
    return theirs


def test_whole_model_is_torchs_encoder_with_a_causal_mask(lm) -> None:
    model = stirred(lm.TinyTransformer(65))
    text = tokens(2, 30, size=65)
    mask = nn.Transformer.generate_square_subsequent_mask(30)
    with torch.no_grad():
        x = model.embedding(text) + lm.sinusoidal_positions(30, 192)
        for block in model.blocks:
            x = encoder_layer(block)(x, src_mask=mask, is_causal=True)
        wanted = model.head(model.final_norm(x))
        assert torch.allclose(model(text), wanted, atol=1e-4)


@pytest.mark.parametrize("size", [2, 65, 94])
def test_number_of_parameters(lm, size: int) -> None:
    model = lm.TinyTransformer(size)
    total = sum(p.numel() for p in model.parameters())
    attention, network, norms = 4 * (192 * 192 + 192), 2 * 192 * 768 + 768 + 192, 2 * 2 * 192
    by_hand = size * 192 + 2 * (attention + network + norms) + 2 * 192 + (192 + 1) * size
    assert total == by_hand == 385 * size + 889_728 + 384
    if size == 65:
        assert total == 915_137 and total - 384 == 914_753 and total - 384 - 3 * 384 == 913_601


def test_model_is_causal_to_the_last_bit_of_its_slope(lm) -> None:
    model = stirred(lm.TinyTransformer(11))
    text = tokens(1, 16, size=11)

    def logits(embedded: Tensor) -> Tensor:
        x = embedded
        for block in model.blocks:
            x = block(x)
        return model.head(model.final_norm(x))[0].sum(1)

    embedded = model.embedding(text).detach()
    jacobian = torch.autograd.functional.jacobian(logits, embedded)[:, 0]  # (16, 16, 192)
    reach = jacobian.abs().sum(2) > 0
    assert torch.equal(reach, torch.ones(16, 16).tril().bool())


def test_layers_begin_within_xaviers_bound(lm) -> None:
    model = lm.TinyTransformer(65)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            bound = math.sqrt(6 / (module.in_features + module.out_features))
            assert 0.99 * bound < float(module.weight.detach().abs().max()) <= bound
            assert float(module.weight.detach().std()) == pytest.approx(bound / 3**0.5, rel=0.03)


# --- perplexity -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 65])
@pytest.mark.parametrize("length", [2, 128, 129, 130, 1000])
def test_perplexity_of_even_odds_is_the_size_of_the_vocabulary(lm, size: int, length: int) -> None:
    found = lm.perplexity(lambda x: torch.zeros(*x.shape, size), tokens(length, size=size))
    assert found == pytest.approx(size, rel=1e-5)


def test_perplexity_is_token_by_token(lm) -> None:
    model = stirred(lm.TinyTransformer(9))
    text = tokens(3 * 128 + 41, size=9)
    nats = []
    with torch.no_grad():
        for i in range(1, len(text)):
            start = (i - 1) // 128 * 128
            logp = model(text[start:i][None])[0, -1].log_softmax(0)
            nats.append(-float(logp[text[i]]))
    assert lm.perplexity(model, text) == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-5)


# --- n-grams ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_ngrams_by_brute_force(lm, n: int) -> None:
    size, alpha = 4, 0.3
    train, other = tokens(150, size=size), tokens(60, size=size, seed=1)
    grams = Counter(tuple(train[i : i + n].tolist()) for i in range(len(train) - n + 1))
    nats = []
    for i in range(n - 1, len(other)):
        history = tuple(other[i - n + 1 : i].tolist())
        total = sum(grams[(*history, c)] for c in range(size)) + alpha * size
        wanted = [(grams[(*history, c)] + alpha) / total for c in range(size)]
        found = lm.ngram_probabilities(train, other[:i], n, size, alpha)
        assert torch.allclose(found, torch.tensor(wanted, dtype=torch.float64))
        nats.append(-math.log(wanted[int(other[i])]))
    found = lm.ngram_perplexity(train, other, n, size, alpha)
    assert found == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ngram_probabilities_add_up_over_all_histories(lm, n: int) -> None:
    train = tokens(80, size=3)
    for history in itertools.product(range(3), repeat=n):
        found = lm.ngram_probabilities(train, torch.tensor(history), n, 3)
        assert float(found.sum()) == pytest.approx(1.0, abs=1e-12)
        assert bool((found > 0).all())


def test_unigram_perplexity_of_the_training_text_is_its_entropy(lm) -> None:
    train = tokens(500, size=5) ** 2 % 5
    share = torch.bincount(train, minlength=5).double() / 500
    entropy = -(share[share > 0] * share[share > 0].log()).sum()
    found = lm.ngram_perplexity(train, train, 1, 5, alpha=1e-9)
    assert found == pytest.approx(float(entropy.exp()), rel=1e-6)


# --- decoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3, 8, 20])
def test_top_k_by_sorting(lm, k: int) -> None:
    logits = torch.randn(5, 8, dtype=torch.float64)
    found = lm.top_k_probabilities(logits, k, 0.8)
    for row, out in zip(logits, found, strict=True):
        kept = sorted(range(8), key=lambda i: -float(row[i]))[:k]
        assert set(out.nonzero().flatten().tolist()) == set(kept)
        wanted = torch.exp(row[kept] / 0.8)
        assert torch.allclose(out[kept], wanted / wanted.sum())


@pytest.mark.parametrize("p", [1e-9, 0.3, 0.9, 0.999])
def test_nucleus_is_the_smallest_set_that_reaches_p(lm, p: float) -> None:
    logits = torch.randn(7, dtype=torch.float64)
    likely = logits.softmax(0)
    found = lm.top_p_probabilities(logits, p)
    # Of all sets of tokens, those that reach p with the fewest; among these the likeliest.
    for size in range(1, 8):
        reaching = [
            s for s in itertools.combinations(range(7), size) if float(likely[list(s)].sum()) >= p
        ]
        if reaching:
            best = max(reaching, key=lambda s: float(likely[list(s)].sum()))
            break
    assert set(found.nonzero().flatten().tolist()) == set(best)
    assert torch.allclose(found[list(best)], likely[list(best)] / likely[list(best)].sum())


def test_greedy_is_argmax_of_the_last_128(lm) -> None:
    model = stirred(lm.TinyTransformer(13))
    prompt = tokens(120, size=13)
    text = lm.generate(model, prompt, 20)
    assert text.shape == (140,) and torch.equal(text[:120], prompt)
    with torch.no_grad():
        for i in range(120, 140):
            assert int(model(text[max(0, i - 128) : i][None])[0, -1].argmax()) == int(text[i])


def test_top_k_of_one_and_a_small_nucleus_are_greedy(lm) -> None:
    model, prompt = stirred(lm.TinyTransformer(13)), tokens(9, size=13)
    greedy = lm.generate(model, prompt, 12)
    assert torch.equal(lm.generate(model, prompt, 12, "top_k", k=1), greedy)
    assert torch.equal(lm.generate(model, prompt, 12, "top_p", p=1e-9), greedy)


def test_an_unknown_strategy_is_refused(lm) -> None:
    with pytest.raises(ValueError, match="beam"):
        lm.generate(lambda x: x, tokens(3, size=2), 1, "beam")


def test_given_training_learns_what_comes_next(load_with_siblings, tmp_path, monkeypatch) -> None:
    given = load_with_siblings("cs60073_a3", "train_language_model")
    text = tmp_path / "text.txt"
    text.write_text("abcd\n" * 2000)
    monkeypatch.chdir(tmp_path)
    given.main([str(text), "--epochs", "1", "--steps", "2"])
    assert {path.name for path in tmp_path.iterdir()} == {
        "text.txt", "language_model.safetensors", "language_model.json",
        "language_model-greedy.npy", "language_model-top_k.npy", "language_model-top_p.npy",
    }  # fmt: skip
