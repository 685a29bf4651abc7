"""The spec writer: each waiting item gets one spec, whatever is away meanwhile and wherever its process ends."""

import pytest

from actors.spec_writer import LOOK_SECONDS, MOST_ROUNDS, THREADS
from factory.domain.spec_prompt import Surroundings
from factory.integrations.plain_specs import PlainSpecs
from factory.protocol.issue_mail import SpecWanted
from factory.protocol.learner_mail import Found, FoundLearning
from factory.protocol.mailbox import Refused, Unavailable
from factory.protocol.spec_mail import NOT_YET, ShowRepository
from factory.spec_ports import SpecUnavailable
from tests.actors.spec_site import ASKED, COST, LONG, SHOWN, WRITTEN, SpecSite
from tests.waiting import eventually


@pytest.fixture
def site(spec_site: SpecSite) -> SpecSite:
    return spec_site


def test_an_item_that_waits_gets_its_spec_with_its_cost_and_files(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives.append(WRITTEN)

    site.settle()

    row = site.row(item)
    assert (row["status"], row["spec"], row["files"]) == ("queued", WRITTEN.finished.spec, ["greet.py"])
    drafted, specified = site.trail(item)
    assert (drafted.type, drafted.data["model"], drafted.data["input_tokens"], drafted.data["output_tokens"]) == (
        "SPEC.DRAFTED.SUCCESS", "m", 1_000, 200,
    )  # fmt: skip
    assert (specified.data["by"], specified.data["tokens"]) == ("m", COST.tokens)


def test_it_is_written_from_the_issue_the_repository_and_what_was_learnt(site: SpecSite) -> None:
    item = site.item()
    learnt = FoundLearning(1, "use make", "/repo", item, 0, 1.0, 0.9)
    site.mail.answers["learner"] = lambda _: Found("hashing", (learnt,))
    site.writer.gives.append(WRITTEN)

    site.settle()

    (order,) = site.writer.orders
    assert (order.item, order.repo, order.base_branch, order.learnings, order.must_decide) == (item, "/repo", "main", ("use make",), False)
    assert (order.issue.name, order.issue.title, order.issue.body) == ("owner/repo#12", "Greet people", "Please say hello.")
    assert order.around == Surroundings(SHOWN.commit, SHOWN.files, SHOWN.documents, SHOWN.commits)


def test_a_hint_makes_it_look_at_once_and_nothing_to_do_costs_nothing(site: SpecSite) -> None:
    site.tick()
    assert site.mail.asked == []
    item = site.item()
    site.writer.gives.append(WRITTEN)

    site.actor.on_mail(SpecWanted())
    site.finish()

    assert site.status(item) == "queued"


def test_an_issue_with_open_boxes_is_its_own_spec_and_asks_nobody(site: SpecSite) -> None:
    item = site.item("Do this:\n\n- [ ] say hello\n")

    site.settle()

    assert site.row(item)["spec"] == "# Greet people\n\nDo this:\n\n- [ ] say hello\n"
    assert site.trail(item)[-1].data["by"] == "the issue's own task boxes"
    assert [address for address, _ in site.mail.asked] == ["queue"]


def test_without_a_model_the_spec_is_plain_and_says_so(site: SpecSite) -> None:
    item = site.item("- say hello\n- say bye\n")
    site.made(PlainSpecs("no model is set"))

    site.settle()

    assert "This is a plain spec" in str(site.row(item)["spec"])
    assert "plain spec" in site.trail(item)[-1].data["by"]
    assert [address for address, _ in site.mail.asked] == ["queue"]


def test_an_item_without_an_issue_is_specified_from_its_title(site: SpecSite) -> None:
    item = site.item(None, title="Mend the door")
    site.writer.gives.append(WRITTEN)

    site.settle()

    assert site.writer.orders[0].issue.title == "Mend the door"
    assert site.status(item) == "queued"


def test_few_are_written_at_once_and_all_are_written(site: SpecSite) -> None:
    items = [site.item() for _ in range(THREADS + 2)]
    site.writer.gives += [WRITTEN] * len(items)
    site.writer.may.clear()

    site.tick()
    eventually(lambda: len(site.writer.orders) == THREADS, 30)
    site.tick()
    site.writer.may.set()
    site.finish()

    assert [site.status(item) for item in items] == ["queued"] * len(items)
    assert {order.item for order in site.writer.orders} == set(items)


# -- questions --------------------------------------------------------------------------------------------------------


def test_questions_put_the_item_before_a_person_and_an_answer_brings_it_back(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives += [ASKED, WRITTEN]
    site.settle()
    assert (site.status(item), site.row(item)["reason"]) == ("needs_approval", "The issue leaves open: Which language?")

    site.reopen(item)
    site.settle()

    assert site.status(item) == "queued"
    assert (site.writer.orders[1].issue.asked, site.writer.orders[1].must_decide) == (("Which language?",), False)


def test_after_some_rounds_of_questions_whoever_writes_has_to_decide(site: SpecSite) -> None:
    item = site.item()
    for _ in range(MOST_ROUNDS):
        site.writer.gives.append(ASKED)
        site.settle()
        site.reopen(item)
    site.writer.gives.append(WRITTEN)

    site.settle()

    assert [order.must_decide for order in site.writer.orders] == [False] * MOST_ROUNDS + [True]
    assert site.status(item) == "queued"


# -- what is away -----------------------------------------------------------------------------------------------------


def test_a_limit_is_waited_for_by_all_items_and_fails_none(site: SpecSite) -> None:
    first, second = site.item(), site.item()
    site.writer.gives += [SpecUnavailable("busy", 600.0), SpecUnavailable("busy", 600.0), WRITTEN, WRITTEN]
    site.settle()
    asked = len(site.writer.orders)

    for _ in range(int(600.0 / LOOK_SECONDS) - 1):
        site.settle()
    assert len(site.writer.orders) == asked <= THREADS
    assert {site.status(first), site.status(second)} == {"parked"}
    site.tick(LONG)
    site.finish()
    site.tick(LONG)
    site.finish()

    assert [site.status(item) for item in (first, second)] == ["queued", "queued"]


def test_an_outage_is_told_once_in_the_trail_and_tried_with_growing_distance(site: SpecSite) -> None:
    item = site.item()
    site.writer.gives += [SpecUnavailable("The model's API answers 529: busy.")] * 8 + [WRITTEN]

    waits: list[float] = []
    for _ in range(9):
        before = site.clock.monotonic()
        site.clock.advance(0.0)
        while len(site.writer.orders) == len(waits):
            site.settle()
        waits.append(site.clock.monotonic() - before)

    assert max(waits[4:]) > max(waits[:3])
    assert [event.data["why"] for event in site.trail(item, "SPEC.DRAFTED.FAILED")] == ["The model's API answers 529: busy."]
    assert site.status(item) == "queued"


def test_what_concerns_one_item_holds_up_no_other(site: SpecSite) -> None:
    first, second = site.item(), site.item()
    site.writer.gives += [SpecUnavailable("not this one", everyone=False), WRITTEN]

    site.settle()

    assert sorted([site.status(first), site.status(second)]) == ["parked", "queued"]


def test_a_repository_that_is_being_read_is_asked_for_again(site: SpecSite) -> None:
    item, other = site.item(), site.item()
    answers = iter([Unavailable(NOT_YET), Unavailable(NOT_YET), SHOWN, SHOWN])
    site.mail.answers["delivery"] = lambda _: next(answers)
    site.writer.gives += [WRITTEN, WRITTEN]

    for _ in range(4):
        site.tick(0.5)
        site.finish()

    assert [site.status(item), site.status(other)] == ["queued", "queued"]
    assert site.writer.orders[0].around.files == SHOWN.files


def test_a_remote_that_is_away_is_waited_for(site: SpecSite) -> None:
    item = site.item()
    site.mail.answers["delivery"] = lambda _: Unavailable("no route")
    site.settle()
    assert (site.status(item), site.writer.orders) == ("parked", [])
    assert "no route" in site.trail(item)[0].data["why"]

    site.mail.answers["delivery"] = lambda _: SHOWN
    site.writer.gives.append(WRITTEN)
    site.tick(LONG)
    site.finish()

    assert site.status(item) == "queued"


def test_a_repository_that_will_not_be_read_is_no_reason_to_wait(site: SpecSite) -> None:
    site.mail.answers["delivery"] = lambda _: Refused("no such branch")
    item = site.item()
    site.writer.gives.append(WRITTEN)

    site.settle()

    assert site.writer.orders[0].around == Surroundings(missing="no such branch")
    assert site.status(item) == "queued"


def test_without_delivery_it_waits_and_asks_it_once_a_turn(site: SpecSite) -> None:
    items = [site.item() for _ in range(3)]
    del site.mail.answers["delivery"]
    site.settle()
    assert [type(mail) for _, mail in site.mail.asked] == [ShowRepository]

    site.mail.answers["delivery"] = lambda _: SHOWN
    site.writer.gives += [WRITTEN] * 3
    site.settle()
    site.settle()

    assert {site.status(item) for item in items} == {"queued"}


def test_without_the_learner_it_goes_on(site: SpecSite) -> None:
    del site.mail.answers["learner"]
    item = site.item()
    site.writer.gives.append(WRITTEN)

    site.settle()

    assert site.status(item) == "queued"


def test_a_queue_that_does_not_answer_hears_it_later_and_nothing_is_written_twice(site: SpecSite) -> None:
    first, second = site.item(), site.item()
    site.writer.gives += [WRITTEN, WRITTEN]
    del site.mail.answers["queue"]
    site.settle()
    site.settle()

    site.mail.answers["queue"] = site.heard
    site.settle()
    site.settle()

    assert [site.status(first), site.status(second)] == ["queued", "queued"]
    assert len(site.writer.orders) == 2
