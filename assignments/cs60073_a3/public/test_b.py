"""Part B: sizes, shapes, and a few values that can be checked by hand."""

import math

import pytest
import torch


@pytest.mark.parametrize(
    ("name", "count"),
    [
        pytest.param("VAE", 1_079_600, marks=pytest.mark.question("b.1.1")),
        pytest.param("Generator", 550_416, marks=pytest.mark.question("b.3.2")),
        pytest.param("Discriminator", 533_505, marks=pytest.mark.question("b.3.3")),
        pytest.param("Classifier", 421_642, marks=pytest.mark.question("b.5.1")),
    ],
)
def test_number_of_parameters(submission, probes, expect, name, count):
    """The layers have exactly the sizes of the text."""
    found = sum(math.prod(s) for s in submission(probes.shapes, name=name))
    expect.true(found == count, f"{name} has {found:,} parameters, not {count:,}")


@pytest.mark.question("b.1.1")
def test_vae_gives_three_results(submission, probes, expect, draw):
    """Reconstruction, mean and log-variance."""
    calls = [("forward", draw.uniform(3, 784))]
    (results,) = submission(probes.networks, name="VAE", seed=1, calls=calls)["results"]
    for result, shape in zip(results, [(3, 784), (3, 16), (3, 16)], strict=True):
        expect.shape(result, shape)


@pytest.mark.question("b.1.2")
def test_draw_without_spread_is_the_mean(submission, expect, draw):
    """With a tiny sigma nothing but mu is left."""
    mu = draw.normal(4, 16)
    found = submission.image_models.reparameterise(mu, torch.full((4, 16), -40.0))
    expect.close(found, mu, slack=1e-5)


@pytest.mark.question("b.1.3")
def test_loss_of_grey_images(submission, probes, expect):
    """Pixels of probability 1/2 cost log 2 each; a posterior that is the prior costs nothing."""
    args = [torch.full((2, 784), 0.5), torch.ones(2, 784), torch.zeros(2, 16), torch.zeros(2, 16)]
    loss, bce, kl = submission(probes.call, function="vae_loss", args=args)["result"]
    expect.close(bce, 784 * math.log(2), what="the cross-entropy", slack=1e-2)
    expect.close(kl, 0.0, what="the divergence", slack=1e-4)
    expect.close(loss, 784 * math.log(2), what="the loss", slack=1e-2)


@pytest.mark.question("b.1.4")
def test_vae_step_takes_a_step(submission, probes, expect, draw):
    """One step of the optimiser in each call, and three numbers."""
    parameters, x = draw.normal(784 * 2 + 32), draw.uniform(4, 784)
    calls = submission(
        probes.vae_steps, parameters=parameters, batches=[x, x], lr=0.1, stale=0.0, seed=1
    )
    expect.true([len(c["gradients"]) for c in calls] == [1, 1], "not one step in each call")
    expect.true([len(c["returned"]) for c in calls] == [3, 3], "not three results")


@pytest.mark.question("b.2.1")
def test_shape_of_reconstructions(submission, probes, expect, draw):
    """As many images as were given."""
    code, picture = draw.normal(784, 16), draw.normal(16, 784)
    got = submission(probes.reconstructed, code=code, picture=picture, x=draw.uniform(3, 784))
    expect.shape(got["result"], (3, 784))


@pytest.mark.question("b.2.2")
def test_shape_of_samples(submission, probes, expect, draw):
    """As many images as were asked for."""
    model = {"code": draw.normal(784, 16), "picture": draw.normal(16, 784)}
    got = submission(probes.vae_generated, **model, count=3, repeats=1, seed=1)
    expect.shape(got["results"][0], (3, 784))


@pytest.mark.question("b.3.1")
def test_ends_of_the_ranges(submission, expect):
    """Black and white."""
    ends = torch.tensor([0.0, 1.0])
    expect.close(submission.image_models.to_signed(ends), torch.tensor([-1.0, 1.0]))
    expect.close(submission.image_models.to_unit(torch.tensor([-1.0, 1.0])), ends)


