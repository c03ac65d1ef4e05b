"""Training steps on the wrong gradients, `make_train_step`: of another loss, or stale ones."""

# ruff: noqa: F821
# make_losses and apply_exponential_moving_average are those of the file that an entry is grafted
# onto.

from grader.catalogue import mistake


def checked_losses(loss_type, inner, reg_type, reg_cf, alpha):
    """The head of make_train_step, which is given."""
    assert inner >= 1
    assert alpha is None or 0 < alpha < 1
    return make_losses(loss_type, reg_type, reg_cf)


# What a right step is made of, for mistakes that are elsewhere.


def critic_step(data, critic, optim, generator, critic_loss):
    p, q = next(data), generator().detach()
    optim.zero_grad()
    critic_loss(p, q, critic).backward()
    optim.step()


def generator_step(data, critic, generator, optim, metric):
    p, q = next(data), generator()
    optim.zero_grad()
    value = metric(p, q, critic)
    value.backward()
    optim.step()
    return value.detach()


def average(generator, test_generator, alpha):
    if alpha is not None:
        apply_exponential_moving_average(generator, test_generator, alpha)


# --- on which loss ----------------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_generator_descends_the_metric"],
    hint="The generator descends the critic's loss, so it helps the critic. The two play against "
    "each other: the generator minimises the metric.",
)
def training_the_generator_on_the_critics_loss(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    _, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, critic_loss)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_generator_descends_the_metric"],
    hint="The sign of the metric is turned round for the generator, so it moves away from the "
    "data. It minimises the distance as it is.",
)
def training_the_generator_uphill(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        generator_optim.zero_grad()
        value = metric(next(data), generator(), critic)
        (-value).backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_descends_its_own_loss"],
    hint="The critic goes uphill: critic_loss has its minus already and is to be minimised as it "
    "is.",
)
def training_the_critic_uphill(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator().detach()
            critic_optim.zero_grad()
            (-critic_loss(p, q, critic)).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_descends_its_own_loss"],
    hint="The critic is trained on minus the metric, which leaves out the regulariser. It has a "
    "loss of its own, critic_loss.",
)
def training_the_critic_without_its_regulariser(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, _ = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator().detach()
            critic_optim.zero_grad()
            (-metric(p, q, critic)).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_descends_its_own_loss"],
    hint="The critic gets the generated samples in the place of the real ones. Real samples come "
    "first in every function of this file.",
)
def training_the_critic_on_exchanged_samples(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator().detach()
            critic_optim.zero_grad()
            critic_loss(q, p, critic).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_generator_descends_the_metric"],
    hint="The generated samples are detached in the generator's step too, so no gradient reaches "
    "the generator. That is for the critic's steps alone.",
)
def training_a_detached_generator(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        q = generator().detach()
        generator_optim.zero_grad()
        value = metric(next(data), q, critic)
        value.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_generator_descends_the_metric"],
    hint="Both losses are computed before either model moves, so the generator follows a critic "
    "that has not adapted yet. The generator's turn comes after the critic's steps.",
)
def training_both_at_once(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        generator_optim.zero_grad()
        value = metric(next(data), generator(), critic)
        value.backward()
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


# --- gradients --------------------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The critic's gradients are cleared once before the inner loop, so each inner step adds "
    "to the gradient of the one before. Clear them for every step.",
)
def training_clears_the_critic_before_the_loop(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        critic_optim.zero_grad()
        for _ in range(inner):
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The critic's gradients are never cleared, so every step uses the sum of all gradients so "
    "far, those of the generator's turns included.",
)
def training_never_clears_the_critic(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The critic's gradients are cleared after its steps, but the generator's backward() "
    "leaves new ones in the critic, which its next step uses. Clear them right before backward().",
)
def training_keeps_the_metrics_gradient_in_the_critic(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.step()
            critic_optim.zero_grad()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The critic's loss leaves gradients in the generator too, because its samples are not "
    "detached, and they are still there when the generator takes its step.",
)
def training_keeps_the_critics_gradient_in_the_generator(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        generator_optim.zero_grad()
        for _ in range(inner):
            critic_optim.zero_grad()
            critic_loss(next(data), generator(), critic).backward()
            critic_optim.step()
        value = metric(next(data), generator(), critic)
        value.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The generator's gradients are never cleared, so every step uses the sum of the gradients "
    "of all steps so far.",
)
def training_never_clears_the_generator(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = metric(next(data), generator(), critic)
        value.backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_descends_its_own_loss"],
    hint="The critic's gradients are cleared between backward() and the step, so the step has "
    "nothing to go by. Clear them before backward().",
)
def training_clears_between_backward_and_step(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_loss(next(data), generator().detach(), critic).backward()
            critic_optim.zero_grad()
            critic_optim.step()
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="The critic's parameters are frozen for the generator's step and never thawed, so from "
    "the second call on the critic cannot learn.",
)
def training_freezes_the_critic_for_good(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        critic.requires_grad_(False)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_gradient_is_left_over"],
    hint="The metric is divided by critic_inner_iters before backward(). The generator takes one "
    "step, with the whole gradient.",
)
def training_divides_the_metric(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        generator_optim.zero_grad()
        value = metric(next(data), generator(), critic)
        (value / inner).backward()
        generator_optim.step()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step
