"""The command `probe`: attempts at aliases, as a waterfall or a table for people, or in a form for programs.

Exit codes: 0 pass, 10 warn (slow, or by a fallback), 20 fail, 2 usage; with `--output nagios` 0, 1, 2, 3. What an
attempt needs is loaded when it is made. Records that it needs are structs of msgspec: a dataclass compiles its methods
anew at each start, 0.4 ms each where a struct takes 0.01.
"""

import gc
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from probes.asked import Asked, Plan
    from probes.report import Report

_Result = TypeVar("_Result")
_WATCH_SECONDS: Final = "10"
_NOTHING_SEEN: Final = 10
_SHELLS: Final = {
    "bash": 'eval "$(_PROBE_COMPLETE=bash_source probe)"',
    "zsh": 'eval "$(_PROBE_COMPLETE=zsh_source probe)"',
    "fish": "_PROBE_COMPLETE=fish_source probe | source",
}


def complete_alias(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the configured aliases that begin so, for the shell."""
    from probes.asked import alias_names  # noqa: PLC0415  # only a shell that completes needs it

    config = context.params.get("config") or os.environ.get("LANEWATCH_CONFIG")
    return [name for name in alias_names(config) if name.startswith(incomplete)]


def _show_completion(context: click.Context, _: click.Parameter, shell: str | None) -> None:
    if shell is not None:
        click.echo(_SHELLS[shell])
        context.exit(0)


def where_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what is asked where; `acceptance` has them too."""
    for option in (
        click.option("--gateway", envvar="LANEWATCH_GATEWAY", metavar="URL", help="Gateway; overrides the file's."),
        click.option("--config", envvar="LANEWATCH_CONFIG", metavar="FILE", help="Configuration, YAML."),
        click.option(
            "--alias",
            envvar="LANEWATCH_ALIAS",
            metavar="NAME",
            help="Alias to ask for.",
            shell_complete=complete_alias,
        ),
    ):
        command = option(command)
    return command


@click.group(
    "probe",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@where_options
@click.option("--all", "is_all", is_flag=True, help="Every configured alias, one after the other.")
@click.option("--direct", "is_direct", is_flag=True, help="Ask the lane past the gateway too: what the gateway adds.")
@click.option(
    "--samples",
    envvar="LANEWATCH_SAMPLES",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="Ask so often; shown are the least, the middle and the most.",
)
@click.option(
    "--timeout",
    "timeout_seconds",
    envvar="LANEWATCH_TIMEOUT",
    type=click.FloatRange(0.1, 600),
    metavar="SECONDS",
    help="Give up after so long; overrides the file's.",
)
@click.option(
    "--watch",
    "watch_seconds",
    is_flag=False,
    flag_value=_WATCH_SECONDS,
    type=click.FloatRange(0.5, 86400),
    metavar="[SECONDS]",
    help=f"Ask again every so often until ctrl-C, a line each; without a number every {_WATCH_SECONDS} s.",
)
@click.option(
    "--output",
    envvar="LANEWATCH_OUTPUT",
    type=click.Choice(["table", "json", "nagios", "prom"]),
    default="table",
    show_default=True,
    help="prom: a file for node_exporter's textfile collector.",
)
@click.option("--json", "as_json", envvar="LANEWATCH_JSON", is_flag=True, help="The same as --output json.")
@click.option(
    "--show-completion",
    type=click.Choice(sorted(_SHELLS)),
    expose_value=False,
    is_eager=True,
    callback=_show_completion,
    help="Print the line that makes this shell complete options and aliases.",
)
@click.pass_context
def main(context: click.Context, /, *, as_json: bool, output: str, **options: Any) -> None:  # noqa: ANN401  # click's
    """Ask an alias of the gateway once, as a user would, and say which layer failed.

    The key is read from the file or the variable that the configuration names, else from LANEWATCH_GATEWAY_KEY.
    """
    if context.invoked_subcommand is not None:
        return
    output = "json" if as_json else output
    asked = _asked(options)
    if options["watch_seconds"] is not None:
        context.exit(_watch(asked, output, options["samples"], options["watch_seconds"]))
    found = _or_refuse(lambda: _ask(_plans(asked), options["samples"]), output)
    click.echo(_render(found, output), color=True)
    context.exit(_exit_code(found, output))


@main.command()
@where_options
@click.option("--lane", metavar="NAME", help="Lane to measure; none: the alias's own.")
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="NAME=TOKENS",
    help="Size of a step in place of its own, 0 leaves it out: short, long, prefill (context), answer.",
)
@click.option("--exporter", metavar="URL", help="A running exporter that knows the card's PCIe link under load.")
@click.option("--record", metavar="FILE", help="Keep the numbers here, JSON.")
@click.option("--compare", metavar="FILE", help="Compare with the numbers kept here.")
@click.option("--force", "is_forced", is_flag=True, help="Measure although the lane works for somebody.")
@click.option("--json", "as_json", is_flag=True, help="The record on standard output in place of the table.")
@click.pass_context
def acceptance(context: click.Context, /, **options: Any) -> None:  # noqa: ANN401  # what the options above say
    """Measure what a lane can do, keep the numbers, and compare them with those kept before.

    Exit 0: as good as kept; 10: somewhat worse, or not all could be measured; 20: much worse, or broken.
    """
    from probes.acceptance_command import run  # noqa: PLC0415  # loads what it runs

    above = context.parent.params if context.parent else {}
    options |= {name: options[name] or above.get(name) for name in ("alias", "config", "gateway")}
    context.exit(_or_refuse(lambda: run(options), "table"))


def _asked(options: dict[str, Any]) -> "Asked":
    from probes.asked import Asked  # noqa: PLC0415  # `probe --help` loads nothing of this

    if (options["alias"] is None) == (not options["is_all"]):
        raise click.UsageError("expected --alias NAME, or --all with --config FILE")
    fields = ("alias", "config", "gateway", "timeout_seconds", "is_direct")
    return Asked(**{name: options[name] for name in fields})


def _plans(asked: "Asked") -> "tuple[Plan, ...]":
    from probes.asked import plans  # noqa: PLC0415  # see _asked

    return plans(asked)


def _ask(plans: "Sequence[Plan]", samples: int) -> "list[Report]":
    import asyncio  # noqa: PLC0415  # see _asked

    from probes.report import reports  # noqa: PLC0415  # see _asked
    from probes.terminal import tell  # noqa: PLC0415  # see _asked

    async def ask() -> "list[Report]":
        return [report async for report in reports(plans, samples, tell)]

    try:
        return asyncio.run(ask())
    finally:
        tell("")


def _watch(asked: "Asked", output: str, samples: int, seconds: float) -> int:
    """Ask until ctrl-C, and return what the last round came to."""
    import time  # noqa: PLC0415  # see _asked

    gc.enable()  # see program: it lives on
    if output not in {"table", "json"}:
        raise click.UsageError("--watch: expected --output table or json")
    found: list[Report] = []
    plans = _or_refuse(lambda: _plans(asked), output)
    try:
        while True:
            begun = time.monotonic()
            found = _or_refuse(lambda: _ask(plans, samples), output)
            for report in found:
                click.echo(_render_line(report, output), color=True)
            time.sleep(max(0.0, begun + seconds - time.monotonic()))
    except KeyboardInterrupt:
        return _exit_code(found, output) if found else _NOTHING_SEEN


def _or_refuse(work: Callable[[], _Result], output: str) -> _Result:
    """Do the work; what cannot be asked is a mistake of usage, which a monitoring plugin says in its own way."""
    from exporter.errors import ConfigError  # noqa: PLC0415  # see _asked

    try:
        return work()
    except ConfigError as error:
        if output != "nagios":
            raise click.UsageError(str(error)) from error
        _refuse_as_plugin(str(error))


def _refuse_as_plugin(problem: str) -> NoReturn:
    from probes.nagios import UNKNOWN, as_problem  # noqa: PLC0415  # see _asked

    click.echo(as_problem(problem))
    raise SystemExit(UNKNOWN)


def _render(found: "Sequence[Report]", output: str) -> str:
    from probes import forms  # noqa: PLC0415  # see _asked
    from probes.terminal import fit, painter  # noqa: PLC0415  # see _asked

    return fit(forms.FORMS[output](found, painter()))


def _render_line(report: "Report", output: str) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415  # see _asked

    from probes.table import as_line  # noqa: PLC0415  # see _asked
    from probes.terminal import fit  # noqa: PLC0415  # see _asked

    if output == "json":
        return _render([report], output)
    at = datetime.fromtimestamp(report.attempt.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return fit(f"{at} {as_line(report)}")


def _exit_code(found: "Sequence[Report]", output: str) -> int:
    from probes.report import exit_code  # noqa: PLC0415  # see _asked

    if output == "nagios":
        from probes.nagios import status_code  # noqa: PLC0415  # see _asked

        return status_code(found)
    return exit_code(found)


def program() -> None:
    """Run `probe` as a process of its own, whose end comes before there is anything to collect.

    The collector would look through all that is loaded several times while it is loaded, and once more at the end:
    a fifth of the whole time.
    """
    gc.disable()
    try:
        main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    program()
