"""A scroll bar of whole cells: Textual's ends in parts of one, which are no ASCII."""

from typing import ClassVar

from textual.scrollbar import ScrollBarRender


class PlainBar(ScrollBarRender):
    VERTICAL_BARS: ClassVar[list[str]] = [ScrollBarRender.BLANK_GLYPH] * len(ScrollBarRender.VERTICAL_BARS)
    HORIZONTAL_BARS: ClassVar[list[str]] = [ScrollBarRender.BLANK_GLYPH] * len(ScrollBarRender.HORIZONTAL_BARS)
