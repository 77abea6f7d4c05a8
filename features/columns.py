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
ELIGIBLE: Final = "eligible"
RECOMMENDER_VERSION: Final = "recommender_version"
UPLIFT_VERSION: Final = "uplift_version"
TARGETED: Final = "targeted"
EXPLORED: Final = "explored"
CHANCE_OF_CONTACT: Final = "chance_of_contact"
PROPENSITY: Final = "propensity"
STEP: Final = "step"
VARIANT: Final = "variant"
BID_VALUE: Final = "bid_value"
BID_MODIFIER: Final = "bid_modifier"

# creatives
HEADLINE: Final = "headline"
BODY: Final = "body"
PRICE_TEXT: Final = "price_text"
FALLBACKS: Final = "fallbacks"
BLOCKED: Final = "blocked"

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
DESIGN: Final = "design"
GROUP_LOW: Final = "group_low"
GROUP_HIGH: Final = "group_high"
EFFECT_SCORE: Final = "effect_score"
LOW: Final = "low"
HIGH: Final = "high"

# validated feeds (Google Merchant attribute names) and what was wrong with them
DESCRIPTION: Final = "description"
LINK: Final = "link"
IMAGE_LINK: Final = "image_link"
ADDITIONAL_IMAGE_LINK: Final = "additional_image_link"
GOOGLE_PRODUCT_CATEGORY: Final = "google_product_category"
GTIN: Final = "gtin"
MPN: Final = "mpn"
IDENTIFIER_EXISTS: Final = "identifier_exists"
CONDITION: Final = "condition"
SALE_PRICE: Final = "sale_price"
SALE_STARTS: Final = "sale_starts"
SALE_ENDS: Final = "sale_ends"
AVAILABILITY_DATE: Final = "availability_date"
EXPIRATION_DATE: Final = "expiration_date"
COLOR: Final = "color"
SIZE: Final = "size"
MATERIAL: Final = "material"
PATTERN: Final = "pattern"
GENDER: Final = "gender"
AGE_GROUP: Final = "age_group"
CUSTOM_LABEL_0: Final = "custom_label_0"
CUSTOM_LABEL_1: Final = "custom_label_1"
CUSTOM_LABEL_2: Final = "custom_label_2"
CUSTOM_LABEL_3: Final = "custom_label_3"
CUSTOM_LABEL_4: Final = "custom_label_4"
COST_OF_GOODS_SOLD: Final = "cost_of_goods_sold"
INVENTORY: Final = "inventory"
MIN_HANDLING_TIME: Final = "min_handling_time"
MAX_HANDLING_TIME: Final = "max_handling_time"
DISPLAY_ADS_ID: Final = "display_ads_id"
ADS_REDIRECT: Final = "ads_redirect"
INCLUDED_DESTINATION: Final = "included_destination"
EXCLUDED_DESTINATION: Final = "excluded_destination"
PAUSE: Final = "pause"
ATTRIBUTE: Final = "attribute"
ATTRIBUTE_VALUE: Final = "attribute_value"
ISSUE_CODE: Final = "issue_code"
SEVERITY: Final = "severity"
OWNER: Final = "owner"
LIMIT: Final = "limit"

# what changed from one feed snapshot to the next
CHANGE: Final = "change"
BEFORE: Final = "before"
AFTER: Final = "after"
REMOVED_AT: Final = "removed_at"

# identities and duplicates
IDENTITY: Final = "identity"
FIRST_SEEN: Final = "first_seen"
QUARANTINED: Final = "quarantined"
MERGED_INTO: Final = "merged_into"
KEPT_SOURCE: Final = "kept_source"
KEPT_LINE: Final = "kept_line"
REFUND_EVENT_ID: Final = "refund_event_id"

# quality checks
DAY: Final = "day"
HOUR: Final = "hour"
WEEK: Final = "week"
PERSONS: Final = "persons"
EVENTS: Final = "events"
SEGMENT: Final = "segment"

# what sales, cost and calendar say about an item
MARGIN_SHARE: Final = "margin_share"
MARGIN_TIER: Final = "margin_tier"
UNITS_SOLD: Final = "units_sold"
BEST_SELLER: Final = "best_seller"
SEASON_SHARE: Final = "season_share"
SEASON_INDEX: Final = "season_index"
SEASONALITY: Final = "seasonality"

# what was seen on landing pages, and items held back for it
OBSERVED_AT: Final = "observed_at"
STATUS_CODE: Final = "status_code"
LOAD_SECONDS: Final = "load_seconds"
FINAL_URL: Final = "final_url"

# listings with a place and an end
START_DATE: Final = "start_date"
LATITUDE: Final = "latitude"
LONGITUDE: Final = "longitude"

# how many rows of a feed had which issue, run by run
ROWS_WITH_ISSUE: Final = "rows_with_issue"
ROWS_OF_FEED: Final = "rows_of_feed"

# deliveries
FILE: Final = "file"
SHA256: Final = "sha256"
ROWS: Final = "rows"
WATERMARK: Final = "watermark"
NEWEST: Final = "newest"
LATE: Final = "late"
PRESENT: Final = "present"

# segments and what they are made from
PRIORITY: Final = "priority"
PRIMARY: Final = "primary"
WINDOW: Final = "window"
SINCE: Final = "since"
EXPIRES: Final = "expires"
ITEMS: Final = "items"
CART_VALUE: Final = "cart_value"
DUE_AT: Final = "due_at"
COUNT: Final = "count"
INTERVAL_SOURCE: Final = "interval_source"
RECENCY_DAYS: Final = "recency_days"
ORDERS: Final = "orders"
RFM_RECENCY: Final = "rfm_recency"
RFM_FREQUENCY: Final = "rfm_frequency"
RFM_MONEY: Final = "rfm_money"
VALUE_TIER: Final = "value_tier"
INTENT_TIER: Final = "intent_tier"

# training sets
SOURCES: Final = "sources"
LABEL: Final = "label"
ITEMS_IN_HORIZON: Final = "items_in_horizon"
WEIGHT: Final = "weight"
PERSON_NUMBER: Final = "person_number"
ITEM_NUMBER: Final = "item_number"
CENSORED: Final = "censored"

# trials of a tuning
ENTRY: Final = "entry"
TRIAL: Final = "trial"
STATE: Final = "state"
ESTIMATES: Final = "estimates"
SETTING: Final = "setting"

# lists that leave a model
SCORE_AFTER: Final = "score_after"
COLD_START: Final = "cold_start"
SOURCE_ITEM_ID: Final = "source_item_id"
SOURCE_EVENT: Final = "source_event"
SOURCE_TIME: Final = "source_time"
RECOMMENDER: Final = "recommender"
FILTERS_PASSED: Final = "filters_passed"
RELEVANCE_LOST: Final = "relevance_lost"
GAIN_LOST: Final = "gain_lost"

# what a model was worth in a test
UNIT: Final = "unit"
LIST: Final = "list"
LIST_PLACE: Final = "list_place"
