"""The contract of every table but those about items: its columns with their types and ranges, and its key."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from features import columns as c
from features.contracts import Column, TableContract

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
"""The one time type: microseconds, UTC."""

EVENT_NAMES: Final = (
    "page_view", "view_list", "select", "view", "cart_add", "cart_remove", "cart_view", "checkout",
    "lead_start", "lead", "purchase", "refund", "cancel", "support_case",
)  # fmt: skip
"""The closed vocabulary of events. The position is the integer code used inside histories."""

AVAILABILITIES: Final = ("in_stock", "out_of_stock", "preorder", "backorder")
"""Merchant availability values; null means unknown."""

_text, _number, _flag = pa.string(), pa.float64(), pa.bool_()

EVENTS = TableContract(
    "events",
    (
        Column(c.EVENT_ID, _text),
        Column(c.EVENT_NAME, _text, values=EVENT_NAMES),
        Column(c.TIME, TIMESTAMP),
        Column(c.ANONYMOUS_ID, _text, nullable=True),
        Column(c.USER_ID, _text, nullable=True),
        Column(c.PERSON_ID, _text),
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.QUANTITY, _number, nullable=True, low=0),
        Column(c.VALUE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text, nullable=True),
        Column(c.TRANSACTION_ID, _text, nullable=True),
        Column(c.CATEGORY, _text, nullable=True),
        Column(c.PAGE, _text, nullable=True),
        Column(c.SOURCE, _text),
        Column(c.LINE, pa.int64(), low=1),
        Column(c.CONSENT_PERSONALISATION, _flag, nullable=True),
        Column(c.CONSENT_MEASUREMENT, _flag, nullable=True),
    ),
    key=(c.EVENT_ID,),
)

CATALOG = TableContract(
    "catalog",
    (
        Column(c.SNAPSHOT_ID, _text),
        Column(c.GENERATED_AT, TIMESTAMP),
        Column(c.ITEM_ID, _text),
        Column(c.TITLE, _text),
        Column(c.CATEGORY, _text),
        Column(c.PRODUCT_TYPE, _text, nullable=True),
        Column(c.BRAND, _text, nullable=True),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text, nullable=True),
        Column(c.AVAILABILITY, _text, nullable=True, values=AVAILABILITIES),
        Column(c.LAST_SOLD, TIMESTAMP, nullable=True),
    ),
    key=(c.SNAPSHOT_ID, c.ITEM_ID),
)

PERSONS = TableContract(
    "persons",
    (
        Column(c.PERSON_ID, _text),
        Column(c.CONSENT_PERSONALISATION, _flag, nullable=True),
        Column(c.CONSENT_SINCE, TIMESTAMP, nullable=True),
        Column(c.LIFECYCLE_STAGE, _text, nullable=True),
        Column(c.REGION, _text, nullable=True),
        Column(c.ERASED, _flag),
    ),
    key=(c.PERSON_ID,),
)

CAMPAIGNS_SENT = TableContract(
    "campaigns_sent",
    (
        Column(c.CAMPAIGN_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.CHANNEL, _text),
        Column(c.STARTS, TIMESTAMP),
        Column(c.ENDS, TIMESTAMP),
    ),
    key=(c.CAMPAIGN_ID, c.PERSON_ID),
)

REDEMPTIONS = TableContract(
    "redemptions",
    (
        Column(c.CAMPAIGN_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.COUPON_ID, _text),
        Column(c.REDEEMED_AT, TIMESTAMP),
    ),
)

REJECTS = TableContract(
    "rejects",
    (
        Column(c.REASON_CODE, _text),
        Column(c.SOURCE, _text),
        Column(c.LINE, pa.int64(), low=1),
        Column(c.RAW_VALUE, _text, nullable=True),
    ),
    key=(c.SOURCE, c.LINE, c.REASON_CODE),
)

ASSIGNMENTS = TableContract(
    "assignments",
    (
        Column(c.EXPERIMENT_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.ASSIGNED_AT, TIMESTAMP),
        Column(c.ARM, _text),
        Column(c.PROBABILITY, _number, low=0, high=1),
    ),
    key=(c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT),
)

EXPOSURES = TableContract(
    "exposures",
    (
        Column(c.EXPOSURE_ID, _text),
        Column(c.EXPERIMENT_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.TIME, TIMESTAMP),
        Column(c.CHANNEL, _text),
        Column(c.GHOST, _flag),
        Column(c.COST, _number, low=0),
        Column(c.CURRENCY, _text),
    ),
    key=(c.EXPOSURE_ID,),
)

OUTCOMES = TableContract(
    "outcomes",
    (
        Column(c.EXPERIMENT_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.ASSIGNED_AT, TIMESTAMP),
        Column(c.VISITS, pa.int64(), low=0),
        Column(c.CONVERSION, pa.int64(), low=0, high=1),
        Column(c.REVENUE, _number, low=0),
        Column(c.MARGIN, _number),
        Column(c.CURRENCY, _text),
        Column(c.DAYS_TO_CONVERSION, pa.int64(), nullable=True, low=0),
    ),
    key=(c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT),
)

TRUTH = TableContract(
    "truth",
    (
        Column(c.EXPERIMENT_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.ASSIGNED_AT, TIMESTAMP),
        Column(c.RESPONSE_CLASS, _text),
        Column(c.EFFECT_CONVERSION, _number, low=-1, high=1),
        Column(c.EFFECT_REVENUE, _number),
        Column(c.EFFECT_MARGIN, _number),
        Column(c.CURRENCY, _text),
        Column(c.PROBABILITY_REACHED, _number, low=0, high=1),
    ),
    key=(c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT),
)

LIST_LEVELS: Final = (
    "exact", "group", "category_price", "category", "parent_category", "best_seller", "pinned", "for_buyers", "static",
)  # fmt: skip
"""Where an item of a list comes from; the position is the code. The model's own item, one of its group, of its category at
about its price, a best seller of its category, of a category above, of all; put there by the shop; put there by a rule
for whoever bought; the person gets a creative without items."""

RECO_KINDS: Final = (
    "cart", "replenishment", "buy_again", "reminder", "upsell", "cross_sell", "discover", "static",
)  # fmt: skip
"""What an item is to the person, the first that holds; the position is the code. Left in the cart; bought before and due;
bought before; looked at before; dearer than what they own of its category; of a category they own nothing of; anything
else, also for persons who own nothing; no item."""

_LIST_COLUMNS: Final = (
    Column(c.ITEM_ID, _text, nullable=True),
    Column(c.SCORE, _number, nullable=True),
    Column(c.SCORE_AFTER, _number, nullable=True),
    Column(c.LEVEL, _text, values=LIST_LEVELS),
    Column(c.RECO_KIND, _text, values=RECO_KINDS),
    Column(c.COLD_START, _flag),
    Column(c.SOURCE_ITEM_ID, _text, nullable=True),
    Column(c.SOURCE_EVENT, _text, nullable=True, values=EVENT_NAMES),
    Column(c.SOURCE_TIME, TIMESTAMP, nullable=True),
    Column(c.FILTERS_PASSED, _text),
    Column(c.RELEVANCE_LOST, _number, nullable=True),
    Column(c.GAIN_LOST, _number, nullable=True, high=1),
    Column(c.RECOMMENDER, _text, filled=True),
    Column(c.RECOMMENDER_VERSION, _text, filled=True),
    Column(c.REASON_CODES, _text, filled=True),
)

RECOMMENDATIONS = TableContract(
    "recommendations",
    (Column(c.PERSON_ID, _text), Column(c.RANK, pa.int64(), low=1), *_LIST_COLUMNS),
    key=(c.PERSON_ID, c.RANK),
)
"""One row per person and place of their list; a person for whom nothing is left has one row without item. `score` is the
model's, comparable within the person only, null where the item is not from its list; `score_after` the same after boosts, null
for pins too. `source_*` is the own event that led to the item. `relevance_lost` and `gain_lost` are what the person's list
loses to merchandising and diversity, in scores and as a share of discounted gain."""

ITEM_AUDIENCES = TableContract(
    "item_audiences",
    (
        Column(c.ITEM_ID, _text),
        Column(c.RANK, pa.int64(), low=1),
        Column(c.PERSON_ID, _text, nullable=True),
        Column(c.LIST_PLACE, pa.int64(), nullable=True, low=1),
        Column(c.SCORE, _number, nullable=True),
        Column(c.LEVEL, _text, nullable=True, values=LIST_LEVELS),
        Column(c.RECOMMENDER, _text, filled=True),
        Column(c.RECOMMENDER_VERSION, _text, filled=True),
        Column(c.REASON_CODES, _text, filled=True),
    ),
    key=(c.ITEM_ID, c.RANK),
)
"""The persons an item suits, best first: those on whose list it stands, and where. An item nobody can be found for has one row
without person that says why."""

DECISIONS = TableContract(
    "decisions",
    (
        Column(c.RUN_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.RANK, pa.int64(), low=1),
        Column(c.AS_OF, TIMESTAMP),
        Column(c.CONTACT, _flag),
        Column(c.ELIGIBLE, _flag),
        Column(c.ARM, _text),
        Column(c.PROBABILITY, _number, low=0, high=1),
        Column(c.TITLE, _text, nullable=True),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text),
        *_LIST_COLUMNS,
        Column(c.STAGE, _text),
        Column(c.MESSAGE, _text),
        Column(c.UPLIFT, _number, nullable=True, low=-1, high=1),
        Column(c.BASE_OUTCOME, _number, nullable=True, low=0, high=1),
        Column(c.EXPECTED_VALUE, _number, nullable=True),
        Column(c.EXPECTED_COST, _number, low=0),
        Column(c.TARGETED, _flag),
        Column(c.EXPLORED, _flag),
        Column(c.GHOST, _flag),
        Column(c.CHANCE_OF_CONTACT, _number, low=0, high=1),
        Column(c.PROPENSITY, _number, low=0, high=1),
        Column(c.CHANNEL, _text, nullable=True),
        Column(c.VARIANT, _text, nullable=True),
        Column(c.STEP, _text, nullable=True),
        Column(c.TEMPLATE, _text, nullable=True),
        Column(c.BID_VALUE, _number, nullable=True, low=0),
        Column(c.BID_MODIFIER, _number, nullable=True, low=0),
        Column(c.UPLIFT_VERSION, _text),
        Column(c.SNAPSHOT_ID, _text),
    ),
    key=(c.RUN_ID, c.PERSON_ID, c.RANK),
)
"""What was decided for each person and place of their list. `targeted`: the policy would contact the person, whatever lot was
drawn; `explored`: contacted by lot although it would not; `ghost`: targeted, and kept from contact by lot alone. `probability` is
the chance of the arm, `chance_of_contact` that of being contacted at all, `propensity` that of what was done: of the channel, or of
no contact. Channel, step and template are those of the contact or of the ghost. `bid_value` is the most that a contact is worth
paying for."""

CREATIVES = TableContract(
    "creatives",
    (
        Column(c.RUN_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.RANK, pa.int64(), low=1),
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.GHOST, _flag),
        Column(c.CHANNEL, _text),
        Column(c.STAGE, _text),
        Column(c.STEP, _text),
        Column(c.TEMPLATE, _text, filled=True),
        Column(c.HEADLINE, _text, filled=True),
        Column(c.BODY, _text),
        Column(c.LINK, _text, nullable=True),
        Column(c.IMAGE_LINK, _text, nullable=True),
        Column(c.PRICE_TEXT, _text, nullable=True),
        Column(c.FALLBACKS, _text),
        Column(c.BLOCKED, _text),
        Column(c.SNAPSHOT_ID, _text),
    ),
    key=(c.RUN_ID, c.PERSON_ID, c.RANK),
)
"""What a person is shown, or would have been (`ghost`), item by item. `fallbacks`: slots filled by what the template declares for
want of a fact; `blocked`: templates that came first and why each was not used."""

CONTACT_LOG = TableContract(
    "contact_log",
    (
        Column(c.EXPOSURE_ID, _text),
        Column(c.PERSON_ID, _text),
        Column(c.TIME, TIMESTAMP),
        Column(c.CHANNEL, _text),
        Column(c.GHOST, _flag),
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.CLICKED, _flag, nullable=True),
        Column(c.STEP, _text, nullable=True),
        Column(c.TEMPLATE, _text, nullable=True),
    ),
    key=(c.EXPOSURE_ID,),
)
"""Everything a person was sent or shown, whatever the channel: the campaign's own exposures and the sends of other systems."""

