"""exports.yaml: which files are written for whom."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from features.config import BaseConfig
from serving.exports.bid_inputs import BidInputsConfig
from serving.exports.contacts import ContactsConfig
from serving.exports.google_ads_feed import GoogleAdsFeedConfig
from serving.exports.google_customer_match import GoogleCustomerMatchConfig
from serving.exports.item_lists import ItemListsConfig
from serving.exports.merchant_feed import MerchantFeedConfig
from serving.exports.meta_audience import MetaAudienceConfig
from serving.exports.meta_catalog import MetaCatalogConfig
from serving.exports.personalize import PersonalizeConfig
from serving.exports.suppression_list import SuppressionListConfig

EXPORTS_FILE: Final = "exports"
"""Name of the config of a project folder, without its ending."""

ExportConfig = Annotated[
    GoogleCustomerMatchConfig
    | GoogleAdsFeedConfig
    | MerchantFeedConfig
    | MetaAudienceConfig
    | MetaCatalogConfig
    | PersonalizeConfig
    | SuppressionListConfig
    | ItemListsConfig
    | BidInputsConfig,
    Field(discriminator="kind"),
]

FileStem = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


class ExportsConfig(BaseConfig):
    """exports.yaml."""

    kind: Literal["exports"]

    exports: dict[FileStem, ExportConfig] = Field(min_length=1)
    """What is written; the name is that of the file, `kind` picks the platform."""

    contacts: ContactsConfig | None = None
    """How to reach persons; left out = only the client's own ids are known."""

    suppressions: tuple[str, ...] = ()
    """Suppression lists of the CRM, relative to this file; one that cannot be read stops the export."""

    max_age_hours: float = Field(default=48, gt=0)
    """Decisions older than this at the project's moment are not exported."""
