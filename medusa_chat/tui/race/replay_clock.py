"""The time of a replay: it can stand still, and go faster or slower than it did."""

from __future__ import annotations

from dataclasses import dataclass, replace

SPEEDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class ReplayClock:
    """Where a replay is. ``now`` is any clock of seconds, always the same one."""

    length_seconds: float
    since: float
    """When ``now`` was at ``from_seconds`` of the replay."""
    from_seconds: float = 0.0
    speed: float = 1.0
    is_paused: bool = False

    def seconds(self, now: float) -> float:
        """Return which moment of the race is shown."""
        if self.is_paused:
            return self.from_seconds
        passed = max(0.0, now - self.since) * self.speed
        return min(self.length_seconds, self.from_seconds + passed)

    def is_over(self, now: float) -> bool:
        """Tell whether the end is shown."""
        return self.seconds(now) >= self.length_seconds

    def paused(self, now: float) -> ReplayClock:
        """Stand still; one that stands still goes on."""
        return replace(self._at(now), is_paused=not self.is_paused)

    def faster(self, now: float, steps: int = 1) -> ReplayClock:
        """Take the next speed, or that of so many ``steps`` further; negative ones are slower."""
        place = SPEEDS.index(self.speed) + steps
        return replace(self._at(now), speed=SPEEDS[min(max(0, place), len(SPEEDS) - 1)])

    def at_end(self, now: float) -> ReplayClock:
        """Show the end."""
        return replace(self, since=now, from_seconds=self.length_seconds, is_paused=False)

    def again(self, now: float) -> ReplayClock:
        """Begin anew, at the same speed."""
        return replace(self, since=now, from_seconds=0.0, is_paused=False)

    def _at(self, now: float) -> ReplayClock:
        return replace(self, since=now, from_seconds=self.seconds(now))
