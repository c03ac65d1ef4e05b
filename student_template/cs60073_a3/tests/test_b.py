"""Part B: sizes, shapes, and a few values that can be checked by hand."""

import pytest
import torch


@pytest.mark.question("b.1.1")
def test_vae_gives_three_results(submission, probes, expect, draw):
    """Reconstruction, mean and log-variance."""
    calls = [("forward", draw.uniform(3, 784))]
    asked = {"function": "image_models.VAE", "seed": draw.seed(), "calls": calls}
    (results,) = submission(probes.b.networks_on_a_stand_in, **asked)["results"]
    for result, shape in zip(results, [(3, 784), (3, 16), (3, 16)], strict=True):
        expect.shape(result, shape)


@pytest.mark.question("b.1.4")
def test_vae_step_takes_a_step(submission, probes, expect, draw):
    """One step of the optimiser in each call, and three numbers."""
    x, parameters = draw.uniform(6, 784), {"model": draw.normal(784 * 2 + 32)}
    events = submission(probes.b.vae_steps, parameters=parameters, batches=[x, x], lr=0.05)
    expect.true(sum(e["event"] == "step" for e in events) == 2, "not one step in each call")
    expect.true(len(events[-1]["value"]) == 3, "not three results")


@pytest.mark.question("b.3.5")
def test_gan_step_moves_both_players(submission, probes, expect, draw):
    """One step of each in each call, and two numbers."""
    start = {"generator": draw.normal(3328, std=0.1), "discriminator": draw.normal(3141, std=0.1)}
    batches = [draw.uniform(8, 784), draw.uniform(8, 784)]
    asked = {"parameters": start, "batches": batches, "lr": 0.02, "seed": draw.seed()}
    events = submission(probes.b.gan_steps, **asked)
    for who in start:
        count = sum(e["event"] == "step" and e["who"] == who for e in events)
        expect.true(count == 2, f"{count} steps of the {who} in two calls")
    expect.true(len(events[-1]["value"]) == 2, "not two results")


@pytest.mark.question("b.4.1")
def test_pictures_lie_between_black_and_white(submission, probes, expect, draw):
    """Pixels in [0, 1]."""
    asked = {"function": "image_models.generator_images", "argument": draw.normal(5, 64)}
    asked |= {"parameters": [draw.normal(3328, std=2.0)], "seed": draw.seed()}
    got = submission(probes.b.pictures, **asked)
    pixels = torch.as_tensor(got["results"][0])
    expect.shape(pixels, (5, 784))
    expect.true(bool(((pixels >= 0) & (pixels <= 1)).all()), "some pixels are not in [0, 1]")


@pytest.mark.question("b.5.1")
def test_probabilities_add_up(submission, probes, expect, draw):
    """Each image's ten probabilities add up to one."""
    calls = [
        ("probabilities", draw.uniform(3, 1, 28, 28)),
        ("features", draw.uniform(3, 1, 28, 28)),
    ]
    asked = {"function": "image_models.Classifier", "seed": draw.seed(), "calls": calls}
    got = submission(probes.networks, **asked)
    p, features = (torch.as_tensor(r) for r in got["results"])
    expect.shape(features, (3, 128))
    expect.close(p.sum(1), torch.ones(3), slack=1e-4)


@pytest.mark.question("b.5.3")
def test_score_of_rows_that_are_alike(submission, probes, expect):
    """They say nothing about the image, and score 1."""
    asked = {"function": "image_models.inception_score", "arrays": False}
    alike = submission(probes.b.of_either, args=[torch.full((20, 4), 0.25), 10], **asked)
    expect.close(alike[0], 1.0, what="the score of rows that are alike", slack=1e-4)
