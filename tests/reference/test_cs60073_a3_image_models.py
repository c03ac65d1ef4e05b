"""Laws of `reference/cs60073_a3/image_models.py` and of the loops beside it."""

import copy
import itertools
import math
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.distributions as D
from scipy import linalg
from torch import Tensor, nn

from grader.measures import scores


@pytest.fixture(scope="module")
def models(load_reference) -> ModuleType:
    return load_reference("cs60073_a3", "image_models")


@pytest.fixture(scope="module")
def loops(load_reference) -> ModuleType:
    return load_reference("cs60073_a3", "image_training")


def draws(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class TestNetworks:
    @pytest.mark.parametrize(
        ("name", "count"),
        [
            ("VAE", 1_079_600),
            ("Generator", 550_416),
            ("Discriminator", 533_505),
            ("Classifier", 421_642),
        ],
    )
    def test_have_the_number_of_parameters_of_the_text(self, models, name: str, count: int) -> None:
        assert sum(p.numel() for p in getattr(models, name)().parameters()) == count

    def test_dropout_is_off_in_evaluation(self, models) -> None:
        network, x = models.Discriminator(), draws(4, 784)
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))

    def test_negative_slope_is_a_fifth(self, models) -> None:
        network = models.Generator()
        with torch.no_grad():
            for p in network.parameters():
                p.zero_()
            network.layers[0].bias[0] = -1.0  # passes both layers as -0.2 and -0.04
            network.layers[2].weight[0, 0] = network.layers[4].weight[0, 0] = 1.0
        assert network(torch.zeros(1, 64))[0, 0].item() == pytest.approx(math.tanh(-0.04))

    def test_features_precede_the_classes(self, models) -> None:
        network, x = models.Classifier().eval(), draws(3, 1, 28, 28)
        features = network.features(x)
        assert features.shape == (3, 128) and bool((features >= 0).all())
        assert torch.allclose(network.head(features).softmax(1), network.probabilities(x))


class TestVae:
    def test_divergence_is_that_of_torch(self, models) -> None:
        mu, logvar = draws(5, 16), draws(5, 16, seed=1)
        p = torch.rand(5, 784, generator=torch.Generator().manual_seed(2))
        _, bce, kl = models.vae_loss(p, p, mu, logvar)
        prior = D.Normal(torch.zeros(16), torch.ones(16))
        wanted = D.kl_divergence(D.Normal(mu, torch.exp(logvar / 2)), prior)
        assert kl.item() == pytest.approx(wanted.sum(1).mean().item(), rel=1e-5)
        entropy = D.Bernoulli(p).entropy().sum(1).mean()
        assert bce.item() == pytest.approx(entropy.item(), rel=1e-5)

    def test_loss_bounds_the_likelihood(self, models) -> None:
        """-loss <= log p(x) of a model whose likelihood is known: one pixel, a decoder that
        ignores z; and with the posterior equal to the prior the bound is tight."""
        p = torch.full((1, 1), 0.3)
        for x in (0.0, 1.0):
            target = torch.full((1, 1), x)
            log_likelihood = math.log(0.3 if x else 0.7)
            tight, *_ = models.vae_loss(p, target, torch.zeros(1, 2), torch.zeros(1, 2))
            loose, *_ = models.vae_loss(p, target, torch.ones(1, 2), torch.ones(1, 2))
            assert -tight.item() == pytest.approx(log_likelihood, rel=1e-5)
            assert -loose.item() < log_likelihood

    def test_draws_are_normal_and_differentiable(self, models) -> None:
        torch.manual_seed(0)
        mu = torch.full((20_000,), 2.0, requires_grad=True)
        logvar = torch.full((20_000,), -1.0, requires_grad=True)
        z = models.reparameterise(mu, logvar)
        assert z.mean().item() == pytest.approx(2.0, abs=0.03)
        assert z.var().item() == pytest.approx(math.exp(-1), rel=0.06)
        of_mu, of_logvar = torch.autograd.grad(z.sum(), [mu, logvar])
        assert torch.equal(of_mu, torch.ones_like(mu))
        assert torch.allclose(of_logvar, (z - mu).detach() / 2, atol=1e-6)

    def test_step_is_adams_step_on_the_loss(self, models) -> None:
        torch.manual_seed(0)
        model, x = models.VAE(), torch.rand(8, 784)
        other = copy.deepcopy(model)
        optimizers = [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (model, other)]
        for number in range(2):
            torch.manual_seed(number)
            returned = models.vae_step(model, optimizers[0], x)
            torch.manual_seed(number)
            reconstruction, mu, logvar = other(x)
            parts = models.vae_loss(reconstruction, x, mu, logvar)
            optimizers[1].zero_grad()
            parts[0].backward()
            optimizers[1].step()
            assert returned == pytest.approx([p.item() for p in parts])
        for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
            assert torch.equal(ours, theirs)


