"""A forge in memory."""

from dataclasses import dataclass, field, replace

from factory.ports import PullRequestOrder, PullRequestRef


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
        self.refs[key] = replace(self.refs[key], head=order.head)
        self.orders[key] = order
        return self.refs[key]
