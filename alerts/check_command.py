"""`lanewatch rules check`: which rule selects nothing where the rules run."""

from collections.abc import Callable
from typing import Final

import click

from exporter.errors import ConfigError

TOKEN: Final = "LANEWATCH_PROMETHEUS_TOKEN"  # noqa: S105  # the name of a variable, no token
_USAGE_ERROR, _NOT_TOLD = 2, 20

# Reads a secret from a file, else from a variable, and returns what reveals it.
ReadSecret = Callable[[str, str], Callable[[], str]]


def check_command(read_secret: ReadSecret) -> click.Command:
    """Return the command; how a secret is read is told by whoever puts the parts together."""

    @click.command("check")
    @click.option("--prometheus", "url", required=True, metavar="URL", help="A Prometheus, or what answers as one.")
    @click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
    @click.option("--token-file", default="", metavar="FILE", help=f"File with a bearer token; else ${TOKEN}, if set.")
    def check(url: str, output: str, token_file: str) -> None:
        """Say which rule selects nothing on a live server, and why; exit 0 pass, 10 warn, 20 an alert is blind."""
        try:
            _check(url, bearer(read_secret(token_file, TOKEN)), is_json=output == "json")
        except ConfigError as error:
            click.echo(f"lanewatch: {error}", err=True)
            raise SystemExit(_USAGE_ERROR) from error

    return check


def bearer(token: Callable[[], str]) -> Callable[[], str]:
    """Return what makes the header's value out of a token, empty where there is none."""
    return lambda: f"Bearer {token()}" if token() else ""


def _check(url: str, authorize: Callable[[], str], *, is_json: bool) -> None:
    import asyncio  # noqa: PLC0415
    import json  # noqa: PLC0415

    from alerts import live_check  # noqa: PLC0415
    from alerts.live_prometheus import LiveError  # noqa: PLC0415

    try:
        checked = asyncio.run(live_check.check_at(url, authorize))
    except LiveError as error:
        click.echo(f"lanewatch: {url}: {error}", err=True)
        raise SystemExit(_NOT_TOLD) from error
    click.echo(json.dumps(live_check.as_data(checked), indent=2) if is_json else live_check.as_text(checked))
    raise SystemExit(live_check.EXIT_CODES[live_check.verdict(checked)])
