"""What the published data sets consist of: every file, its size and its checksum.

Layout: that of torchvision for what torchvision knows, and one folder each for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from grader.data import amat, binarized, cifar


@dataclass(frozen=True)
class PublishedFile:
    """A file below the data folder, unpacked, with its size in bytes and its MD5."""

    path: str
    size: int
    md5: str


@dataclass(frozen=True)
class PublishedSet:
    """A data set of `grader.data.NAMES` and the files that make it up.

    Attributes:
        files: those that it cannot be read without.
        extras: those that are prepared along with it where they are given.
        archives: archives, in order of preference, that may hold the files instead.
        torchvision: the class of `torchvision.datasets` that downloads it; None if there is none.
        optional: points are drawn in its place, so it may be missing.
        hint: what to get, for a person whose folder lacks it.
    """

    name: str
    files: tuple[PublishedFile, ...]
    extras: tuple[PublishedFile, ...] = ()
    archives: tuple[str, ...] = ()
    torchvision: str | None = None
    optional: bool = False
    hint: str = "without --from, torchvision downloads it"


def _idx(folder: str, part: str, count: int, images: str, labels: str) -> tuple[PublishedFile, ...]:
    raw = f"{folder}/raw/{part}"
    return (
        PublishedFile(f"{raw}-images-idx3-ubyte", 16 + count * 784, images),
        PublishedFile(f"{raw}-labels-idx1-ubyte", 8 + count, labels),
    )


_MNIST = (
    *_idx(
        *("MNIST", "train", 60_000),
        images="6bbc9ace898e44ae57da46a324031adb",
        labels="a25bea736e30d166cdddb491f175f624",
    ),
    *_idx(
        *("MNIST", "t10k", 10_000),
        images="2646ac647ad5339dbf082846283269ea",
        labels="27ae3e4e09519cfbb04c329615203637",
    ),
)
_FASHION = (
    *_idx(
        *("FashionMNIST", "train", 60_000),
        images="f4a8712d7a061bf5bd6d2ca38dc4d50a",
        labels="9018921c3c673c538a1fc5bad174d6f9",
    ),
    *_idx(
        *("FashionMNIST", "t10k", 10_000),
        images="8181f5470baa50b63fa0f6fddb340f0a",
        labels="15d484375f8d13e6eb1aabb0c3f46965",
    ),
)
_KMNIST = _idx(
    *("KMNIST", "t10k", 10_000),
    images="bf305b8cd328700fbc17f5acbc2856d2",
    labels="9f55f451c0988b028eccdf7d5cc265ab",
)
_KMNIST_TRAIN_LABELS = PublishedFile(
    "KMNIST/raw/train-labels-idx1-ubyte", 60_008, "949e75301f8813e0dc5800dcc320fc52"
)

CIFAR_MD5S = MappingProxyType(
    {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    }
)
_CIFAR_SIZES = {
    "data_batch_1": 31_035_704,
    "data_batch_2": 31_035_320,
    "data_batch_3": 31_035_999,
    "data_batch_4": 31_035_696,
    "data_batch_5": 31_035_623,
    "test_batch": 31_035_526,
}
_CIFAR = tuple(
    PublishedFile(f"{cifar.ARCHIVE}/{name}", _CIFAR_SIZES[name], md5)
    for name, md5 in CIFAR_MD5S.items()
)
# torchvision looks for the first of these before it believes that the set is there.
_CIFAR_EXTRAS = (
    PublishedFile(f"{cifar.ARCHIVE}/batches.meta", 158, "5ff9c542aee3614f3951f8cda6e48888"),
    PublishedFile(f"{cifar.ARCHIVE}/readme.html", 88, "82949b010606e8171045e61c60921d12"),
)

SETS = (
    PublishedSet("mnist", _MNIST, torchvision="MNIST"),
    PublishedSet("fashion_mnist", _FASHION, torchvision="FashionMNIST"),
    PublishedSet("kmnist_test", _KMNIST, extras=(_KMNIST_TRAIN_LABELS,), torchvision="KMNIST"),
    PublishedSet(
        "cifar10",
        _CIFAR,
        extras=_CIFAR_EXTRAS,
        archives=("cifar-10-batches-py.tar.xz", "cifar-10-python.tar.gz"),
        torchvision="CIFAR10",
        hint=(
            "it unpacks from cifar-10-python.tar.gz (MD5 c58f30108f718f92721af3b95e74349a), or "
            "without --from torchvision downloads it"
        ),
    ),
    PublishedSet(
        "binarized_mnist",
        (
            PublishedFile(
                f"binarized_mnist/{binarized.PACKED}", 2_295_919, "e0fddb4034a264df42ab19348843fcc7"
            ),
        ),
        hint="put the published texts into a folder's binarized_mnist/ and give it with --from: "
        + ", ".join(f"binarized_mnist_{s}.amat (SHA-256 {h})" for s, h in amat.SHA256S.items()),
    ),
    PublishedSet(
        "tiny_shakespeare",
        (
            PublishedFile(
                "tiny_shakespeare/input.txt", 1_115_394, "6fb458f1232090904fb40fe944165e91"
            ),
        ),
        hint=(
            "put the input.txt that char-rnn comes with (SHA-256 86c4e6aa9db7c042ec79f339dcb96d42"
            "b0075e16b8fc2e86bf0ca57e2dc565ed) into a folder's tiny_shakespeare/ and give it with "
            "--from"
        ),
    ),
    PublishedSet(
        "planar_arcs",
        (PublishedFile("flow/data_arcs.npy", 40_128, "0d6a65761da086e5b95d80a453208f7c"),),
        optional=True,
    ),
    PublishedSet(
        "planar_sine",
        (PublishedFile("flow/data_sine.npy", 40_128, "45949e81708041e95e709b3e47018dc6"),),
        optional=True,
    ),
)
NAMES = tuple(s.name for s in SETS)
