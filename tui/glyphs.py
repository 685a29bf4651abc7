"""Our glyphs where a terminal wants ASCII. Imports nothing: the first picture of a start has no time for it."""

_ASCII = str.maketrans("●◌○▲◆✔‖✖·∙▌…—▁▂▃▄▅▆▇█│─┌┐└┘├┤⏸▸", "*~o^#+=x-.>.-_.:-=+*#|-++++++=>")


def ascii_only(text: str) -> str:
    """The text with our own glyphs as ASCII, each in its one column. Words of others stay: to replace them would be to hide them."""
    return text.translate(_ASCII)
