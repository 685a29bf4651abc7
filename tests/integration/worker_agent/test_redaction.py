"""What an engine was given to log in with comes back in nothing that is told of its work."""

import json

from tests.integration.worker_agent.workshop import Workshop
from worker_agent.outcome import Failed

SECRET = "a-key-that-nobody-may-see"
PRINTS_ITS_KEY = """
import os, sys, time
key = os.environ["MY_AGENT_KEY"]
sys.stdout.write("it is " + key[:9]); sys.stdout.flush()
time.sleep(0.3)
sys.stdout.write(key[9:] + ".\\n"); sys.stdout.flush()
sys.exit(7)
"""


def test_neither_the_log_nor_the_evidence_nor_an_event_holds_the_key(workshop: Workshop) -> None:
    (workshop.site.folders.inbox / "credential.json").write_text(json.dumps({"MY_AGENT_KEY": SECRET}))

    ending = workshop.work(PRINTS_ITS_KEY, max_iterations=1)

    assert isinstance(ending.outcome, Failed)
    assert workshop.contact.logs["agent"] == b"it is [hidden].\n"
    assert "it is [hidden]." in ending.outcome.evidence
    assert SECRET not in repr((ending, workshop.contact.events))
