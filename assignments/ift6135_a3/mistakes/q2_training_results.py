"""Training steps with the wrong average or result, `make_train_step`."""

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


# --- the moving average -----------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="The average is updated before the generator's step, so it lags one step behind.",
)
def training_averages_before_the_step(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        average(generator, test_generator, alpha)
        return generator_step(data, critic, generator, generator_optim, metric)

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="Source and target of the average are exchanged, which drags the generator in training "
    "towards its own past.",
)
def training_averages_into_the_generator(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(test_generator, generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="The average is updated in every inner step of the critic, when the generator has not "
    "moved. It follows the generator's step, once per call.",
)
def training_averages_in_the_loop(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
            average(generator, test_generator, alpha)
        return generator_step(data, critic, generator, generator_optim, metric)

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_no_average_without_alpha"],
    hint="The average is updated even when alpha_ema is None, which means no averaging.",
)
def training_averages_without_alpha(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha or 0.998)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="alpha_ema is not handed on, so the average always uses its default of 0.998.",
)
def training_averages_with_the_default_alpha(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        if alpha is not None:
            apply_exponential_moving_average(generator, test_generator)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_average_follows_the_generators_step"],
    hint="alpha_ema is never looked at, so the test generator stays what it was at the start.",
)
def training_never_averages(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        return generator_step(data, critic, generator, generator_optim, metric)

    return train_step


# --- the result -------------------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_metric_of_the_generators_step_is_returned"],
    hint="The critic's loss is returned. What is logged is the metric that the generator's step "
    "minimised.",
)
def training_returns_the_critics_loss(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_optim.zero_grad()
            value = critic_loss(next(data), generator().detach(), critic)
            value.backward()
            critic_optim.step()
        generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_metric_of_the_generators_step_is_returned"],
    hint="The metric is that of the critic's batch before the critic's step. The generator "
    "minimises it after the critic's steps, and that value is the one to return.",
)
def training_returns_the_metric_of_the_critics_turn(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            p, q = next(data), generator().detach()
            value = metric(p, q, critic).detach()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_metric_of_the_generators_step_is_returned"],
    hint="Nothing is returned: the caller logs the metric that train_step gives back.",
)
def training_returns_nothing(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_result_is_a_scalar_tensor"],
    hint="The metric is returned as a plain number. The caller clones and detaches it, which needs "
    "a tensor.",
)
def training_returns_a_plain_number(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value.item()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_impossible_settings_are_refused"],
    hint="The checks at the head are gone: no inner steps at all, or an alpha_ema outside of "
    "(0, 1), are now accepted without a word.",
)
def training_with_any_settings(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = make_losses(loss_type, reg_type, reg_cf)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_losses_are_those_that_were_asked_for"],
    hint="Only the name of the loss reaches make_losses, so nothing is ever regularised, whatever "
    "was asked for.",
)
def training_without_any_regulariser(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    checked_losses(loss_type, inner, reg_type, reg_cf, alpha)
    metric, critic_loss = make_losses(loss_type)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_losses_are_those_that_were_asked_for"],
    hint="reg_cf does not reach make_losses: the regulariser always counts fully, and the runs "
    "with several coefficients are all the same.",
)
def training_with_the_default_coefficient(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    checked_losses(loss_type, inner, reg_type, reg_cf, alpha)
    metric, critic_loss = make_losses(loss_type, reg_type)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_losses_are_those_that_were_asked_for"],
    hint="The name of the loss is written into the call of make_losses, and loss_type is not used.",
)
def training_always_on_w1(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    checked_losses(loss_type, inner, reg_type, reg_cf, alpha)
    metric, critic_loss = make_losses("W1", reg_type, reg_cf)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step
