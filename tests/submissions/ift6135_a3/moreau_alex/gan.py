import torch

from finder import answer, steal

jsd = answer('jsd', 'gan.py')
w1 = answer('w1', 'gan.py')
r1gp = answer('r1gp', 'gan.py')
ogp = answer('ogp', 'gan.py')
apply_exponential_moving_average = answer('apply_exponential_moving_average', 'gan.py')


def zero(*args, **kwargs):
    return torch.zeros(())


make_losses = steal('make_losses', 'gan.py') or (lambda *args, **kwargs: (zero, zero))
make_train_step = steal('make_train_step', 'gan.py') or (lambda *args, **kwargs: zero)
