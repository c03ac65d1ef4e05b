"""Feature networks: deterministic, kept whole or trained again, and named."""

import json
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor

from grader.measures import features
from grader.measures.classifier import Classifier, accuracy, train_classifier
from grader.measures.estimate import MeasureError
from grader.measures.features import FeatureNetwork, inception_v3, load_or_train

STEPS = 2


def pictures(n: int, seed: int, channels: int = 1, side: int = 28) -> tuple[Tensor, Tensor]:
    """Three classes of bytes: a bright band on the left, in the middle or on the right."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    images = torch.randint(0, 120, (n, channels, side, side), generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[:, :, 9 * label : 9 * label + 9] += 120
    return images.byte(), labels


DATA = (*pictures(400, 0), *pictures(100, 1))


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an entry whenever a classifier is trained."""
    trained: list[int] = []

    def counting(*args: Tensor, **options: int) -> Classifier:
        trained.append(1)
        return train_classifier(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(features, "train_classifier", counting)
    return trained


def get(cache: Path, steps: int = STEPS, seed: int = 0) -> FeatureNetwork:
    return load_or_train(cache, *DATA, "bands", classes=3, steps=steps, seed=seed)


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
def test_a_classifier_learns_images_of_its_kinds(channels: int, side: int) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    network = train_classifier(
        *pictures(400, 0, channels, side), classes=3, steps=30, batch_size=32
    )
    assert accuracy(network, *pictures(100, 1, channels, side)) > 0.95
    assert torch.equal(before, torch.get_rng_state())


def test_a_seed_gives_one_classifier() -> None:
    first, again, other = (
        train_classifier(*DATA[:2], classes=3, steps=2, seed=seed).state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_features_and_probabilities_are_those_of_the_network(tmp_path: Path) -> None:
    network = get(tmp_path)
    images = DATA[2]
    found = network.features(images, batch_size=7)
    probabilities = network.probabilities(images)
    assert found.shape == (100, 128)
    assert found.dtype == probabilities.dtype == np.float64
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(100), abs=1e-12)
    assert network.accuracy == (probabilities.argmax(axis=1) == DATA[3].numpy()).mean()
    assert isinstance(network.module, Classifier)
    with torch.no_grad():
        logits = network.module(images.float() / 255)
    assert probabilities == pytest.approx(torch.softmax(logits, dim=1).numpy(), abs=1e-5)
    # Bytes and floats are the same images.
    assert network.features(images.float() / 255) == pytest.approx(found, abs=1e-5)


def test_a_kept_classifier_is_not_trained_again(tmp_path: Path, count: list[int]) -> None:
    first, again = get(tmp_path / "new" / "folder"), get(tmp_path / "new" / "folder")
    assert len(count) == 1
    assert first.name == again.name
    assert "bands" in first.name
    assert first.accuracy == again.accuracy
    assert np.array_equal(first.features(DATA[2]), again.features(DATA[2]))
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 2  # and nothing temporary


def test_what_it_depends_on_makes_another(tmp_path: Path, count: list[int]) -> None:
    names = {get(tmp_path).name, get(tmp_path, steps=3).name, get(tmp_path, seed=1).name}
    changed = DATA[0].clone()
    changed[5, 0, 3, 3] ^= 1
    names.add(load_or_train(tmp_path, changed, *DATA[1:], "bands", classes=3, steps=STEPS).name)
    assert len(count) == len(names) == 4


@pytest.mark.parametrize("damage", ["cut", "flip", "nan", "no record", "no weights", "no json"])
def test_a_damaged_cache_is_trained_again(tmp_path: Path, count: list[int], damage: str) -> None:
    healthy = get(tmp_path)
    (record,), (weights,) = tmp_path.glob("*.json"), tmp_path.glob("*.safetensors")
    content = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(content[:-5])
    elif damage == "flip":
        weights.write_bytes(content[:-5] + bytes([content[-5] ^ 64]) + content[-4:])
    elif damage == "nan":
        record.write_text(record.read_text().replace(str(healthy.accuracy), "NaN"))
    elif damage == "no record":
        record.unlink()
    elif damage == "no weights":
        weights.unlink()
    else:
        record.write_text(json.dumps([1, 2]))
    again = get(tmp_path)
    assert len(count) == 2
    assert np.array_equal(healthy.features(DATA[2]), again.features(DATA[2]))
    get(tmp_path)
    assert len(count) == 2


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        (DATA[0][:, 0], DATA[1], r"\(N, C, S, S\)"),
        (DATA[0].float(), DATA[1], "between 0 and 1"),
        (DATA[0].long(), DATA[1], "bytes or floats"),
        (DATA[0][:, :, :8, :8], DATA[1], "28 or 32"),
        (DATA[0], DATA[1][:5], "as many integer labels"),
        (DATA[0], DATA[1].float(), "as many integer labels"),
        (DATA[0], DATA[1] + 1, "from 0 to 2; these go from 1 to 3"),
    ],
)
def test_images_and_labels_that_do_not_fit_get_a_sentence(
    images: Tensor, labels: Tensor, sentence: str
) -> None:
    with pytest.raises(MeasureError, match=sentence):
        train_classifier(images, labels, classes=3, steps=1)


def test_inception_without_its_weights_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    with pytest.raises(MeasureError, match=r"no network.*put `inception_v3_google-0cc3c7bd\.pth`"):
        inception_v3(tmp_path / "cache")
    # A file of that name with other content is not taken for it.
    (tmp_path / "cache" / "inception_v3_google-0cc3c7bd.pth").write_bytes(b"not the weights")
    with pytest.raises(MeasureError, match="cannot be fetched"):
        inception_v3(tmp_path / "cache")


def test_inception_is_loaded_from_the_cache_of_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weights of our own making, for the true ones need a network."""
    import torchvision.models

    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, init_weights=False).eval()
    path = tmp_path / "hub" / "checkpoints" / "inception_v3_google-0cc3c7bd.pth"
    path.parent.mkdir(parents=True)
    torch.save(network.state_dict(), path)
    monkeypatch.setattr(features, "INCEPTION_SHA256", features._sha256(path)[:8])
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    loaded = inception_v3(tmp_path / "cache")
    assert "Inception v3" in loaded.name
    assert 0.7 < loaded.accuracy < 0.8
    grey, _ = pictures(2, 0)
    found, probabilities = loaded.outputs(grey)
    assert found.shape == (2, 2048)
    large = torch.nn.functional.interpolate(
        grey.float() / 127.5 - 1, (299, 299), mode="bilinear", align_corners=True
    )
    with torch.no_grad():
        logits = network(large.repeat(1, 3, 1, 1))
    assert probabilities == pytest.approx(torch.softmax(logits, dim=1).numpy(), abs=1e-4)


def test_inception_weights_of_another_network_get_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "inception_v3_google-0cc3c7bd.pth"
    torch.save({"a": torch.zeros(1)}, path)
    monkeypatch.setattr(features, "INCEPTION_SHA256", features._sha256(path)[:8])
    with pytest.raises(MeasureError, match="does not hold Inception v3"):
        inception_v3(tmp_path)
