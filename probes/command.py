"""The command `probe`: one attempt at one alias, as a waterfall for people or as JSON for programs.

Exit codes: 0 pass, 10 warn (slow, or by a fallback), 20 fail, 2 usage. What an attempt needs is loaded when it is made.
"""

import json
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from probes.report import Report


@click.command("probe")
@click.option("--alias", required=True, envvar="LANEWATCH_ALIAS", metavar="NAME", help="Alias to probe.")
@click.option("--config", envvar="LANEWATCH_CONFIG", metavar="FILE", help="Configuration, YAML.")
@click.option("--gateway", envvar="LANEWATCH_GATEWAY", metavar="URL", help="Gateway; overrides the configuration's.")
@click.option(
    "--timeout",
    envvar="LANEWATCH_TIMEOUT",
    type=click.FloatRange(0.1, 600),
    metavar="SECONDS",
    help="Give up after so long; overrides the configuration's.",
)
@click.option("--json", "as_json", envvar="LANEWATCH_JSON", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def main(context: click.Context, /, *, as_json: bool, timeout: float | None, **names: str | None) -> None:
    """Ask one alias of the gateway once, as a user would, and say which layer failed.

    The key is read from the file or the variable that the configuration names, else from LANEWATCH_GATEWAY_KEY.
    """
    from exporter.errors import ConfigError  # noqa: PLC0415  # `probe --help` loads nothing of this
    from probes.outcome import EXIT_CODES  # noqa: PLC0415  # the same
    from probes.report import Question, report_on  # noqa: PLC0415  # the same

    alias = names["alias"] or ""
    question = Question(alias=alias, config=names["config"], gateway=names["gateway"], timeout_seconds=timeout)
    try:
        report = report_on(question)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    click.echo(_render(report, as_json=as_json), color=True)
    context.exit(EXIT_CODES[report.grade])


def _render(report: "Report", *, as_json: bool) -> str:
    from probes.waterfall import as_object, as_text  # noqa: PLC0415  # see main

    if as_json:
        return json.dumps(as_object(report))
    return _fit_to_terminal(as_text(report, _paint if _wants_colour() else _plain))


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _paint(text: str, colour: str) -> str:
    return click.style(text, fg=colour, bold=True)


def _plain(text: str, _: str) -> str:
    return text


def _fit_to_terminal(text: str) -> str:
    """Return `text` as a terminal that knows only ASCII can show it."""
    if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8":
        return text
    return text.replace("█", "#").encode("ascii", "replace").decode("ascii")


if __name__ == "__main__":
    main()
