"""What a dcgm-exporter says of cards, under one name a fact, for those who keep it: its three schemas, in base units.

Only of cards that no exporter of ours tells of: nothing is told twice, and a second series of each of ours would cost a
fleet more than all that is asked of it. Blanks are absent. A card in MIG instances has memory and utilisation by
instance, and the values of its board once. Xids are left out: before 4.8.3 there is only a gauge of the last one, and
what counts them is `lanewatch_gpu_xid_errors_total`.
"""

from dataclasses import dataclass
from typing import Final

from alerts.promql import indent
from alerts.rule import Group, Record
from exporter import catalogue as c
from exporter.metric import Metric

GPU_MEMORY_USED: Final = "lanewatch:gpu_memory_used:bytes"
GPU_MEMORY_FREE: Final = "lanewatch:gpu_memory_free:bytes"
GPU_MEMORY_RESERVED: Final = "lanewatch:gpu_memory_reserved:bytes"
GPU_MEMORY_TOTAL: Final = "lanewatch:gpu_memory_total:bytes"
TOLD_TWICE: Final = "lanewatch:gpu_told_twice:info"

_CARD: Final = ("node", "gpu_uuid")
_MEBI: Final = 1 << 20
_MEGA: Final = 1_000_000
# The units of 4.9 go by its label of the driver's version: DCGM 4.6 had some of the new names for the old units.
_NEW: Final = '{DCGM_FI_SYSTEM_DRIVER_VERSION!=""}'
# "No value" as DCGM writes it, as int32, int64 and double: dcgm_structs.h, DCGM_INT32_BLANK ... and the 15 after it.
_INT32: Final = (0x7FFFFFF0, 0x80000000)
_DOUBLE: Final = (1 << 47, (1 << 47) + 16)
_INT64: Final = 9.2e18

