"""Errors of a card's memory: what ECC could not correct, what it corrects too often, and what is taken out of use."""

from typing import Final

from alerts.found import found_once
from alerts.places import BY_CARD
from alerts.promql import PLACE, indent, merged, recent_that, tell
from alerts.rare import NOW, Rare, again, held, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_ECC_ERRORS,
    GPU_EVENTS,
    GPU_OWNER_INFO,
    GPU_REMAP_FAILED,
    GPU_REMAP_PENDING,
    GPU_RETIRED_PAGES,
    GPU_ROW_REMAPS,
    GPU_UP,
)
from exporter.metric import Metric

_PLACE: Final = ", ".join(PLACE)
_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, ['owner_namespace', 'owner_pod', 'owner_container'], same='gpu_uuid')}."


def _failures(name: str, metric: Metric, label: str, value: str) -> Rare:
    of = {label: value}
    return Rare(
        name=name,
        picked=told(metric, **of),
        known=metric.where(**of),
        within="1h",
        labels=("node", "gpu_uuid", label),
    )


_UNCORRECTED: Final = _failures("gpu_ecc_uncorrected", GPU_ECC_ERRORS, "kind", "uncorrected")
_LOST_DATA: Final = f"last_over_time({_UNCORRECTED.now.name}[1h])\nand (\n{indent(_UNCORRECTED.rose())}\n)"

# No vendor states a number. Healthy memory corrects a few errors a week; the driver's own storm event speaks where the
# card has it, and this where it does not.
_STORM_AN_HOUR: Final = 100
_CORRECTED: Final = again(GPU_ECC_ERRORS).where(kind="corrected")
_OFTEN: Final = f"max without ({_PLACE}, kind) (increase({_CORRECTED}[1h]) > {_STORM_AN_HOUR})"
_CALLED_SO: Final = _failures("gpu_ecc_storms", GPU_EVENTS, "event", "ecc_storm")
_STORM: Final = f"{_OFTEN}\nor on (cluster, node, gpu_uuid)\nmax without (event) (\n{_CALLED_SO.rose()}\n)"

# One is the repair at work; more within hours say that memory goes on dying.
_GROWTH: Final = 2
_GROWS_WITHIN: Final = "6h"
_WHENEVER: Final = "10m"  # an agent may just have been replaced then


_AGO: Final = f"[{_WHENEVER}] offset {_GROWS_WITHIN}"
_COUNTS: Final = (GPU_RETIRED_PAGES, GPU_ROW_REMAPS)


def _now(metric: Metric) -> str:
    return recent_that(str(again(metric)), f">= {_GROWTH}")


def _then(metric: Metric) -> str:
    return merged(f"last_over_time({again(metric)}{_AGO})")


_GREW: Final = "\nor\n".join(f"{_now(metric)}\n  - {_then(metric)}\n  >= {_GROWTH}" for metric in _COUNTS)
# What was none then was not told again, yet the card was heard.
_BEGAN: Final = "\nor\n".join(f"{_now(metric)}\n  unless {_then(metric)}" for metric in _COUNTS)
_DIES: Final = f"{_GREW}\nor\n(\n{indent(_BEGAN)}\n)\nand on ({BY_CARD}) last_over_time({GPU_UP}{_AGO})"


def _flag(name: str, metric: Metric) -> Record:
    return Record(name=f"lanewatch:{name}{NOW}", expr=told(metric), labels=("node", "gpu_uuid"))


_FAILED: Final = _flag("gpu_row_remap_failed", GPU_REMAP_FAILED)
_PENDING: Final = _flag("gpu_row_remap_pending", GPU_REMAP_PENDING)


GROUP: Final = Group(
    name="lanewatch-ecc",
    rules=found_once(
        "ecc",
        *_UNCORRECTED.records,
        *_CALLED_SO.records,
        _FAILED,
        _PENDING,
        Alert(
            name="LanewatchGpuEccUncorrected",
            expr=_LOST_DATA,
            of="card",
            severity="page",
            layer="card",
            action="drain_and_reset",
            summary="A card had memory errors that could not be corrected",
            description=(
                f"{_CARD} had uncorrected memory errors within the last hour, {{{{ $value }}}} in its life. What was "
                f"computed from that memory is lost or wrong. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuEccStorm",
            expr=_STORM,
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A card corrects memory errors all the time",
            description=(
                f"{_CARD} corrected more than {_STORM_AN_HOUR} memory errors within an hour, or its driver calls it a "
                f"storm. The data is right; the next error may not be corrected. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuRowRemapFailed",
            expr=held(_FAILED.name),
            for_="5m",
            of="card",
            severity="page",
            layer="card",
            action="inspect_hardware",
            summary="A card has no spare memory left for a row that fails",
            description=f"{_CARD} could not replace a row of its memory: the spare ones are used up. {_OWNERS}",
        ),
        Alert(
            name="LanewatchGpuRowRemapPending",
            expr=held(_PENDING.name),
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="reset_gpu",
            summary="A card waits for a reset to take bad memory out of use",
            description=(
                f"{_CARD} has rows or pages of memory that the next reset takes out of use. Work may go on: plan the "
                f"reset. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuMemoryRetiring",
            expr=_DIES,
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A card takes more and more of its memory out of use",
            description=(
                f"{_CARD} took {{{{ $value }}}} pages or rows of its memory out of use within 6 hours (cause "
                f"{{{{ $labels.cause }}}}). One is a repair, several are a card that dies. {_OWNERS}"
            ),
        ),
    ),
)
