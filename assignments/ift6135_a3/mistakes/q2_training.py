"""Mistakes in 2.5: the training step, `make_train_step`."""

from grader.catalogue import Mistakes

generator_descends = Mistakes("gan.make_train_step", "TestGenerator::test_descends_its_loss")
generator_descends.edit(
    "training_the_generator_on_the_critics_loss",
    "loss = metric(",
    "loss = critic_loss(",
    """The generator descends the critic's loss, so it helps the critic. The two play against each
    other: the generator minimises the metric.""",
)
generator_descends.edit(
    "training_a_detached_generator",
    "q = generator()\n",
    "q = generator().detach()\n",
    """The generated samples are detached in the generator's step too, so no gradient reaches the
    generator. That is for the critic's steps alone.""",
)
generator_descends.edit(
    "training_both_at_once",
    "        ### BEGIN SOLUTION\n",
    """        generator_optim.zero_grad()
        value = metric(next(train_data_iter), generator(), critic)
        value.backward()
        for _ in range(critic_inner_iters):
            critic_optim.zero_grad()
            critic_loss(next(train_data_iter), generator().detach(), critic).backward()
            critic_optim.step()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value.detach()
""",
    """Both losses are computed before either model moves, so the generator follows a critic that
    has not adapted yet. The generator's turn comes after the critic's steps.""",
)


critic_descends = Mistakes("gan.make_train_step", "TestCritic::test_descends_its_loss")
critic_descends.edit(
    "training_the_critic_without_its_regulariser",
    "critic_loss(p, q, critic).backward()",
    "(-metric(p, q, critic)).backward()",
    """The critic is trained on minus the metric, which leaves out the regulariser. It has a loss of
    its own, critic_loss.""",
)
critic_descends.edit(
    "training_the_critic_on_exchanged_samples",
    "critic_loss(p, q, critic)",
    "critic_loss(q, p, critic)",
    """The critic gets the generated samples in the place of the real ones. Real samples come first
    in every function of this file.""",
)
critic_descends.edit(
    "training_clears_between_backward_and_step",
    "            critic_optim.step()",
    """            critic_optim.zero_grad()
            critic_optim.step()""",
    """The critic's gradients are cleared between backward() and the step, so the step has nothing
    to go by. Clear them before backward().""",
)
critic_descends.edit(
    "training_the_critic_on_the_test_generator",
    "generator().detach()",
    "test_generator().detach()",
    """The critic is trained on samples of the test generator. Its opponent is the generator in
    training; the averaged one is for evaluation.""",
)

left_over = Mistakes(
    "gan.make_train_step",
    "TestCritic::test_clears_gradients",
    "TestGenerator::test_clears_gradients",
)
left_over.edit(
    "training_clears_the_critic_before_the_loop",
    """        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()  # the critic's step needs no gradient of the generator
            critic_optim.zero_grad()
""",
    """        critic_optim.zero_grad()
        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()
""",
    """The critic's gradients are cleared once before the inner loop, so each inner step adds to the
    gradient of the one before. Clear them for every step.""",
)
left_over.edit(
    "training_keeps_the_metrics_gradient_in_the_critic",
    """            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
""",
    """            critic_loss(p, q, critic).backward()
            critic_optim.step()
            critic_optim.zero_grad()
""",
    """The critic's gradients are cleared after its steps, but the generator's backward() leaves new
    ones in the critic, which its next step uses. Clear them right before backward().""",
)
left_over.edit(
    "training_divides_the_metric",
    "loss.backward()",
    "(loss / critic_inner_iters).backward()",
    """The metric is divided by critic_inner_iters before backward(). The generator takes one step,
    with the whole gradient.""",
)
left_over.edit(
    "training_keeps_the_critics_gradient_in_the_generator",
    "        ### BEGIN SOLUTION\n",
    """        generator_optim.zero_grad()
        for _ in range(critic_inner_iters):
            critic_optim.zero_grad()
            critic_loss(next(train_data_iter), generator(), critic).backward()
            critic_optim.step()
        value = metric(next(train_data_iter), generator(), critic)
        value.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value.detach()
""",
    """The critic's loss leaves gradients in the generator too, because its samples are not
    detached, and they are still there when the generator takes its step.""",
)


