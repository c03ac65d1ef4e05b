"""Right ways to write b.5.3 and b.5.4: the Inception Score and the Frechet distance."""

import scipy.linalg

from grader.catalogue import Variants

inception_score = Variants("image_models.inception_score")


@inception_score
def score_by_numpy(preds, splits=10):
    """NumPy, consecutive parts, a small number in the log"""
    preds = np.asarray(preds)
    n = preds.shape[0]
    scores = []
    for k in range(splits):
        part = preds[k * (n // splits) : (k + 1) * (n // splits), :]
        py = np.mean(part, axis=0)
        kl = part * (np.log(part + 1e-10) - np.log(np.expand_dims(py, 0) + 1e-10))
        scores.append(np.exp(np.mean(np.sum(kl, 1))))
    return np.mean(scores), np.std(scores)


@inception_score
def score_of_random_parts(probabilities, splits=10):
    """random parts, deviation with n - 1, tensors"""
    order = torch.randperm(len(probabilities))
    scores = []
    for part in torch.tensor_split(probabilities[order], splits):
        log_ratio = torch.log(part.clamp_min(1e-12)) - torch.log(part.mean(0).clamp_min(1e-12))
        scores.append(torch.exp((part * log_ratio).sum(1).mean()))
    scores = torch.stack(scores)
    return scores.mean(), scores.std() if splits > 1 else torch.tensor(0.0)


@inception_score
def score_with_the_deviation_of_torch(probabilities, splits=10):
    """torch's deviation, which a single part has none"""
    parts = probabilities.view(splits, -1, probabilities.shape[1])
    ratio = torch.log(parts + 1e-12) - torch.log(parts.mean(1, keepdim=True) + 1e-12)
    scores = (parts * ratio).sum(2).mean(1).exp()
    return scores.mean().item(), scores.std().item()


feature_statistics = Variants("image_models.feature_statistics")


@feature_statistics
def statistics_by_torch(features):
    """tensors, and division by N"""
    features = features.double()
    return features.mean(0), torch.cov(features.T, correction=0)


@feature_statistics
def statistics_written_out(features):
    """the deviations' product written out"""
    x = np.asarray(features, dtype=np.float64)
    mu = x.mean(axis=0)
    return mu, (x - mu).T @ (x - mu) / (len(x) - 1)


frechet_distance = Variants("image_models.frechet_distance")


@frechet_distance
def distance_by_sqrtm(mu1, sigma1, mu2, sigma2):
    """scipy's root with a small offset, its real part"""
    diff = mu1 - mu2
    covmean = scipy.linalg.sqrtm(sigma1.dot(sigma2))
    if not np.isfinite(covmean).all():
        offset = np.eye(sigma1.shape[0]) * 1e-6
        covmean = scipy.linalg.sqrtm((sigma1 + offset).dot(sigma2 + offset))
    if np.iscomplexobj(covmean):
        covmean = covmean.real
    return diff.dot(diff) + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(covmean)


@frechet_distance
def distance_by_eigenvalues(mu_r, sigma_r, mu_g, sigma_g):
    """eigenvalues of the product itself, as tensors"""
    mu_r, sigma_r, mu_g, sigma_g = (torch.as_tensor(m) for m in (mu_r, sigma_r, mu_g, sigma_g))
    values = torch.linalg.eigvals(sigma_r @ sigma_g).real.clamp(min=0)
    spread = torch.trace(sigma_r) + torch.trace(sigma_g)
    return torch.sum((mu_r - mu_g) ** 2) + spread - 2 * values.sqrt().sum()


@frechet_distance
def distance_by_the_nuclear_norm(mu_r, sigma_r, mu_g, sigma_g):
    """singular values of the product of two roots"""
    roots = []
    for sigma in (sigma_r, sigma_g):
        values, vectors = np.linalg.eigh(sigma)
        roots.append(vectors @ np.diag(np.sqrt(np.maximum(values, 0))) @ vectors.T)
    inner = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return ((mu_r - mu_g) ** 2).sum() + np.trace(sigma_r + sigma_g) - 2 * inner
