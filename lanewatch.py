"""The command `lanewatch`: the only module that knows all the others; each subcommand imports what it runs.

Nothing else puts the parts together: sources, collectors and probes get what they need as arguments.
"""

import contextlib
import logging
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from alerts.check_command import check_command
from alerts.rules_command import rules
from dashboards.snapshot.command import snapshot_command
from exporter.errors import ConfigError, ListenError
from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.version import VERSION

if TYPE_CHECKING:
    from exporter.config import Config
    from exporter.live import Live
    from exporter.reload import Reloader
    from exporter.service import Front
    from exporter.sources.apiserver import ApiServer
    from exporter.sources.reviews import Reviews
    from exporter.web_door import WebFile
    from exporter.wired import Wiring

_USAGE_ERROR: Final = 2
_ADDRESS: Final = "0.0.0.0:19840"
_EXPORTER: Final = "http://127.0.0.1:19840"
_DEMO: Final = """\
Lanewatch demo, scenario {scenario}. Everything below is simulated: no card, no cluster, no model.

  page      {url}/          which layer failed, at a glance; the page refreshes itself
  metrics   {url}/metrics   what Prometheus scrapes
  probe     {probe}

Look at: is exactly one lane active, who owns the card's memory, what the aliases' root cause is.
Other scenarios: {others} (--scenario, or make demo SCENARIO=...).
Ctrl-C ends it.
"""
_log = logging.getLogger("lanewatch")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="lanewatch")
def main() -> None:
    """Tell which layer failed: card, driver, allocation, lane, server, gateway or alias."""


def _read_secret(file: str, variable: str) -> Callable[[], str]:
    """Return what reveals a secret of a file, else of a variable; it is empty where neither is set."""
    from exporter import secret  # noqa: PLC0415

    return secret.read_secret(file, variable).reveal


rules.add_command(check_command(_read_secret))
main.add_command(rules)
main.add_command(snapshot_command(_read_secret))


def _split_address(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, int]:
    host, colon, port = value.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(f"expected HOST:PORT with a port of 0 to 65535, found {value!r}")
    return host.strip("[]"), int(port)


def _serving_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that `serve` and `demo` share."""
    levels = click.Choice(["debug", "info", "warning", "error"])
    roles = click.Choice(["all", "node", "cluster"])
    for option in (
        _option("--log.level", "log_level", type=levels, default="info", show_default=True),
        _option(
            "--web.config.file",
            "web_config_file",
            metavar="FILE",
            help="TLS, passwords, headers and rate, as exporter-toolkit.",
        ),
        _option(
            "--web.listen-address",
            "web_listen_address",
            metavar="HOST:PORT",
            default=_ADDRESS,
            show_default=True,
            callback=_split_address,
        ),
        _option(
            "--role",
            "role",
            type=roles,
            default="all",
            show_default=True,
            help="node: cards and kubelet; cluster: lanes and probes; all: both.",
        ),
        _option("--config", "config", metavar="FILE", help="Configuration; none: the defaults."),
    ):
        command = option(command)
    return command


def _option(flag: str, name: str, **settings: Any) -> Callable[..., Any]:  # noqa: ANN401  # click's own settings
    return click.option(flag, name, envvar=f"LANEWATCH_{name.upper()}", show_envvar=True, **settings)


@main.command()
@_serving_options
def serve(**options: Any) -> None:  # noqa: ANN401  # what the options above say
    """Serve the metrics of this machine, its lanes and its aliases; it needs no configuration to begin."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _configure_logs(options)
    try:
        live = _live(options)
    except ConfigError as error:
        _exit_with(error)
    _run(_serve(live, options))


@main.command()
@_option("--scenario", "scenario", type=click.Choice(tuple(SCENARIOS)), default="healthy", show_default=True)
@_serving_options
def demo(scenario: str, **options: Any) -> None:  # noqa: ANN401  # what the options above say
    """Play the reference node, simulated: no card, no cluster, no network; the rest is the real thing."""
    _configure_logs(options)
    _run(_demo(scenario, _read_or_exit(options["config"]), options))


