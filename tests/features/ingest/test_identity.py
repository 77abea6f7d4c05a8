"""Stitching: components are persons, whatever the order; names outlive new days; shared ids are set aside."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.contracts import check
from features.ingest.identity import IdentityConfig, all_merges, current_person, find_persons
from features.sources.raw_events import RAW_EVENTS
from features.tables import PERSON_MERGES

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Stitched:
    """Events with the persons that were found in them, those of quarantined ids left out."""

    events: pa.Table
    identities: pa.Table
    merges: pa.Table

    @property
    def quarantined(self):
        return self.identities[c.QUARANTINED].to_pylist().count(True)


def stitch(events, config, *, before=None):
    found = find_persons(events, config, before=before)
    person, quarantined = found.of(events)
    place = events.schema.get_field_index(c.PERSON_ID)
    kept = events.set_column(place, c.PERSON_ID, person).filter(pa.array(~quarantined))
    return Stitched(kept, found.identities, found.merges)


def events(*pairs, start=0):
    """One event per (anonymous id, user id), an hour apart."""
    rows = [
        {
            "event_id": f"e{start + n}", "event_name": "page_view", "time": START + timedelta(hours=start + n),
            "anonymous_id": anonymous, "user_id": user, "source": "f.csv", "line": start + n + 1,
        }
        for n, (anonymous, user) in enumerate(pairs)
    ]  # fmt: skip
    return pa.Table.from_pylist(
        [{**dict.fromkeys(RAW_EVENTS.names), **row} for row in rows], schema=RAW_EVENTS
    )


def persons(result):
    return dict(
        zip(
            result.events["event_id"].to_pylist(),
            result.events["person_id"].to_pylist(),
            strict=True,
        )
    )


def partition(result):
    groups = {}
    for row in result.identities.to_pylist():
        groups.setdefault(row[c.PERSON_ID], set()).add(row[c.IDENTITY])
    return sorted(map(sorted, groups.values()))


def test_earlier_anonymous_events_belong_to_the_person():
    result = stitch(
        events(("a", None), ("a", "u"), ("b", None), ("b", "u"), ("z", None)), IdentityConfig()
    )
    found = persons(result)
    assert found["e0"] == found["e1"] == found["e2"] == found["e3"] != found["e4"]
    assert partition(result) == [["anonymous:a", "anonymous:b", "user:u"], ["anonymous:z"]]


def test_an_anonymous_id_and_a_login_of_one_spelling_are_two_ids():
    assert len(partition(stitch(events(("x", None), (None, "x")), IdentityConfig()))) == 2


def test_an_event_without_any_id_has_no_person():
    result = stitch(events((None, None), ("a", None)), IdentityConfig())
    assert result.events["person_id"].is_null().to_pylist() == [True, False]


def test_a_new_day_renames_nobody():
    first = stitch(events(("a", None), ("b", "u")), IdentityConfig())
    second = stitch(
        events(("0", "u"), ("A", None), start=2), IdentityConfig(), before=first.identities
    )
    before = dict(
        zip(
            first.identities[c.IDENTITY].to_pylist(),
            first.identities[c.PERSON_ID].to_pylist(),
            strict=True,
        )
    )
    after = dict(
        zip(
            second.identities[c.IDENTITY].to_pylist(),
            second.identities[c.PERSON_ID].to_pylist(),
            strict=True,
        )
    )
    assert all(after[identity] == person for identity, person in before.items())
    assert persons(second)["e2"] == before["user:u"]
    assert second.merges.num_rows == 0


def test_persons_that_meet_follow_the_oldest():
    first = stitch(events(("young?", None), ("b", None), (None, "u")), IdentityConfig())
    old = persons(first)
    second = stitch(events(("b", "u"), start=3), IdentityConfig(), before=first.identities)
    assert second.merges.to_pylist() == [{"person_id": old["e2"], "merged_into": old["e1"]}]
    assert persons(second)["e3"] == old["e1"]
    decided = pa.array([old["e0"], old["e2"], old["e1"], "p-unknown"])
    assert current_person(decided, second.merges).to_pylist() == [
        old["e0"],
        old["e1"],
        old["e1"],
        "p-unknown",
    ]


def test_merges_of_earlier_days_follow_the_oldest():
    days = [(("a", None), ("b", None), ("c", None)), (("b", "u"), ("c", "u")), (("a", "u"),)]
    before, merges, start = None, None, 0
    for day in days:
        result = stitch(events(*day, start=start), IdentityConfig(), before=before)
        merges = result.merges if merges is None else all_merges(merges, result.merges)
        before, start = result.identities, start + len(day)
    names = persons(stitch(events(*days[0]), IdentityConfig()))
    moved = {row["person_id"]: row["merged_into"] for row in merges.to_pylist()}
    assert moved == {names["e1"]: names["e0"], names["e2"]: names["e0"]}
    check(merges, PERSON_MERGES, source="test")


def test_a_component_above_the_cap_is_set_aside_and_not_merged():
    pairs = [("kiosk", f"u{n}") for n in range(4)] + [("home", "v")]
    fine = stitch(events(*pairs), IdentityConfig(max_identities=5))
    assert fine.quarantined == 0
    result = stitch(events(*pairs), IdentityConfig(max_identities=4))
    assert result.quarantined == 5
    assert result.events["event_id"].to_pylist() == ["e4"]
    assert len(partition(result)) == 5 + 1


def test_quarantine_lasts_and_spreads_as_if_all_days_had_come_at_once():
    first = stitch(
        events(*[("kiosk", f"u{n}") for n in range(4)]), IdentityConfig(max_identities=4)
    )
    second = stitch(
        events(("phone", "u2"), ("other", None), start=4),
        IdentityConfig(max_identities=4),
        before=first.identities,
    )
    assert second.events["event_id"].to_pylist() == ["e5"]
    assert second.quarantined == 6
    assert second.merges.num_rows == 0


def test_no_events():
    result = stitch(events(), IdentityConfig())
    assert (result.events.num_rows, result.identities.num_rows, result.merges.num_rows) == (0, 0, 0)


_pairs = st.lists(
    st.tuples(st.sampled_from([None, *"abcd"]), st.sampled_from([None, *"uvw"])), max_size=12
)


def grouped_by_hand(pairs):
    """Join sets that share an id until nothing changes."""
    groups = []
    for anonymous, user in pairs:
        ids = {
            f"{kind}:{value}" for kind, value in (("anonymous", anonymous), ("user", user)) if value
        }
        touching = [group for group in groups if group & ids]
        groups = [group for group in groups if not group & ids] + [ids.union(*touching)]
    return sorted(sorted(group) for group in groups if group)


@given(_pairs)
def test_persons_are_the_groups_found_by_hand(pairs):
    assert partition(stitch(events(*pairs), IdentityConfig())) == grouped_by_hand(pairs)


@given(_pairs, st.randoms(use_true_random=False))
def test_the_order_of_events_changes_nothing(pairs, random):
    table = events(*pairs)
    order = list(range(len(pairs)))
    random.shuffle(order)
    one, other = (
        stitch(table, IdentityConfig()),
        stitch(table.take(pa.array(order, pa.int64())), IdentityConfig()),
    )
    assert one.identities.equals(other.identities)
    assert persons(one) == persons(other)


@given(_pairs, st.integers(0, 12), st.integers(1, 7))
def test_day_by_day_gives_the_persons_of_all_days_at_once(pairs, cut, cap):
    config = IdentityConfig(max_identities=cap)
    whole = stitch(events(*pairs), config)
    first = stitch(events(*pairs[:cut]), config)
    second = stitch(
        events(*pairs[cut:], start=min(cut, len(pairs))), config, before=first.identities
    )
    columns = [c.IDENTITY, c.FIRST_SEEN, c.QUARANTINED]
    assert second.identities.select(columns).equals(whole.identities.select(columns))
    free = [row for row in whole.identities.to_pylist() if not row[c.QUARANTINED]]
    assert free == [row for row in second.identities.to_pylist() if not row[c.QUARANTINED]]
    again = stitch(events(*pairs), config, before=whole.identities)
    assert again.identities.equals(whole.identities)
    assert again.merges.num_rows == 0
