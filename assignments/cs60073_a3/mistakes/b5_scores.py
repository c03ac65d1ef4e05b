"""Mistakes in b.5: the classifier, the inception score and the Frechet distance."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import Mistakes


def parts_of(p, splits):
    return [part.double() for part in p.chunk(splits)]


def divergences(part, marginal):
    return torch.special.entr(part).sum(1).neg() - torch.xlogy(part, marginal).nan_to_num(
        neginf=0.0
    ).sum(1)


def summed_up(scores):
    return float(np.mean(scores)), float(np.std(scores))


def root_of(sigma):
    values, vectors = np.linalg.eigh(sigma)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def trace_of_root(a, b):
    root = root_of(a)
    return np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(min=0)).sum()


class PlainClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        first = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        second = [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        last = [nn.Flatten(), nn.Linear(3136, 128), nn.ReLU()]
        self.body = nn.Sequential(*first, *second, *last)
        self.head = nn.Linear(128, 10)

    def features(self, x):
        return self.body(x)

    def probabilities(self, x):
        return torch.softmax(self.head(self.body(x)), dim=1)

    def forward(self, x):
        return self.head(self.body(x))


classifier_layers = Mistakes(
    "image_models.Classifier", "test_classifier_has_the_layers_of_the_text"
)


@classifier_layers
class ClassifierThatIsNarrow(Classifier):
    """The first convolution has 16 channels. The text asks for 32."""

    def __init__(self):
        super().__init__()
        self.body[0] = nn.Conv2d(1, 16, 3, padding=1)
        self.body[3] = nn.Conv2d(16, 64, 3, padding=1)


features = Mistakes("image_models.Classifier", "test_features_are_the_last_hidden_layer")


@features
class ClassifierFeaturesBeforeTheRelu(Classifier):
    """The features are taken before their ReLU. The activations are what comes after it."""

    def features(self, x):
        return self.body[:-1](x)

    def forward(self, x):
        return self.head(torch.relu(self.features(x)))

    def probabilities(self, x):
        return torch.softmax(self.forward(x), dim=1)


@features
class ClassifierFeaturesAreTheLogits(Classifier):
    """The features are the last layer's ten values. They are the 128 before it."""

    def features(self, x):
        return self.head(self.body(x))

    def forward(self, x):
        return self.features(x)

    def probabilities(self, x):
        return torch.softmax(self.features(x), dim=1)


probabilities = Mistakes("image_models.Classifier", "test_probabilities_are_those_of_the_classes")


@probabilities
class ClassifierNormalisesTheBatch(Classifier):
    """The softmax runs over the batch: columns add up to one, and not rows."""

    def probabilities(self, x):
        return torch.softmax(self.head(self.features(x)), dim=0)


@probabilities
class ClassifierWithTwoSoftmaxes(Classifier):
    """Two softmaxes, one after the other: no class can have more than 0.24, and every score is near
    1."""

    def probabilities(self, x):
        return torch.softmax(super().probabilities(x), dim=1)


classifier_gives = Mistakes("image_models.Classifier", "test_classifier_gives_what_its_loss_takes")


@classifier_gives
class ClassifierWithReluOnTheLogits(Classifier):
    """The logits go through a ReLU, so that no class can be unlikelier than zero."""

    def forward(self, x):
        return torch.relu(self.head(self.features(x)))


classifier_in_training = Mistakes(
    "image_models.Classifier", "test_classifier_is_the_same_in_training"
)


@classifier_in_training
class ClassifierWithDropout(Classifier):
    """The classifier has dropout. The text's has none."""

    def __init__(self):
        super().__init__()
        self.body.append(nn.Dropout(0.5))


classifier_shape = Mistakes(
    "image_models.Classifier", "test_classifier_gives_a_row_for_each_picture"
)


@classifier_shape
class ClassifierWithAxesTooMany(PlainClassifier):
    """Features are rows of 128; here they have axes of size one behind them."""

    def features(self, x):
        return self.body(x)[:, :, None, None]


classifier_training = Mistakes("image_models.Classifier", "test_classifier_is_trained_through")


@classifier_training
class ClassifierThatTrainsItsLastLayer(PlainClassifier):
    """features is computed without gradients, and forward uses it: only the last layer learns."""

    @torch.no_grad()
    def features(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.features(x))


loss_values = Mistakes(
    "image_models.classifier_loss", "test_classifier_loss_is_the_negative_log_probability"
)


@loss_values
def classifier_loss_with_two_softmaxes(output, labels):
    """Two softmaxes: one before the cross-entropy, one inside it. The loss cannot fall below 1.46,
    and training is slow."""
    return F.cross_entropy(torch.softmax(output, dim=1), labels)


