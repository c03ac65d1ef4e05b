"""Mistakes in b.1.1, b.3.2, b.3.3 and b.5.1: the networks."""

from grader.catalogue import Mistakes

vae_layers = Mistakes("image_models.VAE", "test_has_the_layers_of_the_text")
vae_layers.edit(
    "VaeWithOneHead",
    "self.logvar = nn.Linear(256, LATENT)",
    "self.logvar = self.mu",
    """There is a single head: mean and log-variance come from the same layer of 16. Each needs its
    own.""",
)
vae_layers.edit(
    "VaeWithTwentyDimensions",
    "super().__init__()",
    """super().__init__()
        LATENT = 20""",
    "The latent space has 20 dimensions. The text asks for 16.",
)

vae_encodes = Mistakes("image_models.VAE", "test_encodes")
vae_encodes.edit(
    "VaeWithoutTheSecondActivation",
    "nn.Linear(512, 256), nn.ReLU())",
    "nn.Linear(512, 256))",
    """The second hidden layer of the encoder has no activation, so that it and the heads are one
    linear map.""",
)
vae_encodes.edit(
    "VaeWithReluOnTheHeads",
    "return self.mu(hidden), self.logvar(hidden)",
    "return torch.relu(self.mu(hidden)), torch.relu(self.logvar(hidden))",
    "The heads end in a ReLU: a mean could not be negative, and no sigma below one.",
)
vae_encodes.edit(
    "VaeGivesTheStandardDeviation",
    "self.logvar(hidden)",
    "torch.exp(self.logvar(hidden) / 2)",
    """encode gives the standard deviation. Everything after it takes the log-variance, which may
    have either sign.""",
)

vae_decodes = Mistakes("image_models.VAE", "test_decodes")
vae_decodes.edit(
    "VaeGivesLogits",
    "self.decoder(z)",
    "self.decoder[:-1](z)",
    """The sigmoid at the end of the decoder is missing: these are logits, and the cross-entropy
    takes probabilities.""",
)
vae_decodes.edit(
    "VaeEndsInTanh",
    "nn.Sigmoid()",
    "nn.Tanh()",
    """The decoder ends in tanh. Pixels of the VAE are probabilities in [0, 1]; [-1, 1] is the
    GAN's.""",
)

vae_forward = Mistakes("image_models.VAE", "test_goes_through_the_draw")
vae_forward.edit(
    "VaeDecodesThePrior",
    "reparameterise(mu, logvar)",
    "torch.randn_like(mu)",
    """The model decodes a draw from the prior, so that its reconstruction does not depend on the
    image.""",
)
vae_forward.edit(
    "VaeSwapsItsMoments",
    ", mu, logvar\n",
    ", logvar, mu\n",
    """The model gives the log-variance before the mean. The order is reconstruction, mean,
    log-variance.""",
)

Mistakes("image_models.VAE", "test_does_not_decode_the_mean").edit(
    "VaeDecodesTheMean",
    "reparameterise(mu, logvar)",
    "mu",
    "The model decodes the mean and draws nothing: it is an autoencoder.",
)

Mistakes("image_models.VAE", "test_gives_a_row_for_each_example").edit(
    "VaeOfPictures",
    "self.decoder(z)",
    "self.decoder(z).view(-1, 1, 28, 28)",
    "Images are rows of 784, not pictures of 28 by 28.",
)

Mistakes("image_models.VAE", "test_is_trained_through").edit(
    "VaeWithADetachedDraw",
    "logvar)), mu",
    "logvar).detach()), mu",
    "The draw is detached: the encoder learns nothing from the reconstruction.",
)

generator_layers = Mistakes("image_models.Generator", "test_has_the_layers_of_the_text")
generator_layers.edit(
    "GeneratorOfAHundred",
    "nn.Linear(NOISE, 256)",
    "nn.Linear(100, 256)",
    "The noise has 100 numbers here. The text asks for 64.",
)
generator_layers.edit(
    "GeneratorWithBatchNormalisation",
    "nn.Linear(NOISE, 256),",
    """nn.Linear(NOISE, 256),
            nn.BatchNorm1d(256),""",
    "Batch normalisation has parameters of its own, and the text has none of it.",
)

generator_values = Mistakes("image_models.Generator", "test_makes_images")
generator_values.edit(
    "GeneratorEndsInASigmoid",
    "nn.Tanh()",
    "nn.Sigmoid()",
    "The last layer has a sigmoid: images in [0, 1], where the real ones are in [-1, 1].",
)


@generator_values
class GeneratorWithRelu(Generator):
    """The hidden layers have ReLU. The text asks for LeakyReLU with slope 0.2."""

    def __init__(self):
        super().__init__()
        self.layers[1] = self.layers[3] = nn.ReLU()


@generator_values
class GeneratorWithTheDefaultSlope(Generator):
    """LeakyReLU has its default slope of 0.01. The text asks for 0.2."""

    def __init__(self):
        super().__init__()
        self.layers[1] = self.layers[3] = nn.LeakyReLU()


Mistakes("image_models.Generator", "test_gives_a_row_for_each_example").edit(
    "GeneratorOfPictures",
    "self.layers(z)",
    "self.layers(z).view(-1, 1, 28, 28)",
    "Images are rows of 784, not pictures of 28 by 28.",
)

Mistakes("image_models.Generator", "test_is_trained_through").edit(
    "GeneratorThatTrainsItsLastLayer",
    "self.layers(z)",
    "self.layers[-2:](self.layers[:-2](z).detach())",
    "The hidden layers are computed without gradients: only the last one learns.",
)


