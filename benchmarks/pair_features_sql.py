"""The candidates' table as one DuckDB query: aggregates with filters, windows where order matters, joins at the end."""

# ruff: noqa: S608 - every part of the query is written here
from __future__ import annotations

from features.builders.candidates import CANDIDATE_COLUMNS
from features.builders.registry import BUILDERS
from features.histories.histories import MICROSECONDS_PER_DAY
from features.tables import EVENT_NAMES

_WINDOWS = (1, 3, 7, 14, 30, 90)
_PERSON = ("person_orders", "person_funnel", "person_baskets", "person_categories", "person_habits", "person_worth")  # fmt: skip
_NEVER_MISSING = {
    feature.name
    for builder in BUILDERS
    for feature in builder.features
    if feature.missing == "never"
}


def features_sql(end: int) -> str:
    """One row per candidate: its number and `CANDIDATE_COLUMNS`, as of `end` in microseconds."""
    parts = {
        "seen": _seen(end),
        "bought": "SELECT * FROM seen WHERE name = 'purchase'",
        "orders": _ORDERS,
        "person_orders": _PERSON_ORDERS,
        "person_funnel": _funnel(),
        "person_baskets": _BASKETS,
        "affinity": _AFFINITY,
        "person_categories": _CATEGORIES,
        "person_habits": _HABITS,
        "spend": _SPEND,
        "person_worth": _WORTH,
        "gap": _GAPS,
        "reach": _REACH,
        "item_events": _item_events(),
        "item_all": _ITEM_ALL,
        "by_category": _BY_CATEGORY,
        "item_features": _item_features(),
        "pair_events": _PAIR_EVENTS,
        "cart": _CART,
        "likely": _LIKELY,
    }
    ctes = ",\n".join(f"{name} AS ({body})" for name, body in parts.items())
    columns = ", ".join(
        f"CAST({_filled(_PAIR.get(name, name), name)} AS FLOAT) AS {name}"
        for name in CANDIDATE_COLUMNS
    )
    people = " ".join(f"LEFT JOIN {name} USING (person)" for name in _PERSON)
    return f"""WITH {ctes}
SELECT number, {columns}
FROM candidate {people}
LEFT JOIN item_features USING (item)
LEFT JOIN pair_events USING (person, item)
LEFT JOIN cart USING (person, item)
LEFT JOIN affinity ON affinity.person = candidate.person AND affinity.category = item_category
LEFT JOIN likely ON likely.person = candidate.person AND likely.other = candidate.item"""


def _filled(value: str, name: str) -> str:
    """0 instead of null where the feature is never missing."""
    return f"coalesce({value}, 0)" if name in _NEVER_MISSING else value


def _seen(end: int) -> str:
    names = "[" + ", ".join(f"'{name}'" for name in EVENT_NAMES) + "]"
    day = float(MICROSECONDS_PER_DAY)
    return f"""
SELECT person, position, {names}[event.name + 1] AS name, nullif(item, -1) AS item, nullif(category, -1) AS category,
    ordered, event.time, ({end} - event.time) / {day} AS age, isfinite(event.value) AS priced,
    if(isfinite(event.value), event.value, 0) AS value,
    if(isfinite(event.quantity), event.quantity, 1) AS units,
    coalesce(back.quantity >= if(isfinite(event.quantity), event.quantity, 1) - 1e-9, false) AS gone,
    if(isfinite(event.value), event.value, 0) - coalesce(back.value, 0) AS net
FROM event LEFT JOIN (
    SELECT position, sum(quantity) AS quantity, sum(value) AS value FROM taken WHERE time < {end} GROUP BY position
) AS back USING (position)
WHERE event.time < {end}"""


_ORDERS = """
SELECT person, ordered, min(age) AS age, count(*) AS lines, sum(value) AS value, sum(units) AS units,
    bool_or(NOT gone) AS standing
FROM bought GROUP BY person, ordered"""

_PERSON_ORDERS = """
SELECT *, gap_days_ AS gap_days, recency_days / gap_days_ AS gap_ratio,
    spend_28d / nullif(spend_91d * 28 / 91, 0) AS spend_trend
FROM (
    SELECT person, min(age) AS recency_days, max(age) AS tenure_days,
        count(*) FILTER (age <= 7) AS orders_7d, count(*) FILTER (age <= 28) AS orders_28d,
        count(*) FILTER (age <= 91) AS orders_91d,
        coalesce(sum(value) FILTER (age <= 28), 0) AS spend_28d, coalesce(sum(value) FILTER (age <= 91), 0) AS spend_91d,
        avg(value) FILTER (age <= 91) AS order_value, avg(lines) FILTER (age <= 91) AS lines_per_order,
        (max(age) - min(age)) / nullif(count(*) - 1, 0) AS gap_days_
    FROM orders GROUP BY person
) LEFT JOIN (
    SELECT person, count(DISTINCT item) FILTER (age <= 91) AS distinct_items_91d FROM bought GROUP BY person
) USING (person)"""


