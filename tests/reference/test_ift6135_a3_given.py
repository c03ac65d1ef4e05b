"""The files of `reference/ift6135_a3` that students are given: networks, experiments, training."""

import math
from dataclasses import asdict, replace
from itertools import islice, pairwise
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

NAME = "ift6135_a3"


@pytest.fixture
def load(load_with_siblings):
    return lambda name: load_with_siblings(NAME, name)


class TestDirac:
    @pytest.fixture
    def dirac(self, load) -> ModuleType:
        return load("dirac")

    def test_generator_is_one_number(self, dirac) -> None:
        generator = dirac.DiracGenerator()
        (theta,) = generator.parameters()
        assert theta.shape == (1,)
        assert generator() is theta
        assert generator(torch.zeros(3)) is theta

    def test_critic_is_a_line(self, dirac) -> None:
        critic = dirac.DiracCritic()
        assert [p.shape for p in critic.parameters()] == [(2,)]
        critic.param.data = torch.tensor([3.0, -1.0])
        assert critic(torch.tensor([[2.0]])).tolist() == [[5.0]]
        assert critic(torch.tensor([2.0])).tolist() == [5.0]

    def test_parameters_start_with_the_standard_deviation(self, dirac) -> None:
        torch.manual_seed(0)
        starts = torch.stack(
            [
                torch.cat([dirac.DiracGenerator().theta, dirac.DiracCritic().param]).detach()
                for _ in range(2000)
            ]
        )
        assert starts.std().item() == pytest.approx(0.7, rel=0.05)
        assert dirac.DiracGenerator(std=0.0).theta.item() == 0

    def test_data_are_the_target_for_ever(self, dirac) -> None:
        for batch in islice(dirac.dirac_data_iter(0.5), 3):
            assert batch.tolist() == [[0.5]]
        assert next(dirac.dirac_data_iter()).item() == 0

    def test_trajectory_is_drawn(self, dirac, tmp_path) -> None:
        trajectory = np.random.default_rng(0).normal(size=(20, 3))
        dirac.plot_trajectory(trajectory, tmp_path / "trajectory.png", "title")
        dirac.animate_trajectory(trajectory, tmp_path / "evolution.gif", frames=2)
        assert (tmp_path / "trajectory.png").stat().st_size > 0
        assert (tmp_path / "evolution.gif").stat().st_size > 0


