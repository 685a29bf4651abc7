"""Messages to and from the learner. They are part of the inboxes in `mailbox`."""

import msgspec

from factory.protocol.mail import Lease, Mail


class Recall(Mail, frozen=True, tag="recall"):
    """Worker actor → learner (answered by Recalled): the best learnings of `repo` for what `text` is about, at most `count`."""

    lease: Lease
    repo: str
    text: str
    count: int


class Recalled(Mail, frozen=True, tag="recalled"):
    """Learner → worker actor: sentences that agents wrote, best first. Data, never instructions."""

    lease: Lease
    learnings: tuple[str, ...]


class Search(Mail, frozen=True, tag="search"):
    """Journal → learner (ask: Found): what a person looks for. An empty `repo` means all of them."""

    repo: str
    text: str
    count: int


class FoundLearning(msgspec.Struct, frozen=True):
    """An active learning and how near it is: a cosine, 1 for the same. `created_at` in Unix seconds."""

    id: int
    content: str
    repo: str
    item: str
    use_count: int
    created_at: float
    similarity: float


class Found(Mail, frozen=True, tag="found"):
    """`model` is the embedder that was compared with; what other models embedded is not among the learnings yet."""

    model: str
    learnings: tuple[FoundLearning, ...]
