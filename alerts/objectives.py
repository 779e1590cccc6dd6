"""Whether each promise of a configuration can be watched: what would silence an alert is refused at the start."""

from collections.abc import Iterator
from typing import Final

from alerts.slo import TIERS, WINDOWS, refuse_impossible_tiers
from exporter.config import Config
from exporter.config_path import Alias
from exporter.errors import ConfigError

_TIMES: Final = ("first_token", "inter_token", "total")


def refuse_silent_objectives(config: Config, where: str) -> None:
    """Raise `ConfigError` for a promised objective for which one of the burn-rate alerts could never fire."""
    for number, alias in enumerate(config.aliases):
        for slo, objective in _promised(alias):
            try:
                refuse_impossible_tiers(objective)
            except ConfigError as error:
                raise ConfigError(f"{where}: $.aliases[{number}].objectives.{slo}: {error}") from error


def seldom_asked(config: Config) -> Iterator[str]:
    """Yield what to know of aliases that are asked so seldom that an alert cannot fire; they are no mistake."""
    for number, alias in enumerate(config.aliases):
        for tier in TIERS:
            due = WINDOWS[tier.long] / alias.interval_seconds
            if due < tier.least_bad:
                yield (
                    f"$.aliases[{number}].interval_seconds: note: the alert for a burn rate of {tier.factor:g} over "
                    f"{tier.long} cannot fire, it needs {tier.least_bad} bad probes, and {due:.3g} are due"
                )


def _promised(alias: Alias) -> Iterator[tuple[str, float]]:
    """Yield the objectives; a time without a limit is not promised, whatever its share."""
    yield "availability", alias.objectives.availability
    for slo in _TIMES:
        if getattr(alias.objectives, f"{slo}_seconds") is not None:
            yield slo, getattr(alias.objectives, slo)
