"""Page views of articles: which article, by its landing page."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.ingest.content_ids import name_content

LINKS = {
    "a1": "https://www.site.example/Read/one/",
    "a2": "https://site.example/read/two?from=feed#top",
    "a3": "https://site.example/read/same",
    "a4": "https://site.example/read/same",
    "a5": "https://blog.example/read/five",
    "a6": None,
    "a7": "https://blog.example/read/two",
}
ITEMS = pa.table({c.ITEM_ID: list(LINKS), c.LINK: pa.array(list(LINKS.values()), pa.string())})


def named(events, page, *, name="page_view", item=None):
    table = events(("ann", 1, item, None, 1.0, name))
    place = table.schema.get_field_index(c.PAGE)
    found = name_content(
        table.set_column(place, table.schema.field(place), pa.array([page], pa.string())), ITEMS
    )
    return found.events[c.ITEM_ID][0].as_py(), found.matched, found.unmatched


@pytest.mark.parametrize(
    ("page", "item"),
    [
        pytest.param(
            "http://site.example/Read/one", "a1", id="scheme, www and slash do not matter"
        ),
        pytest.param(
            "https://SITE.example/read/two?utm=x", "a2", id="nor the query and the case of the host"
        ),
        pytest.param("https://site.example/read/One", None, id="the case of the path does"),
        pytest.param("https://site.example/read/same", None, id="two items share it"),
        pytest.param("/read/five", "a5", id="a path of one item"),
        pytest.param("/read/two", None, id="a path of two"),
        pytest.param("https://other.example/read/five", None, id="another host"),
        pytest.param("http://[bad", None, id="no address"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_page_view_is_of_the_item_whose_landing_page_it_is(make_events, page, item):
    assert named(make_events, page) == (item, int(item is not None), int(item is None))


def test_other_events_and_named_ones_stay(make_events):
    page = "http://site.example/Read/one"
    assert named(make_events, page, name="view_list") == (None, 0, 0)
    assert named(make_events, page, item="z") == ("z", 0, 0)
