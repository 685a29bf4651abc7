"""The queue and all workers' actors of a gateway in a process of its own: `RUN_DIR`. Each beat is decoded, counted and answered.

The inboxes of all workers are one: what is measured is the gateway, which has a way to each of them as it would have.
"""

import json
import sys
from pathlib import Path

from factory.domain.ids import WorkerId, worker_actor
from factory.protocol.codec import Decoder
from factory.protocol.gateway_mail import Enrolled, Enrolment, Inbound, Outbound
from factory.protocol.worker import Envelope
from factory.transport.loop import Loop
from factory.transport.mailbox_link import MailboxClient, MailboxServer, mailbox_path
from tests.bench.contenders.tally import Asked, Tally, say


def main(run_dir: Path) -> None:
    keys = json.loads(sys.stdin.readline())
    queue, inbox = MailboxServer(run_dir, "queue", Enrolled), MailboxServer(run_dir, "beats", Inbound)
    for worker in keys:
        mailbox_path(run_dir, worker_actor(WorkerId(worker))).symlink_to(mailbox_path(run_dir, "beats"))
    client, tally, asked, loop = MailboxClient(run_dir), Tally(), Asked(), Loop()
    decode: Decoder[Envelope] = Decoder(Envelope)
    for each in (queue, inbox, asked):
        loop.add(each)
    say({})
    while True:
        for source in loop.wait(None):
            if source is asked:
                tally.answer()
            elif source is queue:
                for letter in queue.drain():
                    if letter.reply_to is not None:
                        queue.reply(letter.reply_to, Enrolment(keys))
            else:
                for letter in inbox.drain():
                    tally.take(decode(letter.mail.frame))
                    client.tell("gateway", Outbound(letter.mail.lease, letter.mail.frame))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