class TestModel:
    @pytest.fixture
    def model(self, load) -> ModuleType:
        return load("model")

    @staticmethod
    def shapes(module: nn.Module, kind: type[nn.Module]) -> list[tuple[int, ...]]:
        return [tuple(m.weight.shape) for m in module.modules() if isinstance(m, kind)]

    @pytest.mark.parametrize("batch", [1, 3])
    @pytest.mark.parametrize("sn", [False, True])
    def test_critic_gives_one_value_per_picture(self, model, batch, sn) -> None:
        assert model.Critic(2, sn=sn)(torch.zeros(batch, 3, 32, 32)).shape == (batch,)

    def test_critic_layers(self, model) -> None:
        h = 4
        critic = model.Critic(h)
        expected: list[tuple[int, ...]] = []
        for dim_in, dim in [(3, h), (h, 2 * h), (2 * h, 4 * h)]:
            expected += [(dim, dim_in, 4, 4), (dim, dim, 3, 3), (dim, dim, 1, 1)]
        expected.append((1, 4 * h, 4, 4))
        assert self.shapes(critic, nn.Conv2d) == expected
        slopes = [m.negative_slope for m in critic.modules() if isinstance(m, nn.LeakyReLU)]
        assert slopes == [0.2] * 9
        assert not any(isinstance(m, nn.BatchNorm2d) for m in critic.modules())

    def test_values_of_a_picture_do_not_depend_on_its_batch(self, model) -> None:
        critic, x = model.Critic(2), torch.randn(3, 3, 32, 32)
        torch.testing.assert_close(critic(x)[1:2], critic(x[1:2]))

    def test_spectral_norm_bounds_every_convolution(self, model) -> None:
        torch.manual_seed(0)
        critic = model.Critic(2, sn=True)
        for _ in range(50):  # one power iteration each
            critic(torch.zeros(1, 3, 32, 32))
        convolutions = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
        assert len(convolutions) == 10
        for convolution in convolutions:
            norm = torch.linalg.matrix_norm(convolution.weight.flatten(start_dim=1), ord=2)
            assert norm.item() == pytest.approx(1, abs=0.02)
        plain = model.Critic(2)
        assert not any(name.endswith("weight_orig") for name, _ in plain.named_parameters())

    def test_generator_makes_pictures_in_the_range_of_tanh(self, model) -> None:
        generator = model.Generator(dimz=5, dimh=2, default_batch_size=3)
        assert generator().shape == (3, 3, 32, 32)
        pictures = generator(100 * torch.randn(2, 5))
        assert pictures.shape == (2, 3, 32, 32)
        assert pictures.abs().max() <= 1

    def test_generator_layers(self, model) -> None:
        z, h = 5, 4
        generator = model.Generator(z, h)
        assert self.shapes(generator, nn.ConvTranspose2d) == [
            (z, 4 * h, 4, 4),
            (4 * h, 2 * h, 4, 4),
            (2 * h, h, 4, 4),
            (h, 3, 4, 4),
        ]
        dims = [4 * h, 2 * h, h]
        assert self.shapes(generator, nn.Conv2d) == [
            (dim, dim, k, k) for dim in dims for k in (3, 1)
        ]
        assert self.shapes(generator, nn.BatchNorm2d) == [(dim,) for dim in dims for _ in range(3)]
        assert sum(isinstance(m, nn.ReLU) for m in generator.modules()) == 9

    def test_default_sizes(self, model) -> None:
        with torch.device("meta"):
            generator, critic = model.Generator(), model.Critic()
        assert next(generator.parameters()).shape == (100, 512, 4, 4)
        assert next(critic.parameters()).shape == (128, 3, 4, 4)
        assert generator.default_batch_size == 64

    def test_residual_block_mixes_by_the_sigmoid_of_alpha(self, model) -> None:
        block = model.ResidualBlock(2, "ah", nn.ReLU)
        assert block.alpha.item() == -3
        x = torch.randn(1, 2, 4, 4)
        s = 1 / (1 + math.exp(3))
        torch.testing.assert_close(block(x), (1 - s) * x + s * block.block(x))
        block.alpha.data.fill_(-100.0)
        torch.testing.assert_close(block(x), x)

    def test_unknown_style(self, model) -> None:
        with pytest.raises(ValueError, match="'ax'"):
            model.ResidualBlock(2, "ax", nn.ReLU)


# The table of the assignment, written out: regulariser, coefficient (None where there is no
# regulariser) and average of the numbers 1 to 10.
DIRAC_TABLE = {
    1: (None, None, None),
    2: ("R1", 0.01, None),
    3: ("R1", 0.1, None),
    4: ("GP", 0.01, None),
    5: ("GP", 0.1, None),
    6: (None, None, 0.998),
    7: ("R1", 0.01, 0.998),
    8: ("R1", 0.1, 0.998),
    9: ("GP", 0.01, 0.998),
    10: ("GP", 0.1, 0.998),
}
CIFAR10_TABLE = {
    "cifar10-jsd-1": {},
    "cifar10-jsd-2": {"critic_use_sn": True},
    "cifar10-jsd-3": {"critic_reg_type": "R1", "critic_reg_cf": 1.0},
    "cifar10-w1-2": {"loss": "W1", "critic_use_sn": True},
    "cifar10-w1-3": {"loss": "W1", "critic_reg_type": "R1", "critic_reg_cf": 1.0},
}
DEFAULTS = {
    "task": "CIFAR10",
    "batch_size": 64,
    "seed": 31415,
    "generator_dimz": 100,
    "generator_dimh": 128,
    "critic_dimh": 128,
    "generator_alpha_ema": 0.998,
    "critic_use_sn": False,
    "dirac_target": 0.0,
    "optimizer": "Adam",
    "generator_lr": 2e-4,
    "generator_betas": (0.0, 0.99),
    "generator_wd": 0,
    "critic_lr": 4e-4,
    "critic_betas": (0.0, 0.99),
    "critic_wd": 1e-6,
    "loss": "JSD",
    "critic_reg_type": None,
    "critic_reg_cf": 0.1,
    "critic_inner_iters": 2,
    "max_iters": 100_000,
    "log_every": 500,
    "eval_every": 2000,
}


