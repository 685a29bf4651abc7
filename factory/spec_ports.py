"""The seams of the spec writer: what writes specs, what they are written from, and where waiting items are found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from factory.domain.spec_draft import Finished, Issue
from factory.domain.spec_prompt import Surroundings
from factory.errors import Refused, Retryable
from factory.protocol.spec_mail import ShownRepository, ShowRepository


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call of a model cost. `model` is empty where none was asked; `micros` are millionths of a US dollar, by its list price."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    micros: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class SpecOrder:
    """What a spec is written from.

    Attributes:
        must_decide: whether questions are no answer any more.
        complaint: why the answer before this one could not be used, a sentence; empty at first.
    """

    item: str
    repo: str
    base_branch: str
    issue: Issue
    around: Surroundings = field(default_factory=Surroundings)
    learnings: tuple[str, ...] = ()
    must_decide: bool = False
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What a writer made. `by` names it for people."""

    finished: Finished
    by: str
    cost: Cost = Cost()


class SpecUnavailable(Retryable):
    """Whatever writes specs cannot do it now.

    Args:
        retry_after: seconds before which it must not be asked again, where it said so.
        everyone: whether that concerns all items, and not just the one that was asked for.
    """

    def __init__(self, sentence: str, retry_after: float = 0.0, *, everyone: bool = True) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.everyone = everyone


class BadSpec(Refused):
    """What was answered is no spec; asked again, with this sentence, it may be one. `cost`: what the answer cost all the same."""

    def __init__(self, sentence: str, cost: Cost = Cost()) -> None:
        super().__init__(sentence)
        self.cost = cost


class SpecWriter(Protocol):
    """Writes specs."""

    @property
    def reads_repository(self) -> bool:
        """Whether it makes anything of what is known of the repository; else nobody needs to look at it."""
        ...

    def write(self, order: SpecOrder) -> Written:
        """Takes seconds to minutes; bounded by itself. May be called from several threads at once, and repeated.

        Raises:
            SpecUnavailable: not now.
            BadSpec: the answer is none.
        """
        ...


class RepositoryReader(Protocol):
    """Reads repositories for those who only want to know what is in them."""

    def show(self, asked: ShowRepository) -> ShownRepository:
        """The branch as it is at its remote now. May take minutes.

        Raises:
            Refused: it will not be read, as things are there.
            Retryable: not now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that waits for its spec.

    Attributes:
        since: which event of its stream made it wait: what was begun for an earlier waiting is not for this one.
        written: what was written for this waiting and not handed on, or nobody knows.
        bad: answers for this waiting that were no spec, as the trail tells.
    """

    item: str
    since: int
    repo: str
    base_branch: str
    issue: Issue
    written: Written | None = None
    bad: int = 0


class SpecStore(Protocol):
    """The spec writer's store. Repeating a call changes nothing more."""

    def waiting(self, limit: int) -> Sequence[Waiting]:
        """Items that wait for their spec, next first; none while an operator has paused the factory."""
        ...

    def keep(self, waiting: Waiting, written: Written) -> bool:
        """Makes what was written durable, with its cost; False, and nothing kept, where the item waits no more or for another one."""
        ...

    def failed(self, waiting: Waiting, sentence: str, cost: Cost, *, answered: bool) -> None:
        """Puts into the trail why there is no spec yet.

        Args:
            answered: whether there was an answer, which was no spec.
        """
        ...
