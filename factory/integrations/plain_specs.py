"""Specs without a model: the issue's own text, put into the form of one."""

from factory.domain.spec_draft import BY_NOBODY, plain
from factory.spec_ports import SpecOrder, Written


class PlainSpecs:
    """The adapter of `spec_ports.SpecWriter`.

    Args:
        because: why nobody writes a better one, the end of a sentence.
    """

    reads_repository = False

    def __init__(self, because: str) -> None:
        self._because = because

    def write(self, order: SpecOrder) -> Written:
        return Written(plain(order.issue, self._because), BY_NOBODY)
