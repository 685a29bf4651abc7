"""Workers shall be containers, and no engine answers: one sentence, and items that wait without an attempt being burnt."""

from tests.real_factory import real_factory
from tests.waiting import eventually


def test_without_an_engine_items_wait_and_are_told_why() -> None:
    with real_factory({"FACTORY_WORKER_HOST": "docker", "FACTORY_DOCKER_HOST": "unix:///nonexistent/docker.sock"}) as factory:
        factory.up()
        item = factory.submit(factory.remote("waiting"))

        def why() -> str:
            return str(next(row["why"] for row in factory.view("queue")["items"] if row["id"] == item))

        told = "no worker can be made now: The Docker engine at unix:///nonexistent/docker.sock does not answer: nothing listens there"
        eventually(lambda: told in why(), 30, lambda: f"the reason is told: {why()}; {factory.log()}")
        row = factory.item(item)

        assert (row["status"], row["attempts"], row["setbacks"], row["epoch"]) == ("queued", 0, 0, 0)
        assert factory.view("status")["isolation"] == "container"
        factory.down()
        assert factory.log().count("no worker can be made now") == 1
