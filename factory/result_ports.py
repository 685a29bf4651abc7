"""The seam behind `factory diff`: who can read a result that was handed in."""

from typing import Protocol

from factory.protocol.result_mail import ShownResult, ShowResult


class ResultReader(Protocol):
    """Reads results without publishing them."""

    def read(self, asked: ShowResult) -> ShownResult:
        """All of the result, with the whole patch. May take minutes.

        Raises:
            NotFound: neither the bundle nor the commit in the mirror is there any more.
            BadResult: the bundle is broken.
            Retryable: not now.
        """
        ...
