"""`factory dev issue`: what people do there, by the same API that the factory speaks."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from factory.cli.ask import Json, show_table
from factory.cli.dev_person import REPO, acted, checks_of, person_of, told
from factory.cli.output import fields, show, show_json
from factory.domain.clean import clean
from factory.errors import InvalidInput

group = typer.Typer(help="Issues and pull requests there, as a person has them.", no_args_is_help=True, rich_markup_mode=None)


class Verdict(StrEnum):
    """What a review says."""

    APPROVE = "approve"
    REQUEST_CHANGES = "request-changes"
    COMMENT = "comment"


Number = Annotated[int, typer.Argument(help="Of the issue or pull request.", metavar="NR", min=1)]
Api = Annotated[
    str, typer.Option(envvar="GITHUB_API_URL", help="Where it listens; `factory dev github` prints it.", metavar="URL", show_default=False)
]
Repo = Annotated[str, typer.Option(help="The repository.", metavar="OWNER/NAME")]
Login = Annotated[str, typer.Option("--as", help="Who does it: a login, known there or not, that may write.", metavar="LOGIN")]


def register(app: typer.Typer) -> None:
    for command in (new, label, unlabel, comment, review, check, merge, close):
        group.command()(command)
    group.command("list")(list_issues)
    group.command("show")(show_issue)
    app.add_typer(group, name="issue")


def new(
    title: Annotated[str, typer.Argument(help="Its title.", metavar="TITLE")],
    *,
    body: Annotated[str, typer.Option(help="Its text.")] = "",
    file: Annotated[Path | None, typer.Option(help="A file with its text, instead of --body.", metavar="FILE")] = None,
    label: Annotated[list[str] | None, typer.Option(help="A label on it; may be given several times.")] = None,
    api: Api = "",
    repo: Repo = REPO,
    login: Login = "ada",
) -> None:
    """Open an issue, and print its number.

    \b
    Examples:
      factory dev issue new "Say hello" --body "On every start." --label ai-factory
      factory dev issue new "Count words" --file SPEC.md --label ai-factory
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    person = person_of(api, repo, login)
    text = _text(file) if file else body
    show(str(told(lambda: person.open_issue(title, text, *(label or [])), api, repo)))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--file {file}: it cannot be read ({error}); name a text file.") from None


def label(number: Number, name: Annotated[str, typer.Argument(help="The label.", metavar="LABEL")], *, api: Api = "", repo: Repo = REPO,
          login: Login = "ada") -> None:  # fmt: skip
    """Put a label on an issue.

    \b
    Example:
      factory dev issue label 1 ai-factory
    """  # noqa: D301 - as above
    acted(api, repo, login, number, lambda person: person.label(number, name))


def unlabel(number: Number, name: Annotated[str, typer.Argument(help="The label.", metavar="LABEL")], *, api: Api = "", repo: Repo = REPO,
            login: Login = "ada") -> None:  # fmt: skip
    """Take a label off an issue.

    \b
    Example:
      factory dev issue unlabel 1 ai-factory
    """  # noqa: D301 - as above
    acted(api, repo, login, number, lambda person: person.unlabel(number, name))


def comment(number: Number, text: Annotated[str, typer.Argument(help="What is said.", metavar="TEXT")], *, api: Api = "", repo: Repo = REPO,
            login: Login = "ada") -> None:  # fmt: skip
    """Say something below an issue or a pull request.

    \b
    Example:
      factory dev issue comment 1 "In the language of the user."
    """  # noqa: D301 - as above
    acted(api, repo, login, number, lambda person: person.comment(number, text))


def review(
    number: Number,
    verdict: Annotated[Verdict, typer.Argument(help="What the review says.", metavar="approve|request-changes|comment")],
    text: Annotated[str, typer.Argument(help="And in words.", metavar="TEXT")] = "",
    *,
    api: Api = "",
    repo: Repo = REPO,
    login: Login = "ada",
) -> None:
    """Review a pull request.

    \b
    Examples:
      factory dev issue review 2 approve
      factory dev issue review 2 request-changes "The empty file is missing."
    """  # noqa: D301 - as above
    acted(api, repo, login, number, lambda person: person.review(number, verdict.name, text))


def check(
    number: Number,
    conclusion: Annotated[str, typer.Argument(help="How it went: success, failure, cancelled, ...", metavar="CONCLUSION")] = "success",
    text: Annotated[str, typer.Argument(help="What it printed.", metavar="TEXT")] = "",
    *,
    name: Annotated[str, typer.Option(help="Which check it is.")] = "test",
    api: Api = "",
    repo: Repo = REPO,
) -> None:
    """Let a check of a pull request end.

    \b
    Examples:
      factory dev issue check 2
      factory dev issue check 2 failure "test_words: expected 2, got 3"
    """  # noqa: D301 - as above
    person = person_of(api, repo, "ada")
    sha = told(lambda: person.pull(number), api, f"{repo}#{number}")["head"]["sha"]
    machine = checks_of(api, repo)
    told(lambda: machine.check_run(sha, conclusion, name, text), api, f"{repo}#{number}")


def merge(number: Number, *, api: Api = "", repo: Repo = REPO, login: Login = "ada") -> None:
    """Merge a pull request, and print the commit.

    \b
    Example:
      factory dev issue merge 2
    """  # noqa: D301 - as above
    show(acted(api, repo, login, number, lambda person: person.merge(number)))


def close(number: Number, *, api: Api = "", repo: Repo = REPO, login: Login = "ada") -> None:
    """Close an issue, or a pull request without merging it.

    \b
    Example:
      factory dev issue close 1
    """  # noqa: D301 - as above
    acted(api, repo, login, number, lambda person: person.close(number))


def list_issues(*, api: Api = "", repo: Repo = REPO, json: Json = False) -> None:
    """The issues and pull requests there are, newest first.

    \b
    Example:
      factory dev issue list
    """  # noqa: D301 - as above
    person = person_of(api, repo, "ada")
    found = told(lambda: person.ask("GET", "/issues?state=all&per_page=100"), api, repo)
    if json:
        show_json("dev_issues", {"issues": found})
        return
    rows = [(one["number"], "pull" if "pull_request" in one else "issue", _state(one), one["comments"], one["user"]["login"],
             " ".join(name["name"] for name in one["labels"]), one["title"]) for one in found]  # fmt: skip
    show_table(("NR", "KIND", "STATE", "COMMENTS", "BY", "LABELS", "TITLE"), rows, None, "No issues yet.")


def _state(one: dict[str, Any]) -> str:
    return "merged" if (one.get("pull_request") or {}).get("merged_at") else str(one["state"])


def show_issue(number: Number, *, api: Api = "", repo: Repo = REPO, json: Json = False) -> None:
    """One issue or pull request with what was said below it.

    \b
    Example:
      factory dev issue show 1
    """  # noqa: D301 - as above
    person = person_of(api, repo, "ada")
    one = told(lambda: person.issue(number), api, f"{repo}#{number}")
    said = told(lambda: person.comments(number), api, f"{repo}#{number}")
    if json:
        show_json("dev_issue", {"issue": one, "comments": said})
        return
    labels = " ".join(name["name"] for name in one["labels"])
    for line in fields([("title", one["title"]), ("state", _state(one)), ("by", one["user"]["login"]), ("labels", labels)]):
        show(line)
    for text in (one["body"], *(f"{each['user']['login']}: {each['body']}" for each in said)):
        if text:
            show(f"\n{clean(text)}")
