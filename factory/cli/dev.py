"""`factory dev`: a GitHub of one's own, to try the whole way from a label to a merged pull request without an account or a network."""

import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from factory.cli import dev_demo, dev_issue
from factory.cli.dev_person import REPO, check_repo
from factory.cli.output import note, show
from factory.errors import InvalidInput

if TYPE_CHECKING:
    from factory.standin.server import Server

_HELP = """A GitHub of your own, for trying things out."""
_MAX_PORT = 65_535
_JOIN_SECONDS = 10.0
_LOOK_SECONDS = 0.5
"""A signal that comes as a wait begins, or is given to another thread, wakes nobody; it is handled when this wait is over."""

group = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    group.command()(github)
    group.command()(dev_demo.demo)
    dev_issue.register(group)
    app.add_typer(group, name="dev")


def github(
    *,
    port: Annotated[int, typer.Option(help="Where it listens, on this machine only; 0 for any that is free.", min=0, max=_MAX_PORT)] = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Where it keeps everything, to go on the next time [default: a new one, removed at the end].")
    ] = None,
    repo: Annotated[str, typer.Option(help="Its repository, made with a small sample project where there is none.", metavar="OWNER/NAME")]
    = REPO,
) -> None:  # fmt: skip
    """Start a GitHub of your own, with a sample repository.

    It speaks GitHub's API and git over HTTP, for the factory as for you: issues, labels, comments, pull requests, reviews, checks and
    merges are real, in a bare repository. Two lines are printed that point a shell at it; Ctrl-C ends it.

    \b
    Examples:
      factory dev github
      factory dev github --port 7780 --folder ~/own-github
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    from factory.cli.own_factory import ended_by_sigterm
    from factory.paths import fresh_folder

    check_repo(repo)
    home = folder.expanduser().absolute() if folder else fresh_folder("factory-github-")
    try:
        with ended_by_sigterm(), serving(home, port, repo) as (api, token):
            _tell(api, repo, token)
            while True:
                time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        note("\nIt is stopped.")
    finally:
        if folder is None:
            shutil.rmtree(home)


@contextmanager
def serving(folder: Path, port: int, repo: str) -> Iterator[tuple[str, str]]:
    """Serves while the block is carried out; gives its address and a token for it.

    Raises:
        InvalidInput: the folder or the port cannot be used.
    """
    _make_sample(folder, repo)
    token = f"ghp_{secrets.token_hex(18)}"
    server = _server(folder, port, token)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="standin", daemon=True)
    thread.start()
    try:
        yield server.hub.base, token
    finally:
        server.shutdown()
        thread.join(_JOIN_SECONDS)
        server.server_close()


def _server(folder: Path, port: int, token: str) -> "Server":
    from factory.standin.server import Server
    from factory.standin.store import InUse

    try:
        return Server(folder, port, [token], is_guarded=True)
    except InUse:
        raise InvalidInput(f"--folder {folder}: another `factory dev github` serves it; end that one, or name another folder.") from None
    except OSError as error:
        raise InvalidInput(
            f"--port {port}: nothing can listen there ({error.strerror}); choose another, or 0 for any that is free."
        ) from None


def _tell(api: str, repo: str, token: str) -> None:
    host, at = api.removeprefix("http://"), "" if repo == REPO else f" --repo {repo}"
    show(f"export GITHUB_API_URL={api} GITHUB_TOKEN={token}")
    show(f"git clone http://factory:{token}@{host}/{repo}.git")
    note(f"A GitHub of your own listens at {api}, with the repository {repo}. In other terminals, after the line with export:")
    for command, meaning in (
        (f"REPOS={repo} factory up", "a factory that takes its issues up"),
        (f'factory dev issue new "Say hello" --label ai-factory{at}', "an issue for it"),
        (f"factory dev issue list{at}", "what became of it; also comment, review, check, merge, close"),
    ):
        note(f"  {command:<60}  {meaning}")


def _make_sample(folder: Path, repo: str) -> None:
    """Raises `InvalidInput` where the folder cannot be used."""
    from factory.demo.sample import make_remote

    target, made = folder / "repositories" / f"{repo}.git", folder / "made"
    if target.exists():
        return
    try:
        made.mkdir(parents=True, exist_ok=True)
        remote = make_remote(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        remote.rename(target)
        shutil.rmtree(made)
    except OSError as error:
        raise InvalidInput(f"--folder {folder}: it cannot be used ({error.strerror}); name a folder that can be written to.") from None
