"""A forge in memory."""

from dataclasses import dataclass, field, replace

from factory.errors import ForgeRefused
from factory.pull_request_ports import PullRequestOrder, PullRequestRef, PullRequestState


@dataclass(slots=True)
class FakePullRequests:
    """Passes the contract suite of the port. `orders` holds what each pull request was last brought up to date with."""

    refs: dict[tuple[str, str], PullRequestRef] = field(default_factory=dict)
    orders: dict[tuple[str, str], PullRequestOrder] = field(default_factory=dict)

    def find(self, repo: str, branch: str) -> PullRequestRef | None:
        return self.refs.get((repo, branch))

    def open(self, order: PullRequestOrder) -> PullRequestRef:
        key = (order.repo, order.branch)
        if key not in self.refs:
            number = 1 + sum(repo == order.repo for repo, _ in self.refs)
            self.refs[key] = PullRequestRef(number, f"{order.repo}#{order.branch}", order.head, followed=False)
        if self.refs[key].state != "open":
            return self._over(key, order)
        self.refs[key] = replace(self.refs[key], head=order.head)
        self.orders[key] = order
        return self.refs[key]

    def ends(self, repo: str, branch: str, state: PullRequestState) -> None:
        """A person merges or closes it."""
        self.refs[repo, branch] = replace(self.refs[repo, branch], state=state)

    def _over(self, key: tuple[str, str], order: PullRequestOrder) -> PullRequestRef:
        if self.refs[key].head != order.head:
            raise ForgeRefused(f"{self.refs[key].url} is {self.refs[key].state}.")
        return self.refs[key]
