"""What Grafana puts in the place of a dashboard's variables before it asks Prometheus."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_LEAST_SCRAPES: Final = 4  # the data source's own rule for $__rate_interval
_SPECIAL: Final = re.compile(r"[$^*{}\[\]'+?.()|]")
_ANY_VARIABLE: Final = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The time that a page shows, its resolution, and how often the server scrapes, all in seconds."""

    start: float
    end: float
    step: int
    scrape: int = 1

    @property
    def durations(self) -> Mapping[str, str]:
        """The variables that Grafana makes itself."""
        rate = max(self.step + self.scrape, _LEAST_SCRAPES * self.scrape)
        return {
            "__interval": f"{self.step}s",
            "__range": f"{max(self.step, round(self.end - self.start))}s",
            "__rate_interval": f"{rate}s",
        }


def as_regex(values: Sequence[str]) -> str:
    """Return several chosen values as Prometheus' regular expression: escaped twice, for it stands inside a string."""
    escaped = [_SPECIAL.sub(r"\\\\\g<0>", value.replace("\\", "\\" * 4)) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def interpolate(expr: str, choices: Mapping[str, str], shown: Shown) -> str:
    """Return the query that is sent; a variable that the page does not have stays, and Prometheus refuses it."""
    values = {**choices, **shown.durations}
    return _ANY_VARIABLE.sub(lambda found: values.get(found.group(1), found.group()), expr)
