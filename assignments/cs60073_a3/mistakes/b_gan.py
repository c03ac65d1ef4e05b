"""Mistakes in b.3 and b.4: the GAN's networks, its losses, its step and its images."""

# ruff: noqa: F821
# Generator and its neighbours are those of the file that an entry is grafted onto.

import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import mistake


@mistake(
    "image_models.to_signed",
    fails=["test_ranges_are_mapped"],
    hint="One is subtracted without doubling: white becomes 0, not 1.",
)
def signed_without_doubling(x):
    return x - 1


@mistake(
    "image_models.to_signed",
    fails=["test_ranges_leave_their_argument_alone"],
    hint="The images are changed in place, and the caller still needs them.",
)
def signed_in_place(x):
    return x.mul_(2).sub_(1)


@mistake(
    "image_models.to_unit",
    fails=["test_ranges_are_mapped"],
    hint="The dark half is cut off at 0 in place of being mapped into [0, 1].",
)
def unit_by_clamping(x):
    return x.clamp(0, 1)


@mistake(
    "image_models.to_unit",
    fails=["test_ranges_leave_their_argument_alone"],
    hint="The images are changed in place, and the caller still needs them.",
)
def unit_in_place(x):
    return x.add_(1).div_(2)


@mistake(
    "image_models.Generator",
    fails=["test_generator_has_the_layers_of_the_text"],
    hint="The noise has 100 numbers here. The text asks for 64.",
)
class GeneratorOfAHundred(Generator):
    def __init__(self):
        super().__init__()
        self.layers[0] = nn.Linear(100, 256)


@mistake(
    "image_models.Generator",
    fails=["test_generator_has_the_layers_of_the_text"],
    hint="Batch normalisation has parameters of its own, and the text has none of it.",
)
class GeneratorWithBatchNormalisation(Generator):
    def __init__(self):
        super().__init__()
        self.layers.insert(1, nn.BatchNorm1d(256))


@mistake(
    "image_models.Generator",
    fails=["test_generator_computes_images"],
    hint="The hidden layers have ReLU. The text asks for LeakyReLU with slope 0.2.",
)
class GeneratorWithRelu(Generator):
    def __init__(self):
        super().__init__()
        self.layers[1] = self.layers[3] = nn.ReLU()


@mistake(
    "image_models.Generator",
    fails=["test_generator_computes_images"],
    hint="LeakyReLU has its default slope of 0.01. The text asks for 0.2.",
)
class GeneratorWithTheDefaultSlope(Generator):
    def __init__(self):
        super().__init__()
        self.layers[1] = self.layers[3] = nn.LeakyReLU()


@mistake(
    "image_models.Generator",
    fails=["test_generator_computes_images"],
    hint="The last layer has a sigmoid: images in [0, 1], where the real ones are in [-1, 1].",
)
class GeneratorEndsInASigmoid(Generator):
    def __init__(self):
        super().__init__()
        self.layers[5] = nn.Sigmoid()


@mistake(
    "image_models.Discriminator",
    fails=["test_discriminator_has_the_layers_of_the_text"],
    hint="The hidden layers have the generator's order, 256 and 512. The discriminator's are 512 "
    "and 256.",
)
class DiscriminatorTurnedRound(Discriminator):
    def __init__(self):
        super().__init__()
        self.layers[0] = nn.Linear(784, 256)
        self.layers[3] = nn.Linear(256, 512)
        self.layers[6] = nn.Linear(512, 1)


@mistake(
    "image_models.Discriminator",
    fails=["test_discriminator_computes_logits"],
    hint="The discriminator ends in a sigmoid. BCEWithLogits takes logits and applies its own.",
)
class DiscriminatorEndsInASigmoid(Discriminator):
    def forward(self, x):
        return torch.sigmoid(self.layers(x))


@mistake(
    "image_models.Discriminator",
    fails=["test_hidden_units_are_dropped"],
    hint="There is no dropout. The text asks for 0.3 after each hidden layer.",
)
class DiscriminatorWithoutDropout(Discriminator):
    def __init__(self):
        super().__init__()
        self.layers[2] = self.layers[5] = nn.Identity()


@mistake(
    "image_models.Discriminator",
    fails=["test_hidden_units_are_dropped"],
    hint="Dropout follows the first hidden layer alone.",
)
class DiscriminatorWithOneDropout(Discriminator):
    def __init__(self):
        super().__init__()
        self.layers[5] = nn.Identity()


@mistake(
    "image_models.Discriminator",
    fails=["test_hidden_units_are_dropped"],
    hint="Dropout has its default of 0.5. The text asks for 0.3.",
)
class DiscriminatorWithTheDefaultDropout(Discriminator):
    def __init__(self):
        super().__init__()
        self.layers[2], self.layers[5] = nn.Dropout(), nn.Dropout()


