"""The keys that change something: each makes a plan of what is on the screen, asks where it must, and sends it."""

from collections import deque
from collections.abc import Sequence

from tui import actions, outside
from tui.actions import Plan
from tui.context import Context
from tui.pending import Notice
from tui.shell import Shell
from tui.widgets.confirm import Ask, Confirm
from tui.world import Seen

_JUDGEMENTS = frozenset({"approve", "reject"})

_MOST_UNDONE = 20
"""Steps that can be taken back."""


class Steering(Shell):
    """What is sent is bound when the key is pressed: rows that move afterwards change nothing of it."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._undo: deque[Plan] = deque(maxlen=_MOST_UNDONE)

    # -- items --------------------------------------------------------------------------------------------------------

    def chosen(self) -> Sequence[Seen]:
        """The items that a key is about."""
        return self.seen.chosen() if self.seen is not None else ()

    def action_items(self, verb: str) -> None:
        """Kill, retry, cancel, approve, reject or a note: the marked rows, else the one under the cursor."""
        items = self.chosen()
        if not items:
            self.carry_out(Plan(refusal="There is no item under the cursor."))
        elif verb in _JUDGEMENTS and self.seen is not None and not self.seen.judges:
            # A yes to what one has not looked at is none: the item opens, where its diff is and the same key acts.
            self.look("item", str(items[0].row.get("id")), "diff")
        else:
            self.carry_out(actions.ITEM_PLANS[verb](items, self.context.operator))

    def action_prioritise(self, by: int) -> None:
        """Each press counts, whether or not the row shows the one before."""
        items, operator, now = self.chosen(), self.context.operator, self.wishes.priority
        plan = actions.prioritise(items, by, operator, now) if items else Plan(refusal="There is no item under the cursor.")
        back = actions.undone(plan, items, operator, now)
        if self.carry_out(plan):
            self._undo.append(back)

    def action_undo(self) -> None:
        """The last step first."""
        plan = self._undo[-1] if self._undo else Plan(refusal="Nothing to undo: only priorities can be put back.")
        if self.carry_out(plan):
            _ = self._undo.pop()

    # -- the factory --------------------------------------------------------------------------------------------------

    def switch(self, verb: str, part: str = "") -> None:
        """Pauses, drains or resumes intake, dispatch or both."""
        _ = self.carry_out(actions.switching(verb, part, self.context.operator))

    def action_drain(self) -> None:
        self.switch("drain", "dispatch")

    def action_emergency_stop(self) -> None:
        """After one question: every agent ends, what was done is kept."""
        _ = self.carry_out(actions.emergency_stop(list(self.context.world.items.values()), self.context.operator))

    # -- sending ------------------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan) -> bool:
        """Sends a plan's commands, after what it asks. False where it was refused at once."""
        refusal = self.refusal() or plan.refusal
        if refusal:
            self.tell(Notice(refusal, bad=True))
        elif plan.asks and plan.told is not None:
            self._ask(plan)
        elif plan.question:
            self._confirm(plan)
        else:
            self._send(plan)
        return not refusal

    def refusal(self) -> str:
        """Why no command can leave this terminal; empty where one can."""
        if self.context.read_only:
            return "Not sent: this terminal is read-only."
        return "" if self.context.link.live else "Not sent: the factory is not connected."

    def _ask(self, plan: Plan) -> None:
        told = plan.told

        def answered(text: str | None) -> None:
            if text and told is not None:
                _ = self.carry_out(told(text))

        _ = self.push_screen(Ask(plan.asks, plain=self.context.plain), answered)

    def _confirm(self, plan: Plan) -> None:
        screen = self.seen
        if screen is not None:
            screen.freeze(frozen=True)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual calls it so
            if screen is not None:
                screen.freeze(frozen=False)
            # The link may be lost by now: what is refused then is said, and never sent later.
            if yes and not (refusal := self.refusal()):
                self._send(plan)
            elif yes:
                self.tell(Notice(refusal, bad=True))

        _ = self.push_screen(Confirm(plan.question, plan.facts, plan.typed, plain=self.context.plain), answered)

    def _send(self, plan: Plan) -> None:
        key = self.pending.sent(plan.purpose, len(plan.requests))
        self.wishes.sent(plan.requests)
        for request in plan.requests:
            self.context.link.ask(key, request)

    # -- outside ------------------------------------------------------------------------------------------------------

    def action_browse(self) -> None:
        """Opens the pull request of the item, else the issue that it came from."""
        row = next((seen.row for seen in self.chosen()), {})
        address = str(row.get("pr_url") or row.get("source_url") or "")
        if not outside.is_page(address):
            self.tell(Notice(f"Not opened: {address} is no web page." if address else "It has no pull request yet.", bad=bool(address)))
        elif outside.has_browser():
            _ = self.run_worker(lambda: outside.browse(address), thread=True, exit_on_error=False)
            self.tell(Notice(f"Opening {address}"))
        else:
            self.copy_to_clipboard(address)
            self.tell(Notice(f"There is no browser here; copied: {address}"))

    def action_shell(self) -> None:
        """A shell where the worker of the item works, while this terminal waits."""
        items = self.chosen()
        worker = self.context.world.worker_of(str(items[0].row.get("id"))) if items else None
        entry = outside.entry(worker.row if worker else None, self.context.workers)
        if self.context.read_only:
            self.tell(Notice("Not opened: this terminal is read-only.", bad=True))
        elif isinstance(entry, str):
            self.tell(Notice(entry, bad=True))
        else:
            with self.suspend():
                outside.enter(entry, self.pump)
            self.refresh(repaint=True, layout=True)

    def look(self, kind: str, id: str, tab: str = "") -> None:  # noqa: A002 - as the rows name it
        raise NotImplementedError
