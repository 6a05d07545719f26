"""From a duty's clock and the moments of an incident to its deadline, or to what it waits for. Pure.

A start that is not recorded is never replaced silently: the clock then waits for it, and a provisional
end, counted from the earliest related moment known, is shown and worked towards meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from incident_flows.core.addressees import Addressee
from incident_flows.core.conditions import evaluate
from incident_flows.core.deadlines import Deadline, OpenDays, deadline_for, year_end
from incident_flows.core.facts import Hold
from incident_flows.core.law import Clock, HoldRule, Lawbook, Regime, Version
from incident_flows.core.orders import order_at
from incident_flows.core.situation import Situation
from incident_flows.core.truth import Truth

OpenDaysOf = Callable[[str], OpenDays]

# Moments that show somebody knew, in the order in which they usually come: where a start of this family is
# missing, the earliest of them that is known gives the provisional end (never the deadline).
KNOWING = (
    "suspected_at",
    "detected_at",
    "should_have_known_at",
    "aware_at",
    "determined_at",
    "assessed_at",
    "classified_at",
    "material_at",
)
# Starts that nothing else can stand in for: they have happened or they have not.
OUTSIDE = ("fix_available_at", "ransom_paid_at", "order_received_at", "hold_ended_at")


@dataclass(frozen=True, slots=True)
class Running:
    """The state of an obligation's clock.

    Attributes:
        starts: The law's start, in words.
        started_at: When it started; None while it waits.
        waits_for: What it waits for.
        deadline: The end with its readings; None if the law gives no number or the clock waits.
        provisional_due_at: An end to work towards while the clock waits; never law.
        target_at: A house or guidance target; never law.
        provisional: The target is counted from a stand-in, because the start is not recorded.
        notes: Sentences on how it was counted.
    """

    starts: str | None = None
    started_at: datetime | None = None
    waits_for: str | None = None
    deadline: Deadline | None = None
    provisional_due_at: datetime | None = None
    target_at: datetime | None = None
    provisional: bool = False
    notes: tuple[str, ...] = ()

    @property
    def due_at(self) -> datetime | None:
        """The strict end, in UTC."""
        return self.deadline.due_at if self.deadline else None


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the clocks of one situation."""

    situation: Situation
    lawbook: Lawbook
    open_days: OpenDaysOf

    def run(
        self,
        version: Version,
        *,
        regime: Regime,
        addressee: Addressee,
        earlier: Callable[[str], tuple[datetime | None, datetime | None]],
    ) -> Running:
        """Return the state of the clock that ends first.

        Args:
            version: The duty as it applies.
            regime: Where it stands.
            addressee: Whose zone and open days count.
            earlier: For `submitted` starts: when the notice under that duty was submitted (None: not yet),
                and by when it is due (None: unknown).
        """
        running = [
            self._one(clock, regime=regime, addressee=addressee, earlier=earlier)
            for clock in version.clock
            if clock.when is None
            or evaluate(regime.condition(clock.when), self.situation).truth is not Truth.NO
        ]
        chosen = self._earliest(running)
        if chosen.due_at is None and chosen.target_at is None:
            chosen = self._with_target(chosen, addressee)
        return self._held(chosen, version.hold, regime)

    @staticmethod
    def _earliest(running: list[Running]) -> Running:
        if not running:
            return Running()
        ended = [one for one in running if one.deadline is not None]
        if ended:
            return min(ended, key=lambda one: one.deadline.due_at)  # type: ignore[union-attr]
        return next((one for one in running if one.started_at), running[0])

    def _one(
        self,
        clock: Clock,
        *,
        regime: Regime,
        addressee: Addressee,
        earlier: Callable[[str], tuple[datetime | None, datetime | None]],
    ) -> Running:
        start_at, stand_in, notes = self._start(clock, regime, addressee, earlier)
        zone_name = addressee.zone or regime.zone or self._home_zone()
        if addressee.zone is None and clock.period is not None and zone_name == "UTC":
            notes.append("no zone of the addressee is known: days are counted in UTC")
        name = clock.starts.name
        base = Running(
            starts=name, started_at=start_at, waits_for=name if start_at is None else None, notes=tuple(notes)
        )
        from_ = start_at or stand_in
        if clock.period is None or from_ is None:
            return base
        end = self._end(clock, from_, zone_name, addressee, regime)
        if clock.guidance:
            notes.append(f"{clock.period} is the regulator's expectation, not the statute")
            if start_at is None:
                notes.append(
                    f"provisional: {name} is not recorded, so the target is counted from what is known"
                )
            return replace(base, target_at=end.due_at, provisional=start_at is None, notes=tuple(notes))
        if start_at is None:
            return replace(base, provisional_due_at=end.due_at)
        return replace(base, deadline=end, notes=(*notes, *end.notes))

    def _start(
        self,
        clock: Clock,
        regime: Regime,
        addressee: Addressee,
        earlier: Callable[[str], tuple[datetime | None, datetime | None]],
    ) -> tuple[datetime | None, datetime | None, list[str]]:
        """Return the start, a stand-in for a provisional end, and notes."""
        starts = clock.starts
        moments = self.situation.moments
        notes: list[str] = []
        if starts.submitted:
            submitted_at, due_at = earlier(starts.submitted)
            return submitted_at, due_at, notes
        if starts.year_end_of:
            moment = moments.get(starts.year_end_of) or self._earliest_known()
            zone = ZoneInfo(addressee.zone or self._home_zone())
            if moment is None:
                return None, None, notes
            end = year_end(moment, zone)
            return (end, None, notes) if starts.year_end_of in moments else (None, end, notes)
        if starts.first_known:
            known = {name: moments[name] for name in starts.first_known if name in moments}
            if known:
                first = min(known, key=lambda name: known[name])
                unknown_names = [name for name in starts.first_known if name not in known]
                if unknown_names:
                    notes.append(f"counted from {first}; {', '.join(unknown_names)} not recorded")
                return known[first], None, notes
            return None, self._earliest_known(), notes
        name = starts.moment or ""
        if name == "order_received_at" and name in moments:
            whose = addressee.id if addressee.kind == "authority" else None
            return order_at(self.situation.facts, regime, self.lawbook, authority=whose), None, notes
        if name in moments:
            return moments[name], None, notes
        if name in OUTSIDE:
            return None, None, notes
        if name == "people_told_at":
            return None, earlier("people")[1] or self._earliest_known(), notes
        return None, self._earliest_known(), notes

    def _end(
        self, clock: Clock, start_at: datetime, zone: str, addressee: Addressee, regime: Regime
    ) -> Deadline:
        assert clock.period is not None
        code = clock.calendar
        if code == "addressee":
            code = addressee.calendar or ""
        elif code == "organisation":
            code = self._home_place() or ""
        relief = clock.relief is True or (
            clock.relief is not None
            and evaluate(regime.condition(clock.relief), self.situation).truth is Truth.YES
        )
        return deadline_for(
            clock.period,
            start_at=start_at,
            zone=ZoneInfo(zone),
            counting=clock.counting,
            roll=clock.roll,
            relief=relief,
            open_days=self.open_days(code) if code else None,
        )

    def _with_target(self, running: Running, addressee: Addressee) -> Running:
        """Add the house's target, where the clock has started or something shows when somebody knew."""
        rule = self.lawbook.targets.get(addressee.kind)
        start = running.started_at or self._earliest_known()
        if rule is None or start is None or running.waits_for in OUTSIDE or running.starts is None:
            return running
        if running.waits_for and running.waits_for.startswith("submitted"):
            return running
        target_at = start + timedelta(hours=rule["hours"])
        return replace(running, target_at=target_at, provisional=running.started_at is None)

    def _held(self, running: Running, rule: HoldRule | None, regime: Regime) -> Running:
        hold = self._hold_on(regime)
        if hold is None or rule is None or not rule.suspends:
            return running
        if hold.until is None:
            return replace(
                running,
                deadline=None,
                waits_for="hold_ended_at",
                provisional_due_at=running.due_at or running.provisional_due_at,
                notes=(
                    *running.notes,
                    f"delayed at the request of {hold.by} since {hold.since.isoformat()}: {rule.text}",
                ),
            )
        if running.deadline is None:
            return running
        end = running.deadline.due_at
        if rule.restarts is not None:
            zone = ZoneInfo(regime.zone or "UTC")
            fresh = deadline_for(
                rule.restarts, start_at=hold.until, zone=zone, open_days=self.open_days(regime.place)
            )
            if fresh.due_at > end:
                return replace(
                    running,
                    deadline=fresh,
                    notes=(*running.notes, f"restarted when the hold ended: {rule.text}"),
                )
        elif hold.until > end:
            late = replace(running.deadline, due_at=hold.until, strict=hold.until, due_on=None)
            return replace(
                running, deadline=late, notes=(*running.notes, f"due as soon as the hold ended: {rule.text}")
            )
        return running

    def _hold_on(self, regime: Regime) -> Hold | None:
        for hold in self.situation.facts.holds:
            if not hold.places or any(
                self.situation.inside(regime.place, place) or self.situation.inside(place, regime.place)
                for place in hold.places
            ):
                return hold
        return None

    def _earliest_known(self) -> datetime | None:
        known = self.situation.moments
        return min((known[name] for name in KNOWING if name in known), default=None)

    def _home_place(self) -> str | None:
        spots = self.situation.facts.organisation.establishments or ()
        main = [spot.place for spot in spots if spot.main] or [spot.place for spot in spots]
        return main[0] if len(main) == 1 else None

    def _home_zone(self) -> str:
        place = self._home_place()
        if place is None:
            return "UTC"
        country = place.split("-")[0]
        zone = self.lawbook.zones.get(place) or self.lawbook.zones.get(country)
        if zone:
            return zone
        return self.lawbook.general_zones.get(country, "UTC")
