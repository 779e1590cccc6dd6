"""The command `probe acceptance`: looks at the lane, says what it will cost, measures, keeps and compares."""

import asyncio
import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from exporter import catalogue
from exporter.backend import Backend
from exporter.errors import ConfigError, SourceError
from exporter.version import VERSION
from probes.acceptance import Record, Sizes, Step, cost, measure, steps
from probes.acceptance_compare import Difference, compare, faults
from probes.acceptance_table import as_text
from probes.asked import Asked, Plan, plans
from probes.backends.looker import Looker
from probes.backends.page import LARGEST_METRICS, PLAIN_TEXT, Address, Visit, read_page
from probes.report import exit_code
from probes.terminal import fit, painter, tell

if TYPE_CHECKING:
    from exporter.sources.exposition_text import TextSample

_REFUSED: Final = 10
_WORKING: Final = frozenset({"busy", "stalled", "wedged", "loading"})
_DEADLINE_SECONDS: Final = 5.0


def run(options: dict[str, Any]) -> int:
    """Measure, and return the exit code."""
    plan, wanted = _plan(options), steps(_sizes(options["steps"]))
    kept = _read(options["compare"]) if options["compare"] else None
    record = asyncio.run(_measure(plan, wanted, options))
    if record is None:
        return _REFUSED
    differences = (*faults(record), *(compare(record, kept) if kept else ()))
    click.echo(_render(record, differences, as_json=options["as_json"]), color=True)
    if options["record"]:
        _write(options["record"], record)
    return exit_code(differences)


def _plan(options: dict[str, Any]) -> Plan:
    if options["alias"] is None:
        raise ConfigError("expected --alias NAME and --config FILE")
    asked = Asked(
        alias=options["alias"],
        config=options["config"],
        gateway=options["gateway"],
        lane=options["lane"],
        is_direct=True,
    )
    plan = plans(asked)[0]
    if plan.alias.kind != "chat":
        raise ConfigError(f"--alias: expected an alias of kind chat, found {plan.alias.kind}")
    return plan


def _sizes(texts: Iterable[str]) -> Sizes:
    names = [field.name for field in dataclasses.fields(Sizes)]
    given = {}
    for text in texts:
        name, _, count = text.partition("=")
        if name not in names or not count.isdigit() or (name == "answer" and int(count) < 2):
            raise ConfigError(f"--step: expected one of {', '.join(names)} and its tokens, found {text}")
        given[name] = int(count)
    return Sizes(**given)


async def _measure(plan: Plan, wanted: tuple[Step, ...], options: dict[str, Any]) -> Record | None:
    backend = await _look(plan)
    if backend.state in _WORKING and not options["is_forced"]:
        click.echo(
            f"probe: lane {backend.lane} is {backend.state}: not measured, --force does it all the same", err=True
        )
        return None
    click.echo(f"probe: measuring lane {backend.lane} costs up to {cost(wanted)} tokens", err=True)
    try:
        results = await measure(plan, wanted, backend, tell)
    finally:
        tell("")
    pcie, digest = await _seen_by(options["exporter"], backend.lane) if options["exporter"] else ({}, None)
    return Record(
        version=VERSION,
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        alias=plan.alias.name,
        lane=backend.lane,
        model=backend.model or (plan.lane.model if plan.lane else ""),
        engine=backend.kind,
        build=backend.build,
        results=results,
        pcie=pcie,
        model_digest=digest,
    )


async def _look(plan: Plan) -> Backend:
    if plan.lane is None:
        raise ConfigError(f"--lane: expected a lane of alias {plan.alias.name} with a url in --config, found none")
    return await Looker((plan.lane,), stalled_seconds=60.0).look(plan.lane.name)


async def _seen_by(url: str, lane: str) -> tuple[dict[str, float], str | None]:
    """Return the link under load of the card that has the lowest, and the model's digest, as a running exporter saw."""
    from exporter.sources.exposition_text import parse  # noqa: PLC0415  # loads the client library's parser

    visit = Visit(accept=PLAIN_TEXT, largest=LARGEST_METRICS, deadline_seconds=_DEADLINE_SECONDS)
    page = await read_page(Address(url=f"{url.rstrip('/')}/metrics"), visit)
    if not page.is_well:
        raise ConfigError(f"--exporter: expected metrics, found {page.failure or f'HTTP {page.status}'}")
    try:
        samples = parse(page.body, prefixes=("lanewatch_",))
    except SourceError as error:
        raise ConfigError(f"--exporter: {error}") from error
    of_lane = (one.labels for one in samples if one.name == catalogue.LANE_INFO.name and one.labels["lane"] == lane)
    return _link(samples), next((labels["model_digest"] for labels in of_lane if labels["model_digest"]), None)


def _link(samples: "Iterable[TextSample]") -> dict[str, float]:
    """Return both numbers of the link; one alone says too little."""
    seen = [one for one in samples if one.labels.get("view") == "under_load"]
    generations = [one.value for one in seen if one.name == catalogue.GPU_PCIE_GENERATION.name]
    widths = [one.value for one in seen if one.name == catalogue.GPU_PCIE_WIDTH.name]
    return {"generation": min(generations), "width": min(widths)} if generations and widths else {}


def _render(record: Record, differences: tuple[Difference, ...], *, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode(record).decode()
    return fit(as_text(record, differences, painter()))


def _read(path: str) -> Record:
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Record)
    except OSError as error:
        raise ConfigError(f"--compare: {path}: expected a kept record, found: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"--compare: {path}: expected a kept record, found: {error}") from error


def _write(path: str, record: Record) -> None:
    try:
        Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
    except OSError as error:
        raise ConfigError(f"--record: {path}: expected a file to write, found: {error.strerror}") from error
