"""A few checks of part C, whose answers can be worked out by hand."""

import math

import pytest


@pytest.mark.question("c.1.4")
def test_number_of_parameters(submission, probes, expect):
    """For 65 characters: 914 753, or 915 137 with a final norm; fewer without some biases."""
    found = submission(probes.c.parameters, vocab_size=65)
    total = sum(math.prod(shape) for _, shape, trained in found if trained)
    allowed = {914753 + 384 * (norm - bare) for norm in (0, 1) for bare in range(5)}
    expect.true(total in allowed, f"the model has {total} parameters")
