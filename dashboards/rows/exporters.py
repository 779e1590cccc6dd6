"""Does each exporter speak, and does each of its sources."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import COUNT, SECONDS, YES_OR_NO
from dashboards.series import spoken
from exporter import catalogue as c

_SOURCE: Final = "{{instance}} {{source}}"
_BY_SOURCE: Final = "instance, source"
_AGE: Final = f"time() - max by ({_BY_SOURCE}) ({spoken(c.SOURCE_LAST_SUCCESS)})"

SPEAKING: Final = Row(
    "Which exporters speak?",
    (
        Panel(
            kind="table",
            title="Which exporter is which?",
            about="Address, role and version of each. simulated yes: a demonstration, not a card.",
            queries=(Query(f"max by (instance, role, version, simulated) ({spoken(c.BUILD_INFO)})"),),
            look=Look(
                unit="none",
                columns=(
                    Column("instance", "Exporter"),
                    Column("role", "Role"),
                    Column("version", "Version"),
                    Column("simulated", "Simulated"),
                ),
            ),
        ),
        Panel(
            kind="timeseries",
            title="How many speak, by version?",
            about="Exporters by role and version. Two versions for long: a roll-out hangs.",
            queries=(
                Query(
                    f"count by (role, version) (max by (instance, role, version) ({spoken(c.BUILD_INFO)}))",
                    "{{role}} {{version}}",
                ),
            ),
            look=COUNT,
        ),
        Panel(
            kind="state-timeline",
            title="Do the agents answer the watcher?",
            about="no: the agent of a node that hosts a lane, or hosted one, is silent; the watcher knows nothing of "
            "its cards, or soon will not. Empty: the watcher asks none.",
            queries=(Query(f"min by (node) ({spoken(c.AGENT_UP)})", "{{node}}"),),
            look=Look(unit="none", words=YES_OR_NO),
        ),
        Panel(
            kind="timeseries",
            title="Does a reader hang?",
            about="Reader processes that do not end after they were told to: a driver call never returned. Above 0: "
            "look at the kernel log; only a reboot of the node clears a process in state D.",
            queries=(Query(f"max by (instance) ({spoken(c.READER_STUCK)})", "{{instance}}"),),
            look=COUNT,
        ),
    ),
)
SOURCES: Final = Row(
    "Can each source be read?",
    (
        Panel(
            kind="state-timeline",
            title="Which source was read?",
            about="no: the series of that source are absent, not zero and not healthy.",
            queries=(Query(f"min by ({_BY_SOURCE}) ({spoken(c.SOURCE_UP)})", _SOURCE),),
            look=Look(unit="none", words=YES_OR_NO),
            height=10,
        ),
        Panel(
            kind="timeseries",
            title="How old is each reading?",
            about="Seconds since each source was read with success. What rises was not read since.",
            queries=(Query(_AGE, _SOURCE),),
            look=SECONDS,
            height=10,
        ),
        Panel(
            kind="timeseries",
            title="How long does a reading take?",
            about="Seconds that the last reading of each source took. Near its deadline: the outside system is slow.",
            queries=(Query(f"max by ({_BY_SOURCE}) ({spoken(c.SOURCE_DURATION)})", _SOURCE),),
            look=SECONDS,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many calls does a reading cost?",
            about="Calls a second into the outside system, of a source that counts them. For nvml at the default rates "
            "at most 17 a second for eight whole cards, however often the exporter is scraped.",
            queries=(
                Query(
                    f"sum by ({_BY_SOURCE}) (rate({spoken(c.SOURCE_CALLS)}[$__rate_interval]))",
                    _SOURCE,
                ),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Why does a reading fail?",
            about="Failed readings between two points, by kind. Empty is good.",
            queries=(
                Query(
                    f"sum by ({_BY_SOURCE}, kind) (increase({spoken(c.SOURCE_ERRORS)}[$__rate_interval])) > 0",
                    f"{_SOURCE}: {{{{kind}}}}",
                ),
            ),
            look=COUNT,
            width=8,
        ),
    ),
)
