"""Mistakes in b.5: the classifier, the Inception Score and the Frechet distance."""

# ruff: noqa: F821
# Classifier and its neighbours are those of the file that an entry is grafted onto.

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from grader.catalogue import mistake


@mistake(
    "image_models.Classifier",
    fails=["test_classifier_has_the_layers_of_the_text"],
    hint="The first convolution has 16 channels. The text asks for 32.",
)
class ClassifierThatIsNarrow(Classifier):
    def __init__(self):
        super().__init__()
        self.body[0] = nn.Conv2d(1, 16, 3, padding=1)
        self.body[3] = nn.Conv2d(16, 64, 3, padding=1)


@mistake(
    "image_models.Classifier",
    fails=["test_features_are_the_last_hidden_layer"],
    hint="The features are taken before their ReLU. The activations are what comes after it.",
)
class ClassifierFeaturesBeforeTheRelu(Classifier):
    def features(self, x):
        return self.body[:-1](x)

    def forward(self, x):
        return self.head(torch.relu(self.features(x)))

    def probabilities(self, x):
        return torch.softmax(self.forward(x), dim=1)


@mistake(
    "image_models.Classifier",
    fails=["test_features_are_the_last_hidden_layer"],
    hint="The features are the last layer's ten values. They are the 128 before it.",
)
class ClassifierFeaturesAreTheLogits(Classifier):
    def features(self, x):
        return self.head(self.body(x))

    def forward(self, x):
        return self.features(x)

    def probabilities(self, x):
        return torch.softmax(self.features(x), dim=1)


@mistake(
    "image_models.Classifier",
    fails=["test_probabilities_are_those_of_the_classes"],
    hint="The softmax runs over the batch: columns add up to one, and not rows.",
)
class ClassifierNormalisesTheBatch(Classifier):
    def probabilities(self, x):
        return torch.softmax(self.head(self.features(x)), dim=0)


@mistake(
    "image_models.Classifier",
    fails=["test_probabilities_are_those_of_the_classes"],
    hint="Two softmaxes, one after the other: no class can have more than 0.24, and every score "
    "is near 1.",
)
class ClassifierWithTwoSoftmaxes(Classifier):
    def probabilities(self, x):
        return torch.softmax(super().probabilities(x), dim=1)


@mistake(
    "image_models.Classifier",
    fails=["test_classifier_gives_what_its_loss_takes"],
    hint="The logits go through a ReLU, so that no class can be unlikelier than zero.",
)
class ClassifierWithReluOnTheLogits(Classifier):
    def forward(self, x):
        return torch.relu(self.head(self.features(x)))


@mistake(
    "image_models.classifier_loss",
    fails=["test_classifier_loss_is_the_negative_log_probability"],
    hint="Two softmaxes: one before the cross-entropy, one inside it. The loss cannot fall below "
    "1.46, and training is slow.",
)
def classifier_loss_with_two_softmaxes(output, labels):
    return F.cross_entropy(torch.softmax(output, dim=1), labels)


@mistake(
    "image_models.classifier_loss",
    fails=["test_classifier_loss_is_the_negative_log_probability"],
    hint="nll_loss takes log-probabilities, and is given logits.",
)
def classifier_loss_of_bare_logits(output, labels):
    return F.nll_loss(output, labels)


@mistake(
    "image_models.classifier_loss",
    fails=["test_classifier_loss_trains_the_classifier"],
    hint="The value is right, but it is cut off from its graph.",
)
def classifier_loss_detached(output, labels):
    return F.cross_entropy(output, labels).detach()


# --- the Inception Score ----------------------------------------------------------------------


def parts_of(p, splits):
    return [part.double() for part in p.chunk(splits)]


def divergences(part, marginal):
    return torch.special.entr(part).sum(1).neg() - torch.xlogy(part, marginal).nan_to_num(
        neginf=0.0
    ).sum(1)


def summed_up(scores):
    return float(np.mean(scores)), float(np.std(scores))


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_one_part"],
    hint="The exponential is missing: this is the mean divergence itself.",
)
def score_without_exp(p, splits=10):
    return summed_up(
        [float(divergences(part, part.mean(0)).mean()) for part in parts_of(p, splits)]
    )


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_parts"],
    hint="The marginal is taken over all samples. Each part has its own.",
)
def score_with_one_marginal(p, splits=10):
    marginal = p.double().mean(0)
    return summed_up(
        [float(divergences(part, marginal).mean().exp()) for part in parts_of(p, splits)]
    )


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_parts"],
    hint="The exponential is taken after the mean over the parts, and not in each of them.",
)
def score_with_exp_at_the_end(p, splits=10):
    kls = [float(divergences(part, part.mean(0)).mean()) for part in parts_of(p, splits)]
    scores = [float(np.exp(k)) for k in kls]
    return float(np.exp(np.mean(kls))), float(np.std(scores))


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_one_part"],
    hint="The divergence is averaged over the classes. It is their sum.",
)
def score_averaged_over_classes(p, splits=10):
    return summed_up(
        [
            float((divergences(part, part.mean(0)).mean() / part.shape[1]).exp())
            for part in parts_of(p, splits)
        ]
    )


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_one_part"],
    hint="The divergence is the wrong way round, KL(p(y) || p(y|x)).",
)
def score_the_wrong_way_round(p, splits=10):
    scores = []
    for part in parts_of(p, splits):
        q = part.mean(0)
        scores.append(float(torch.exp((q * (torch.log(q) - torch.log(part))).sum(1).mean())))
    return summed_up(scores)