WATERFALL = TableContract(
    "waterfall",
    (
        Column(c.RUN_ID, _text),
        Column(c.LEVEL, _text, values=("person", "item")),
        Column(c.RULE, _text),
        Column(c.COUNT_IN, pa.int64(), low=0),
        Column(c.COUNT_REMOVED, pa.int64(), low=0),
        Column(c.COUNT_LEFT, pa.int64(), low=0),
    ),
    key=(c.RUN_ID, c.LEVEL, c.RULE),
)

IDENTITIES = TableContract(
    "identities",
    (
        Column(c.IDENTITY, _text),
        Column(c.PERSON_ID, _text),
        Column(c.FIRST_SEEN, TIMESTAMP),
        Column(c.QUARANTINED, _flag),
    ),
    key=(c.IDENTITY,),
)
"""Which person each id belongs to; an identity is `anonymous:` or `user:` and the id."""

PERSON_MERGES = TableContract(
    "person_merges",
    (
        Column(c.PERSON_ID, _text),
        Column(c.MERGED_INTO, _text),
    ),
    key=(c.PERSON_ID,),
)
"""Persons that turned out to be one: the younger id and the oldest, which stands for both from now on."""

REPEATS = TableContract(
    "repeats",
    (
        Column(c.REASON_CODE, _text),
        Column(c.EVENT_NAME, _text, values=EVENT_NAMES),
        Column(c.SOURCE, _text),
        Column(c.LINE, pa.int64(), low=1),
        Column(c.KEPT_SOURCE, _text),
        Column(c.KEPT_LINE, pa.int64(), low=1),
    ),
)
"""Events that repeat an earlier one, each with its own place and the earlier one's."""