@pytest.mark.question("b.3.4")
def test_losses_of_a_discriminator_that_knows_nothing(submission, expect):
    """With logits of zero every image costs log 2."""
    zero = torch.zeros(5, 1)
    loss = float(submission.image_models.discriminator_loss(zero, zero))
    expect.true(
        any(abs(loss - k * math.log(2)) < 1e-4 for k in (1, 2)), f"{loss}, not log 2 or 2 log 2"
    )
    expect.close(submission.image_models.generator_loss(zero), math.log(2), slack=1e-4)


@pytest.mark.question("b.3.5")
def test_gan_step_moves_both_players(submission, probes, expect, draw):
    """One step of each in each call, and two numbers."""
    events = submission(
        probes.gan_steps,
        generator=draw.normal(3328, std=0.1),
        discriminator=draw.normal(3141, std=0.1),
        batches=[draw.uniform(4, 784), draw.uniform(4, 784)],
        lr=0.1,
        stale=0.0,
        seed=1,
    )
    for who in ("generator", "discriminator"):
        count = sum(e["event"] == f"{who} step" for e in events)
        expect.true(count == 2, f"{count} steps of the {who} in two calls")
    expect.true(len(events[-1]["value"]) == 2, "not two results")


@pytest.mark.question("b.4.1")
def test_pictures_lie_between_black_and_white(submission, probes, expect, draw):
    """Pixels in [0, 1]."""
    got = submission(probes.pictured, generator=draw.normal(3328, std=2.0), z=draw.normal(5, 64))
    pixels = torch.as_tensor(got["result"])
    expect.shape(pixels, (5, 784))
    expect.true(bool(((pixels >= 0) & (pixels <= 1)).all()), "some pixels are not in [0, 1]")


@pytest.mark.question("b.5.1")
def test_probabilities_add_up(submission, probes, expect, draw):
    """Each image's ten probabilities add up to one."""
    calls = [
        ("probabilities", draw.uniform(3, 1, 28, 28)),
        ("features", draw.uniform(3, 1, 28, 28)),
    ]
    got = submission(probes.networks, name="Classifier", seed=1, calls=calls)
    p, features = (torch.as_tensor(r) for r in got["results"])
    expect.shape(features, (3, 128))
    expect.close(p.sum(1), torch.ones(3), slack=1e-4)


@pytest.mark.question("b.5.2")
def test_classifier_loss_is_a_scalar(submission, probes, expect, draw):
    """One number for a batch."""
    got = submission(
        probes.classified, seed=1, x=draw.uniform(3, 1, 28, 28), labels=torch.tensor([1, 0, 7])
    )
    expect.shape(got["loss"], ())


@pytest.mark.question("b.5.3")
def test_score_of_certain_rows(submission, probes, expect):
    """Rows that are alike score 1; one certain row of each class the number of classes."""
    alike = submission(probes.scored, probabilities=torch.full((20, 4), 0.25), splits=10)
    expect.close(alike[0], 1.0, what="the score of rows that are alike", slack=1e-4)
    certain = submission(probes.scored, probabilities=torch.eye(5), splits=1)
    expect.close(certain[0], 5.0, what="the score of certain rows", slack=1e-2)


@pytest.mark.question("b.5.4")
def test_distance_in_one_dimension(submission, probes, expect):
    """N(0, 1) and N(3, 4): 3^2 + (1 - 2)^2 = 10."""
    one = {"mu_r": torch.zeros(1).double(), "sigma_r": torch.ones(1, 1).double()}
    other = {"mu_g": torch.full((1,), 3.0).double(), "sigma_g": torch.full((1, 1), 4.0).double()}
    found = submission(probes.distance, **one, **other)
    expect.close(found[0], 10.0, slack=1e-4)


@pytest.mark.question("b.5.4")
def test_shapes_of_statistics(submission, probes, expect, draw):
    """A mean for each feature, and a covariance for each pair."""
    mean, covariance = submission(probes.described, features=draw.normal(20, 6))
    expect.shape(mean, (6,))
    expect.shape(covariance, (6, 6))