class TestRunExp:
    @pytest.fixture
    def run_exp(self, load) -> ModuleType:
        return load("run_exp")

    def test_there_are_twenty_dirac_and_five_image_configurations(self, run_exp) -> None:
        dirac = {f"dirac-{loss}-{n}" for loss in ("jsd", "w1") for n in range(1, 11)}
        assert run_exp.CONFIGURATIONS.keys() == dirac | CIFAR10_TABLE.keys()

    def test_defaults(self, run_exp) -> None:
        assert asdict(run_exp.Config()) == DEFAULTS

    @pytest.mark.parametrize("number", DIRAC_TABLE)
    @pytest.mark.parametrize("loss", ["JSD", "W1"])
    def test_dirac_configurations(self, run_exp, loss, number) -> None:
        reg_type, reg_cf, alpha_ema = DIRAC_TABLE[number]
        expected = DEFAULTS | {
            "task": "DIRAC",
            "loss": loss,
            "optimizer": "SGD",
            "generator_lr": 0.1,
            "critic_lr": 0.1,
            "critic_wd": 0,
            "critic_inner_iters": 1,
            "max_iters": 5000,
            "critic_reg_type": reg_type,
            "generator_alpha_ema": alpha_ema,
        }
        if reg_cf is not None:
            expected["critic_reg_cf"] = reg_cf
        assert asdict(run_exp.CONFIGURATIONS[f"dirac-{loss.lower()}-{number}"]) == expected

    @pytest.mark.parametrize("name", CIFAR10_TABLE)
    def test_image_configurations(self, run_exp, name) -> None:
        assert asdict(run_exp.CONFIGURATIONS[name]) == DEFAULTS | CIFAR10_TABLE[name]

    def test_optimizers(self, run_exp) -> None:
        generator, critic = nn.Linear(1, 1), nn.Linear(1, 1)
        optims = run_exp.make_optimizers(run_exp.Config(), generator, critic)
        for optim, module, lr, wd in zip(
            optims, (generator, critic), (2e-4, 4e-4), (0, 1e-6), strict=True
        ):
            assert isinstance(optim, torch.optim.Adam)
            (group,) = optim.param_groups
            assert group["params"] == list(module.parameters())
            assert (group["lr"], group["weight_decay"], group["eps"]) == (lr, wd, 1e-8)
            assert group["betas"] == (0, 0.99)

        sgd = replace(run_exp.Config(), optimizer="SGD", critic_betas=(0.3, 0.99))
        optims = run_exp.make_optimizers(sgd, generator, critic)
        assert [type(optim) for optim in optims] == [torch.optim.SGD] * 2
        assert [optim.param_groups[0]["momentum"] for optim in optims] == [0, 0.3]
        with pytest.raises(ValueError, match="'LBFGS'"):
            run_exp.make_optimizers(replace(sgd, optimizer="LBFGS"), generator, critic)

    def test_infinite_batches_show_every_picture_once_per_pass(self, run_exp) -> None:
        torch.manual_seed(0)
        images = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1).expand(10, 3, 2, 2)
        batches = list(islice(run_exp.infinite_batches(images, 4), 5))
        assert all(batch.shape == (4, 3, 2, 2) for batch in batches)
        order = ((torch.cat(batches)[:, 0, 0, 0] + 1) * 127.5).round().long().tolist()
        assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
        assert order[:10] != order[10:]

    def test_batches_may_be_larger_than_the_data(self, run_exp) -> None:
        images = torch.zeros(3, 3, 2, 2, dtype=torch.uint8)
        assert len(next(run_exp.infinite_batches(images, 7))) == 7

    def test_scaling_covers_the_range_of_tanh(self, run_exp) -> None:
        assert run_exp.scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]

    def test_dirac_game_is_reproducible_and_logs_its_start(self, run_exp) -> None:
        config = replace(run_exp.CONFIGURATIONS["dirac-jsd-7"], max_iters=5)
        first = run_exp.run_dirac(config)
        assert first.shape == (6, 3)
        np.testing.assert_array_equal(first, run_exp.run_dirac(config))
        other = run_exp.run_dirac(replace(config, seed=1))
        assert (first[0] != other[0]).all()

    def test_averaged_theta_is_logged(self, run_exp) -> None:
        fast = run_exp.CONFIGURATIONS["dirac-w1-1"]
        slow = run_exp.CONFIGURATIONS["dirac-w1-6"]
        fast, slow = (run_exp.run_dirac(replace(config, max_iters=1)) for config in (fast, slow))
        np.testing.assert_array_equal(fast[0], slow[0])
        step = fast[1, 2] - fast[0, 2]
        assert slow[1, 2] - slow[0, 2] == pytest.approx(0.002 * step, rel=1e-3)

    def test_theory_regularised_games_end_at_the_target_and_the_plain_one_does_not(
        self, run_exp
    ) -> None:
        def end(name: str) -> float:
            config = replace(run_exp.CONFIGURATIONS[name], max_iters=1000)
            psi0, _, theta = run_exp.run_dirac(config)[-1]
            return math.hypot(psi0, theta)

        assert end("dirac-w1-3") < 1e-3
        assert end("dirac-w1-1") > 0.5

    def test_command_line(self, run_exp, tmp_path, capsys) -> None:
        run_exp.main(
            ["dirac-w1-2", "--max-iters", "3", "--seed", "7", "--out", str(tmp_path / "out")]
        )
        trajectory = np.load(tmp_path / "out" / "trajectory.npy")
        config = replace(run_exp.CONFIGURATIONS["dirac-w1-2"], max_iters=3, seed=7)
        np.testing.assert_array_equal(trajectory, run_exp.run_dirac(config))
        assert (tmp_path / "out" / "trajectory.png").exists()
        with pytest.raises(SystemExit):
            run_exp.main(["cifar10-w1-1"])
        assert "cifar10-w1-1" in capsys.readouterr().err

    def test_images_run_leaves_curves_pictures_and_weights(self, run_exp, tmp_path) -> None:
        config = replace(
            run_exp.CONFIGURATIONS["cifar10-w1-3"],
            generator_dimz=3,
            generator_dimh=1,
            critic_dimh=1,
            batch_size=2,
            max_iters=2,
            log_every=1,
            eval_every=2,
        )
        images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
        critic, _, test_generator = run_exp.run_images(config, images, images[:3], tmp_path)
        curve = np.genfromtxt(tmp_path / "metric.csv", delimiter=",", names=True)
        assert curve["step"].tolist() == [1, 2]
        assert np.isfinite(curve["metric"]).all()
        figures = np.genfromtxt(tmp_path / "evaluation.csv", delimiter=",", names=True)
        assert figures.dtype.names == ("step", "critic_real", "critic_fake")
        assert (tmp_path / "samples_2.png").exists()
        for name, module in [("critic", critic), ("test_generator", test_generator)]:
            weights = torch.load(tmp_path / f"{name}.pt", weights_only=True)
            assert weights.keys() == module.state_dict().keys()
        assert (tmp_path / "generator.pt").exists()