@main.command()
@click.option("--alias", envvar="LANEWATCH_ALIAS", metavar="NAME", help="One alias; none: all.")
@_option("--url", "url", default=_EXPORTER, show_default=True, help="A running exporter with role cluster or all.")
def explain(alias: str | None, url: str) -> None:
    """Print every layer under an alias as a running exporter sees it; exit 0 well, 10 warn, 20 failed or not told."""
    import asyncio  # noqa: PLC0415

    from probes import explain as explaining  # noqa: PLC0415
    from probes.report import exit_code  # noqa: PLC0415
    from probes.terminal import fit, painter  # noqa: PLC0415

    try:
        explained = asyncio.run(explaining.explain(url, alias))
    except ConfigError as error:
        _exit_with(error)
    except explaining.ExplainError as error:
        click.echo(f"lanewatch: {url}: {error}", err=True)
        raise SystemExit(20) from error
    click.echo(fit(explaining.as_text(explained, painter())), color=True)
    raise SystemExit(exit_code(explained))


@main.group("config")
def config_group() -> None:
    """Check a configuration file, or print every key with its default and meaning."""


@config_group.command()
@click.argument("file")
def check(file: str) -> None:
    """Say whether FILE is valid; exit 2 and say what is wrong where it is not."""
    from alerts.objectives import seldom_asked  # noqa: PLC0415

    config = _read_or_exit(file)
    for note in seldom_asked(config):
        click.echo(f"{file}: {note}")
    click.echo(f"{file}: valid: pools {len(config.pools)}, lanes {len(config.lanes)}, aliases {len(config.aliases)}")


@config_group.command()
def reference() -> None:
    """Print every key with its default and meaning: a file to start from."""
    from exporter import config_reference  # noqa: PLC0415

    click.echo(config_reference.reference(), nl=False)


@main.command()
@click.option("--check", "is_check", is_flag=True, help="Write nothing; exit 1 and name the files that differ.")
@click.option("--out", default=".", show_default=True, metavar="DIRECTORY", help="Root of the checkout.")
def generate(*, is_check: bool, out: str) -> None:
    """Write the rules, the routes, the dashboards, the chart's values and the documents out of their sources."""
    differing = {path: text for path, text in sorted(_generated().items()) if _differs(Path(out, path), text)}
    for path, text in differing.items():
        click.echo(f"{path}: {'differs: run `make generate`' if is_check else 'written'}")
        if not is_check:
            Path(out, path).parent.mkdir(parents=True, exist_ok=True)
            Path(out, path).write_text(text, encoding="utf-8")
    if is_check and differing:
        raise SystemExit(1)


def _generated() -> dict[str, str]:
    import alerts.alertmanager  # noqa: PLC0415
    import alerts.document  # noqa: PLC0415
    import alerts.render  # noqa: PLC0415
    import dashboards.render  # noqa: PLC0415
    from exporter import configuration_document, metrics_document  # noqa: PLC0415
    from exporter.chart import documents as chart_documents  # noqa: PLC0415
    from probes import fault_document  # noqa: PLC0415

    documents = (
        metrics_document.render()
        | configuration_document.render()
        | fault_document.render()
        | chart_documents.render()
        | alerts.document.render()
    )
    return {**alerts.render.render(), **alerts.alertmanager.render(), **dashboards.render.render(), **documents}


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_text(encoding="utf-8") != text


def _end(_number: int, _frame: object) -> NoReturn:
    """End well before the loop runs: the first process of a container ignores a signal that it has no handler for."""
    raise SystemExit(0)


def _configure_logs(options: dict[str, Any]) -> None:
    from exporter import logs  # noqa: PLC0415

    logs.configure(options["log_level"])


def _read_or_exit(path: str | None) -> "Config":
    from exporter.config import read_config  # noqa: PLC0415

    try:
        config = read_config(path)
        _refuse(config, path or "")
    except ConfigError as error:
        _exit_with(error)
    return config


def _refuse(config: "Config", where: str) -> None:
    """Refuse what would silence an alert; without an alias there is none to silence, and the rules are not loaded."""
    if config.aliases:
        from alerts.objectives import refuse_silent_objectives  # noqa: PLC0415

        refuse_silent_objectives(config, where)


def _exit_with(error: ConfigError) -> NoReturn:
    click.echo(f"lanewatch: {error}", err=True)
    raise SystemExit(_USAGE_ERROR)


