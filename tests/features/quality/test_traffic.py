"""Bots, stuck ids and possible duplicates are counted; people who are merely busy are not."""

from features.quality.traffic import TrafficConfig, check_traffic


def run(observed, **changes):
    return {check.name: check for check in check_traffic(observed, TrafficConfig(**changes))}


def test_who_is_faster_than_people_is_bot_like(see, make_event):
    rows = [make_event(person="bot-0001", day=n / 24 / 60, item_id=str(n)) for n in range(6)]
    rows += [make_event(person="slow", day=n / 24, item_id=str(n)) for n in range(6)]
    check = run(see(rows), max_actions_per_hour=5)["bot_like_persons"]
    assert check.figure == 6 / 12
    assert (check.status, check.owner) == ("warn", "analytics")
    assert check.words == "1 persons look like bots; 6 of 12 events (50.0%) are theirs"
    assert check.details[0].rows == (
        {"person_id": "b***(8)", "events": 6, "actions_in_an_hour": 6, "kinds": 6},
    )
    assert run(see(rows), max_actions_per_hour=6)["bot_like_persons"].status == "pass"


def test_the_limit_itself_is_still_a_person(see, make_event):
    rows = [make_event(day=n / 24 / 60, item_id=str(n)) for n in range(6)]
    rows.append(make_event(day=2))
    assert run(see(rows), max_actions_per_hour=6)["bot_like_persons"].figure == 0.0


def test_a_large_order_is_one_action(see, make_event):
    rows = [make_event("purchase", item_id=str(n), transaction_id="t1") for n in range(50)]
    check = run(see(rows), max_actions_per_hour=5, monotonous_actions=5)["bot_like_persons"]
    assert (check.status, check.figure) == ("pass", 0.0)


def test_who_does_one_thing_only_is_bot_like(see, make_event):
    rows = [make_event(person="monitor-1", day=n) for n in range(20)]
    rows += [make_event(person="reader", day=n, item_id=str(n % 2)) for n in range(20)]
    rows += [make_event(person="pages", day=n, page=f"/{n % 2}") for n in range(20)]
    rows += [make_event(("view", "select")[n % 2], "clicks", day=n) for n in range(20)]
    check = run(see(rows), monotonous_actions=20)["bot_like_persons"]
    assert [row["person_id"] for row in check.details[0].rows] == ["m***(9)"]
    assert check.figure == 20 / 80
    assert run(see(rows), monotonous_actions=21)["bot_like_persons"].figure == 0.0


def test_an_id_with_an_implausible_share_is_stuck(see, make_event):
    rows = [make_event(person=f"p{n}", user_id="00000000") for n in range(6)]
    rows += [make_event(person=f"p{n}") for n in range(14)]
    check = run(see(rows), max_id_share=0.25, min_id_events=6)["stuck_ids"]
    assert (check.status, check.figure, check.threshold) == ("alert", 6 / 20, 0.25)
    assert check.details[0].rows == (
        {"kind": "user_id", "id": "0***(8)", "events": 6, "share": 6 / 20},
    )
    assert "constant instead of an id" in check.next_step
    assert "00000000" not in str(check)


def test_a_busy_person_in_a_small_sample_is_not_stuck(see, make_event):
    check = run(see([make_event(), make_event()]))["stuck_ids"]
    assert (check.status, check.figure) == ("pass", 0.0)


def test_two_sources_telling_the_same_are_possible_duplicates(see, make_event):
    second = 1 / 24 / 3600
    rows = [
        make_event("purchase", day=1, source="browser"),
        make_event("purchase", day=1 + 60 * second, source="server"),
        make_event("purchase", "p2", day=1, source="browser"),
        make_event("purchase", "p2", day=1 + 61 * second, source="server"),  # too late
        make_event("purchase", "p3", day=1, source="browser"),
        make_event("purchase", "p3", day=1, source="server", item_id="2"),  # another item
        make_event("view", "p4", day=1, source="browser"),
        make_event("select", "p4", day=1, source="server"),  # another event
        make_event("view", "p5", day=1, source="browser"),
        make_event("view", "p5", day=1 + second, source="browser"),  # one source
    ]
    check = run(see(rows))["possible_duplicates"]
    assert check.figure == 1 / 10
    assert (check.status, check.owner) == ("warn", "marketing operations")
    assert check.words == (
        "1 of 10 events (10.0%) follow the same event of another source within 60 s under another event id, "
        "most of them purchase of browser and server"
    )
    assert check.details[0].rows == (
        {"event_name": "purchase", "sources": "browser and server", "events": 1},
    )
    assert run(see(rows), duplicate_seconds=59)["possible_duplicates"].status == "pass"


def test_which_source_comes_first_changes_nothing(see, make_event):
    second = 1 / 24 / 3600
    rows = [
        make_event("purchase", day=1, source="server"),
        make_event("purchase", day=1, source="browser"),
        make_event("purchase", day=1 + second, source="server"),
        make_event("purchase", "p2", day=1, source="server"),
        make_event("purchase", "p2", day=1 + second, source="browser"),
    ]
    expected = ({"event_name": "purchase", "sources": "browser and server", "events": 2},)
    for order in (rows, rows[::-1]):
        assert run(see(order))["possible_duplicates"].details[0].rows == expected


def test_one_source_has_no_duplicates_of_another(see, make_event):
    rows = [make_event(source=f"web-2026030{n}.csv") for n in (1, 2)]
    assert run(see(rows))["possible_duplicates"].status == "not_available"


def test_no_event_no_traffic(see, make_event):
    assert {check.status for check in run(see([make_event(day=30)])).values()} == {"not_available"}