@Mistakes("image_models.Discriminator", "test_has_the_layers_of_the_text")
class DiscriminatorTurnedRound(Discriminator):
    """The hidden layers have the generator's order, 256 and 512. The discriminator's are 512 and
    256."""

    def __init__(self):
        super().__init__()
        self.layers[0] = nn.Linear(784, 256)
        self.layers[3] = nn.Linear(256, 512)
        self.layers[6] = nn.Linear(512, 1)


Mistakes("image_models.Discriminator", "test_gives_logits").edit(
    "DiscriminatorEndsInASigmoid",
    "self.layers(x)",
    "torch.sigmoid(self.layers(x))",
    "The discriminator ends in a sigmoid. BCEWithLogits takes logits and applies its own.",
)

critic_drops = Mistakes("image_models.Discriminator", "test_drops_hidden_units")
critic_drops.edit(
    "DiscriminatorWithOneDropout",
    """            nn.Dropout(0.3),
            nn.Linear(256, 1),""",
    "            nn.Linear(256, 1),",
    "Dropout follows the first hidden layer alone.",
)


@critic_drops
class DiscriminatorWithoutDropout(Discriminator):
    """There is no dropout. The text asks for 0.3 after each hidden layer."""

    def __init__(self):
        super().__init__()
        self.layers[2] = self.layers[5] = nn.Identity()


@critic_drops
class DiscriminatorWithTheDefaultDropout(Discriminator):
    """Dropout has its default of 0.5. The text asks for 0.3."""

    def __init__(self):
        super().__init__()
        self.layers[2], self.layers[5] = nn.Dropout(), nn.Dropout()


@critic_drops
class DiscriminatorAlwaysDrops(Discriminator):
    """F.dropout drops in evaluation mode too unless it is told training=self.training."""

    def forward(self, x):
        hidden = F.dropout(self.layers[1](self.layers[0](x)), 0.3)
        hidden = F.dropout(self.layers[4](self.layers[3](hidden)), 0.3)
        return self.layers[6](hidden)


Mistakes("image_models.Discriminator", "test_gives_a_row_for_each_example").edit(
    "SqueezedDiscriminator",
    "self.layers(x)",
    "self.layers(x).squeeze()",
    """squeeze() drops every axis of size one: of a single image no axis is left. squeeze(1), or no
    squeeze at all.""",
)

Mistakes("image_models.Discriminator", "test_is_trained_through").edit(
    "DiscriminatorThatTrainsItsLastLayer",
    "self.layers(x)",
    "self.layers[-1](self.layers[:-1](x).detach())",
    "The hidden layers are computed without gradients: only the last one learns.",
)


@Mistakes("image_models.Classifier", "test_has_the_layers_of_the_text")
class ClassifierThatIsNarrow(Classifier):
    """The first convolution has 16 channels. The text asks for 32."""

    def __init__(self):
        super().__init__()
        self.body[0] = nn.Conv2d(1, 16, 3, padding=1)
        self.body[3] = nn.Conv2d(16, 64, 3, padding=1)


features = Mistakes("image_models.Classifier", "test_features_are_the_last_hidden_layer")
features.edit(
    "ClassifierFeaturesBeforeTheRelu",
    """nn.ReLU(),
        )
        self.head = nn.Linear(128, 10)""",
    """)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(128, 10))""",
    "The features are taken before their ReLU. The activations are what comes after it.",
)
features.edit(
    "ClassifierFeaturesAreTheLogits",
    """nn.ReLU(),
        )
        self.head = nn.Linear(128, 10)""",
    """nn.ReLU(),
            nn.Linear(128, 10),
        )
        self.head = nn.Identity()""",
    "The features are the last layer's ten values. They are the 128 before it.",
)

probabilities = Mistakes("image_models.Classifier", "test_probabilities_are_those_of_the_classes")
probabilities.edit(
    "ClassifierNormalisesTheBatch",
    "dim=1",
    "dim=0",
    "The softmax runs over the batch: columns add up to one, and not rows.",
)
probabilities.edit(
    "ClassifierWithTwoSoftmaxes",
    "torch.softmax(self.head(self.features(x)), dim=1)",
    "torch.softmax(torch.softmax(self.head(self.features(x)), dim=1), dim=1)",
    """Two softmaxes, one after the other: no class can have more than 0.24, and every score is near
    1.""",
)

Mistakes("image_models.Classifier", "test_gives_what_its_loss_takes").edit(
    "ClassifierWithReluOnTheLogits",
    "return self.head(self.features(x))",
    "return torch.relu(self.head(self.features(x)))",
    "The logits go through a ReLU, so that no class can be unlikelier than zero.",
)

Mistakes("image_models.Classifier", "test_gives_a_row_for_each_example").edit(
    "ClassifierWithAxesTooMany",
    """nn.ReLU(),
        )
        self.head = nn.Linear(128, 10)""",
    """nn.ReLU(),
            nn.Unflatten(1, (128, 1, 1)),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(128, 10))""",
    "Features are rows of 128; here they have axes of size one behind them.",
)

Mistakes("image_models.Classifier", "test_is_trained_through").edit(
    "ClassifierThatTrainsItsLastLayer",
    "self.body(x)",
    "self.body(x).detach()",
    "features is computed without gradients, and forward uses it: only the last layer learns.",
)
