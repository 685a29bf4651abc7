"""The network of MiniLM in NumPy: six layers of attention and feed-forward, mean over the tokens, length one.

The only file that imports NumPy. Checked against the reference implementation: the vectors differ by less than 1e-6.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from factory.domain.learning import DIMENSIONS
from factory.integrations.minilm_words import WordPiece

Array: TypeAlias = NDArray[np.float32]

_LAYERS, _HEADS = 6, 12
_HEAD = DIMENSIONS // _HEADS
_BATCH = 16
"""Texts at once: 16 of 256 tokens take 25 MB on the way, and more are not faster on one core."""
_HIDDEN = np.float32(-1e9)
"""Added to the scores of padding, so that it gets no attention."""
_EPSILON = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights, transposed so that rows are multiplied from the left, and bias."""

    weight: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        product: Array = x @ self.weight + self.bias
        return product


@dataclass(frozen=True, slots=True)
class Norm:
    gain: Array
    bias: Array

    def __call__(self, x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(-1, keepdims=True) + _EPSILON)
        normal: Array = centred / deviation * self.gain + self.bias
        return normal


@dataclass(frozen=True, slots=True)
class Layer:
    """One block. `attend` gives queries, keys and values side by side."""

    attend: Linear
    merge: Linear
    merge_norm: Norm
    widen: Linear
    narrow: Linear
    narrow_norm: Norm

    def __call__(self, x: Array, mask: Array) -> Array:
        x = self.merge_norm(x + self.merge(self._attention(x, mask)))
        return self.narrow_norm(x + self.narrow(_gelu(self.widen(x))))

    def _attention(self, x: Array, mask: Array) -> Array:
        texts, length, _ = x.shape
        query, key, value = self.attend(x).reshape(texts, length, 3, _HEADS, _HEAD).transpose(2, 0, 3, 1, 4)
        scores = query @ key.transpose(0, 1, 3, 2) * np.float32(1 / math.sqrt(_HEAD)) + mask
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        shares = scores / scores.sum(-1, keepdims=True)
        mixed: Array = (shares @ value).transpose(0, 2, 1, 3).reshape(texts, length, DIMENSIONS)
        return mixed


class Network:
    """Texts to vectors. The embedding tables stay mapped in the file; only rows that are used are read."""

    def __init__(self, weights: Path, vocabulary: Path) -> None:
        tensors = _mapped(weights)
        self._split = WordPiece(vocabulary)
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        self._layers = [_layer(tensors, f"encoder.layer.{number}.") for number in range(_LAYERS)]

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        tokens = [self._split.tokens(text) for text in texts]
        # Those of one length together: the shorter ones of a batch are padded.
        order = sorted(range(len(tokens)), key=lambda number: len(tokens[number]))
        vectors: dict[int, list[float]] = {}
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors.update(zip(batch, self._embed([tokens[number] for number in batch]).tolist(), strict=True))
        return [vectors[number] for number in range(len(texts))]

    def _embed(self, batch: Sequence[Sequence[int]]) -> Array:
        length = max(map(len, batch))
        numbers = np.array([[*tokens, *[0] * (length - len(tokens))] for tokens in batch], dtype=np.int64)
        present = np.array([[place < len(tokens) for place in range(length)] for tokens in batch], dtype=np.float32)
        x = self._norm(self._words[numbers] + self._places[:length])
        mask = ((1 - present) * _HIDDEN)[:, None, None, :]
        for layer in self._layers:
            x = layer(x, mask)
        mean = (x * present[:, :, None]).sum(1) / present.sum(1, keepdims=True)
        unit: Array = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit


def _mapped(path: Path) -> Mapping[str, Array]:
    """The float tensors of a safetensors file: a length, a JSON header, then the numbers."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + size)
    floats = {name: entry for name, entry in header.items() if entry.get("dtype") == "F32"}
    return {name: data[slice(*entry["data_offsets"])].view(np.float32).reshape(entry["shape"]) for name, entry in floats.items()}


def _layer(tensors: Mapping[str, Array], prefix: str) -> Layer:
    return Layer(
        attend=_linear(tensors, *(f"{prefix}attention.self.{name}" for name in ("query", "key", "value"))),
        merge=_linear(tensors, f"{prefix}attention.output.dense"),
        merge_norm=_norm(tensors, f"{prefix}attention.output.LayerNorm"),
        widen=_linear(tensors, f"{prefix}intermediate.dense"),
        narrow=_linear(tensors, f"{prefix}output.dense"),
        narrow_norm=_norm(tensors, f"{prefix}output.LayerNorm"),
    )


def _linear(tensors: Mapping[str, Array], *names: str) -> Linear:
    weight = np.concatenate([tensors[f"{name}.weight"] for name in names]).T.copy()
    return Linear(weight, np.concatenate([tensors[f"{name}.bias"] for name in names]))


def _norm(tensors: Mapping[str, Array], name: str) -> Norm:
    return Norm(tensors[f"{name}.weight"].copy(), tensors[f"{name}.bias"].copy())


def _gelu(x: Array) -> Array:
    half = np.float32(0.5)
    return half * x * (1 + _erf(x * np.float32(math.sqrt(half))))


def _erf(x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26, off by at most 1.5e-7; NumPy has none."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(factor)
    curve: Array = np.sign(x) * (1 - series * t * np.exp(-size * size))
    return curve