@mistake(
    "image_models.inception_score",
    fails=["test_classes_that_are_impossible"],
    hint="0 log 0 is NaN here. It counts as 0: xlogy, entr, or a small number in the logarithm.",
)
def score_with_bare_logarithms(p, splits=10):
    scores = []
    for part in parts_of(p, splits):
        kl = (part * (torch.log(part) - torch.log(part.mean(0)))).sum(1)
        scores.append(float(kl.mean().exp()))
    return summed_up(scores)


@mistake(
    "image_models.inception_score",
    fails=["test_deviation_over_the_parts"],
    hint="The second result is the variance over the parts. Its root is asked for.",
)
def score_with_the_variance(p, splits=10):
    mean, deviation = summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )
    return mean, deviation**2


@mistake(
    "image_models.inception_score",
    fails=["test_deviation_over_the_parts"],
    hint="The second result is the standard error of the mean. The deviation over the parts is "
    "asked for.",
)
def score_with_the_standard_error(p, splits=10):
    mean, deviation = summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )
    return mean, deviation / splits**0.5


@mistake(
    "image_models.inception_score",
    fails=["test_ten_parts_unless_told_otherwise"],
    hint="By default all samples make one part. The text asks for 10 splits.",
)
def score_of_one_part_by_default(p, splits=1):
    return summed_up(
        [float(divergences(part, part.mean(0)).mean().exp()) for part in parts_of(p, splits)]
    )


@mistake(
    "image_models.inception_score",
    fails=["test_inception_score_of_parts"],
    hint="Parts of `splits` samples are made in place of `splits` parts.",
)
def score_of_parts_of_the_wrong_size(p, splits=10):
    return summed_up(
        [
            float(divergences(part.double(), part.double().mean(0)).mean().exp())
            for part in p.split(splits if splits > 1 else len(p))
        ]
    )


# --- the Frechet distance ---------------------------------------------------------------------


@mistake(
    "image_models.feature_statistics",
    fails=["test_covariance_of_features"],
    hint="np.cov takes rows for variables unless it is told rowvar=False: this covariance is that "
    "of the images.",
)
def statistics_of_the_images(features):
    rows = features.double().numpy()
    return rows.mean(0), np.cov(rows)


@mistake(
    "image_models.feature_statistics",
    fails=["test_covariance_of_features"],
    hint="The correlation matrix has a diagonal of ones. The covariance is asked for.",
)
def statistics_with_correlations(features):
    rows = features.double().numpy()
    return rows.mean(0), np.corrcoef(rows, rowvar=False)


@mistake(
    "image_models.feature_statistics",
    fails=["test_covariance_of_features"],
    hint="The mean is not subtracted: these are second moments about zero.",
)
def statistics_about_zero(features):
    rows = features.double().numpy()
    return rows.mean(0), rows.T @ rows / len(rows)


@mistake(
    "image_models.feature_statistics",
    fails=["test_covariance_is_precise"],
    hint="E[xx'] - E[x]E[x]' in float32 loses all digits where the mean is far from zero.",
)
def statistics_in_single_precision(features):
    mean = features.mean(0)
    return mean, features.T @ features / len(features) - torch.outer(mean, mean)


@mistake(
    "image_models.feature_statistics",
    fails=["test_mean_of_features"],
    hint="The mean is taken over the features of each image, and not over the images.",
)
def statistics_with_the_mean_of_images(features):
    rows = features.double().numpy()
    return rows.mean(1), np.cov(rows, rowvar=False)


def root_of(sigma):
    values, vectors = np.linalg.eigh(sigma)
    return vectors * np.sqrt(values.clip(min=0)) @ vectors.T


def trace_of_root(a, b):
    root = root_of(a)
    return np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(min=0)).sum()


@mistake(
    "image_models.frechet_distance",
    fails=["test_frechet_distance"],
    hint="The root is taken of each element. A matrix root R has R R = sigma_r sigma_g.",
)
def distance_with_elementwise_roots(mu_r, sigma_r, mu_g, sigma_g):
    root = np.sqrt((sigma_r @ sigma_g).clip(min=0))
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root))


@mistake(
    "image_models.frechet_distance",
    fails=["test_frechet_distance"],
    hint="The product of the two roots is not the root of the product unless the covariances have "
    "the same axes.",
)
def distance_with_the_product_of_roots(mu_r, sigma_r, mu_g, sigma_g):
    root = root_of(sigma_r) @ root_of(sigma_g)
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g - 2 * root))