REVERSALS = TableContract(
    "reversals",
    (
        Column(c.REFUND_EVENT_ID, _text),
        Column(c.EVENT_ID, _text),
        Column(c.QUANTITY, _number, low=0),
        Column(c.VALUE, _number, nullable=True, low=0),
    ),
    key=(c.REFUND_EVENT_ID, c.EVENT_ID),
)
"""How much of which purchase a refund or cancellation takes back."""

DELIVERIES = TableContract(
    "deliveries",
    (
        Column(c.FILE, _text),
        Column(c.SHA256, _text),
        Column(c.ROWS, pa.int64(), low=0),
        Column(c.WATERMARK, TIMESTAMP, nullable=True),
        Column(c.NEWEST, TIMESTAMP, nullable=True),
        Column(c.LATE, pa.int64(), low=0),
        Column(c.PRESENT, _flag),
    ),
    key=(c.SHA256,),
)
"""Files of events that ever came: rows, the watermark in force when each first came (null = it came first), its latest
believed time, how many admitted events are older than its watermark, and whether it was there this time."""

SEGMENTS = TableContract(
    "segments",
    (
        Column(c.AS_OF, TIMESTAMP),
        Column(c.PERSON_ID, _text),
        Column(c.SEGMENT, _text),
        Column(c.PRIORITY, pa.int64(), low=1),
        Column(c.PRIMARY, _flag),
        Column(c.WINDOW, _text, nullable=True),
        Column(c.SINCE, TIMESTAMP, nullable=True),
        Column(c.EXPIRES, TIMESTAMP, nullable=True),
        Column(c.ITEMS, pa.list_(_text), nullable=True),
        Column(c.CART_VALUE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text),
        Column(c.RECO_KIND, _text, nullable=True),
        Column(c.DUE_AT, TIMESTAMP, nullable=True),
        Column(c.INTERVAL_SOURCE, _text, nullable=True, values=("item", "category")),
    ),
    key=(c.PERSON_ID, c.SEGMENT),
)
"""Who is in which audience; `primary` marks the first of a person's segments by the declared order. `since` is the last
qualifying event, `expires` the end of its window; null for a segment that is no window. `items` are those left in the cart,
or due again; a cart of unknown worth has no value."""