def _funnel() -> str:
    columns = ["min(age) AS event_days"]
    for stage in ("view", "cart_add", "checkout", "purchase"):
        named = f"name = '{stage}'"
        for days in _WINDOWS:
            recent = f"FILTER ({named} AND age <= {days})"
            columns.append(f"count(*) {recent} AS {stage}_{days}d")
            columns.append(f"coalesce(sum(value) {recent}, 0) AS {stage}_value_{days}d")
        columns.append(f"min(age) FILTER ({named}) AS {stage}_days")
        columns.append(f"{stage}_7d / nullif({stage}_30d * 7 / 30, 0) AS {stage}_trend")
    return f"SELECT person, {', '.join(columns)} FROM seen GROUP BY person"


_BASKETS = """
SELECT * FROM (
    SELECT person, count(*) FILTER (age <= 90) AS orders_90d, avg(value) FILTER (age <= 90) AS basket_value,
        avg(lines) FILTER (age <= 90) AS basket_lines, avg(units) FILTER (age <= 90) AS basket_units
    FROM orders GROUP BY person
) LEFT JOIN (
    SELECT person, avg(value / units) AS unit_price_mean, median(value / units) AS unit_price_median
    FROM bought WHERE priced AND units > 0 AND age <= 365 GROUP BY person
) USING (person)"""

_AFFINITY = """
SELECT person, category, count(*) FILTER (age <= 90) AS events,
    coalesce(bool_or(name IN ('view', 'view_list')) FILTER (age <= 90), false) AS viewed,
    coalesce(bool_or(name = 'purchase') FILTER (age <= 90), false) AS acquired,
    sum(CASE name WHEN 'purchase' THEN 5 WHEN 'cart_add' THEN 3 ELSE 1 END * 0.5 ** (age / 30)) AS weight,
    sum(weight) OVER (PARTITION BY person) AS total,
    count(*) FILTER (age <= 30) AS touches, count(*) FILTER (name = 'purchase' AND age <= 90) AS bought_there, min(age) AS touched_days
FROM seen WHERE category IS NOT NULL AND name IN ('view', 'view_list', 'cart_add', 'purchase')
GROUP BY person, category"""

_CATEGORIES = """
SELECT * FROM (
    SELECT person, count(DISTINCT item) FILTER (name = 'view') AS items_viewed_90d,
        count(DISTINCT item) FILTER (name = 'purchase') AS items_bought_90d
    FROM seen WHERE age <= 90 AND name IN ('view', 'purchase') GROUP BY person
) FULL JOIN (
    SELECT person, count(*) FILTER (viewed) AS categories_viewed_90d, count(*) FILTER (acquired) AS categories_bought_90d,
        ln(sum(events)) - sum(events * ln(events)) FILTER (events > 0) / nullif(sum(events), 0) AS category_entropy_90d,
        arg_max(category, row(round(weight, 9), -category)) AS top_category, any_value(total) AS all_weight, max(weight) / all_weight AS top_category_share
    FROM affinity GROUP BY person
) USING (person)"""

_HABITS = """
SELECT * FROM (
    SELECT person, coalesce(sum(n) FILTER (hour < 6), 0) / sum(n) AS night_share,
        coalesce(sum(n) FILTER (hour BETWEEN 6 AND 11), 0) / sum(n) AS morning_share,
        coalesce(sum(n) FILTER (hour BETWEEN 12 AND 17), 0) / sum(n) AS afternoon_share,
        coalesce(sum(n) FILTER (hour >= 18), 0) / sum(n) AS evening_share,
        arg_max(hour, 24 * n - hour) AS modal_hour
    FROM (
        SELECT person, time // 3600000000 % 24 AS hour, count(*) AS n FROM seen WHERE age <= 90 GROUP BY ALL
    ) GROUP BY person
) JOIN (
    SELECT person, coalesce(sum(n) FILTER (weekday >= 5), 0) / sum(n) AS weekend_share, arg_max(weekday, 7 * n - weekday) AS modal_weekday,
        sum(days) AS active_days_90d
    FROM (
        SELECT person, weekday, sum(n) AS n, count(*) AS days FROM (
            SELECT person, time // 86400000000 AS day, (day + 3) % 7 AS weekday, count(*) AS n
            FROM seen WHERE age <= 90 GROUP BY ALL
        ) GROUP BY ALL
    ) GROUP BY person
) USING (person)"""

