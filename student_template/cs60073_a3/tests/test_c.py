"""A few checks of part C, whose answers can be worked out by hand."""

import math

import pytest
import torch


@pytest.mark.question("c.1.1")
def test_a_text_comes_back(submission, expect):
    """Text to tokens and back, the newline included."""
    vocabulary = submission.language_model.make_vocabulary("to be\nor not")
    expect.true(vocabulary == ["\n", " ", "b", "e", "n", "o", "r", "t"], "not every character once")
    tokens = submission.language_model.encode("be\nto", vocabulary)
    expect.close(tokens, torch.tensor([2, 3, 0, 7, 5]), what="the tokens")
    text = submission.language_model.decode(tokens, vocabulary)
    expect.true(text == "be\nto", "decode does not undo encode")


@pytest.mark.question("c.1.1")
def test_blocks_of_a_short_text(submission, expect):
    """Each target is the next token; the last token only ever is a target."""
    inputs, targets = submission.language_model.make_blocks(torch.arange(8), 3)
    expect.close(inputs, torch.tensor([[0, 1, 2], [3, 4, 5]]), what="the inputs")
    expect.close(targets, torch.tensor([[1, 2, 3], [4, 5, 6]]), what="the targets")


@pytest.mark.question("c.1.2")
def test_position_zero(submission, expect):
    """At position 0 every sine is 0 and every cosine is 1."""
    table = submission.language_model.sinusoidal_positions(3, 4)
    expect.shape(table, (3, 4), what="the table")
    expect.close(table[0].sort().values, torch.tensor([0.0, 0.0, 1.0, 1.0]), what="the first row")


@pytest.mark.question("c.1.3")
def test_equal_scores_give_a_mean_of_the_past(submission, expect):
    """Where all scores are equal, each place gets the mean of the values up to its own."""
    zeros = torch.zeros(1, 1, 4, 2)
    v = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 3.0], [7.0, 1.0]])[None, None]
    found = submission.language_model.causal_attention(zeros, zeros, v)
    wanted = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 1.0], [4.0, 1.0]])
    expect.close(found, wanted, what="the attention")


@pytest.mark.question("c.1.4")
def test_number_of_parameters(submission, probes, expect):
    """For 65 characters: 914 753, or 915 137 with a final norm; fewer without some biases."""
    found = submission(probes.parameters, vocab_size=65)
    pairs = zip(found["shapes"], found["trained"], strict=True)
    total = sum(math.prod(shape) for shape, trained in pairs if trained)
    allowed = {914753 + 384 * (norm - bare) for norm in (0, 1) for bare in range(5)}
    expect.true(total in allowed, f"the model has {total} parameters")


@pytest.mark.question("c.1.5")
def test_loss_of_even_odds(submission, expect):
    """A model that knows nothing of 8 tokens loses log 8."""
    targets = torch.tensor([[1, 2, 3]])
    found = submission.language_model.next_token_loss(torch.zeros(1, 3, 8), targets)
    expect.close(found, torch.tensor(math.log(8)), what="the loss")


@pytest.mark.question("c.2.1")
def test_perplexity_of_even_odds(submission, probes, expect):
    """A model that knows nothing of 8 tokens has perplexity 8."""
    tokens = torch.arange(200) % 8
    tables = {"logits": torch.zeros(8)}
    found = submission(probes.perplexity_of_a_model, tables=tables, tokens=tokens)
    expect.close(found["value"], torch.tensor(8.0), what="the perplexity", slack=1e-3)


@pytest.mark.question("c.2.2")
def test_bigrams_of_a_short_text(submission, expect):
    """In a b a b a c, an a is followed twice by b and once by c."""
    train = torch.tensor([0, 1, 0, 1, 0, 2])
    found = submission.language_model.ngram_probabilities(train, torch.tensor([0]), 2, 3, 0.5)
    expect.close(found, torch.tensor([0.5, 2.5, 1.5]) / 4.5, what="the probabilities")


@pytest.mark.question("c.3.1")
def test_top_two_of_four(submission, expect):
    """Two tokens stay, in proportion."""
    logits = torch.log(torch.tensor([0.1, 0.4, 0.3, 0.2]))
    found = submission.language_model.top_k_probabilities(logits, 2)
    expect.close(found, torch.tensor([0.0, 4 / 7, 3 / 7, 0.0]), what="the probabilities")


@pytest.mark.question("c.3.2")
def test_nucleus_of_four(submission, expect):
    """With a small p the likeliest token alone is the nucleus."""
    logits = torch.log(torch.tensor([0.1, 0.4, 0.3, 0.2]))
    found = submission.language_model.top_p_probabilities(logits, 0.05)
    expect.close(found, torch.tensor([0.0, 1.0, 0.0, 0.0]), what="the probabilities for p = 0.05")


@pytest.mark.question("c.3.3")
def test_greedy_repeats_what_is_likeliest(submission, probes, expect):
    """A model that always prefers token 2 is followed by twos."""
    found = submission(
        probes.generated,
        prompt=torch.tensor([0, 1]),
        new_tokens=3,
        strategy="greedy",
        options={},
        tables={"logits": torch.tensor([0.0, 1.0, 2.0])},
    )
    expect.close(found["tokens"], torch.tensor([0, 1, 2, 2, 2]), what="the generated text")
