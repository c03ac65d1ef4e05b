"""Training steps that take the wrong steps, `make_train_step`: how often, in which order."""

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


# --- how often --------------------------------------------------------------------------------


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="The critic takes one step too few: range(1, n) has n - 1 turns.",
)
def training_with_one_inner_step_less(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(1, inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="The critic takes one step too many for each step of the generator. Count the turns of "
    "the loop for critic_inner_iters = 1.",
)
def training_with_one_inner_step_more(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner + 1):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="critic_inner_iters is not used: the critic takes one step for each step of the "
    "generator, whatever was asked for.",
)
def training_with_one_step_each(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        critic_step(data, critic, critic_optim, generator, critic_loss)
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="The inner loop only adds up gradients, and the critic's optimiser takes a single step "
    "after it. Each turn of the loop is a whole step of the critic.",
)
def training_steps_the_critic_after_the_loop(
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
    fails=["test_generator_takes_one_step"],
    hint="The generator's step is inside the critic's loop, so both take the same number of steps. "
    "The critic gets its inner steps first, then the generator one.",
)
def training_steps_the_generator_in_the_loop(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
            value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_generator_takes_one_step"],
    hint="The gradient of the metric is computed, but the generator's optimiser never takes a "
    "step.",
)
def training_never_steps_the_generator(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        generator_optim.zero_grad()
        value = metric(next(data), generator(), critic)
        value.backward()
        average(generator, test_generator, alpha)
        return value.detach()

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_critic_takes_its_inner_steps"],
    hint="The critic's optimiser takes a step in the generator's turn too, on the gradient of the "
    "metric, and so undoes some of what the critic has learned. The generator's step is the "
    "generator's alone.",
)
def training_steps_the_critic_in_the_generators_turn(
    loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None
):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        critic_optim.zero_grad()
        value = generator_step(data, critic, generator, generator_optim, metric)
        critic_optim.step()
        average(generator, test_generator, alpha)
        return value

    return train_step


@mistake(
    "gan.make_train_step",
    fails=["test_generator_takes_one_step"],
    hint="The generator takes its step before the critic does. It should learn from a critic that "
    "has just adapted to it, so the inner steps come first.",
)
def training_steps_the_generator_first(loss_type, inner=1, reg_type=None, reg_cf=1.0, alpha=None):
    metric, critic_loss = checked_losses(loss_type, inner, reg_type, reg_cf, alpha)

    def train_step(data, critic, critic_optim, generator, test_generator, generator_optim):
        value = generator_step(data, critic, generator, generator_optim, metric)
        average(generator, test_generator, alpha)
        for _ in range(inner):
            critic_step(data, critic, critic_optim, generator, critic_loss)
        return value

    return train_step