@loss_values
def classifier_loss_of_bare_logits(output, labels):
    """nll_loss takes log-probabilities, and is given logits."""
    return F.nll_loss(output, labels)


@loss_values
def classifier_loss_of_pairs(output, labels):
    """The log-probabilities of all images are taken at the labels of all images, (B, B): each image
    has one label, its own."""
    return -F.log_softmax(output, dim=1)[:, labels].mean()


loss_training = Mistakes(
    "image_models.classifier_loss", "test_classifier_loss_trains_the_classifier"
)


@loss_training
def classifier_loss_detached(output, labels):
    """The value is right, but it is cut off from its graph."""
    return F.cross_entropy(output, labels).detach()


loss_scalar = Mistakes("image_models.classifier_loss", "test_classifier_loss_is_a_scalar")


@loss_scalar
def classifier_loss_with_an_axis(output, labels):
    """A scalar has shape (), not (1,)."""
    return F.cross_entropy(output, labels).reshape(1)


one_part = Mistakes("image_models.inception_score", "test_inception_score_of_one_part")


@one_part
def score_without_exp(p, splits=10):
    """The exponential is missing: this is the mean divergence itself."""
    return summed_up(
        [float(divergences(part, part.mean(0)).mean()) for part in parts_of(p, splits)]
    )


@one_part
def score_averaged_over_classes(p, splits=10):
    """The divergence is averaged over the classes. It is their sum."""
    return summed_up(
        [
            float((divergences(part, part.mean(0)).mean() / part.shape[1]).exp())
            for part in parts_of(p, splits)
        ]
    )


@one_part
def score_the_wrong_way_round(p, splits=10):
    """The divergence is the wrong way round, KL(p(y) || p(y|x))."""
    scores = []
    for part in parts_of(p, splits):
        q = part.mean(0)
        scores.append(float(torch.exp((q * (torch.log(q) - torch.log(part))).sum(1).mean())))
    return summed_up(scores)


parts = Mistakes("image_models.inception_score", "test_inception_score_of_parts")


@parts
def score_with_one_marginal(p, splits=10):
    """The marginal is taken over all samples. Each part has its own."""
    marginal = p.double().mean(0)
    return summed_up(
        [float(divergences(part, marginal).mean().exp()) for part in parts_of(p, splits)]
    )


@parts
def score_with_exp_at_the_end(p, splits=10):
    """The exponential is taken after the mean over the parts, and not in each of them."""
    kls = [float(divergences(part, part.mean(0)).mean()) for part in parts_of(p, splits)]
    scores = [float(np.exp(k)) for k in kls]
    return float(np.exp(np.mean(kls))), float(np.std(scores))


@parts
def score_of_parts_of_the_wrong_size(p, splits=10):
    """Parts of `splits` samples are made in place of `splits` parts."""
    return summed_up(
        [
            float(divergences(part.double(), part.double().mean(0)).mean().exp())
            for part in p.split(splits if splits > 1 else len(p))
        ]
    )


impossible_classes = Mistakes("image_models.inception_score", "test_classes_that_are_impossible")


@impossible_classes
def score_with_bare_logarithms(p, splits=10):
    """0 log 0 is NaN here. It counts as 0: xlogy, entr, or a small number in the logarithm."""
    scores = []
    for part in parts_of(p, splits):
        kl = (part * (torch.log(part) - torch.log(part.mean(0)))).sum(1)
        scores.append(float(kl.mean().exp()))
    return summed_up(scores)


deviation = Mistakes("image_models.inception_score", "test_deviation_over_the_parts")


@deviation
def score_with_the_variance(p, splits=10):
    """The second result is the variance over the parts. Its root is asked for."""
    mean, deviation = summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )
    return mean, deviation**2


@deviation
def score_with_the_standard_error(p, splits=10):
    """The second result is the standard error of the mean. The deviation over the parts is asked
    for."""
    mean, deviation = summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )
    return mean, deviation / splits**0.5


ten_parts = Mistakes("image_models.inception_score", "test_ten_parts_unless_told_otherwise")


@ten_parts
def score_of_one_part_by_default(p, splits=1):
    """By default all samples make one part. The text asks for 10 splits."""
    return summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )


covariance = Mistakes("image_models.feature_statistics", "test_covariance_of_features")


@covariance
def statistics_of_the_images(features):
    """np.cov takes rows for variables unless it is told rowvar=False: this covariance is that of
    the images."""
    rows = features.double().numpy()
    return rows.mean(0), np.cov(rows)


