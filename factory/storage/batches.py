"""What a whole batch of workers says at once, each kind in one statement.

Only what goes well is done here: a lease that is not in the answer is looked at alone, which finds out why.
"""

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from factory.domain.events import EventType, item_stream
from factory.domain.work_item import Status
from factory.protocol.attempt_mail import Finish, Result
from factory.protocol.mailbox import Lease
from factory.storage.rounds import RoundPart


class BatchRound(RoundPart):
    """The part of a round that its size does not make longer."""

    def start(self, leases: Sequence[Lease]) -> set[Lease]:
        """Those whose agent has its assignment. Said again it changes nothing."""
        if not leases:
            return set()
        bound = {
            "items": [lease.item for lease in leases], "epochs": [lease.epoch for lease in leases], "lease": self.tx.terms.lease.lease,
        }  # fmt: skip
        rows = self.tx.rows("start_work_items", bound)
        for row in rows:
            if row["was"] == Status.ASSIGNED:
                self.tx.tell(row["id"], EventType.STARTED, status=Status.RUNNING, epoch=row["epoch"])
        return {Lease(row["id"], row["epoch"]) for row in rows}

    def take_results(self, mails: Sequence[Finish]) -> set[Lease]:
        """Those whose result is accepted: they ran under a living lease, and all that their agent told before is stored."""
        results = {mail.lease: mail.result for mail in mails if mail.result is not None and mail.outcome == "done"}
        # Each lease once, however often it was said: the statement would fail over a second one.
        said = {mail.lease: _row(mail, results[mail.lease]) for mail in mails if mail.lease in results and mail.outcome == "done"}
        if not said:
            return set()
        rows = self.tx.rows("accept_results", {"said": Jsonb(list(said.values()))})
        for row in rows:
            commit = results[Lease(row["id"], row["epoch"])].commit
            self.tx.tell(
                row["id"], EventType.RESULT_ACCEPTED, status=Status.PUBLISHING, epoch=row["epoch"], holder=None, reason="",
                commit=commit,
            )  # fmt: skip
        return {Lease(row["id"], row["epoch"]) for row in rows}


def _row(mail: Finish, result: Result) -> dict[str, object]:
    return {
        "item": mail.lease.item, "epoch": mail.lease.epoch, "worker": mail.lease.worker, "stream": item_stream(mail.lease.item),
        "iterations": mail.iterations, "tokens": mail.tokens, "last_event": mail.last_event, "commits": result.commits,
        "files_changed": result.files_changed, "base_commit": result.base_commit, "head_commit": result.commit,
        "payload": msgspec.to_builtins(result),
    }  # fmt: skip