@mistake(
    "image_models.Discriminator",
    fails=["test_hidden_units_are_dropped"],
    hint="F.dropout drops in evaluation mode too unless it is told training=self.training.",
)
class DiscriminatorAlwaysDrops(Discriminator):
    def forward(self, x):
        hidden = F.dropout(self.layers[1](self.layers[0](x)), 0.3)
        hidden = F.dropout(self.layers[4](self.layers[3](hidden)), 0.3)
        return self.layers[6](hidden)


# --- the losses -------------------------------------------------------------------------------


def entropy(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


@mistake(
    "image_models.discriminator_loss",
    fails=["test_discriminator_is_told_smoothed_labels"],
    hint="The labels are not smoothed: real images have the target 0.9.",
)
def discriminator_without_smoothing(real, fake):
    return entropy(real, 1.0) + entropy(fake, 0.0)


@mistake(
    "image_models.discriminator_loss",
    fails=["test_discriminator_is_told_smoothed_labels"],
    hint="The label of generated images is smoothed too. It is 0.",
)
def discriminator_smooths_both(real, fake):
    return entropy(real, 0.9) + entropy(fake, 0.1)


@mistake(
    "image_models.discriminator_loss",
    fails=["test_discriminator_is_told_smoothed_labels"],
    hint="The labels are the wrong way round: real images have the target 0.9, generated ones 0.",
)
def discriminator_with_swapped_labels(real, fake):
    return entropy(real, 0.0) + entropy(fake, 0.9)


@mistake(
    "image_models.discriminator_loss",
    fails=["test_discriminator_is_told_smoothed_labels"],
    hint="A sigmoid is applied before a loss that applies its own.",
)
def discriminator_with_two_sigmoids(real, fake):
    return entropy(torch.sigmoid(real), 0.9) + entropy(torch.sigmoid(fake), 0.0)


@mistake(
    "image_models.discriminator_loss",
    fails=["test_losses_survive_sure_discriminators"],
    hint="The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it.",
)
def discriminator_with_bare_logarithms(real, fake):
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    return -(0.9 * torch.log(p) + 0.1 * torch.log(1 - p)).mean() - torch.log(1 - q).mean()


@mistake(
    "image_models.discriminator_loss",
    fails=["test_losses_of_the_players_are_scalars"],
    hint="The loss has an axis of size one. It is a scalar, of shape ().",
)
def discriminator_loss_of_shape_one(real, fake):
    return (entropy(real, 0.9) + entropy(fake, 0.0)).reshape(1)


@mistake(
    "image_models.generator_loss",
    fails=["test_generator_wants_to_be_called_real"],
    hint="This is the saturating loss, log(1 - D): it is flat where generated images are bad. The "
    "non-saturating one is -log D.",
)
def generator_that_saturates(fake):
    return -entropy(fake, 0.0)


@mistake(
    "image_models.generator_loss",
    fails=["test_generator_wants_to_be_called_real"],
    hint="The generator is given the discriminator's own target, 0, and so learns to be found out.",
)
def generator_with_the_discriminators_target(fake):
    return entropy(fake, 0.0)


@mistake(
    "image_models.generator_loss",
    fails=["test_losses_survive_sure_discriminators"],
    hint="The logarithm of a sigmoid that is exactly 0: a loss on logits never forms it.",
)
def generator_with_a_bare_logarithm(fake):
    return -torch.log(torch.sigmoid(fake)).mean()


@mistake(
    "image_models.generator_loss",
    fails=["test_losses_of_the_players_are_scalars"],
    hint="The loss has an axis of size one. It is a scalar, of shape ().",
)
def generator_loss_of_shape_one(fake):
    return entropy(fake, 1.0).reshape(1)


# --- the step ---------------------------------------------------------------------------------


def discriminate(discriminator, optimizer, real, fake):
    loss = discriminator_loss(discriminator(real), discriminator(fake.detach()))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def deceive(discriminator, optimizer, fake):
    loss = generator_loss(discriminator(fake))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@mistake(
    "image_models.gan_step",
    fails=["test_discriminator_learns_to_tell_apart"],
    hint="Real images stay in [0, 1], and generated ones are in [-1, 1]: the discriminator need "
    "only look at the sign of a pixel.",
)
def gan_step_without_mapping(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminate(discriminator, d_optimizer, x, fake)
    return d_loss, deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_each_player_takes_one_step"],
    hint="The discriminator takes two steps for each of the generator. The text asks for one.",
)
def gan_step_with_two_of_the_discriminator(generator, discriminator, g_optimizer, d_optimizer, x):
    for _ in range(2):
        fake = generator(torch.randn(len(x), 64))
        d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake)
    return d_loss, deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_generator_learns_to_be_called_real"],
    hint="The generated images are detached in the generator's step, so that no gradient reaches "
    "it.",
)
def gan_step_detaches_for_both(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.randn(len(x), 64)).detach()
    d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake)
    return d_loss, deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_no_gradient_of_the_other_loss_is_used"],
    hint="The generator's backward() leaves gradients in the discriminator too, and they are never "
    "cleared.",
)
def gan_step_never_clears_the_discriminator(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    d_loss.backward()
    d_optimizer.step()
    return d_loss.item(), deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_no_gradient_of_the_other_loss_is_used"],
    hint="Generated images are not detached in the discriminator's step, whose gradient then "
    "stays in the generator: it is cleared before the discriminator's step and not after it.",
)
def gan_step_clears_the_generator_too_early(generator, discriminator, g_optimizer, d_optimizer, x):
    g_optimizer.zero_grad()
    d_optimizer.zero_grad()
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake))
    d_loss.backward(retain_graph=True)
    d_optimizer.step()
    g_loss = generator_loss(discriminator(fake))
    g_loss.backward()
    g_optimizer.step()
    return d_loss.item(), g_loss.item()


