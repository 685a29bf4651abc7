"""The factory is away: what was known stays, with its age, and nothing is made up of the silence."""

from collections.abc import Callable

from tests.tui.conftest import FakeFactory, Person

Run = Callable[..., None]


def test_a_lost_link_makes_no_worker_silent_and_rings_no_bell(factory_feed: FakeFactory, dashboard: Run, clock) -> None:
    factory_feed.item("aaa", holder="aaa-2")
    factory_feed.worker("aaa-2", beat_at=1_000.0, progress_at=1_000.0)
    rung: list[float] = []

    async def steps(person: Person) -> None:
        person.app.bell = lambda: rung.append(clock.monotonic())  # type: ignore[method-assign]
        await person.sees("running")
        factory_feed.stop()
        await person.sees("DISCONNECTED")
        for screen in ("workers", "overview", "queue"):
            person.app.go(screen)
            clock.advance(100)
            await person.until(lambda: "DISCONNECTED" in person.screen())
            await person.sees("needs you 0")
            assert "silent" not in person.screen()
            assert "stalled" not in person.screen()
        person.app.look("worker", "aaa-2")
        await person.sees("DISCONNECTED 5m")
        assert "silent" not in person.screen()

    dashboard(steps, screen="workers", size=(130, 24))
    assert rung == []


def test_the_age_of_what_is_shown_counts_from_when_the_factory_was_last_heard_though_it_had_no_news(
    factory_feed: FakeFactory, dashboard: Run, clock
) -> None:
    factory_feed.item("aaa")

    async def steps(person: Person) -> None:
        await person.sees("live")
        clock.advance(3_600)
        await person.until(lambda: person.app.context.world.heard_at == clock.monotonic(), "a beat")
        factory_feed.stop()
        await person.sees("DISCONNECTED")
        clock.advance(17)
        await person.sees("DISCONNECTED 17s")

    dashboard(steps)