inner_steps = Mistakes("gan.make_train_step", "TestCritic::test_takes_its_steps")
inner_steps.edit(
    "training_steps_the_critic_in_the_generators_turn",
    "        loss.backward()",
    """        critic_optim.zero_grad()
        loss.backward()
        critic_optim.step()""",
    """The critic's optimiser takes a step in the generator's turn too, on the gradient of the
    metric, and so undoes some of what the critic has learned. The generator's step is the
    generator's alone.""",
)
inner_steps.edit(
    "training_steps_the_critic_after_the_loop",
    """            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
""",
    """            critic_loss(p, q, critic).backward()
        critic_optim.step()
        critic_optim.zero_grad()
""",
    """The inner loop only adds up gradients, and the critic's optimiser takes a single step after
    it. Each turn of the loop is a whole step of the critic.""",
)
inner_steps.edit(
    "training_freezes_the_critic_for_good",
    "        q = generator()\n",
    """        q = generator()
        critic.requires_grad_(False)
""",
    """The critic's parameters are frozen for the generator's step and never thawed, so from the
    second call on the critic cannot learn.""",
)
inner_steps.edit(
    "training_with_one_inner_step_less",
    "range(critic_inner_iters)",
    "range(1, critic_inner_iters)",
    "The critic takes one step too few: range(1, n) has n - 1 turns.",
)
inner_steps.edit(
    "training_with_one_inner_step_more",
    "range(critic_inner_iters)",
    "range(critic_inner_iters + 1)",
    """The critic takes one step too many for each step of the generator. Count the turns of the
    loop for critic_inner_iters = 1.""",
)
inner_steps.edit(
    "training_with_one_step_each",
    "range(critic_inner_iters)",
    "range(1)",
    """critic_inner_iters is not used: the critic takes one step for each step of the generator,
    whatever was asked for.""",
)

averaging = Mistakes("gan.make_train_step", "test_average_follows_the_generators_step")
averaging.edit(
    "training_averages_in_the_loop",
    "            critic_optim.step()",
    """            critic_optim.step()
            if alpha_ema is not None:
                apply_exponential_moving_average(generator, test_generator, alpha_ema)""",
    """The average is updated in every inner step of the critic, when the generator has not moved.
    It follows the generator's step, once per call.""",
)
averaging.edit(
    "training_averages_before_the_step",
    """        generator_optim.step()

        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
""",
    """        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        generator_optim.step()
""",
    "The average is updated before the generator's step, so it lags one step behind.",
)
averaging.edit(
    "training_averages_into_the_generator",
    "(generator, test_generator, alpha_ema)",
    "(test_generator, generator, alpha_ema)",
    """Source and target of the average are exchanged, which drags the generator in training towards
    its own past.""",
)
averaging.edit(
    "training_averages_with_the_default_alpha",
    "test_generator, alpha_ema)",
    "test_generator)",
    "alpha_ema is not handed on, so the average always uses its default of 0.998.",
)
averaging.edit(
    "training_never_averages",
    "if alpha_ema is not None:",
    "if False:",
    "alpha_ema is never looked at, so the test generator stays what it was at the start.",
)

Mistakes("gan.make_train_step", "test_no_average_without_alpha").edit(
    "training_averages_without_alpha",
    """        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)""",
    "        apply_exponential_moving_average(generator, test_generator, alpha_ema or 0.998)",
    "The average is updated even when alpha_ema is None, which means no averaging.",
)

returned = Mistakes("gan.make_train_step", "test_returns_its_loss")
returned.edit(
    "training_returns_the_critics_loss",
    "return loss.detach()",
    "return critic_loss(p, q, critic).detach()",
    """The critic's loss is returned. What is logged is the metric that the generator's step
    minimised.""",
)
returned.edit(
    "training_returns_the_metric_of_the_critics_turn",
    "        ### BEGIN SOLUTION\n",
    """        for _ in range(critic_inner_iters):
            p, q = next(train_data_iter), generator().detach()
            before = metric(p, q, critic).detach()
            critic_optim.zero_grad()
            critic_loss(p, q, critic).backward()
            critic_optim.step()
        generator_optim.zero_grad()
        value = metric(next(train_data_iter), generator(), critic)
        value.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return before
""",
    """The metric is that of the critic's batch before the critic's step. The generator minimises it
    after the critic's steps, and that value is the one to return.""",
)


Mistakes("gan.make_train_step", "test_result_is_a_scalar_tensor").edit(
    "training_returns_a_plain_number",
    "loss.detach()",
    "loss.item()",
    """The metric is returned as a plain number. The caller clones and detaches it, which needs a
    tensor.""",
)

Mistakes("gan.make_train_step", "test_impossible_settings_are_refused").edit(
    "training_with_any_settings",
    """critic_inner_iters >= 1, f"critic_inner_iters must be >= 1, got {critic_inner_iters}"
    assert alpha_ema is None or 0 < alpha_ema < 1,""",
    "True,",
    """The checks at the head are gone: no inner steps at all, or an alpha_ema outside of (0, 1),
    are now accepted without a word.""",
)

