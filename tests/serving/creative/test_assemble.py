"""The first template that its item can fill and no guard forbids; every guard on a case of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from pydantic import ValidationError

from features import columns as c
from features.contracts import check
from features.tables import CONTACT_LOG, CREATIVES, TIMESTAMP
from serving.creative.assemble import Shown, assemble, creative_figures
from serving.creative.config import CreativeConfig, TemplateConfig
from serving.creative.guardrails import problem
from serving.creative.rotation import last_shown, ordered_templates
from serving.creative.slots import ItemFacts, item_facts

STEPS = ("reminder", "value", "urgency")
LINK = "https://shop.example/i"
AS_OF = datetime(2026, 5, 5, tzinfo=UTC)


def facts(texts=None, **changes):
    plain = {"inventory": None, "link": LINK, "image_link": None, "has_feed": True}
    return ItemFacts(texts or {}, **(plain | changes))


def template(name="one", headline="Still there", **rest):
    return TemplateConfig(name=name, headline=headline, **({"step": "reminder"} | rest))


def why(made, item, **config):
    texts = {**made.fallbacks, **item.texts}
    filled = [made.headline, made.body]
    for slot, value in texts.items():
        filled = [text.replace(f"{{{{ {slot} }}}}", value) for text in filled]
    return problem(made, *filled, item, CreativeConfig(**config))


@pytest.mark.parametrize(
    ("made", "item", "expected"),
    [
        (template(), facts(), None),
        (template(headline="x" * 91), facts(), "headline_too_long"),
        (template(body="x" * 181), facts(), "body_too_long"),
        (template(body="Success Guaranteed!"), facts(), "banned_claim"),
        (template(headline="{{ title }}"), facts({"title": "Miracle cream"}), "banned_claim"),
        (template(headline="For {{ price }}"), facts({"price": "9.99 EUR"}), None),
        (template(headline="Only 9.99 EUR"), facts({"price": "9.99 EUR"}), None),
        (template(headline="Only 9.98 EUR"), facts({"price": "9.99 EUR"}), "price_not_true"),
        (template(headline="Only €9.98"), facts({"price": "9.99 EUR"}), "price_not_true"),
        (template(headline="Only 9,99 EUR"), facts({"price": "9.99 EUR"}), "price_not_true"),
        (
            template(headline="Was 12.00 EUR"),
            facts({"price": "9.00 EUR", "regular_price": "12.00 EUR"}),
            None,
        ),
        (template(headline="Only 5 USD"), facts(), "price_not_true"),
        (template(headline="A {{ title }}"), facts({"title": "50 USD gift card"}), None),
        (
            template(headline="{{ badge }}", fallbacks={"badge": "Now 1 EUR"}),
            facts(),
            "price_not_true",
        ),
        (template(headline="25 % off"), facts({"discount": "25"}), None),
        (template(headline="30% off"), facts({"discount": "25"}), "discount_not_true"),
        (template(headline="30% off"), facts(), "discount_not_true"),
        (template(headline="Hurry!"), facts(), "unsupported_urgency"),
        (template(headline="Hurry!"), facts(inventory=5), "unsupported_urgency"),
        (template(headline="Hurry!"), facts(inventory=4), None),
        (template(headline="Hurry!"), facts(inventory=0), "unsupported_urgency"),
        (template(headline="Ends soon", step="urgency"), facts(), "unsupported_urgency"),
        (template(headline="Ends soon", step="urgency"), facts(inventory=1), None),
        (template(), facts(link=None), "no_landing_page"),
        (template(), facts(link="javascript:alert(1)"), "no_landing_page"),
        (template(), facts(link=None, has_feed=False), None),
    ],
)
def test_each_guard(made, item, expected):
    assert why(made, item) == expected


def items(**columns):
    n = len(columns[c.ITEM_ID])
    plain = {c.TITLE: ["Socks"] * n, c.PRICE: [10.0] * n, c.CURRENCY: ["EUR"] * n}
    return pa.table(plain | columns)


def test_the_price_is_that_of_the_moment():
    day = timedelta(days=1)
    table = items(
        **{
            c.ITEM_ID: ["over", "on", "ahead", "none"],
            c.PRICE: pa.array([10.0, 10.0, 10.0, None]),
            c.SALE_PRICE: [8.0, 7.5, 8.0, None],
            c.SALE_STARTS: pa.array([AS_OF - 2 * day, AS_OF - day, AS_OF + day, None], TIMESTAMP),
            c.SALE_ENDS: pa.array([AS_OF, AS_OF + day, AS_OF + 2 * day, None], TIMESTAMP),
            c.LINK: [LINK] * 4,
            "rating": ["4.5", None, None, None],
        }
    )
    ids = pa.array(["over", "on", "ahead", "none"])
    known = {"as_of": AS_OF, "currency": "EUR"}
    found = item_facts(table, ids, hide_prices=False, **known)
    price = {item: fact.texts.get("price") for item, fact in found.items()}
    assert price == {"over": "10.00 EUR", "on": "7.50 EUR", "ahead": "10.00 EUR", "none": None}
    assert found["on"].texts["regular_price"] == "10.00 EUR"
    assert found["on"].texts["discount"] == "25"  # 100 x (1 - 7.5 / 10)
    assert "discount" not in found["over"].texts
    assert (found["over"].texts["rating"], found["on"].texts.get("rating")) == ("4.5", None)
    stale = item_facts(table, ids, hide_prices=True, **known)
    assert not {"price", "regular_price", "discount"} & set(stale["on"].texts)


def test_an_item_without_a_feed_has_its_observed_price():
    found = item_facts(
        items(**{c.ITEM_ID: ["a"]}), pa.array(["a"]), as_of=AS_OF, currency="USD", hide_prices=False
    )
    assert found["a"].texts == {
        "item_id": "a",
        "title": "Socks",
        "price": "10.00 EUR",
        "currency": "EUR",
    }
    assert not found["a"].has_feed


def names(order):
    return [made.name for made in order]


def order(*made, shown=None, step="value", **rest):
    asked = {"stage": "cart", "channel": "email"} | rest
    return names(ordered_templates(made, step=step, steps=STEPS, shown=shown or {}, **asked))


def test_the_step_leads_and_a_later_one_is_never_taken_early():
    made = [template("r"), template("v", step="value"), template("u", step="urgency")]
    assert order(*made, step="reminder") == ["r"]
    assert order(*made, step="value") == ["v", "r"]
    assert order(*made, step="urgency") == ["u", "v", "r"]


def test_only_templates_for_stage_and_channel():
    made = [
        template("any"),
        template("cart", stages=("cart",)),
        template("browse", stages=("browse",)),
        template("sms", channels=("sms",)),
    ]
    assert order(*made) == ["any", "cart"]


def test_of_equals_the_one_shown_longest_ago_comes_first():
    made = [template("a"), template("b"), template("c"), template("d")]
    assert order(*made, shown={"a": 3, "b": 1, "c": 2}) == ["d", "b", "c", "a"]
    assert order(*made) == ["a", "b", "c", "d"]


def test_ghosts_and_the_time_to_come_were_not_shown():
    rows = [
        ("p", 1, "a", False),
        ("p", 2, "a", False),
        ("p", 3, "b", True),
        ("q", 9, "a", False),
        ("q", 4, None, False),
    ]
    plain = dict.fromkeys(CONTACT_LOG.schema.names) | {c.CHANNEL: "email"}
    table = [
        {
            **plain,
            c.EXPOSURE_ID: str(i),
            c.PERSON_ID: person,
            c.TIME: day * 86_400_000_000,
            c.TEMPLATE: name,
            c.GHOST: ghost,
        }
        for i, (person, day, name, ghost) in enumerate(rows)
    ]
    log = check(pa.Table.from_pylist(table, schema=CONTACT_LOG.schema), CONTACT_LOG, source="test")
    before = pa.scalar(5 * 86_400_000_000, TIMESTAMP)
    assert last_shown(log, pa.array(["p", "q"]), before=before) == {"p": {"a": 2 * 86_400_000_000}}
    assert last_shown(None, pa.array(["p"]), before=before) == {}


CONFIG = CreativeConfig(
    templates=(
        template("rated", "{{ title }}: {{ rating }} stars", body="Now {{ price }}"),
        template("plain", "{{ title }} from {{ brand }}", fallbacks={"brand": "us"}),
        template("last", "Hurry: {{ title }}", step="urgency"),
    )
)


def shown_to(person="p", rank=1, item="i", step="reminder", **rest):
    plain = {"ghost": False, "channel": "display", "stage": "cart", "message": "Come back"}
    return Shown(person, rank, item, step=step, **(plain | rest))


def made(*wanted, known=None, config=CONFIG, shown=None):
    table = assemble(
        wanted, known or {}, config, steps=STEPS, shown=shown or {}, run_id="r", snapshot_id="s"
    )
    return check(table, CREATIVES, source="test")


def test_fallbacks_missing_slots_and_the_default():
    known = {
        "full": facts({"title": "Socks", "rating": "4.5", "price": "3.00 EUR", "brand": "B"}),
        "plain": facts({"title": "Socks"}),
        "bare": facts({}),
    }
    table = made(
        shown_to(item="full"),
        shown_to(item="plain", rank=2),
        shown_to(item="bare", rank=3),
        shown_to("q", item=None, ghost=True),
        known=known,
    )
    rows = table.to_pylist()
    assert [row[c.TEMPLATE] for row in rows] == ["rated", "plain", "default", "default"]
    headlines = ["Socks: 4.5 stars", "Socks from us", "Come back", "Come back"]
    assert [row[c.HEADLINE] for row in rows] == headlines
    assert (rows[0][c.BODY], rows[0][c.PRICE_TEXT], rows[1][c.PRICE_TEXT]) == (
        "Now 3.00 EUR",
        "3.00 EUR",
        None,
    )
    assert [row[c.FALLBACKS] for row in rows] == ["", "brand", "", ""]
    assert rows[1][c.BLOCKED] == "rated:missing_price"
    assert rows[2][c.BLOCKED] == "rated:missing_price;plain:missing_title"
    figures = creative_figures(table, CONFIG, STEPS)
    assert figures["templates"] == {"default": 2, "plain": 1, "rated": 1}
    assert figures["fallbacks"] == {"brand": 1}
    assert figures["warnings"] == [
        "step 'urgency' has one template: nothing to rotate",
        "2 texts are the message of the stage, no template could be used",
    ]


def test_unsupported_urgency_falls_back_to_an_earlier_step():
    known = {"i": facts({"title": "Socks"}, inventory=9), "j": facts({"title": "Hat"}, inventory=2)}
    rows = made(shown_to(step="urgency"), shown_to(item="j", rank=2, step="urgency"), known=known)
    assert rows[c.TEMPLATE].to_pylist() == ["plain", "last"]
    assert rows[c.BLOCKED][0].as_py() == "last:unsupported_urgency;rated:missing_price"


def test_templates_rotate_by_person():
    known = {"i": facts({"title": "S", "rating": "5", "price": "1.00 EUR"})}
    rows = made(shown_to(), shown_to("q"), known=known, shown={"p": {"rated": 5}})
    assert rows[c.TEMPLATE].to_pylist() == ["plain", "rated"]


def test_hostile_titles_come_out_as_text():
    title = "{{ 7*7 }}<script>alert(1)</script>\u202e\n=cmd()"
    table = items(**{c.ITEM_ID: ["i"], c.TITLE: [title], c.LINK: [LINK]})
    known = item_facts(table, pa.array(["i"]), as_of=AS_OF, currency="EUR", hide_prices=False)
    (headline,) = made(shown_to(), known=known)[c.HEADLINE].to_pylist()
    assert headline == "{{ 7*7 }}<script>alert(1)</script> =cmd() from us"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"headline": "{{ x.y }}"}, "does more than fill slots"),
        ({"headline": "a", "fallbacks": {"x": "b"}}, "template 'one' has no slot 'x'"),
        ({"headline": ""}, "at least 1 character"),
    ],
)
def test_a_wrong_template_is_refused(config, told):
    with pytest.raises(ValidationError, match=told):
        template(**config)


def test_two_templates_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two templates have the same name"):
        CreativeConfig(templates=(template("a"), template("a")))