class TestGan:
    def test_ranges_invert_each_other(self, models) -> None:
        x = torch.rand(3, 4)
        assert torch.allclose(models.to_unit(models.to_signed(x)), x, atol=1e-6)
        assert models.to_signed(torch.tensor([0.0, 0.5, 1.0])).tolist() == [-1, 0, 1]

    def test_best_logits_are_those_of_the_labels(self, models) -> None:
        """The loss is smallest where the sigmoid is the target: 0.9 of real images."""
        logits = torch.zeros(1, requires_grad=True)
        fake = torch.full((1,), -30.0)
        with torch.no_grad():
            logits += math.log(0.9 / 0.1)
        (gradient,) = torch.autograd.grad(models.discriminator_loss(logits, fake), logits)
        assert gradient.item() == pytest.approx(0.0, abs=1e-6)

    def test_generator_does_not_saturate(self, models) -> None:
        logits = torch.full((1,), -20.0, requires_grad=True)
        (gradient,) = torch.autograd.grad(models.generator_loss(logits), logits)
        assert gradient.item() == pytest.approx(-1.0, abs=1e-6)

    def test_each_player_follows_its_own_loss(self, models) -> None:
        torch.manual_seed(0)
        generator, discriminator = models.Generator(), models.Discriminator().eval()
        before = [copy.deepcopy(m) for m in (generator, discriminator)]
        optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in (generator, discriminator)]
        x = torch.rand(8, 784)
        torch.manual_seed(5)
        d_loss, g_loss = models.gan_step(generator, discriminator, *optimizers, x)
        torch.manual_seed(5)
        fake = before[0](torch.randn(8, 64))
        wanted = models.discriminator_loss(before[1](2 * x - 1), before[1](fake))
        assert d_loss == pytest.approx(wanted.item())
        gradients = torch.autograd.grad(wanted, list(before[1].parameters()), retain_graph=True)
        moves = zip(before[1].parameters(), discriminator.parameters(), gradients, strict=True)
        for old, new, gradient in moves:
            assert torch.allclose(new, old - 0.1 * gradient, atol=1e-6)
        wanted = models.generator_loss(discriminator(fake))
        assert g_loss == pytest.approx(wanted.item())
        gradients = torch.autograd.grad(wanted, list(before[0].parameters()))
        moves = zip(before[0].parameters(), generator.parameters(), gradients, strict=True)
        for old, new, gradient in moves:
            assert torch.allclose(new, old - 0.1 * gradient, atol=1e-6)


class TestInceptionScore:
    def test_is_that_of_the_definition(self, models) -> None:
        p = draws(40, 6).softmax(1)
        parts = [p[start::10].double().numpy() for start in range(10)]
        wanted = []
        for part in parts:
            divergence = 0.0
            for row, k in itertools.product(part, range(6)):
                divergence += row[k] * math.log(row[k] / part[:, k].mean()) / len(part)
            wanted.append(math.exp(divergence))
        mean, deviation = models.inception_score(p, 10)
        assert mean == pytest.approx(np.mean(wanted)) and deviation == pytest.approx(np.std(wanted))

    def test_agrees_with_the_graders(self, models) -> None:
        p = draws(30, 5, seed=3).softmax(1)
        ours = scores.inception_score(p.numpy(), 1).estimate.value
        assert models.inception_score(p, 1)[0] == pytest.approx(ours, rel=1e-5)

    def test_classes_in_order_do_not_make_parts_of_one_class(self, models) -> None:
        ordered = torch.eye(10).repeat_interleave(10, dim=0)
        mean, deviation = models.inception_score(ordered, 10)
        assert (mean, deviation) == (pytest.approx(10.0), pytest.approx(0.0, abs=1e-9))
        consecutive = scores.inception_score(ordered.numpy(), 10).estimate.value
        assert consecutive == pytest.approx(1.0)  # what goes wrong otherwise