losses = Mistakes("gan.make_train_step", "test_losses_are_those_that_were_asked_for")
losses.edit(
    "training_without_any_regulariser",
    "make_losses(loss_type, reg_type, reg_cf)",
    "make_losses(loss_type)",
    """Only the name of the loss reaches make_losses, so nothing is ever regularised, whatever was
    asked for.""",
)
losses.edit(
    "training_with_the_default_coefficient",
    "make_losses(loss_type, reg_type, reg_cf)",
    "make_losses(loss_type, reg_type)",
    """reg_cf does not reach make_losses: the regulariser always counts fully, and the runs with
    several coefficients are all the same.""",
)
losses.edit(
    "training_always_on_w1",
    "make_losses(loss_type, ",
    'make_losses("W1", ',
    "The name of the loss is written into the call of make_losses, and loss_type is not used.",
)

new_samples = Mistakes("gan.make_train_step", "test_has_new_samples_for_each_step")
new_samples.edit(
    "training_on_one_batch_of_each",
    """        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()  # the critic's step needs no gradient of the generator
""",
    """        p, q = next(train_data_iter), generator().detach()
        for _ in range(critic_inner_iters):
""",
    """One batch is drawn per call, and the critic takes all of its steps on it. More steps are
    taken to see more data: draw real and generated samples for each.""",
)
new_samples.edit(
    "training_on_one_real_batch",
    """        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
""",
    """        p = next(train_data_iter)
        for _ in range(critic_inner_iters):
""",
    """All inner steps of the critic use one batch of real samples: next() stands before the loop.
    More steps are taken to see more data.""",
)
new_samples.edit(
    "training_on_one_generated_batch",
    """        for _ in range(critic_inner_iters):
            p = next(train_data_iter)
            q = generator().detach()""",
    """        q = generator().detach()
        for _ in range(critic_inner_iters):
            p = next(train_data_iter)""",
    """All inner steps of the critic use one batch of generated samples: generator() stands before
    the loop. Each step needs samples of its own.""",
)

Mistakes("gan.make_train_step", "TestCritic::test_moves_by_its_optimiser_alone").edit(
    "training_clips_the_critics_weights",
    "            critic_optim.step()\n",
    """            critic_optim.step()
            with torch.no_grad():
                for parameter in critic.parameters():
                    parameter.clamp_(-0.01, 0.01)
""",
    """The critic's weights are clipped after each step, as in the first WGAN. Here its slope is the
    regulariser's business.""",
)

generator_steps = Mistakes("gan.make_train_step", "TestGenerator::test_takes_its_steps")
generator_steps.edit(
    "training_never_steps_the_generator",
    "        generator_optim.step()\n",
    "",
    "The gradient of the metric is computed, but the generator's optimiser never takes a step.",
)
generator_steps.edit(
    "training_steps_the_generator_in_the_loop",
    "        ### BEGIN SOLUTION\n",
    """        for _ in range(critic_inner_iters):
            critic_optim.zero_grad()
            critic_loss(next(train_data_iter), generator().detach(), critic).backward()
            critic_optim.step()
            generator_optim.zero_grad()
            value = metric(next(train_data_iter), generator(), critic)
            value.backward()
            generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        return value.detach()
""",
    """The generator's step is inside the critic's loop, so both take the same number of steps. The
    critic gets its inner steps first, then the generator one.""",
)
generator_steps.edit(
    "training_steps_the_generator_first",
    "        ### BEGIN SOLUTION\n",
    """        generator_optim.zero_grad()
        value = metric(next(train_data_iter), generator(), critic)
        value.backward()
        generator_optim.step()
        if alpha_ema is not None:
            apply_exponential_moving_average(generator, test_generator, alpha_ema)
        for _ in range(critic_inner_iters):
            critic_optim.zero_grad()
            critic_loss(next(train_data_iter), generator().detach(), critic).backward()
            critic_optim.step()
        return value.detach()
""",
    """The generator takes its step before the critic does. It should learn from a critic that has
    just adapted to it, so the inner steps come first.""",
)


Mistakes("gan.make_train_step", "test_average_follows_the_generators_step").edit(
    "training_averages_by_names_of_others",
    "test_generator, alpha_ema)",
    "test_generator, decay=alpha_ema)",
    """The moving average is called with a name for its factor that it does not have, so the step
    ends with a TypeError whenever alpha_ema is given.""",
)
