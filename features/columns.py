"""Every column name, once. Nothing else in the code base spells a column as a literal."""

from __future__ import annotations

from typing import Final

# identity and time
PERSON_ID: Final = "person_id"
USER_ID: Final = "user_id"
ANONYMOUS_ID: Final = "anonymous_id"
EVENT_ID: Final = "event_id"
EVENT_NAME: Final = "event_name"
TIME: Final = "time"
AS_OF: Final = "as_of"
SOURCE: Final = "source"
LINE: Final = "line"

# events
ITEM_ID: Final = "item_id"
QUANTITY: Final = "quantity"
VALUE: Final = "value"
CURRENCY: Final = "currency"
TRANSACTION_ID: Final = "transaction_id"
CATEGORY: Final = "category"
PAGE: Final = "page"

# catalog (Google Merchant attribute names)
SNAPSHOT_ID: Final = "snapshot_id"
GENERATED_AT: Final = "generated_at"
TITLE: Final = "title"
BRAND: Final = "brand"
PRODUCT_TYPE: Final = "product_type"
ITEM_GROUP_ID: Final = "item_group_id"
PRICE: Final = "price"
AVAILABILITY: Final = "availability"
LAST_SOLD: Final = "last_sold"

# persons
CONSENT_PERSONALISATION: Final = "consent_personalisation"
CONSENT_MEASUREMENT: Final = "consent_measurement"
CONSENT_SINCE: Final = "consent_since"
LIFECYCLE_STAGE: Final = "lifecycle_stage"
REGION: Final = "region"
ERASED: Final = "erased"

# campaigns sent in the past, and coupons redeemed
CAMPAIGN_ID: Final = "campaign_id"
STARTS: Final = "starts"
ENDS: Final = "ends"
COUPON_ID: Final = "coupon_id"
REDEEMED_AT: Final = "redeemed_at"

# rejects
REASON_CODE: Final = "reason_code"
RAW_VALUE: Final = "raw_value"

# experiments
EXPERIMENT_ID: Final = "experiment_id"
ARM: Final = "arm"
PROBABILITY: Final = "probability"
ASSIGNED_AT: Final = "assigned_at"
EXPOSURE_ID: Final = "exposure_id"
CHANNEL: Final = "channel"
TEMPLATE: Final = "template"
COST: Final = "cost"
CLICKED: Final = "clicked"
GHOST: Final = "ghost"

# outcomes of an assignment, in a declared window
VISITS: Final = "visits"
CONVERSION: Final = "conversion"
REVENUE: Final = "revenue"
MARGIN: Final = "margin"
DAYS_TO_CONVERSION: Final = "days_to_conversion"

# planted truth of a simulation, never an input of training
RESPONSE_CLASS: Final = "response_class"
EFFECT_CONVERSION: Final = "effect_conversion"
EFFECT_REVENUE: Final = "effect_revenue"
EFFECT_MARGIN: Final = "effect_margin"
PROBABILITY_REACHED: Final = "probability_reached"

# decisions
RUN_ID: Final = "run_id"
RANK: Final = "rank"
CONTACT: Final = "contact"
STAGE: Final = "stage"
MESSAGE: Final = "message"
SCORE: Final = "score"
UPLIFT: Final = "uplift"
RECO_KIND: Final = "reco_kind"
EXPECTED_VALUE: Final = "expected_value"
EXPECTED_COST: Final = "expected_cost"
REASON_CODES: Final = "reason_codes"
RECOMMENDER_VERSION: Final = "recommender_version"
UPLIFT_VERSION: Final = "uplift_version"

# waterfall
RULE: Final = "rule"
LEVEL: Final = "level"
COUNT_IN: Final = "count_in"
COUNT_REMOVED: Final = "count_removed"
COUNT_LEFT: Final = "count_left"

# uplift training
CONTRAST: Final = "contrast"
SPLIT: Final = "split"
BASE_OUTCOME: Final = "base_outcome"
TREATED_SHARE: Final = "treated_share"
RANKED_BY: Final = "ranked_by"
TOC: Final = "toc"
GAIN: Final = "gain"
