"""When a webhook is tried again: as data, so that a laboratory can see and change it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STANDARD_SCHEDULE", "Schedule"]

_HOUR_S = 3600.0


@dataclass(frozen=True)
class Schedule:
    """Pauses between the tries of a message.

    Attributes
    ----------
    pauses_s : tuple of float
        Before the second, third ... try; after the last one a message is a dead letter.
    jitter_fraction : float
        Most by which a pause is longer, so that messages do not come back in step.
    longest_wish_s : float
        Most that a receiver's ``Retry-After`` is obeyed.
    """

    pauses_s: tuple[float, ...]
    jitter_fraction: float = 0.1
    longest_wish_s: float = 12 * _HOUR_S

    def pause_s(self, tries: int, *, chance: float, wish_s: float | None = None) -> float | None:
        """Seconds until the next try, None where there is none.

        Parameters
        ----------
        tries : int
            Tries that failed, at least 1.
        chance : float
            In [0, 1), for the jitter.
        wish_s : float, optional
            ``Retry-After`` of the receiver.

        Examples
        --------
        >>> Schedule((5.0, 300.0), jitter_fraction=0.0).pause_s(2, chance=0.5)
        300.0
        """
        if tries > len(self.pauses_s):
            return None
        pause_s = self.pauses_s[tries - 1] * (1.0 + self.jitter_fraction * chance)
        return pause_s if wish_s is None else max(pause_s, min(wish_s, self.longest_wish_s))


# That of the specification of Standard Webhooks ("Delivery, retries and reliability"): eight tries
# over 27 hours and a half.
STANDARD_SCHEDULE = Schedule(
    (5.0, 300.0, 1800.0, 2 * _HOUR_S, 5 * _HOUR_S, 10 * _HOUR_S, 10 * _HOUR_S)
)