_SPEND = """
SELECT * FROM (
    SELECT person, max(age) AS known_days, coalesce(sum(value) FILTER (name = 'purchase' AND age <= 365), 0) AS gross,
        coalesce(sum(net) FILTER (name = 'purchase' AND age <= 365), 0) AS money
    FROM seen GROUP BY person
) LEFT JOIN (
    SELECT person, count(*) AS ever, min(age) AS last_days, max(age) AS first_days, count(*) FILTER (age <= 365) AS orders
    FROM (SELECT person, ordered, min(age) AS age FROM bought WHERE NOT gone GROUP BY person, ordered) GROUP BY person
) USING (person)"""

_WORTH = """
SELECT person, (gross - money) / nullif(gross, 0) AS refund_rate, last_days AS rfm_recency_days,
    coalesce(orders, 0) AS rfm_frequency, money AS rfm_monetary, money / nullif(orders, 0) AS net_order_value,
    365 * (coalesce(orders, 0) + 90 * rate) / (least(known_days, 365) + 90)
        * (money + 2 * price) / (coalesce(orders, 0) + 2) AS expected_value_365d,
    if(ever > 1, greatest((first_days - last_days) / nullif(ever - 1, 0), 7), 30) AS usual,
    CASE WHEN ever IS NULL THEN 0 WHEN last_days > 4 * usual THEN 4 WHEN last_days > 2 * usual THEN 3
        WHEN first_days <= 30 THEN 1 ELSE 2 END AS lifecycle,
    known_days
FROM spend, (SELECT sum(orders) / sum(least(known_days, 365)) AS rate, sum(money) / sum(orders) AS price FROM spend)"""

_GAPS = """
SELECT item, count(*) AS gaps, sum(gap) AS gap_days FROM (
    SELECT item, lag(age) OVER (PARTITION BY person, item ORDER BY age DESC) - age AS gap FROM bought WHERE NOT gone
) WHERE gap >= 1 - 1e-9 GROUP BY item"""

_REACH = """
SELECT item, count(*) AS touched, count(*) FILTER (depth >= 2) AS carted, count(*) FILTER (depth = 3) AS acquired FROM (
    SELECT item, person, max(CASE name WHEN 'view' THEN 1 WHEN 'cart_add' THEN 2 ELSE 3 END) AS depth
    FROM seen WHERE age <= 90 AND name IN ('view', 'cart_add', 'purchase') AND NOT gone GROUP BY item, person
) GROUP BY item"""


def _item_events() -> str:
    columns = [
        f"count(*) FILTER (name = '{stage}' AND age <= {days}) AS item_{stage}_{days}d"
        for stage in ("view", "cart_add", "purchase")
        for days in _WINDOWS
    ]
    return f"""
SELECT item, {", ".join(columns)}, coalesce(sum(net) FILTER (name = 'purchase' AND age <= 90), 0) AS item_revenue_90d,
    min(age) FILTER (name = 'purchase') AS item_sold_days, max(age) AS item_age_days
FROM seen WHERE item IS NOT NULL AND name IN ('view', 'cart_add', 'purchase') AND NOT gone GROUP BY item"""


_ITEM_ALL = """
SELECT * EXCLUDE (touched, carted, acquired, gaps, gap_days), coalesce(touched, 0) AS touched, coalesce(carted, 0) AS carted,
    coalesce(acquired, 0) AS acquired, coalesce(gaps, 0) AS gaps, coalesce(gap_days, 0) AS gap_days
FROM item LEFT JOIN item_events USING (item) LEFT JOIN reach USING (item) LEFT JOIN gap USING (item)"""

_BY_CATEGORY = """
SELECT category, median(price) AS usual_price, sum(gaps) AS all_gaps, sum(gap_days) / nullif(sum(gaps), 0) AS usual_gap,
    (sum(carted) + 20 * cart_rate) / (sum(touched) + 20) AS cart_prior,
    (sum(acquired) + 20 * purchase_rate) / (sum(carted) + 20) AS purchase_prior,
    (sum(acquired) + 20 * conversion) / (sum(touched) + 20) AS conversion_prior,
    sum(acquired) / any_value(all_acquired) AS share
FROM item_all, (
    SELECT sum(carted) / sum(touched) AS cart_rate, sum(acquired) / sum(carted) AS purchase_rate,
        sum(acquired) / sum(touched) AS conversion, sum(acquired) AS all_acquired FROM item_all
) GROUP BY category, cart_rate, purchase_rate, conversion"""


