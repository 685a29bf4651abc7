"""A process that answers at an actor's inbox, for supervisors that start programs: `PROGRAM RUN_DIR NAME`.

It imports what every actor needs, binds its inbox and answers; unlike an actor it opens no connection and asks nobody.
"""

import importlib
import os
import sys
from pathlib import Path

from factory.protocol import mailbox as mail
from factory.transport.loop import Loop
from factory.transport.mailbox_link import MailboxServer


def pid_file(run_dir: Path, name: str) -> Path:
    return run_dir / f"{name}.pid"


def main(run_dir: Path, name: str) -> None:
    importlib.import_module("actors.preload")
    # Before the inbox is there: who sees that one asks for the pid next.
    pid_file(run_dir, name).write_text(str(os.getpid()))
    inbox = MailboxServer(run_dir, name, mail.QueueMail)
    loop = Loop()
    loop.add(inbox)
    while True:
        loop.wait(None)
        for letter in inbox.drain():
            if letter.reply_to is not None:
                inbox.reply(letter.reply_to, mail.Ok())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