@mistake(
    "image_models.frechet_distance",
    fails=["test_frechet_distance"],
    hint="The factor 2 before the root is missing.",
)
def distance_without_the_two(mu_r, sigma_r, mu_g, sigma_g):
    trace = np.trace(sigma_r + sigma_g) - trace_of_root(sigma_r, sigma_g)
    return float(((mu_r - mu_g) ** 2).sum() + trace)


@mistake(
    "image_models.frechet_distance",
    fails=["test_distance_of_the_means"],
    hint="The norm of the difference of the means is not squared.",
)
def distance_with_the_norm(mu_r, sigma_r, mu_g, sigma_g):
    trace = np.trace(sigma_r + sigma_g) - 2 * trace_of_root(sigma_r, sigma_g)
    return float(np.linalg.norm(mu_r - mu_g) + trace)


@mistake(
    "image_models.frechet_distance",
    fails=["test_distance_of_the_means"],
    hint="The squared differences of the means are averaged over the features. They are summed.",
)
def distance_with_averaged_means(mu_r, sigma_r, mu_g, sigma_g):
    trace = np.trace(sigma_r + sigma_g) - 2 * trace_of_root(sigma_r, sigma_g)
    return float(((mu_r - mu_g) ** 2).mean() + trace)


@mistake(
    "image_models.frechet_distance",
    fails=["test_distance_of_singular_covariances"],
    hint="The Cholesky factor exists only where no eigenvalue is zero. Covariances of 100 images "
    "in 128 dimensions are singular.",
)
def distance_by_cholesky(mu_r, sigma_r, mu_g, sigma_g):
    factor = np.linalg.cholesky(sigma_g)
    inner = np.sqrt(np.linalg.eigvalsh(factor.T @ sigma_r @ factor)).sum()
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)


@mistake(
    "image_models.frechet_distance",
    fails=["test_distance_of_singular_covariances"],
    hint="Where rounding leaves a negative eigenvalue its root is NaN. Clip at zero, or take the "
    "real part of a complex root.",
)
def distance_with_roots_of_negatives(mu_r, sigma_r, mu_g, sigma_g):
    eigenvalues = np.linalg.eigvals(sigma_r @ sigma_g).real
    with np.errstate(invalid="ignore"):
        inner = np.sqrt(eigenvalues).sum()
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)


@mistake(
    "image_models.frechet_distance",
    fails=["test_distance_to_itself_is_zero"],
    hint="A multiple of the identity as large as 1 on both diagonals makes the root exist, and "
    "changes the distance. It has to be tiny, like 1e-6.",
)
def distance_with_a_large_offset(mu_r, sigma_r, mu_g, sigma_g):
    eye = np.eye(len(mu_r))
    inner = trace_of_root(sigma_r + eye, sigma_g + eye)
    return float(((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner)


@mistake(
    "image_models.Classifier",
    fails=["test_classifier_is_the_same_in_training"],
    hint="The classifier has dropout. The text's has none.",
)
class ClassifierWithDropout(Classifier):
    def __init__(self):
        super().__init__()
        self.body.append(nn.Dropout(0.5))


@mistake(
    "image_models.feature_statistics",
    fails=["test_covariance_is_precise"],
    hint="Mean and covariance are left in float32. Roots of covariances need more digits.",
)
def statistics_left_in_single_precision(features):
    return features.mean(dim=0), torch.cov(features.T)


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


@mistake(
    "image_models.Classifier",
    fails=["test_classifier_gives_a_row_for_each_picture"],
    hint="Features are rows of 128; here they have axes of size one behind them.",
)
class ClassifierWithAxesTooMany(PlainClassifier):
    def features(self, x):
        return self.body(x)[:, :, None, None]


@mistake(
    "image_models.Classifier",
    fails=["test_classifier_is_trained_through"],
    hint="features is computed without gradients, and forward uses it: only the last layer learns.",
)
class ClassifierThatTrainsItsLastLayer(PlainClassifier):
    @torch.no_grad()
    def features(self, x):
        return self.body(x)

    def forward(self, x):
        return self.head(self.features(x))


@mistake(
    "image_models.classifier_loss",
    fails=["test_classifier_loss_is_a_scalar"],
    hint="A scalar has shape (), not (1,).",
)
def classifier_loss_with_an_axis(output, labels):
    return F.cross_entropy(output, labels).reshape(1)


@mistake(
    "image_models.classifier_loss",
    fails=["test_classifier_loss_is_the_negative_log_probability"],
    hint="The log-probabilities of all images are taken at the labels of all images, (B, B): "
    "each image has one label, its own.",
)
def classifier_loss_of_pairs(output, labels):
    return -F.log_softmax(output, dim=1)[:, labels].mean()


@mistake(
    "image_models.feature_statistics",
    fails=["test_statistics_have_their_shapes"],
    hint="The mean has an axis of size one in front: (D,) is asked for, without keepdims.",
)
def mean_with_an_axis_too_many(features):
    rows = features.double().numpy()
    return rows.mean(axis=0, keepdims=True), np.cov(rows, rowvar=False)