def _item_features() -> str:
    counts = [
        f"coalesce(item_{stage}_{days}d, 0) AS item_{stage}_{days}d"
        for stage in ("view", "cart_add", "purchase")
        for days in _WINDOWS
    ]
    trends = [
        f"item_all.item_{stage}_7d / nullif(item_all.item_{stage}_30d * 7 / 30, 0) AS item_{stage}_trend"
        for stage in ("view", "cart_add", "purchase")
    ]
    return f"""
SELECT item, {", ".join(counts + trends)}, touched AS item_persons_90d, acquired AS item_buyers_90d,
    coalesce(item_revenue_90d, 0) AS item_revenue_90d, (carted + 20 * cart_prior) / (touched + 20) AS item_cart_rate,
    (acquired + 20 * purchase_prior) / (carted + 20) AS item_purchase_rate,
    (acquired + 20 * conversion_prior) / (touched + 20) AS item_conversion, gap_days / nullif(gaps, 0) AS item_repeat_days,
    item_sold_days, item_age_days, price AS item_price, price / usual_price AS item_price_ratio,
    margin_tier AS item_margin_tier, availability AS item_availability, best_seller AS item_best_seller,
    category AS item_category, conversion_prior AS item_category_conversion, share AS item_category_share,
    CASE WHEN gaps >= 5 THEN gap_days / gaps WHEN all_gaps >= 5 THEN usual_gap END AS usual_days,
    CASE WHEN gaps >= 5 THEN 1 WHEN all_gaps >= 5 THEN 2 ELSE 3 END AS usual_source
FROM item_all JOIN by_category USING (category)"""


_PAIR_EVENTS = """
SELECT person, item, count(*) FILTER (name = 'view') AS views, count(*) FILTER (name = 'cart_add') AS carts,
    count(*) FILTER (name = 'purchase' AND NOT gone) AS purchases, min(age) FILTER (name = 'view') AS view_age,
    min(age) FILTER (name = 'cart_add') AS cart_age, min(age) FILTER (name = 'purchase' AND NOT gone) AS purchase_age,
    max(age) FILTER (name = 'purchase' AND NOT gone) AS first_age,
    count(DISTINCT age) FILTER (name = 'purchase' AND NOT gone) - 1 AS own_gaps,
    if(own_gaps >= 2, (first_age - purchase_age) / own_gaps, NULL) AS own_days
FROM seen JOIN candidate USING (person, item) GROUP BY person, item"""

_CART = """
SELECT person, item, sum(ended) FILTER (latest) AS cart_units, sum(added - ended) AS removed_units FROM (
    SELECT person, item, round, sum(move) FILTER (move > 0) AS added, last(level ORDER BY position)
        - least(0, min(level)) AS ended, round = max(round) OVER (PARTITION BY person, item) AS latest
    FROM (
        SELECT person, item, position, move, round,
            sum(move) OVER (PARTITION BY person, item, round ORDER BY position) AS level
        FROM (
            SELECT person, item, position, CASE name WHEN 'cart_add' THEN units WHEN 'cart_remove' THEN -units ELSE 0 END AS move,
                count(*) FILTER (name = 'purchase') OVER (PARTITION BY person, item ORDER BY position) AS round
            FROM seen SEMI JOIN candidate USING (person, item)
            WHERE age <= 30 AND name IN ('cart_add', 'cart_remove', 'purchase')
        )
    ) GROUP BY person, item, round
) GROUP BY person, item"""

_LIKELY = """
SELECT person, other, sum(value) AS likeness, max(value) AS best_likeness FROM (
    SELECT person, item FROM seen WHERE name IN ('view', 'cart_add', 'purchase')
    GROUP BY person, item QUALIFY row_number() OVER (PARTITION BY person ORDER BY max(position) DESC) <= 10
) JOIN likeness USING (item) WHERE other <> item GROUP BY person, other"""

_INTERVAL = "if(purchases > 0, coalesce(own_days, usual_days), NULL)"
_PAIR = {
    "pair_views": "views",
    "pair_carts": "carts",
    "pair_purchases": "purchases",
    "pair_view_days": "view_age",
    "pair_cart_days": "cart_age",
    "pair_purchase_days": "purchase_age",
    "pair_in_cart": "coalesce(cart_units, 0) > 0",
    "pair_cart_units": "cart_units",
    "pair_removed_units": "removed_units",
    "pair_interval_days": _INTERVAL,
    "pair_interval_source": "if(purchases > 0, if(own_days IS NULL, usual_source, 0), NULL)",
    "pair_due_days": f"{_INTERVAL} - purchase_age",
    "pair_overdue_ratio": f"purchase_age / {_INTERVAL}",
    "pair_category_touches_30d": "coalesce(touches, 0)",
    "pair_category_purchases_90d": "coalesce(bought_there, 0)",
    "pair_category_days": "touched_days",
    "pair_category_share": "coalesce(weight, 0) / all_weight",
    "pair_price_ratio": "item_price / nullif(unit_price_median, 0)",
    "pair_similarity_sum": "coalesce(likeness, 0)",
    "pair_similarity_max": "coalesce(best_likeness, 0)",
}
