"""Histories of aliases, a letter a minute, and which alert must speak of each, within which time.

`.` answered well, `x` failed, `f` `i` `t` answered with its first token, its tokens or its end late, `k` not asked, for
its lane was busy, `-` no turn, for the prober is dead, `_` no exporter: what it counted is lost.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

HOUR: Final = 60  # minutes
DAY: Final = 24 * HOUR
ONSET: Final = 2 * HOUR  # when the trouble begins, of every outage
QUIET_SEEDS: Final = (1, 2, 3, 4)
CONTROL: Final = "control"
_ERRORS: Final = 0.002

DOWN: Final = "LanewatchAliasDown"
FAST: Final = "LanewatchAliasBudgetBurnsFast"
SLOW: Final = "LanewatchAliasBudgetBurnsSlowly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One shape of trouble; `within` are the minutes from its onset to each alert that fires, and no other may."""

    name: str
    seen: str
    trouble: str
    onset: int = ONSET
    within: Mapping[str, float] = field(default_factory=dict)
    unscraped: range = range(0)  # minutes of the trouble in which no scrape succeeds
    is_switch: bool = False  # the cluster says that a planned switch is under way while probes fail
    well: tuple[str, ...] = ()  # aliases beside it to which nothing happens

    @property
    def minutes(self) -> str:
        """The whole history of the alias that is in trouble."""
        return "." * self.onset + self.trouble


def quiet(seed: int) -> str:
    """Return 30 days at a probe a minute of which 0.2 % fail and 0.2 % are late, by chance."""
    chance = random.Random(seed)  # noqa: S311  # a simulation
    return "".join(_letter(chance.random()) for _ in range(30 * DAY))


def control() -> str:
    """Return a month that no exporter saw, but for its last five days, in which 2 % failed: a ticket, near its end."""
    return "_" * (25 * DAY) + _by_chance(0.02, 5 * DAY)


def _letter(drawn: float) -> str:
    if drawn < _ERRORS:
        return "x"
    return "f" if drawn < 2 * _ERRORS else "."


def _by_chance(share: float, minutes: int, letter: str = "x") -> str:
    chance = random.Random(minutes)  # noqa: S311  # a simulation
    return "".join(letter if chance.random() < share else "." for _ in range(minutes))


OUTAGES: Final = (
    Outage(
        name="total outage",
        seen="every probe fails, for an hour",
        trouble="x" * HOUR + "." * HOUR,
        within={DOWN: 4, FAST: 12, SLOW: 60},
    ),
    Outage(
        name="outage of one alias of six",
        seen="the same, and five aliases beside it are well",
        trouble="x" * HOUR + "." * HOUR,
        within={DOWN: 4, FAST: 12, SLOW: 60},
        well=("chat", "agent", "embed", "rerank", "stt"),
    ),
    Outage(
        name="flapping",
        seen="two probes fail, two are good, and so on: never three in a row",
        trouble="xx.." * 30,
        within={FAST: 20, SLOW: 105},
    ),
    Outage(
        name="50 % errors",
        seen="half of the probes fail, by chance",
        trouble=_by_chance(0.5, 2 * HOUR),
        within={DOWN: 30, FAST: 25, SLOW: 120},
    ),
    Outage(
        name="10 % errors",
        seen="each tenth probe fails",
        trouble=".........x" * 60,
        within={FAST: 4 * HOUR, SLOW: 8 * HOUR},
    ),
    Outage(
        name="brown-out at night",
        seen="30 % fail from 2 to 5 o'clock, by chance, then all is well",
        trouble=_by_chance(0.3, 3 * HOUR) + "." * HOUR,
        within={DOWN: 3 * HOUR, FAST: 45, SLOW: 3 * HOUR},
    ),
    Outage(
        name="slow first token",
        seen="every first token is late; nothing fails",
        trouble="f" * 2 * HOUR,
        within={"LanewatchAliasFirstTokenBurnsFast": 50},
    ),
    Outage(
        name="slow stream",
        seen="every answer comes token by token, too slowly",
        trouble="i" * 2 * HOUR,
        within={"LanewatchAliasInterTokenBurnsFast": 50},
    ),
    Outage(
        name="late answers",
        seen="every answer ends late",
        trouble="t" * 2 * HOUR,
        within={"LanewatchAliasTotalBurnsFast": 50},
    ),
    Outage(
        name="outage across a restart",
        seen="every probe fails; in its fifth minute the exporter is gone for two, and counts anew",
        trouble="x" * 5 + "_" * 2 + "x" * HOUR,
        within={DOWN: 4, FAST: 15, SLOW: 65},
    ),
    Outage(
        name="outage while scrapes fail",
        seen="every probe fails; from its second minute no scrape succeeds for ten",
        trouble="x" * HOUR,
        within={DOWN: 14, FAST: 16, SLOW: 60},
        unscraped=range(1, 11),
    ),
    Outage(
        name="blips",
        seen="two probes fail each hour",
        trouble=("xx" + "." * 58) * 26,
        within={SLOW: 23 * HOUR},
    ),
    Outage(
        name="slow burn",
        seen="3 % fail, three times what is promised, day and night",
        trouble=("x" + "." * 32) * 50,
        within={SLOW: 25 * HOUR},
    ),
    Outage(
        name="prober dead",
        seen="the exporter is scraped, and no alias has its turn",
        trouble="-" * HOUR,
        within={"LanewatchProbesStale": 7},
    ),
    Outage(
        name="exporter dead",
        seen="nothing is scraped any more",
        trouble="_" * HOUR,
        within={"LanewatchExporterGone": 13},
    ),
    Outage(
        name="always busy",
        seen="the lane works for others whenever a probe is due",
        trouble="k" * 2 * HOUR,
        within={"LanewatchAliasUnknown": 70},
    ),
    Outage(
        name="planned switch",
        seen="every probe fails for 12 minutes, while the cluster says that the pool switches",
        trouble="x" * 12 + "." * HOUR,
        is_switch=True,
    ),
    Outage(
        name="bad start",
        seen="the first four probes of a new exporter fail",
        trouble="xx.xx" + "." * HOUR,
        onset=0,
    ),
    Outage(
        name="one failure an hour",
        seen="one probe in 60 fails by itself, which is more than the promise of 99 %",
        trouble=("x" + "." * 59) * 48,
        within={SLOW: 44.5 * HOUR},
    ),
)