async def _serve(live: "Live", options: dict[str, Any]) -> None:
    import asyncio  # noqa: PLC0415

    from exporter import wiring  # noqa: PLC0415
    from exporter.config import node_name  # noqa: PLC0415
    from exporter.snapshot import Snapshot  # noqa: PLC0415

    config = live.config
    followed = (live.reloader,) if options["config"] else ()
    front = _front(options, _announce, followed)
    if config.web.token_review:
        listen = replace(front.listen, may_get=_reviews(config, options["role"]).may_get)
        front = replace(front, listen=listen)
    stack = contextlib.AsyncExitStack()
    try:
        machine = await wiring.wire_machine(config, options["role"], stack)
        first = Snapshot(node=node_name(config), monitors=config.kubelet.monitors)
        await wiring.run(machine, first, front, live)
    finally:  # at once: either may have to wait for who hangs
        await asyncio.gather(stack.aclose(), live.close())


def _reviews(config: "Config", role: str) -> "Reviews":
    from exporter.sources.reviews import Reviews  # noqa: PLC0415

    if role == "node":
        _exit_with(ConfigError("$.web.token_review: expected role cluster or all, found node: it has no API server"))

    def connect() -> "ApiServer":
        from exporter.sources import apiserver  # noqa: PLC0415

        return apiserver.connect(config.kubernetes.kubeconfig)

    return Reviews(connect)


def _live(options: dict[str, Any]) -> "Live":
    """Return the configuration and what is made of the keys that may change while it runs."""
    from exporter.live import LIVE_CLUSTER, LIVE_PROBES, Live, Part  # noqa: PLC0415

    role = options["role"]
    if role == "node":  # a node agent reads none of them
        return Live(options["config"], {"none": Part(keys=LIVE_CLUSTER + LIVE_PROBES, make=_nothing)})
    from exporter.wiring_cluster import wire_cluster  # noqa: PLC0415
    from probes.wiring import wire_probes  # noqa: PLC0415  # a node agent probes nothing

    cluster = Part(keys=(*LIVE_CLUSTER, "node_baseline"), make=lambda config, stack: wire_cluster(config, role, stack))
    probes = Part(keys=LIVE_PROBES, make=lambda config, _: wire_probes(config))
    return Live(options["config"], {"cluster": cluster, "probes": probes}, _refuse)


def _nothing(_config: "Config", _stack: contextlib.AsyncExitStack) -> "Wiring":
    from exporter.wired import Wiring  # noqa: PLC0415

    return Wiring()


async def _demo(scenario: str, config: "Config", options: dict[str, Any]) -> None:
    from exporter import wiring  # noqa: PLC0415
    from exporter.snapshot import Snapshot  # noqa: PLC0415
    from exporter.sources.simulated_stage import NODE  # noqa: PLC0415
    from probes.demo import demo_wiring  # noqa: PLC0415

    def announce(url: str) -> None:
        others = ", ".join(name for name in SCENARIOS if name != scenario)
        click.echo(_DEMO.format(url=url.replace("0.0.0.0", "127.0.0.1"), scenario=scenario, others=others, probe=probe))

    front = _front(options, announce)
    async with demo_wiring(scenario, config, options["role"]) as (parts, probe):
        first = Snapshot(node=config.node or NODE, is_simulated=True)
        await wiring.run(parts, first, front)


def _run(work: Coroutine[Any, Any, None]) -> None:
    import asyncio  # noqa: PLC0415

    try:
        asyncio.run(work)
    except ListenError as error:
        click.echo(f"lanewatch: {error}", err=True)
        raise SystemExit(1) from error


def _front(options: dict[str, Any], announce: Callable[[str], None], followed: "tuple[Reloader, ...]" = ()) -> "Front":
    from exporter.server import Listen  # noqa: PLC0415
    from exporter.service import Front  # noqa: PLC0415
    from exporter.status import Identity  # noqa: PLC0415

    host, port = options["web_listen_address"]
    web = _web_file(options)
    return Front(
        identity=Identity(version=VERSION, role=options["role"]),
        listen=Listen(host=host, port=port, door=lambda: web.door) if web else Listen(host=host, port=port),
        announce=announce,
        reloaders=(*followed, web.reloader) if web else followed,
    )


def _web_file(options: dict[str, Any]) -> "WebFile | None":
    from exporter.web_door import WebFile  # noqa: PLC0415

    try:
        return WebFile(options["web_config_file"]) if options["web_config_file"] else None
    except ConfigError as error:
        _exit_with(error)


def _announce(url: str) -> None:
    _log.info("serving %s", url)


if __name__ == "__main__":
    main()