# What both tell of, whatever each calls the node. A dcgm-exporter that is asked for few counters tells of one of these.
_ANY_OF: Final = ("FB_USED", f"FB_USED_BYTES{_NEW}", "GPU_TEMP", f"GPU_TEMP_CELSIUS{_NEW}", "POWER_USAGE")
_CARDS: Final = "\nor on (cluster, UUID)\n".join(f"DCGM_FI_DEV_{name}" for name in _ANY_OF)
_BOTH: Final = Record(
    name=TOLD_TWICE,
    expr=(
        "label_replace(\n  max by (cluster, gpu_uuid) (\n    label_replace(\n"
        f'{indent(_CARDS, 6)},\n      "gpu_uuid", "$1", "UUID", "(.+)"\n    )\n'
        f"    and on (cluster, gpu_uuid) {c.GPU_UP}\n  ) ^ 0,\n"
        '  "parent_uuid", "$1", "gpu_uuid", "(.+)"\n)'
    ),
    labels=("gpu_uuid", "parent_uuid"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dcgm:
    """One fact: the name and the factor to base units of up to 4.8, the name of 4.9 where it has one, and ours."""

    ours: Metric
    old: str = ""
    factor: float = 1  # a base unit is the old one times this
    new: str = ""
    label: str = ""  # of ours, with the value that this fact has
    value: str = ""
    is_of_instance: bool = False
    over: str = ""  # of a counter: the window of its rate, a share of time

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of what is recorded."""
        return (*_CARD, self.label) if self.label else _CARD


_FACTS: Final[dict[str, tuple[Dcgm, ...]]] = {
    GPU_MEMORY_USED: (
        Dcgm(ours=c.GPU_MEMORY_USED, old="FB_USED", factor=_MEBI, new="FB_USED_BYTES", is_of_instance=True),
    ),
    GPU_MEMORY_FREE: (
        Dcgm(ours=c.GPU_MEMORY_FREE, old="FB_FREE", factor=_MEBI, new="FB_FREE_BYTES", is_of_instance=True),
    ),
    GPU_MEMORY_RESERVED: (
        Dcgm(ours=c.GPU_MEMORY_RESERVED, old="FB_RESERVED", factor=_MEBI, new="FB_RESERVED_BYTES", is_of_instance=True),
    ),
    "lanewatch:gpu_utilization:ratio": (
        Dcgm(ours=c.GPU_UTILIZATION, old="GPU_UTIL", factor=0.01, new="GPU_UTIL_RATIO", is_of_instance=True),
    ),
    "lanewatch:gpu_memory_copy_utilization:ratio": (
        Dcgm(
            ours=c.GPU_MEMORY_COPY_UTILIZATION,
            old="MEM_COPY_UTIL",
            factor=0.01,
            new="MEMORY_UTIL_RATIO",
            is_of_instance=True,
        ),
    ),
    "lanewatch:gpu_power:watts": (Dcgm(ours=c.GPU_POWER, old="POWER_USAGE", new="BOARD_POWER_WATTS"),),
    "lanewatch:gpu_temperature:celsius": (
        Dcgm(ours=c.GPU_TEMPERATURE, old="GPU_TEMP", new="GPU_TEMP_CELSIUS", label="sensor", value="gpu"),
        Dcgm(ours=c.GPU_TEMPERATURE, old="MEMORY_TEMP", new="MEMORY_TEMP_CELSIUS", label="sensor", value="memory"),
    ),
    "lanewatch:gpu_clock:hertz": (
        Dcgm(ours=c.GPU_CLOCK, old="SM_CLOCK", factor=_MEGA, new="SM_CLOCK_HERTZ", label="domain", value="sm"),
        Dcgm(ours=c.GPU_CLOCK, old="MEM_CLOCK", factor=_MEGA, new="MEMORY_CLOCK_HERTZ", label="domain", value="memory"),
    ),
    "lanewatch:gpu_throttle:ratio_rate5m": tuple(
        Dcgm(ours=c.GPU_THROTTLE, old=old, factor=1e-9, new=new, label="reason", value=reason, over="5m")
        for old, new, reason in (
            ("POWER_VIOLATION", "GPU_POWER_THROTTLE_SECONDS_TOTAL", "power_cap"),
            ("THERMAL_VIOLATION", "", "thermal"),
            ("SYNC_BOOST_VIOLATION", "", "sync_boost"),
            ("BOARD_LIMIT_VIOLATION", "", "board_limit"),
            ("RELIABILITY_VIOLATION", "", "reliability"),
        )
    ),
    "lanewatch:gpu_row_remap_failed:bool": (
        Dcgm(ours=c.GPU_REMAP_FAILED, old="ROW_REMAP_FAILURE", new="ROW_REMAP_FAILED"),
    ),
}


def facts() -> tuple[Dcgm, ...]:
    """Return every fact that is taken over, for the test that compares them with what the exporter reads itself."""
    return tuple(fact for group in _FACTS.values() for fact in group)


def _known(selector: str) -> str:
    """Return the values that are none of DCGM's blanks; what is no number compares with nothing and goes too."""
    return (
        f"{selector} >= 0 < {_INT32[0]}\n"
        f"or\n{selector} >= {_INT32[1]} < {_DOUBLE[0]}\n"
        f"or\n{selector} >= {_DOUBLE[1]} < {_INT64:.0f}"
    )


def _base_units(name: str, factor: float, over: str) -> str:
    if not over:
        return f"(\n{indent(_known(name))}\n)" + (f" * {factor:.10g}" if factor != 1 else "")
    # A blank in the window makes a rate of millions, no card is slowed down for more than all of the time.
    return f"clamp_max(rate({name}[{over}])" + (f" * {factor:.10g}" if factor != 1 else "") + " <= 2, 1)"


def _told(fact: Dcgm) -> str:
    """Return what either schema says in base units, with our labels."""
    names = [(f"DCGM_FI_DEV_{fact.old}", fact.factor)] if fact.old else []
    names += [(f"DCGM_FI_DEV_{fact.new}{_NEW}", 1)] if fact.new else []
    found = "\nor\n".join(_base_units(name, factor, fact.over) for name, factor in names)
    named = _named(f"(\n{indent(found)}\n)", fact)
    # Every pod on a shared card repeats its values, and every instance those of the board: the largest, never a sum.
    parent = ("parent_uuid",) if fact.is_of_instance else ()
    return f"max by (cluster, {', '.join((*fact.labels, *parent))}) (\n{indent(named)}\n)"


def _named(expr: str, fact: Dcgm) -> str:
    expr = f'label_replace({expr}, "node", "$1", "Hostname", "(.+)")'  # up to 4.8.2
    expr = f'label_replace({expr}, "node", "$1", "hostname", "(.+)")'  # from 4.8.3 on
    if fact.label:
        expr = f'label_replace({expr}, "{fact.label}", "{fact.value}", "", "")'
    if not fact.is_of_instance:
        return f'label_replace({expr}, "gpu_uuid", "$1", "UUID", "(.+)")'
    # An instance is named as the exporter names it that reads dcgm: MIG-<card>/<instance>.
    expr = f'label_join({expr}, "gpu_uuid", "/", "UUID", "GPU_I_ID")'
    expr = f'label_replace({expr}, "gpu_uuid", "$1", "gpu_uuid", "(.*)/")'
    expr = f'label_replace({expr}, "parent_uuid", "$1", "gpu_uuid", "(.+)/.+")'
    return f'label_replace({expr}, "gpu_uuid", "MIG-$1", "gpu_uuid", "(.+/.+)")'


def _of_others(fact: Dcgm) -> str:
    """Return what dcgm-exporter says of what we do not tell of; an instance is known by its card."""
    told = f"{_told(fact)}\nunless on (cluster, gpu_uuid) {_BOTH.name}"
    if not fact.is_of_instance:
        return told
    told = f"{told}\nunless on (cluster, parent_uuid) {_BOTH.name}"
    return f"max by (cluster, {', '.join(fact.labels)}) (\n{indent(told)}\n)"


def _record(name: str, group: tuple[Dcgm, ...]) -> Record:
    parts = [_of_others(fact) if len(group) == 1 else f"(\n{indent(_of_others(fact))}\n)" for fact in group]
    return Record(name=name, expr="\nor\n".join(parts), labels=group[0].labels)


_TOTAL_OF_4_9: Final = Dcgm(ours=c.GPU_MEMORY_TOTAL, new="FB_CAPACITY_BYTES", is_of_instance=True)
# Before 4.9 the total is off by default; the parts add up to it.
_TOTAL: Final = Record(
    name=GPU_MEMORY_TOTAL,
    expr=(
        f"{_of_others(_TOTAL_OF_4_9)}\n"
        f"or on (cluster, gpu_uuid)\n{GPU_MEMORY_USED} + {GPU_MEMORY_FREE} + {GPU_MEMORY_RESERVED}"
    ),
    labels=_CARD,
)
GROUP: Final = Group(
    name="lanewatch-from-dcgm",
    rules=(_BOTH, *(_record(name, group) for name, group in _FACTS.items()), _TOTAL),
)
