"""The learner's seams: what embeds learnings, and what keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from factory.domain.learning import Refusal
from factory.protocol.learner_mail import FoundLearning
from factory.protocol.mail import Lease


@dataclass(frozen=True, slots=True)
class HandedIn:
    """The lines that an attempt handed in with a result that was taken."""

    lease: Lease
    repo: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taking:
    """What becomes of them. `kept` holds each learning with its vector, made by `model`."""

    source: HandedIn
    model: str
    kept: tuple[tuple[str, Sequence[float]], ...]
    refused: tuple[Refusal, ...]


class Embedder(Protocol):
    """Texts to vectors whose cosine says how alike they are. Vectors of two models have nothing to do with each other."""

    @property
    def model(self) -> str:
        """Stored beside each vector, and shown."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector of length one and of `learning.DIMENSIONS` numbers per text; the same for the same text, always."""
        ...


class LearningStore(Protocol):
    """The learner's store. Repeating a call changes nothing more, but for `used`."""

    def unsettled(self, limit: int) -> list[str]:
        """Items of which something is left to be taken or settled."""
        ...

    def handed_in(self, items: Sequence[str]) -> list[HandedIn]:
        """What was not taken yet of these items' results."""
        ...

    def take(self, taking: Taking) -> bool:
        """Keeps an attempt's learnings, inactive; False where that was done before."""
        ...

    def settle(self, items: Sequence[str]) -> int:
        """Activates the learnings of results that stand published, deactivates the others; returns how many it changed."""
        ...

    def has_active(self, repo: str, model: str) -> bool:
        """Whether `nearest` would find anything."""
        ...

    def nearest(self, repo: str, vector: Sequence[float], model: str, count: int) -> list[FoundLearning]:
        """The `count` active learnings of this model that are nearest, exactly; of all repositories where `repo` is empty."""
        ...

    def used(self, numbers: Sequence[int]) -> None:
        """Counts a use of each."""
        ...

    def of_another_model(self, model: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Number and text of learnings beyond number `after` that need a vector of this model."""
        ...

    def embed(self, model: str, vectors: Sequence[tuple[int, Sequence[float]]]) -> None: ...
