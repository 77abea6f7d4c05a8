"""The owners and thresholds of every check, in one config."""

from __future__ import annotations

from pydantic import Field

from features.config import BaseConfig
from features.quality.coverage import CoverageConfig
from features.quality.funnel import FunnelConfig
from features.quality.id_match import IdMatchConfig
from features.quality.misfires import MisfireConfig
from features.quality.segment_size import SegmentSizeConfig
from features.quality.traffic import TrafficConfig


class QualityConfig(BaseConfig):
    """What is checked, who acts on it, and where the limits are."""

    recent_days: int | None = Field(default=None, ge=1)
    """Holes and shifts that ended more than so many days before `as_of` raise no alert; left out = all do. A nightly run
    sets it, or it repeats the alerts of the whole history."""

    id_match: IdMatchConfig = IdMatchConfig()
    """Falls of the match rate."""

    funnel: FunnelConfig = FunnelConfig()
    """Holes in the funnel."""

    misfires: MisfireConfig = MisfireConfig()
    """Tags on the wrong page."""

    coverage: CoverageConfig = CoverageConfig()
    """Known ids and consent over time."""

    traffic: TrafficConfig = TrafficConfig()
    """Bots, stuck ids, possible duplicates."""

    segment_size: SegmentSizeConfig = SegmentSizeConfig()
    """Segments too small for a platform."""
