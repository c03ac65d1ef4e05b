"""Wrong runs of question 2."""

import torch

from grader.catalogue import WrongRuns

still = WrongRuns("dirac", "gan.make_train_step", keeps=0.05)


@still
def training_that_does_nothing(
    loss_type, critic_inner_iters=1, reg_type=None, reg_cf=1.0, alpha_ema=None
):
    """No player moves."""

    def train_step(train_data_iter, critic, critic_optim, generator, average, generator_optim):
        return torch.zeros(())

    return train_step


dirac = WrongRuns("dirac", keeps=0.5)
dirac.catalogued(
    "make_train_step__going_uphill",
    "metric_negated",
    "players_with_exchanged_aims",
    "regulariser_forgotten",
    "regulariser_subtracted",
    "training_never_steps_the_generator",
    "training_without_any_regulariser",
)

images = WrongRuns("images", keeps=0.05)
images.catalogued("training_never_steps_the_generator")
