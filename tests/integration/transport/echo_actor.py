"""An actor as a process of its own: answers what it is asked with its process id, and writes down what it is told."""

import os
import sys
from pathlib import Path

from factory.transport.loop import Loop
from factory.transport.mailbox_link import MailboxServer
from tests.integration.transport.mail import Inbox, answer_of


def main() -> None:
    run_dir, name = Path(sys.argv[1]), sys.argv[2]
    server = MailboxServer(run_dir, name, Inbox)
    loop = Loop()
    loop.add(server)
    while True:
        loop.wait(None)
        for letter in server.drain():
            if letter.reply_to is not None:
                server.reply(letter.reply_to, answer_of(os.getpid()))
            else:
                with (run_dir / "told").open("a") as told:
                    told.write(f"{letter.mail.count}\n")


if __name__ == "__main__":
    main()
