"""The contract of every table: columns, types, nulls, ranges, key. `check` says what is wrong and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.errors import SchemaError

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
"""The one time type: microseconds, UTC."""

EVENT_NAMES: Final = (
    "page_view", "view_list", "select", "view", "cart_add", "cart_remove", "cart_view", "checkout",
    "lead_start", "lead", "purchase", "refund", "cancel", "support_case",
)  # fmt: skip
"""The closed vocabulary of events. The position is the integer code used inside histories."""

AVAILABILITIES: Final = ("in_stock", "out_of_stock", "preorder", "backorder")
"""Merchant availability values; null means unknown."""

FIRST_BAD_ROWS = 3


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Attributes:
        name: column name, from `features.columns`.
        type: Arrow type, exact.
        nullable: whether null is allowed.
        low, high: inclusive range of non-null values.
        values: closed list of allowed non-null values.
    """

    name: str
    type: pa.DataType
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableContract:
    """The contract of one table; `key` columns are jointly unique."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    schema: pa.Schema = field(init=False, compare=False)

    def __post_init__(self) -> None:
        fields = [pa.field(col.name, col.type, nullable=col.nullable) for col in self.columns]
        object.__setattr__(self, "schema", pa.schema(fields))


def check(table_: pa.Table, contract: TableContract, *, source: str) -> pa.Table:
    """`table_` with its columns in contract order, cast without loss, every rule held.

    Args:
        table_: unchecked table.
        contract: what it must be.
        source: file or step the table came from, for the message.

    Raises:
        SchemaError: a missing or unexpected column, a wrong type, a null, a value outside its range or list, or a
            repeated key; the message names the column, the rule and the first bad rows.
    """
    _check_names(table_, contract, source)
    table = pa.table(
        [_cast(table_[col.name], col, contract, source) for col in contract.columns],
        schema=contract.schema,
    )
    for col in contract.columns:
        _check_values(table[col.name], col, contract, source)
    _check_key(table, contract, source)
    return table


def _check_names(table_: pa.Table, contract: TableContract, source: str) -> None:
    expected = [col.name for col in contract.columns]
    missing = [name for name in expected if name not in table_.column_names]
    extra = [name for name in table_.column_names if name not in expected]
    if missing:
        raise SchemaError(
            source,
            f"column '{missing[0]}' is missing (found: {_quoted(table_.column_names)})",
            rule=f"required by the {contract.name} table",
            next_step="Rename it, or map it in the source's config.",
        )
    if extra:
        raise SchemaError(
            source,
            f"column '{extra[0]}' is not in the {contract.name} table",
            rule=f"its columns are {_quoted(expected)}",
            next_step="Drop or rename it.",
        )


def _cast(
    values: pa.ChunkedArray, col: Column, contract: TableContract, source: str
) -> pa.ChunkedArray:
    if values.type == col.type:
        return values
    try:
        return values.cast(col.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(
            source,
            f"column '{col.name}' is {values.type} ({' '.join(str(error).split())})",
            rule=f"the {contract.name} table wants {col.type}",
            next_step="Convert the column before it enters.",
        ) from None


def _check_values(
    values: pa.ChunkedArray, col: Column, contract: TableContract, source: str
) -> None:
    if not col.nullable:
        _refuse(pc.is_null(values), values, col, contract, source, rule="no value may be missing")
    if col.low is not None:
        _refuse(
            pc.less(values, col.low), values, col, contract, source, rule=f"must be >= {col.low}"
        )
    if col.high is not None:
        _refuse(
            pc.greater(values, col.high),
            values,
            col,
            contract,
            source,
            rule=f"must be <= {col.high}",
        )
    if pa.types.is_floating(col.type):
        bad = pc.invert(pc.is_finite(values))
        _refuse(bad, values, col, contract, source, rule="must be finite")
    if col.values:
        allowed = pc.is_in(values, value_set=pa.array(col.values, col.type), skip_nulls=False)
        bad = pc.and_not(pc.is_valid(values), allowed)
        _refuse(bad, values, col, contract, source, rule=f"must be one of {_quoted(col.values)}")


def _refuse(
    bad: pa.ChunkedArray,
    values: pa.ChunkedArray,
    col: Column,
    contract: TableContract,
    source: str,
    *,
    rule: str,
) -> None:
    if len(bad) == 0:  # pyarrow 25 crashes on the nonzero indices of an array without chunks
        return
    rows = pc.indices_nonzero(pc.fill_null(bad, False)).to_pylist()
    if not rows:
        return
    shown = ", ".join(f"row {row}: {values[row].as_py()!r}" for row in rows[:FIRST_BAD_ROWS])
    raise SchemaError(
        source,
        f"column '{col.name}' has {len(rows)} bad rows ({shown})",
        rule=f"in the {contract.name} table it {rule}"
        if rule.startswith("must")
        else f"in the {contract.name} table {rule}",
        next_step="Correct these rows, or let the source reject them.",
    )


def _check_key(table: pa.Table, contract: TableContract, source: str) -> None:
    if not contract.key:
        return
    keys = table.select(list(contract.key))
    counts = keys.group_by(list(contract.key)).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return
    repeated = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, FIRST_BAD_ROWS)
    shown = ", ".join(str(tuple(row[k] for k in contract.key)) for row in repeated.to_pylist())
    raise SchemaError(
        source,
        f"{table.num_rows - counts.num_rows} rows repeat a key (first: {shown})",
        rule=f"{_quoted(contract.key)} is unique in the {contract.name} table",
        next_step="Remove the duplicates, or let the source reject them.",
    )


def _quoted(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


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
        Column(c.PROBABILITY_REACHED, _number, low=0, high=1),
    ),
    key=(c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT),
)

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
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.TITLE, _text, nullable=True),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text),
        Column(c.SCORE, _number, nullable=True),
        Column(c.RECO_KIND, _text),
        Column(c.STAGE, _text),
        Column(c.MESSAGE, _text),
        Column(c.UPLIFT, _number, nullable=True, low=-1, high=1),
        Column(c.BASE_OUTCOME, _number, nullable=True, low=0, high=1),
        Column(c.EXPECTED_VALUE, _number, nullable=True),
        Column(c.EXPECTED_COST, _number, low=0),
        Column(c.REASON_CODES, _text),
        Column(c.RECOMMENDER_VERSION, _text),
        Column(c.UPLIFT_VERSION, _text),
        Column(c.SNAPSHOT_ID, _text),
    ),
    key=(c.RUN_ID, c.PERSON_ID, c.RANK),
)

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

FEED_ITEMS = TableContract(
    "feed_items",
    (
        Column(c.ITEM_ID, _text),
        Column(c.TITLE, _text, nullable=True),
        Column(c.DESCRIPTION, _text, nullable=True),
        Column(c.LINK, _text, nullable=True),
        Column(c.IMAGE_LINK, _text, nullable=True),
        Column(c.ADDITIONAL_IMAGE_LINK, _text, nullable=True),
        Column(c.CATEGORY, _text),
        Column(c.GOOGLE_PRODUCT_CATEGORY, _text, nullable=True),
        Column(c.PRODUCT_TYPE, _text, nullable=True),
        Column(c.BRAND, _text, nullable=True),
        Column(c.GTIN, _text, nullable=True),
        Column(c.MPN, _text, nullable=True),
        Column(c.IDENTIFIER_EXISTS, _flag, nullable=True),
        Column(c.CONDITION, _text, nullable=True, values=("new", "refurbished", "used")),
        Column(c.PRICE, _number, nullable=True, low=0),
        Column(c.SALE_PRICE, _number, nullable=True, low=0),
        Column(c.SALE_STARTS, TIMESTAMP, nullable=True),
        Column(c.SALE_ENDS, TIMESTAMP, nullable=True),
        Column(c.COST_OF_GOODS_SOLD, _number, nullable=True, low=0),
        Column(c.CURRENCY, _text, nullable=True),
        Column(c.AVAILABILITY, _text, nullable=True, values=AVAILABILITIES),
        Column(c.AVAILABILITY_DATE, TIMESTAMP, nullable=True),
        Column(c.EXPIRATION_DATE, TIMESTAMP, nullable=True),
        Column(c.ITEM_GROUP_ID, _text, nullable=True),
        Column(c.COLOR, _text, nullable=True),
        Column(c.SIZE, _text, nullable=True),
        Column(c.MATERIAL, _text, nullable=True),
        Column(c.PATTERN, _text, nullable=True),
        Column(c.GENDER, _text, nullable=True),
        Column(c.AGE_GROUP, _text, nullable=True),
        Column(c.CUSTOM_LABEL_0, _text, nullable=True),
        Column(c.CUSTOM_LABEL_1, _text, nullable=True),
        Column(c.CUSTOM_LABEL_2, _text, nullable=True),
        Column(c.CUSTOM_LABEL_3, _text, nullable=True),
        Column(c.CUSTOM_LABEL_4, _text, nullable=True),
        Column(c.INVENTORY, pa.int64(), nullable=True, low=0),
        Column(c.MIN_HANDLING_TIME, pa.int64(), nullable=True, low=0),
        Column(c.MAX_HANDLING_TIME, pa.int64(), nullable=True, low=0),
        Column(c.DISPLAY_ADS_ID, _text, nullable=True),
        Column(c.ADS_REDIRECT, _text, nullable=True),
        Column(c.INCLUDED_DESTINATION, _text, nullable=True),
        Column(c.EXCLUDED_DESTINATION, _text, nullable=True),
        Column(c.PAUSE, _text, nullable=True),
    ),
    key=(c.ITEM_ID,),
)
"""The items of one feed that passed validation; wider than the catalog, with every attribute an export can carry."""

FEED_ATTRIBUTES = TableContract(
    "feed_attributes",
    (
        Column(c.ITEM_ID, _text),
        Column(c.ATTRIBUTE, _text),
        Column(c.ATTRIBUTE_VALUE, _text),
    ),
    key=(c.ITEM_ID, c.ATTRIBUTE),
)
"""Custom attributes a client declared, one row per item and attribute."""

FEED_ISSUES = TableContract(
    "feed_issues",
    (
        Column(c.SOURCE, _text),
        Column(c.LINE, pa.int64(), nullable=True, low=1),
        Column(c.ITEM_ID, _text, nullable=True),
        Column(c.ISSUE_CODE, _text),
        Column(c.SEVERITY, _text, values=("error", "warning", "advice")),
        Column(c.ATTRIBUTE, _text),
        Column(c.OWNER, _text),
        Column(c.RAW_VALUE, _text, nullable=True),
    ),
)
"""What is wrong with a feed; a row without line concerns the feed as a whole."""

FEED_CHANGES = TableContract(
    "feed_changes",
    (
        Column(c.ITEM_ID, _text),
        Column(c.CHANGE, _text, values=("added", "removed", "changed")),
        Column(c.ATTRIBUTE, _text, nullable=True),
        Column(c.BEFORE, _text, nullable=True),
        Column(c.AFTER, _text, nullable=True),
    ),
    key=(c.ITEM_ID, c.ATTRIBUTE),
)
"""What one feed snapshot changed against the one before; the attribute is null for a whole item."""

TOMBSTONES = TableContract(
    "tombstones",
    (
        Column(c.ITEM_ID, _text),
        Column(c.SNAPSHOT_ID, _text),
        Column(c.REMOVED_AT, TIMESTAMP),
    ),
    key=(c.ITEM_ID,),
)
"""Items that once were in the feed and are no more: the first snapshot without them, and its time."""

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
