"""What is believed of the events of a source: the config of all cleaning steps."""

from __future__ import annotations

from pydantic import Field

from features.config import BaseConfig
from features.ingest.duplicates import DuplicateConfig
from features.ingest.identity import IdentityConfig
from features.ingest.refunds import RefundConfig
from features.ingest.timestamps import TimestampConfig


class CleaningConfig(BaseConfig):
    """What is believed, and how much may be refused."""

    timestamps: TimestampConfig = TimestampConfig()
    identity: IdentityConfig = IdentityConfig()
    duplicates: DuplicateConfig = DuplicateConfig()
    refunds: RefundConfig = RefundConfig()

    max_reject_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of a source's rows and events that may be refused before the run stops; duplicates do not count."""
