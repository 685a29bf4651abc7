"""The labels that a repository has. Their names differ by more than case, as on GitHub."""

from factory.standin.hub import Hub
from factory.standin.model import Label, Repository
from factory.standin.refusals import Missing


def label_named(repo: Repository, name: str) -> Label:
    for one in repo.labels:
        if one.name.casefold() == name.casefold():
            return one
    raise Missing


def ensured(hub: Hub, repo: Repository, name: str) -> Label:
    """The label of this name; made where there is none, as GitHub does when an issue gets an unknown one."""
    try:
        return label_named(repo, name)
    except Missing:
        made = Label(hub.store.fresh_id(), name)
        repo.labels.append(made)
        hub.store.put(repo)
        return made