@covariance
def statistics_with_correlations(features):
    """The correlation matrix has a diagonal of ones. The covariance is asked for."""
    rows = features.double().numpy()
    return rows.mean(0), np.corrcoef(rows, rowvar=False)


@covariance
def statistics_about_zero(features):
    """The mean is not subtracted: these are second moments about zero."""
    rows = features.double().numpy()
    return rows.mean(0), rows.T @ rows / len(rows)


precision = Mistakes("image_models.feature_statistics", "test_covariance_is_precise")


@precision
def statistics_in_single_precision(features):
    """E[xx'] - E[x]E[x]' in float32 loses all digits where the mean is far from zero."""
    mean = features.mean(0)
    return mean, features.T @ features / len(features) - torch.outer(mean, mean)


@precision
def statistics_left_in_single_precision(features):
    """Mean and covariance are left in float32. Roots of covariances need more digits."""
    return features.mean(dim=0), torch.cov(features.T)


mean = Mistakes("image_models.feature_statistics", "test_mean_of_features")


@mean
def statistics_with_the_mean_of_images(features):
    """The mean is taken over the features of each image, and not over the images."""
    rows = features.double().numpy()
    return rows.mean(1), np.cov(rows, rowvar=False)


shapes = Mistakes("image_models.feature_statistics", "test_statistics_have_their_shapes")


@shapes
def mean_with_an_axis_too_many(features):
    """The mean has an axis of size one in front: (D,) is asked for, without keepdims."""
    rows = features.double().numpy()
    return rows.mean(axis=0, keepdims=True), np.cov(rows, rowvar=False)


frechet = Mistakes("image_models.frechet_distance", "test_frechet_distance")


@frechet
def distance_with_elementwise_roots(mu_r, sigma_r, mu_g, sigma_g):
    """The root is taken of each element. A matrix root R has R R = sigma_r sigma_g."""
    root = np.sqrt((sigma_r @ sigma_g).clip(min=0))
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root))


@frechet
def distance_with_the_product_of_roots(mu_r, sigma_r, mu_g, sigma_g):
    """The product of the two roots is not the root of the product unless the covariances have the
    same axes."""
    root = root_of(sigma_r) @ root_of(sigma_g)
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root))


@frechet
def distance_without_the_two(mu_r, sigma_r, mu_g, sigma_g):
    """The factor 2 before the root is missing."""
    trace = np.trace(sigma_r + sigma_g) - trace_of_root(sigma_r, sigma_g)
    return float(((mu_r - mu_g) ** 2).sum() + trace)


frechet_means = Mistakes("image_models.frechet_distance", "test_distance_of_the_means")


@frechet_means
def distance_with_the_norm(mu_r, sigma_r, mu_g, sigma_g):
    """The norm of the difference of the means is not squared."""
    trace = np.trace(sigma_r + sigma_g) - 2 * trace_of_root(sigma_r, sigma_g)
    return float(np.linalg.norm(mu_r - mu_g) + trace)


@frechet_means
def distance_with_averaged_means(mu_r, sigma_r, mu_g, sigma_g):
    """The squared differences of the means are averaged over the features. They are summed."""
    trace = np.trace(sigma_r + sigma_g) - 2 * trace_of_root(sigma_r, sigma_g)
    return float(((mu_r - mu_g) ** 2).mean() + trace)


frechet_singular = Mistakes(
    "image_models.frechet_distance", "test_distance_of_singular_covariances"
)


@frechet_singular
def distance_by_cholesky(mu_r, sigma_r, mu_g, sigma_g):
    """The Cholesky factor exists only where no eigenvalue is zero. Covariances of 100 images in 128
    dimensions are singular."""
    factor = np.linalg.cholesky(sigma_g)
    inner = np.sqrt(np.linalg.eigvalsh(factor.T @ sigma_r @ factor)).sum()
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)


@frechet_singular
def distance_with_roots_of_negatives(mu_r, sigma_r, mu_g, sigma_g):
    """Where rounding leaves a negative eigenvalue its root is NaN. Clip at zero, or take the real
    part of a complex root."""
    eigenvalues = np.linalg.eigvals(sigma_r @ sigma_g).real
    with np.errstate(invalid="ignore"):
        inner = np.sqrt(eigenvalues).sum()
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)


frechet_zero = Mistakes("image_models.frechet_distance", "test_distance_to_itself_is_zero")


@frechet_zero
def distance_with_a_large_offset(mu_r, sigma_r, mu_g, sigma_g):
    """A multiple of the identity as large as 1 on both diagonals makes the root exist, and changes
    the distance. It has to be tiny, like 1e-6."""
    eye = np.eye(len(mu_r))
    inner = trace_of_root(sigma_r + eye, sigma_g + eye)
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)
