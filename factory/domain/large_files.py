"""Git LFS, which is not supported: how a repository that uses it is recognised, and what its owner is told.

A worker has no credentials for the store of large files and no filter. It would see pointers in the place of files and,
worse, commit whole files where pointers belong. Fetching them in advance would need git-lfs on every host.
"""

LOOK = ("grep", "-h", "-I", "-E", "^[^#]*[[:space:]]filter=lfs")
"""Arguments of git, to be followed by a commit and `WHERE`; exit status 1 where nothing is found."""
WHERE = ("--", ":(glob)**/.gitattributes")

_NAMED = 3


def sentence(repo: str, found: str) -> str:
    """What is said of a repository.

    Args:
        found: the output of `LOOK`.
    """
    patterns = list(dict.fromkeys(line.split()[0] for line in found.splitlines() if line.split()))
    more = " and more" if len(patterns) > _NAMED else ""
    named = f" ({', '.join(patterns[:_NAMED])}{more})" if patterns else ""
    return f"{repo} keeps files in Git LFS{named}, which workers can neither fetch nor store: it cannot be worked on."