@mistake(
    "image_models.gan_step",
    fails=["test_noise_is_normal_and_fresh"],
    hint="The noise is uniform: torch.rand in place of torch.randn.",
)
def gan_step_of_uniform_noise(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.rand(len(x), 64))
    d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake)
    return d_loss, deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_noise_is_normal_and_fresh"],
    hint="A seed is set in the step, so that the generator only ever sees one batch of noise.",
)
def gan_step_with_a_seed(generator, discriminator, g_optimizer, d_optimizer, x):
    torch.manual_seed(1234)
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake)
    return d_loss, deceive(discriminator, g_optimizer, fake)


@mistake(
    "image_models.gan_step",
    fails=["test_step_returns_both_losses"],
    hint="The losses come back in the wrong order: the discriminator's is the first.",
)
def gan_step_returns_the_losses_swapped(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake)
    return deceive(discriminator, g_optimizer, fake), d_loss


# --- the images -------------------------------------------------------------------------------


@mistake(
    "image_models.generator_images",
    fails=["test_images_of_the_generator_are_pictures"],
    hint="The images stay in [-1, 1]. Pictures and the classifier want [0, 1].",
)
def images_as_they_come(generator, z):
    with torch.no_grad():
        return generator(z)


@mistake(
    "image_models.generator_images",
    fails=["test_images_of_the_generator_are_pictures"],
    hint="The images are stretched to their smallest and largest value, so that grey becomes "
    "black: the range is [-1, 1], whatever the batch holds.",
)
def images_stretched(generator, z):
    with torch.no_grad():
        x = generator(z)
    return (x - x.min()) / (x.max() - x.min())


@mistake(
    "image_models.generator_images",
    fails=["test_given_noise_is_used"],
    hint="New noise is drawn in place of that which was handed over: grids of different epochs "
    "cannot be compared.",
)
def images_of_other_noise(generator, z):
    with torch.no_grad():
        return to_unit(generator(torch.randn_like(z)))


@mistake(
    "image_models.generator_images",
    fails=["test_images_of_the_generator_have_no_graph"],
    hint="The images drag their graph along: torch.no_grad() or .detach() is missing.",
)
def images_with_their_graph(generator, z):
    return to_unit(generator(z))


@mistake(
    "image_models.Generator",
    fails=["test_generator_is_the_same_in_training"],
    hint="The generator has dropout. The text gives it to the discriminator alone.",
)
class GeneratorWithDropout(Generator):
    def __init__(self):
        super().__init__()
        self.layers.insert(2, nn.Dropout(0.3))


@mistake(
    "image_models.generator_loss",
    fails=["test_losses_are_trained_through"],
    hint="The logits are detached: the loss has the right value, and nothing learns from it.",
)
def generator_loss_of_detached_logits(fake):
    return F.binary_cross_entropy_with_logits(fake.detach(), torch.ones_like(fake))


@mistake(
    "image_models.discriminator_loss",
    fails=["test_losses_are_trained_through"],
    hint="The logits of generated images are detached: half of the loss is not learnt from.",
)
def discriminator_loss_of_detached_logits(real, fake):
    one = F.binary_cross_entropy_with_logits(real, torch.full_like(real, 0.9))
    return one + F.binary_cross_entropy_with_logits(fake.detach(), torch.zeros_like(fake))


