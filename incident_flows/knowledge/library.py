"""Everything read from playbooks/ that an assessment needs, loaded once: lawbook, risk policy, calendars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from incident_flows.core.assessment import Assessment, assess
from incident_flows.core.deadlines import OpenDays
from incident_flows.core.facts import Facts
from incident_flows.core.law import Lawbook
from incident_flows.core.risk import RiskPolicy
from incident_flows.knowledge.calendars import Calendars
from incident_flows.knowledge.facts_files import Profiles
from incident_flows.knowledge.filing_rules import ApprovalPolicy, BundlingPolicy, load_approval, load_bundling
from incident_flows.knowledge.lawbook import load_data, load_lawbook, playbooks_root
from incident_flows.knowledge.risk_policy import load_risk_policy

if TYPE_CHECKING:
    from incident_flows.knowledge.documents import Documents
    from incident_flows.knowledge.filing_texts import FilingTexts
    from incident_flows.knowledge.filing_words import FilingWords
    from incident_flows.knowledge.forms import Forms
    from incident_flows.knowledge.notices import Notices


@dataclass(frozen=True)
class Library:
    """The knowledge of one installation.

    Attributes:
        lawbook: Regimes, authorities, places, words.
        profiles: Organisations.
        root: The playbooks folder.
        cache: Where files once read are kept; None reads them each time.
    """

    lawbook: Lawbook
    profiles: Profiles
    root: Path
    cache: Path | None = None

    @classmethod
    def load(cls, *, cache: Path | None, profiles: Path | None = None, root: Path | None = None) -> Library:
        """Return the library of `root` (default: as installed), with the lawbook from `cache` if it fits."""
        root = root or playbooks_root()
        return cls(load_lawbook(root, cache=cache), Profiles.at(profiles), root, cache)

    @cached_property
    def risk_policy(self) -> RiskPolicy:
        """Weights and rules for the risk to people."""
        return load_risk_policy(load_data(self.root / "policies" / "risk.yaml", cache=self.cache))

    @cached_property
    def calendars(self) -> Calendars:
        """Open days by calendar code."""
        return Calendars(load_data(self.root / "policies" / "calendars.yaml", cache=self.cache))

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of the calendars and zone data, as they were when this library was first asked."""
        return self.calendars.versions()

    @cached_property
    def forms(self) -> Forms:
        """Authorities' forms."""
        from incident_flows.knowledge.forms import Forms

        return Forms(self.root, self.lawbook, cache=self.cache)

    @cached_property
    def notices(self) -> Notices:
        """The texts notices are rendered from; Jinja is imported only now."""
        from incident_flows.knowledge.notices import Notices

        return Notices(self.root)

    @cached_property
    def filing_words(self) -> FilingWords:
        """The fixed words of later filings and of documents."""
        from incident_flows.knowledge.filing_words import FilingWords

        return FilingWords(self.root)

    @cached_property
    def filing_texts(self) -> FilingTexts:
        """The texts of later filings."""
        from incident_flows.knowledge.filing_texts import FilingTexts

        return FilingTexts(self.filing_words, self.notices.wording)

    @cached_property
    def approval(self) -> ApprovalPolicy:
        """Who has to approve a notice beside the second pair of eyes."""
        return load_approval(self.root)

    @cached_property
    def bundling(self) -> BundlingPolicy:
        """Which duties allow one filing for several similar breaches."""
        return load_bundling(self.root)

    @cached_property
    def documents(self) -> Documents:
        """What typesets PDF; the typesetter is imported with the first document."""
        from incident_flows.knowledge.documents import Documents

        return Documents(self.root)

    def open_days(self, code: str) -> OpenDays:
        """Return the open days of a calendar code such as DE-BW."""
        return self.calendars.open_days(code)

    def assess(
        self,
        facts: Facts,
        *,
        today: date,
        as_of: date | None = None,
        proposals: bool = False,
        explain: bool = False,
        confirmed: bool = False,
    ) -> Assessment:
        """Return risk and obligations for the facts, under this library's law."""
        return assess(
            facts,
            lawbook=self.lawbook,
            policy=self.risk_policy,
            open_days=self.open_days,
            today=today,
            as_of=as_of,
            proposals=proposals,
            explain=explain,
            confirmed=confirmed,
            versions=self.versions,
        )
