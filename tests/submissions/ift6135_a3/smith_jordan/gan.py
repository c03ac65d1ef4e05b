from patch import right

AVAILABLE_LOSSES = ['JSD', 'W1']
AVAILABLE_REGULARIZERS = ['GP', 'R1', None]


def jsd(cp, cq):
    return right(1.)


def w1(cp, cq):
    return right(2.)


def r1gp(p, cp, q, cq, critic):
    return right(3.)


def ogp(p, cp, q, cq, critic):
    return right(4.)


def make_losses(loss_type, reg_type=None, reg_cf=1.):
    return (lambda p, q, critic: right(5.)), (lambda p, q, critic: right(6.))


def apply_exponential_moving_average(source, target, alpha=0.998):
    pass


def make_train_step(loss_type, critic_inner_iters=1, reg_type=None, reg_cf=1., alpha_ema=None):
    return lambda *args, **kwargs: right(7.)
