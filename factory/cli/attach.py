"""`factory attach`: what the worker of an item prints, as it prints it, and words typed meanwhile as notes to its agent."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from factory.cli.ask import Item
from factory.cli.attached_log import AttachedLog, Line
from factory.cli.board import ENDED, SUCCEEDED, Board, State
from factory.cli.client import here, item_id, view
from factory.cli.exits import Exit, TimedOut
from factory.cli.follow import Patience
from factory.cli.interventions import hand_note, who_reads
from factory.cli.output import note, show, show_json
from factory.cli.typed import TypedLines
from factory.domain.clean import clean_line
from factory.errors import FactoryError, InvalidInput, Retryable
from factory.paths import Paths

_LOOK_SECONDS = 0.5
"""Between two looks at the log: quick to the eye, and two small reads a second."""
_LOOKS_FOR_AN_ITEM = 2
"""The item itself, of which one view reads six tables, is looked at with each second one."""
_WORKED_ON = frozenset({"assigned", "running", "publishing"})

Tail = Annotated[int, typer.Option(min=0, max=100_000, help="Begin with so many lines of what was printed before.", metavar="LINES")]
Say = Annotated[str | None, typer.Option(help="Hand this one line to the agent, and leave.", metavar="TEXT")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait while nobody works on the item, or leave then.")]
Form = Annotated[bool, typer.Option("--json/--plain", help="One JSON object a line, with a `schema` field, or words.")]


def register(app: typer.Typer) -> None:
    app.command()(attach)


def attach(context: typer.Context, item: Item, *, tail: Tail = 20, say: Say = None, wait: Wait = True, json: Form = False) -> None:
    """Follow what the worker of an item prints, and tell its agent something.

    Goes on through iterations and attempts until nothing more happens to the item: exit code 0 where it succeeded, 1 where not, 6 with
    --no-wait where nobody works on it. On a terminal, a line that you type is handed to the agent with Enter, which reads it at its next
    iteration; Ctrl-R shows again what you typed. Ctrl-C and Ctrl-D leave, and the worker goes on.

    \b
    Examples:
      factory attach 7k2
      factory attach 7k2 --tail 200 --no-wait
      factory attach 7k2 --say 'Use the parser in lib/.'
      factory attach 7k2 --json | jq -r 'select(.kind == "line").text'
    """  # noqa: D301 - \b keeps the lines of the examples apart, and is no escape here
    paths = here(context)
    whole = item_id(paths, item)
    teller = _Teller(whole, json=json)
    if say is not None:
        _say_one(paths, whole, say, teller)
        return
    try:
        ended = _Attached(paths, whole, tail, teller, wait=wait).follow()
    except KeyboardInterrupt:
        note(f"\n{_goes_on(whole)}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    raise typer.Exit(ended)


def _goes_on(item: str) -> str:
    return f"The factory goes on with {item}."


def _say_one(paths: Paths, item: str, text: str, teller: "_Teller") -> None:
    said = text.strip()
    if "\n" in said:
        raise InvalidInput(f"--say: it has several lines; `factory note {item} -` reads those from stdin.")
    teller.accepted(said, hand_note(paths, item, said))


class _Teller:
    """Lines of the worker on stdout; what happens to the item and to what was typed on stderr, or as objects beside the lines."""

    def __init__(self, item: str, *, json: bool) -> None:
        self._item, self._json = item, json

    def line(self, line: Line) -> None:
        if self._json:
            self._object("line", epoch=line.epoch, text=line.text)
        else:
            show(line.text)

    def state(self, state: State) -> None:
        if self._json:
            self._object("state", status=state.status, iterations=state.iterations, commits=state.commits, reason=state.reason or state.why)
        else:
            note(f"{self._item}: {clean_line(state.describe())}")

    def accepted(self, text: str, reader: str) -> None:
        if self._json:
            self._object("note", text=text, accepted=True, read_by=reader, reason="")
        else:
            note(f"Accepted: {who_reads(reader)}.")

    def refused(self, text: str, error: FactoryError) -> None:
        if self._json:
            self._object("note", text=text, accepted=False, read_by="", reason=str(error))
        else:
            # Whether it came through is not known where no answer came.
            note(f"{'No answer' if isinstance(error, Retryable) else 'Refused'}: {error}")

    def _object(self, kind: str, **what: object) -> None:
        show_json("attach", {"kind": kind, "item": self._item, **what})


class _Attached:
    """What one turn of the loop works on."""

    def __init__(self, paths: Paths, item: str, tail: int, teller: _Teller, *, wait: bool) -> None:
        self._paths, self._item, self._wait, self._teller = paths, item, wait, teller
        self._log, self._board = AttachedLog(tail), Board([item])
        self._told = False
        self._typed = TypedLines()
        self._patience = Patience(paths)

    def follow(self) -> Exit:
        """Returns how it ended. Raises `FactoryUnreachable` where the factory is away, and `TimedOut` where nobody works on the item."""
        ended = self._look()
        if self._typed.there:
            note("What you type is handed to the agent with Enter. Ctrl-C leaves; the worker goes on.")
        looks = 0
        while ended is None and not self._typed.closed:
            for text in self._typed.wait(_LOOK_SECONDS):
                self._hand(text)
            looks += 1
            ended = self._patiently(with_item=looks % _LOOKS_FOR_AN_ITEM == 0)
        if ended is None:
            note(_goes_on(self._item))
        return Exit.OK if ended is None else ended

    def _patiently(self, *, with_item: bool) -> Exit | None:
        """A factory that is restarted may be away for a moment."""
        try:
            known = self._log.ended
            self._read()
            if with_item or self._log.ended > known:
                return self._look()
        except Retryable:
            pass
        self._patience.check()
        return None

    def _look(self) -> Exit | None:
        """Reads what there is, of all attempts, and says how it ended where nothing more happens."""
        while True:
            # The item first: what its log holds then is all there is of an attempt that the item says has ended.
            data = view(self._paths, "item", self._item)
            self._tell(data["item"])
            self._read()
            if not self._log.move_on(int(row["epoch"]) for row in data.get("attempts") or ()):
                return self._end(data["item"])

    def _tell(self, row: Mapping[str, Any]) -> None:
        state = self._board.take_item(row)
        if state is not None or not self._told:
            self._teller.state(self._board.states[0])
        self._told = True

    def _end(self, row: Mapping[str, Any]) -> Exit | None:
        between = self._log.ended or not self._log.epoch
        status = str(row.get("status"))
        if between and status in ENDED:
            return Exit.OK if status in SUCCEEDED else Exit.FAILED
        if between and not self._wait and status not in _WORKED_ON:
            raise TimedOut(f"Nobody works on {self._item}: it is {clean_line(self._board.states[0].describe())}.")
        return None

    def _read(self) -> None:
        more = True
        while more:
            lines, more = self._log.take(view(self._paths, "log", self._item, epoch=self._log.epoch, offset=self._log.offset))
            for line in lines:
                self._teller.line(line)

    def _hand(self, text: str) -> None:
        said = clean_line(text)
        if not said:
            return
        try:
            self._teller.accepted(said, hand_note(self._paths, self._item, said))
        except FactoryError as error:
            self._teller.refused(said, error)
