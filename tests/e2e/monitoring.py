"""A real Prometheus that scrapes us and evaluates our rules, and a real Alertmanager behind it."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from e2e.processes import LOOPBACK, Command, answers, free_port, running
from e2e.tools import tool
from e2e.waiting import eventually

_READY_SECONDS: Final = 30.0
_SECOND: Final = "1s"
_PAGES: Final = ("critical", "none")
_TOLD: Final = ("critical", "warning")
_QUICK_SECONDS: Final = 30  # the first evaluation of a group that is slower is not worth the wait


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that can be asked."""

    url: str

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series of an instant vector."""
        result = self._get("query", query=promql)["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def values(self, promql: str) -> list[float]:
        """Return the values of an instant vector, sorted."""
        return sorted(value for _, value in self.query(promql))

    def eventually(self, promql: str, expected: Sequence[float], *, within: float) -> None:
        """Ask until the values of `promql` are `expected`."""
        eventually(lambda: self.values(promql), list(expected), within=within, what=promql)

    def alerts(self) -> dict[str, str]:
        """Return the state, which is firing, of every page and of the heartbeat, by name.

        Not by the series ALERTS: a server that just started writes it from the third evaluation on.
        """
        firing = (one for one in self._get("alerts")["alerts"] if one["state"] == "firing")
        return {one["labels"]["alertname"]: "firing" for one in firing if one["labels"]["severity"] in _PAGES}

    def raised(self) -> set[str]:
        """Return the names of the pages and tickets that fire, or will if it goes on."""
        return {
            one["labels"]["alertname"] for one in self._get("alerts")["alerts"] if one["labels"]["severity"] in _TOLD
        }

    def rule_health(self) -> set[str]:
        """Return how the rules of quick groups do: `ok`, `err`, or `unknown` before their first evaluation."""
        groups = [group for group in self._get("rules")["groups"] if group["interval"] <= _QUICK_SECONDS]
        return {rule["health"] for group in groups for rule in group["rules"]}

    def is_empty(self, promql: str, *, start: float, end: float, step: float) -> bool:
        """Whether a query over a time gives nothing."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        found: list[object] = self._get("query_range", query=promql, **times)["result"]
        return found == []

    def values_of(self, label: str, selector: str) -> list[str]:
        """Return the values of a label of what is selected."""
        found: list[str] = self._ask(f"label/{label}/values", **{"match[]": selector})
        return found

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(what, **parameters)
        return found

    def _ask(self, what: str, **parameters: str) -> Any:  # noqa: ANN401  # JSON
        url = f"{self.url}/api/v1/{what}"
        answer = httpx.get(url, params=parameters, timeout=10.0, trust_env=False, verify=_no_certificates())
        body: dict[str, Any] = answer.json()
        if body["status"] != "success":
            raise AssertionError(f"{what} {parameters}: expected an answer, found {body['error']}")
        return body["data"]


@cache
def _no_certificates() -> ssl.SSLContext:
    """Return what httpx would make anew for each question, reading every certificate of the machine."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def prometheus(target: str, rules: Sequence[Path], alertmanager_url: str, directory: Path) -> Iterator[Prometheus]:
    """Run a server that scrapes `target` (host:port) and evaluates `rules`, each second, while the context is open."""
    with prometheus_with(_prometheus_config(target, rules, alertmanager_url), directory) as server:
        yield server


@contextmanager
def prometheus_of(targets: Path, rules: Sequence[Path], directory: Path) -> Iterator[Prometheus]:
    """Run a server that scrapes, each second, the targets that a file names now, while the context is open."""
    found = {"files": [str(targets)], "refresh_interval": _SECOND}
    config = {
        "global": {"scrape_interval": _SECOND, "scrape_timeout": _SECOND},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [{"job_name": "lanewatch", "file_sd_configs": [found]}],
    }
    with prometheus_with(config, directory) as server:
        yield server


@contextmanager
def prometheus_with(content: dict[str, Any], directory: Path) -> Iterator[Prometheus]:
    """Run a server with this configuration while the context is open."""
    config = _write(directory / "prometheus.yaml", content)
    port = free_port()
    line = (
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--scrape.discovery-reload-interval=100ms",  # else the first scrape waits 5 s
    )
    url = f"http://{LOOPBACK}:{port}"
    with running(Command(name="prometheus", line=line, directory=directory)) as program:
        program.wait_until(lambda: answers(f"{url}/-/ready"), within=_READY_SECONDS)
        yield Prometheus(url)


@contextmanager
def prometheus_scraping(scrapes: Sequence[dict[str, Any]], directory: Path) -> Iterator[Prometheus]:
    """Run a server with these scrape configurations and no rules while the context is open."""
    content = _prometheus_config("", [], "")
    with prometheus_with({**content, "alerting": {}, "scrape_configs": list(scrapes)}, directory) as server:
        yield server


@contextmanager
def alertmanager(receiver_url: str, directory: Path) -> Iterator[str]:
    """Run a server that tells one webhook everything at once while the context is open; gives its URL."""
    with routing(_alertmanager_config(receiver_url), directory) as url:
        yield url


@contextmanager
def routing(configuration: dict[str, Any], directory: Path) -> Iterator[str]:
    """Run a server with this configuration while the context is open; gives its URL."""
    config = _write(directory / "alertmanager.yaml", configuration)
    port = free_port()
    line = (
        tool("alertmanager"),
        f"--config.file={config}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
    )
    url = f"http://{LOOPBACK}:{port}"
    with running(Command(name="alertmanager", line=line, directory=directory)) as program:
        program.wait_until(lambda: answers(f"{url}/-/ready"), within=_READY_SECONDS)
        yield url


def _prometheus_config(target: str, rules: Sequence[Path], alertmanager_url: str) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": _SECOND, "scrape_timeout": _SECOND, "evaluation_interval": _SECOND},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager_url.removeprefix("http://")]}]}]},
        "scrape_configs": [{"job_name": "lanewatch", "static_configs": [{"targets": [target]}]}],
    }


def _alertmanager_config(receiver_url: str) -> dict[str, Any]:
    return {
        "route": {
            "receiver": "test",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": _SECOND,
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "test", "webhook_configs": [{"url": receiver_url, "send_resolved": True}]}],
    }


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path
