"""Archives made in memory, and what is put into them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping

VAE = b"def log_mean_exp(y):\n    return y\n"
GAN = b"def jsd(cp, cq):\n    return cp\n"
GAN_TEMPLATE = b"def jsd(cp, cq):\n    '''Doc.'''\n    raise NotImplementedError('gan.jsd')\n"


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    """A tar with these members; the mode says how it is packed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
