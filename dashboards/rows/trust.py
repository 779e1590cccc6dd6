"""Can I trust this page: which source can be read, how old each reading is, and what was left out."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import COUNT, SECONDS, YES_OR_NO
from dashboards.series import chosen, increase
from exporter import catalogue as c

ROW: Final = Row(
    "Can I trust this page?",
    (
        Panel(
            kind="state-timeline",
            title="Which source can be read?",
            about="no: the series of that source are absent, not zero and not healthy.",
            queries=(Query(f"min by (instance, source) ({chosen(c.SOURCE_UP)})", "{{instance}} {{source}}"),),
            look=Look(unit="none", words=YES_OR_NO),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How old is what I see?",
            about="Seconds since each source was read with success, and since each alias was probed.",
            queries=(
                Query(
                    f"time() - max by (instance, source) ({chosen(c.SOURCE_LAST_SUCCESS)})", "{{instance}} {{source}}"
                ),
                Query(f"time() - max by (alias) ({chosen(c.PROBE_LAST_ATTEMPT)})", "alias {{alias}}"),
            ),
            look=SECONDS,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Why can a source not be read?",
            about="Failed readings between two points, by kind. Empty is good.",
            queries=(
                Query(
                    f"sum by (instance, source, kind) ({increase(c.SOURCE_ERRORS)}) > 0",
                    "{{instance}} {{source}}: {{kind}}",
                ),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="bargauge",
            title="Is anything left out?",
            about="Series that were dropped because a family was too large, and reader processes that do not end.",
            queries=(
                Query(f"sum by (family) ({chosen(c.SERIES_DROPPED)}) > 0", "dropped of {{family}}"),
                Query(f"sum by (instance) ({chosen(c.READER_STUCK)})", "stuck at {{instance}}"),
            ),
            look=Look(unit="short", least=0, steps=((1, "red"),)),
        ),
        Panel(
            kind="table",
            title="Which exporters speak here?",
            about="Version and role of each. simulated yes: a demonstration, not a card.",
            queries=(Query(f"max by (instance, role, version, simulated) ({chosen(c.BUILD_INFO)})"),),
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
    ),
)