PERSON_TIERS = TableContract(
    "person_tiers",
    (
        Column(c.AS_OF, TIMESTAMP),
        Column(c.PERSON_ID, _text),
        Column(c.RECENCY_DAYS, _number, nullable=True, low=0),
        Column(c.ORDERS, pa.int64(), low=0),
        Column(c.REVENUE, _number, low=0),
        Column(c.CURRENCY, _text),
        Column(c.RFM_RECENCY, pa.int64(), nullable=True, low=1, high=5),
        Column(c.RFM_FREQUENCY, pa.int64(), nullable=True, low=1, high=5),
        Column(c.RFM_MONEY, pa.int64(), nullable=True, low=1, high=5),
        Column(c.VALUE_TIER, _text, values=("high", "medium", "low", "zero")),
        Column(c.SCORE, _number, nullable=True),
        Column(c.INTENT_TIER, _text, values=("high", "medium", "low", "unknown")),
        Column(c.LIFECYCLE_STAGE, _text, nullable=True),
    ),
    key=(c.PERSON_ID,),
)
"""What every person with an event is worth and wants: tiers by value and by score, lifecycle stage of the CRM."""

AUDIT_FINDINGS = TableContract(
    "audit_findings",
    (
        Column(c.RULE, _text),
        Column(c.STATE, _text, values=("ok", "violated", "not checked")),
        Column(c.COUNT, pa.int64(), low=0),
        Column(c.FILE, _text, nullable=True),
        Column(c.LINE, pa.int64(), nullable=True, low=1),
        Column(c.RAW_VALUE, _text, nullable=True),
    ),
    key=(c.RULE,),
)
"""One row per rule of an audit: how many places break it, and the first of them with ids of persons masked."""