class TestFrechetDistance:
    def test_of_commuting_covariances_is_in_closed_form(self, models) -> None:
        rotation, _ = np.linalg.qr(draws(5, 5).double().numpy())
        a, b = np.arange(1.0, 6.0), np.array([0.0, 4.0, 9.0, 1.0, 0.25])
        mean = np.arange(5.0)
        found = models.frechet_distance(
            mean, rotation * a @ rotation.T, mean + 2, rotation * b @ rotation.T
        )
        assert found == pytest.approx(5 * 4 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum())

    def test_agrees_with_scipys_root(self, models) -> None:
        moments = [
            models.feature_statistics(draws(60, 8, seed=s) @ draws(8, 8, seed=s + 9))
            for s in range(2)
        ]
        (mu_r, sigma_r), (mu_g, sigma_g) = moments
        root = linalg.sqrtm(sigma_r @ sigma_g).real
        wanted = ((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root)
        assert models.frechet_distance(mu_r, sigma_r, mu_g, sigma_g) == pytest.approx(wanted)

    def test_of_singular_covariances_is_real_and_symmetric(self, models) -> None:
        real, few = draws(1000, 128), draws(100, 128, seed=1)
        a, b = (models.feature_statistics(x) for x in (real, few))
        assert np.linalg.matrix_rank(b[1]) == 99
        there, back = models.frechet_distance(*a, *b), models.frechet_distance(*b, *a)
        assert there == pytest.approx(back, rel=1e-6)
        assert there == pytest.approx(scores.frechet_distance(*a, *b), rel=1e-6)
        assert models.frechet_distance(*b, *b) == pytest.approx(0.0, abs=1e-4)

    def test_of_points_is_their_squared_distance(self, models) -> None:
        nothing = np.zeros((3, 3))
        assert models.frechet_distance(np.zeros(3), nothing, np.ones(3), nothing) == 3.0


class TestClassifierLoss:
    def test_is_the_negative_log_probability(self, models) -> None:
        network, x = models.Classifier().eval(), draws(6, 1, 28, 28)
        labels = torch.tensor([0, 3, 9, 1, 1, 5])
        p = network.probabilities(x)[torch.arange(6), labels]
        loss = models.classifier_loss(network(x), labels)
        assert loss.item() == pytest.approx(-p.log().mean().item(), rel=1e-5)


class TestLoops:
    def test_epochs_see_every_image_once(self, loops) -> None:
        torch.manual_seed(0)
        seen = list(loops.batches(300, 6))
        assert [len(b) for b in seen] == [128, 128, 44] * 2
        for epoch in (seen[:3], seen[3:]):
            assert sorted(torch.cat(epoch).tolist()) == list(range(300))
        assert loops.steps_in(10, 50_000) == 3910 and loops.steps_in(5, 60_000) == 2345

    def test_losses_fall(self, models, loops) -> None:
        torch.manual_seed(0)
        images = (torch.rand(1, 784) < 0.3).float().expand(64, -1)
        losses = [parts[0] for parts in loops.vae_training(models, models.VAE(), images, 30)]
        assert losses[-1] < 0.5 * losses[0]

    def test_means_of_epochs(self, loops) -> None:
        rows = loops.epoch_means([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0)], 2)
        assert rows == [[2.0, 3.0], [6.0, 7.0]]

    def test_scores_are_those_of_the_functions(self, models, loops) -> None:
        torch.manual_seed(0)
        network = models.Classifier()
        images = torch.rand(60, 784)
        found = loops.scores(models, network, images[:30], images[30:])
        assert set(found) == {"inception_score", "inception_score_sd", "fid"}
        assert isinstance(network, nn.Module) and not network.training
        assert found["fid"] > 0 and found["inception_score"] >= 1
