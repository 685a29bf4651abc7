"""Styles that are parsed once, until the theme changes."""

from textual.css.stylesheet import Stylesheet


class Styles(Stylesheet):
    """Textual throws away all that it has parsed, and parses it anew, twice for each screen that is opened for the first time.

    Args:
        variables: name → value, of the theme.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        super().__init__(variables=variables)
        self._given = variables

    def set_variables(self, variables: dict[str, str]) -> None:
        """Others than before: all that was parsed with those is forgotten."""
        if variables != self._given:
            self._given = variables
            super().set_variables(variables)

    def reparse(self) -> None:
        """What was parsed with these variables is not parsed again. Raises as `parse` does, and then keeps the rules there were."""
        self.parse()
