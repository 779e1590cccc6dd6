"""The forms in which reports are put out, each loaded when it is asked for."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from probes.paint import Paint
from probes.report import Report


def _table(reports: Sequence[Report], paint: Paint) -> str:
    if len(reports) == 1:
        from probes.waterfall import as_text  # noqa: PLC0415  # one form of several

        return as_text(reports[0], paint)
    from probes.table import as_table  # noqa: PLC0415  # the same

    return as_table(reports, paint)


def _json(reports: Sequence[Report], _: Paint) -> str:
    from probes.objects import as_objects  # noqa: PLC0415  # the same

    return json.dumps(as_objects(reports))


def _nagios(reports: Sequence[Report], _: Paint) -> str:
    from probes.nagios import as_status  # noqa: PLC0415  # the same

    return as_status(reports)


def _prom(reports: Sequence[Report], _: Paint) -> str:
    from probes.textfile import as_metrics  # noqa: PLC0415  # loads the exporter's renderer

    return as_metrics(reports).removesuffix("\n")


FORMS: Final[Mapping[str, Callable[[Sequence[Report], Paint], str]]] = {
    "table": _table,
    "json": _json,
    "nagios": _nagios,
    "prom": _prom,
}