def plane(n: int = 50) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return 3 * torch.randn(n, 2, generator=rng, dtype=torch.float64)


class TestDensities:
    @pytest.fixture
    def utils(self, load) -> ModuleType:
        return load("utils")

    def test_arcs_is_the_formula(self, utils) -> None:
        z = plane()
        z1, z2 = z.numpy().T
        expected = 0.5 * ((np.hypot(z1, z2) - 2) / 0.4) ** 2 - np.log(
            np.exp(-0.5 * ((z1 - 2) / 0.6) ** 2) + np.exp(-0.5 * ((z1 + 2) / 0.6) ** 2)
        )
        np.testing.assert_allclose(utils.density_arcs(z), expected)

    def test_sine_is_the_formula(self, utils) -> None:
        z = plane()
        z1, z2 = z.numpy().T
        with np.errstate(divide="raise"):  # that the naive formula holds on these points
            expected = -np.log(np.exp(-0.5 * ((z2 - np.sin(2 * np.pi * z1 / 4)) / 0.4) ** 2))
        np.testing.assert_allclose(utils.density_sine(z), expected, atol=1e-12)

    @pytest.mark.parametrize("name", ["density_arcs", "density_sine"])
    def test_far_away_energies_and_gradients_are_finite(self, utils, name) -> None:
        z = torch.tensor([[0.0, 50.0], [50.0, 0.0], [-50.0, -50.0]], requires_grad=True)
        energy = getattr(utils, name)(z)
        assert energy.shape == (3,)
        energy.sum().backward()
        assert energy.isfinite().all()
        assert z.grad is not None
        assert z.grad.isfinite().all()

    def test_drawn_points_have_the_moments_of_the_density(self, utils) -> None:
        torch.manual_seed(0)
        drawn = utils.draw_points(utils.density_arcs, 5000, half_width=6.0).double()
        assert drawn.shape == (5000, 2)

        axis = torch.linspace(-6, 6, 241, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        weights = torch.exp(-utils.density_arcs(grid))
        moments = (weights @ grid**2) / weights.sum()  # the grid is even: no areas are needed
        squares = drawn**2
        z = (squares.mean(dim=0) - moments) / (squares.std(dim=0) / math.sqrt(5000))
        assert z.abs().max() < 5

    def test_training_points_are_read_where_they_are(self, utils, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        np.save("data_arcs.npy", plane(4).numpy())
        points = utils.training_points("arcs", utils.density_arcs)
        torch.testing.assert_close(points, plane(4).float())
        assert utils.training_points("sine", utils.density_sine).shape == (5000, 2)

    def test_plots(self, utils, tmp_path) -> None:
        utils.plot_density(utils.density_sine, str(tmp_path / "density"), resolution=5)
        utils.plot_samples(plane().requires_grad_(), str(tmp_path / "samples"))
        assert {path.name for path in tmp_path.iterdir()} == {"density.png", "samples.png"}


class TestTrain:
    @pytest.fixture
    def train(self, load) -> ModuleType:
        return load("train")

    @pytest.mark.parametrize("source", ["samples", "density"])
    def test_launchers_train_every_depth_and_leave_their_plots(
        self, train, source, tmp_path, monkeypatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        launch = getattr(train, f"launch_experiments_from_{source}")
        launch({"arcs": train.density_arcs}, [1, 2], num_iter=2)
        plot = {"samples": "learned_density_data_arcs", "density": "samples_arcs"}[source]
        expected = {"arcs.png", f"{plot}_l1.png", f"{plot}_l2.png"}
        assert {path.name for path in tmp_path.iterdir()} == expected

    @pytest.mark.parametrize("source", ["samples", "density"])
    def test_the_loss_falls_and_one_is_returned_per_step(
        self, train, source, tmp_path, monkeypatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        torch.manual_seed(0)
        model = train.Flow(2, 4)
        optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
        base = train.MultivariateNormal(torch.zeros(2), torch.eye(2))
        target = {
            "samples": torch.stack([2 * torch.randn(300).sign(), torch.randn(300)], dim=1),
            "density": train.density_sine,
        }[source]
        losses = getattr(train, f"train_from_{source}")(
            model, optimizer, base, target, "x", 4, num_iter=600
        )
        assert len(losses) == 601
        assert np.mean(losses[-50:]) < np.mean(losses[:50]) - 0.3

    @pytest.mark.parametrize("source", ["samples", "density"])
    def test_each_step_uses_its_own_gradient(self, train, source, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        base = train.MultivariateNormal(torch.zeros(2), torch.eye(2))
        target = {"samples": plane(200).float(), "density": train.density_sine}[source]
        ends = []
        for stale in (0.0, 1e6):
            torch.manual_seed(0)
            model = train.Flow(2, 2)
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, stale)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            getattr(train, f"train_from_{source}")(
                model, optimizer, base, target, "x", 2, num_iter=1
            )
            ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        assert torch.equal(*ends)


class TestVae:
    @pytest.fixture
    def vae(self, load) -> ModuleType:
        return load("vae")

    @staticmethod
    def pictures(n: int) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        return (torch.rand(n, 1, 28, 28, generator=rng) > 0.8).float()

    def test_architecture(self, vae) -> None:
        model = vae.VAE()
        for part, sizes in [
            (model.encode, (784, 300, 300, 200)),
            (model.decode, (100, 300, 300, 784)),
        ]:
            linear = [m for m in part.modules() if isinstance(m, nn.Linear)]
            assert [(m.in_features, m.out_features) for m in linear] == list(pairwise(sizes))
            assert sum(isinstance(m, nn.ELU) for m in part.modules()) == 2

    def test_shapes_and_the_shift_of_the_logits(self, vae) -> None:
        model = vae.VAE(7)
        z_mean, z_logvar, logits = model(self.pictures(3))
        assert z_mean.shape == z_logvar.shape == (3, 7)
        assert logits.shape == (3, 784)
        for parameter in model.decode.parameters():
            nn.init.zeros_(parameter)
        assert (model.decode(torch.randn(2, 7)) == -5).all()

    def test_loss_is_the_negative_bound(self, vae) -> None:
        torch.manual_seed(0)
        model, x = vae.VAE(4), self.pictures(5)
        z_mean, z_logvar, logits = model(x)
        log_px = Bernoulli(logits=logits).log_prob(x.flatten(start_dim=1)).sum(dim=1)
        kl = kl_divergence(Normal(z_mean, (z_logvar / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
        expected = -(log_px - kl).mean()
        torch.testing.assert_close(model.loss(x, z_mean, z_logvar, logits), expected)

    @staticmethod
    def without_latents(vae: ModuleType) -> nn.Module:
        """A model whose decoder ignores z and whose q(z|x) is the prior: log p(x) is known."""
        model = vae.VAE(4)
        for parameter in (*model.encode.parameters(), model.decode.mlp[0].weight):
            nn.init.zeros_(parameter)
        return model

    def test_evaluation_weighs_examples_and_not_batches(self, vae) -> None:
        model, data = self.without_latents(vae), self.pictures(5)
        logits = model.decode(torch.zeros(5, 4))
        expected = -Bernoulli(logits=logits).log_prob(data.flatten(start_dim=1)).sum(dim=1).mean()
        assert vae.evaluate(model, data, batch_size=3) == pytest.approx(expected.item(), rel=1e-5)

    def test_importance_sampling_is_exact_without_latents(self, vae) -> None:
        model, data = self.without_latents(vae), self.pictures(5)
        expected = -vae.evaluate(model, data)
        for num_samples in (1, 3):
            result = vae.importance_sampled_log_likelihood(model, data, num_samples, batch_size=2)
            assert result == pytest.approx(expected, rel=1e-5)

    def test_importance_sampling_equals_the_integral_for_one_latent_dimension(self, vae) -> None:
        torch.manual_seed(0)
        model, data = vae.VAE(1), self.pictures(2)
        z = torch.linspace(-8, 8, 2001)
        with torch.no_grad():
            log_px = Bernoulli(logits=model.decode(z[:, None])[:, None]).log_prob(
                data.flatten(start_dim=1)
            )  # (2001, 2, 784)
        joint = log_px.double().sum(dim=2) + Normal(0.0, 1.0).log_prob(z)[:, None]
        exact = (joint.logsumexp(dim=0) + math.log(z[1] - z[0])).mean().item()
        result = vae.importance_sampled_log_likelihood(model, data, num_samples=2000)
        assert result == pytest.approx(exact, abs=0.3)

    def test_training_raises_the_bound(self, vae) -> None:
        torch.manual_seed(0)
        model, data = vae.VAE(4), self.pictures(64)
        before = vae.evaluate(model, data)
        curve = vae.train(model, data, data, epochs=3, batch_size=16, lr=1e-3)
        assert len(curve) == 3
        assert curve[-1] < before - 20

    def test_files_are_read_as_pictures(self, vae, tmp_path) -> None:
        data = self.pictures(2)
        np.savetxt(tmp_path / "x.amat", data.reshape(2, 784).numpy(), fmt="%d")
        torch.testing.assert_close(vae.load_amat(tmp_path / "x.amat"), data)

    def test_command_line(self, vae, tmp_path, monkeypatch, capsys) -> None:
        monkeypatch.chdir(tmp_path)
        for split in ("train", "valid", "test"):
            rows = self.pictures(3).reshape(3, 784).numpy()
            np.savetxt(f"binarized_mnist_{split}.amat", rows, fmt="%d")
        vae.main([str(tmp_path), "--epochs", "1", "--device", "cpu"])
        printed = capsys.readouterr().out
        assert "validation ELBO per example: -" in printed
        assert "200 importance samples: -" in printed
        vae.VAE().load_state_dict(torch.load("model.pt", weights_only=True))
