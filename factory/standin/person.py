"""What people do on GitHub, by its own API and with a token of their own."""

from typing import Any
from urllib.parse import quote

APPROVE, REQUEST_CHANGES, COMMENT = "APPROVE", "REQUEST_CHANGES", "COMMENT"


class Person:
    """Somebody in one repository. Every call raises `urllib.error.HTTPError` where it is refused."""

    def __init__(self, api: str, login: str, token: str, repo: str) -> None:
        self.api, self.login, self.token, self.repo = api, login, token, repo

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """path: below the repository's."""
        from factory.standin.client import ask  # noqa: PLC0415 - which hands out persons

        return ask(self.api, self.token, method, f"/repos/{self.repo}{path}", body)

    # -- issues -------------------------------------------------------------------------------------------------------

    def open_issue(self, title: str, body: str = "", *labels: str) -> int:
        """Its number."""
        return int(self.ask("POST", "/issues", {"title": title, "body": body, "labels": list(labels)})["number"])

    def issue(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/issues/{number}")
        return found

    def issues(self, state: str = "all") -> list[dict[str, Any]]:
        """The newest hundred, pull requests left out."""
        found = self.ask("GET", f"/issues?state={state}&per_page=100")
        return [one for one in found if "pull_request" not in one]

    def labels(self, number: int) -> list[str]:
        return [one["name"] for one in self.issue(number)["labels"]]

    def label(self, number: int, *names: str) -> None:
        self.ask("POST", f"/issues/{number}/labels", {"labels": list(names)})

    def unlabel(self, number: int, name: str) -> None:
        self.ask("DELETE", f"/issues/{number}/labels/{quote(name, safe='')}")

    def edit(self, number: int, **fields: Any) -> None:
        """`title`, `body`, and whatever else GitHub takes there."""
        self.ask("PATCH", f"/issues/{number}", fields)

    def close(self, number: int) -> None:
        """Also a pull request, unmerged."""
        self.edit(number, state="closed")

    def reopen(self, number: int) -> None:
        self.edit(number, state="open")

    def comment(self, number: int, body: str) -> int:
        """Its id."""
        return int(self.ask("POST", f"/issues/{number}/comments", {"body": body})["id"])

    def edit_comment(self, comment: int, body: str) -> None:
        self.ask("PATCH", f"/issues/comments/{comment}", {"body": body})

    def comments(self, number: int) -> list[dict[str, Any]]:
        """The first hundred."""
        found: list[dict[str, Any]] = self.ask("GET", f"/issues/{number}/comments?per_page=100")
        return found

    # -- pull requests ------------------------------------------------------------------------------------------------

    def pulls(self, state: str = "all") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", f"/pulls?state={state}&per_page=100")
        return found

    def pull(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/pulls/{number}")
        return found

    def review(self, number: int, event: str = APPROVE, body: str = "", *remarks: tuple[str, int, str]) -> int:
        """Its id. remarks: path, line and text of each."""
        listed = [{"path": path, "line": line, "body": text} for path, line, text in remarks]
        return int(self.ask("POST", f"/pulls/{number}/reviews", {"event": event, "body": body, "comments": listed})["id"])

    def merge(self, number: int, method: str = "merge") -> str:
        """The commit of the merge."""
        return str(self.ask("PUT", f"/pulls/{number}/merge", {"merge_method": method})["sha"])

    # -- checks -------------------------------------------------------------------------------------------------------

    def check_run(self, sha: str, conclusion: str | None = "success", name: str = "test", summary: str = "", text: str = "") -> int:
        """Its id. Takes `Desk.checks`: of a person GitHub takes none. conclusion: None while it runs."""
        status = {"status": "in_progress"} if conclusion is None else {"status": "completed", "conclusion": conclusion}
        output = {"output": {"title": name, "summary": summary, "text": text}} if summary or text else {}
        return int(self.ask("POST", "/check-runs", {"name": name, "head_sha": sha, **status, **output})["id"])

    def end_check(self, check: int, conclusion: str) -> None:
        self.ask("PATCH", f"/check-runs/{check}", {"status": "completed", "conclusion": conclusion})

    def status(self, sha: str, state: str = "success", context: str = "ci/test", description: str = "") -> None:
        self.ask("POST", f"/statuses/{sha}", {"state": state, "context": context, "description": description})