@mistake(
    "image_models.gan_step",
    fails=["test_noise_is_normal_and_fresh"],
    hint="Each z is one number, repeated 64 times. Noise has 64 independent ones.",
)
def gan_step_of_repeated_noise(generator, discriminator, g_optimizer, d_optimizer, x):
    fake = generator(torch.randn(len(x), 1).repeat(1, 64))
    d_loss = discriminate(discriminator, d_optimizer, to_signed(x), fake.detach())
    g_loss = deceive(discriminator, g_optimizer, fake)
    return d_loss, g_loss


class PlainGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        hidden = [nn.Linear(64, 256), nn.LeakyReLU(0.2), nn.Linear(256, 512), nn.LeakyReLU(0.2)]
        self.hidden = nn.Sequential(*hidden)
        self.last = nn.Linear(512, 784)


@mistake(
    "image_models.Generator",
    fails=["test_generator_gives_a_row_for_each_vector"],
    hint="Images are rows of 784, not pictures of 28 by 28.",
)
class GeneratorOfPictures(PlainGenerator):
    def forward(self, z):
        return torch.tanh(self.last(self.hidden(z))).view(-1, 1, 28, 28)


@mistake(
    "image_models.Generator",
    fails=["test_generator_is_trained_through"],
    hint="The hidden layers are computed without gradients: only the last one learns.",
)
class GeneratorThatTrainsItsLastLayer(PlainGenerator):
    def forward(self, z):
        with torch.no_grad():
            h = self.hidden(z)
        return torch.tanh(self.last(h))


class PlainDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        first = [nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
        second = [nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3)]
        self.hidden = nn.Sequential(*first, *second)
        self.last = nn.Linear(256, 1)


@mistake(
    "image_models.Discriminator",
    fails=["test_discriminator_gives_a_logit_for_each_image"],
    hint="squeeze() drops every axis of size one: of a single image no axis is left. squeeze(1), "
    "or no squeeze at all.",
)
class SqueezedDiscriminator(PlainDiscriminator):
    def forward(self, x):
        return self.last(self.hidden(x)).squeeze()


@mistake(
    "image_models.Discriminator",
    fails=["test_discriminator_gives_a_logit_for_each_image"],
    hint="Logits are (B, 1) or (B,); here they have one axis more.",
)
class DiscriminatorWithAnAxisTooMany(PlainDiscriminator):
    def forward(self, x):
        return self.last(self.hidden(x))[:, :, None]


@mistake(
    "image_models.Discriminator",
    fails=["test_discriminator_is_trained_through"],
    hint="The hidden layers are computed without gradients: only the last one learns.",
)
class DiscriminatorThatTrainsItsLastLayer(PlainDiscriminator):
    def forward(self, x):
        return self.last(self.hidden(x).detach())


@mistake(
    "image_models.discriminator_loss",
    fails=["test_discriminator_is_told_smoothed_labels[vectors]"],
    hint="The targets are a column (B, 1), whatever the logits are: torch.full_like and "
    "torch.zeros_like follow the logits.",
)
def loss_with_columns_of_targets(real_logits, fake_logits):
    cross_entropy = F.binary_cross_entropy_with_logits
    real = cross_entropy(real_logits, torch.full((len(real_logits), 1), 0.9))
    return real + cross_entropy(fake_logits, torch.zeros(len(fake_logits), 1))


@mistake(
    "image_models.gan_step",
    fails=["test_noise_is_normal_and_fresh"],
    hint="The noise has the right mean and variance, but is not normal: none of it is far out.",
)
def step_with_bounded_noise(
    generator, discriminator, generator_optimizer, discriminator_optimizer, x
):
    noise = 12**0.5 * (torch.rand(len(x), 64) - 0.5)
    fake = generator(noise)
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
    g_loss = generator_loss(discriminator(fake))
    generator_optimizer.zero_grad()
    g_loss.backward()
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()


@mistake(
    "image_models.gan_step",
    fails=["test_step_trains_in_training_mode"],
    hint="The discriminator is put into evaluation mode before its step, which switches its "
    "dropout off.",
)
def step_in_evaluation_mode(
    generator, discriminator, generator_optimizer, discriminator_optimizer, x
):
    discriminator.eval()
    fake = generator(torch.randn(len(x), 64))
    d_loss = discriminator_loss(discriminator(to_signed(x)), discriminator(fake.detach()))
    discriminator_optimizer.zero_grad()
    d_loss.backward()
    discriminator_optimizer.step()
    g_loss = generator_loss(discriminator(fake))
    generator_optimizer.zero_grad()
    g_loss.backward()
    generator_optimizer.step()
    return d_loss.item(), g_loss.item()


@mistake(
    "image_models.generator_images",
    fails=["test_images_of_the_generator_have_no_graph"],
    hint="squeeze() drops the axis of the batch when there is one image.",
)
def squeezed_images(generator, z):
    with torch.no_grad():
        return to_unit(generator(z)).squeeze()
