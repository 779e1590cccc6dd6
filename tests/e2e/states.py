"""The states in which the exporter is asked to end: what is ill around it, who asks it for what, and at which moment.

Unless a state says otherwise, each outside system lets anybody connect and says nothing: all that can hang hangs.
"""

import random
import signal
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from e2e.processes import LOOPBACK, Program
from fakes.doors import TLS
from fakes.nvml.scenario import Scenario

_HASHES_FOR_SECONDS: Final = "$2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR."
_WEB_PASSWORD: Final = f"basic_auth_users: {{bob: {_HASHES_FOR_SECONDS}}}\n"
_WEB_TLS: Final = yaml.safe_dump(
    {"tls_server_config": {"cert_file": str(TLS / "localhost.crt"), "key_file": str(TLS / "localhost.key")}}
)
_GET: Final = "GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n"
_ALIAS: Final = {"interval_seconds": 30, "timeout_seconds": 30, "lane": "lane"}
_NAMES: Final = ("fast", "chat", "agent")
_BASE: Final[Mapping[str, Any]] = {
    "nvml": {"interval_seconds": 1, "deadline_seconds": 60, "library": "$library"},
    "kubelet": {"socket": "$here/none.sock"},
    "kubernetes": {"kubeconfig": "$here/kubeconfig"},
    "agents": {"urls": {"n": "http://127.0.0.1:$silent/metrics"}},
    "gateway": {"url": "http://127.0.0.1:$silent"},
    "lanes": [{"name": "lane", "url": "http://127.0.0.1:$silent"}],
    "aliases": [{"name": name, **_ALIAS} for name in _NAMES],
}


@dataclass(frozen=True, slots=True)
class Place:
    """One exporter that is about to be asked to end, and what the test holds of it."""

    program: Program
    port: int
    driver: Scenario
    stack: ExitStack
    choose: random.Random

    @property
    def directory(self) -> Path:
        """Where its files are."""
        return self.program.command.directory

    def connect(self, said: str = "") -> socket.socket:
        """Be a client that says this, and holds its connection until all is over."""
        client = self.stack.enter_context(closing(socket.create_connection((LOOPBACK, self.port), timeout=5)))
        client.sendall(said.encode())
        return client

    def get(self, path: str = "/metrics", more: str = "") -> None:
        """Ask for a page, and do not read it."""
        self.connect(_GET.format(path=path, more=more))

    def tell(self, *signals: signal.Signals) -> None:
        """Send signals to the exporter."""
        for number in signals:
            self.program.process.send_signal(number)


Act = Callable[[Place], None]


def _rest(place: Place) -> None:
    time.sleep(place.choose.uniform(0, 1.5))


def _at_once(_place: Place) -> None:
    """Do nothing, and take no time for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state; `act` is what happens before the exporter is asked to end by `ask`."""

    name: str
    role: str = "all"
    moment: str = "listening"  # or `hearing`: it has just begun to heed signals
    driver: Mapping[str, str | int] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    web: str = ""
    act: Act = _rest
    ask: Act = lambda place: place.tell(signal.SIGTERM)


def config_of(state: State, **places: object) -> str:
    """Return the configuration of a state: a section that it gives goes over that of the base, key by key."""
    merged = {name: _over(base, state.config.get(name, base)) for name, base in _BASE.items()} | {
        name: given for name, given in state.config.items() if name not in _BASE
    }
    return Template(yaml.safe_dump(merged)).substitute({name: str(value) for name, value in places.items()})


def _over(base: Any, given: Any) -> Any:  # noqa: ANN401  # of YAML
    return {**base, **given} if isinstance(base, dict) else given


def kubeconfig(silent: int) -> str:
    """Return the way to an API server that says nothing."""
    cluster = {"name": "c", "cluster": {"server": f"http://{LOOPBACK}:{silent}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"token": "t"}}
    return yaml.safe_dump({"current-context": "c", "contexts": [context], "clusters": [cluster], "users": [user]})


def _changes(text: str, by: str) -> Act:
    """Change the configuration and have it read at once; the warm-up of what is new may still go on."""

    def act(place: Place) -> None:
        path = place.directory / "lanewatch.yaml"
        path.write_text(path.read_text().replace(text, by))
        place.tell(signal.SIGHUP)
        time.sleep(place.choose.uniform(0, 0.5))

    return act


def _storm(place: Place) -> None:
    for _ in range(20):
        place.tell(signal.SIGHUP)
        time.sleep(0.02)


def _breaks_web(place: Place) -> None:
    (place.directory / "web.yaml").write_text("nonsense: 1\n")
    place.tell(signal.SIGHUP)
    time.sleep(place.choose.uniform(0, 0.5))


def _loses_its_file(place: Place) -> None:
    (place.directory / "lanewatch.yaml").unlink()
    place.tell(signal.SIGHUP)
    time.sleep(place.choose.uniform(0, 1.5))


def _hangs_now(place: Place) -> None:
    time.sleep(place.choose.uniform(1, 2))
    place.driver.set({"sleep.*": "forever"})
    time.sleep(place.choose.uniform(0, 1.5))


def _guesses(count: int) -> Act:
    def act(place: Place) -> None:
        for number in range(count):
            secret = b64encode(f"bob:wrong{number}".encode()).decode()
            place.get(more=f"Authorization: Basic {secret}\r\n")
        time.sleep(place.choose.uniform(0.2, 1))

    return act


def _asks(path: str, more: str = "", times: int = 1) -> Act:
    def act(place: Place) -> None:
        for _ in range(times):
            place.get(path, more)
        time.sleep(place.choose.uniform(0, 0.7))

    return act


def _does_not_read(place: Place) -> None:
    place.connect(_GET.format(path="/metrics", more="") * 100)
    time.sleep(place.choose.uniform(0, 0.7))


def _rests_over_tls(place: Place) -> None:
    trusting = ssl.create_default_context(cafile=str(TLS / "localhost.crt"))
    plain = socket.create_connection((LOOPBACK, place.port), timeout=5)
    client = place.stack.enter_context(closing(trusting.wrap_socket(plain, server_hostname="localhost")))
    client.sendall(b"GET /metrics HTTP/1.1\r\nHost:")


def _connects(count: int, said: str = "") -> Act:
    def act(place: Place) -> None:
        for _ in range(count):
            place.connect(said)
        time.sleep(place.choose.uniform(0, 0.7))

    return act


def _a_while_later(place: Place) -> None:
    time.sleep(place.choose.uniform(0, 0.3))


def _stops_first(place: Place) -> None:
    """A machine that is suspended goes on with what it was told meanwhile."""
    place.tell(signal.SIGSTOP)
    time.sleep(0.3)
    place.tell(signal.SIGTERM)
    time.sleep(0.3)
    place.tell(signal.SIGCONT)


def _everybody(place: Place) -> None:
    for act in (_asks("/probe?alias=fast"), _connects(5), _guesses(2), _changes("name: chat", "name: other")):
        act(place)


def _tells(*signals: signal.Signals) -> Act:
    return lambda place: place.tell(*signals)


_FOREVER: Final = {"sleep.*": "forever"}
_TWENTY: Final = {"aliases": [{"name": f"a{number}", **_ALIAS} for number in range(20)]}
_MANY: Final = {f"n{number}": "http://127.0.0.1:$silent/metrics" for number in range(20)}
_SILENT: Final = {"url": "http://127.0.0.1:$silent/metrics"}
_NOBODY: Final = "http://127.0.0.1:9"

STATES: Final = (
    State(name="a node's agent, once it hears", role="node", moment="hearing", act=_at_once),
    State(name="a watcher, once it hears", role="cluster", moment="hearing", act=_at_once),
    State(name="both in one, once they hear", moment="hearing", act=_at_once),
    State(name="a node's agent, as it loads and starts", role="node", moment="hearing", act=_a_while_later),
    State(name="a watcher, as it loads and starts", role="cluster", moment="hearing", act=_a_while_later),
    State(name="both in one, as they load and start", moment="hearing", act=_a_while_later),
    State(name="a node's agent, once it listens", role="node", act=_at_once),
    State(name="a watcher, once it listens", role="cluster", act=_at_once),
    State(name="both in one, once they listen", act=_at_once),
    State(name="a node's agent, a while later", role="node"),
    State(name="a watcher, a while later", role="cluster"),
    State(name="no driver", role="node", config={"nvml": {"library": "$here/none.so"}}),
    State(name="no driver is wanted", role="node", config={"nvml": {"enabled": False}}),
    State(name="one card hangs", role="node", driver={"gpu.1.sleep.*": "forever"}),
    State(name="the driver hangs", role="node", driver=_FOREVER),
    State(name="the driver hangs over its deadline", driver=_FOREVER, config={"nvml": {"deadline_seconds": 1}}),
    State(name="the driver begins to hang", role="node", act=_hangs_now),
    State(name="the driver is slow", role="node", driver={"delay_us.*": 200_000}),
    State(name="the driver kills its reader", role="node", driver={"crash.*": 1}),
    State(name="the driver prints", role="node", driver={"print.*": "x" * 1000}),
    State(name="a card is lost", role="node", driver={"gpu.0.lost": 1}),
    State(name="the kubelet hangs", role="node", config={"kubelet": {"socket": "$here/silent.sock"}}),
    State(name="dcgm-exporter hangs", role="node", config={"dcgm": _SILENT}),
    State(name="xpumanager hangs", role="node", config={"xpum": _SILENT}),
    State(name="processes are read", role="node", config={"processes": {"read": "always"}}),
    State(name="the kernel log is not there", role="node", config={"kernel_log": {"read": "always", "path": "/none"}}),
    State(name="counts cannot be kept", role="node", config={"xid": {"store": "/proc/none/xids"}}),
    State(name="no API server", role="cluster", config={"kubernetes": {"kubeconfig": "$here/none"}}),
    State(name="no API server is wanted", config={"kubernetes": {"enabled": False}}),
    State(name="twenty agents hang", role="cluster", config={"agents": {"urls": _MANY, "interval_seconds": 1}}),
    State(name="the gateway refuses", role="cluster", config={"gateway": {"url": _NOBODY}}),
    State(name="the lane refuses", role="cluster", config={"lanes": [{"name": "lane", "url": _NOBODY}]}),
    State(name="twenty probes are under way", role="cluster", config=_TWENTY),
    State(name="no alias", role="cluster", config={"aliases": []}),
    State(name="half a request", act=_connects(1, "GET /metrics HTTP/1.1\r\nHost:")),
    State(name="a connection that rests", act=_connects(1)),
    State(name="a hundred connections", act=_connects(100)),
    State(name="a page that nobody reads", act=_does_not_read),
    State(name="a probe that somebody asked for", act=_asks("/probe?alias=fast")),
    State(name="thirty probes that somebody asked for", act=_asks("/probe?alias=fast", times=30)),
    State(name="a password that is hashed", web=_WEB_PASSWORD, act=_guesses(1)),
    State(name="sixteen passwords that wait", web=_WEB_PASSWORD, act=_guesses(20)),
    State(
        name="a token that the API server does not judge",
        role="cluster",
        config={"web": {"token_review": True}},
        act=_asks("/metrics", "Authorization: Bearer x\r\n", times=3),
    ),
    State(name="a handshake that is not made", web=_WEB_TLS, act=_connects(1)),
    State(name="half a request over TLS", web=_WEB_TLS, act=_rests_over_tls),
    State(name="an alias is exchanged", act=_changes("name: chat", "name: other")),
    State(name="agents are exchanged", act=_changes("n: http", "m: http")),
    State(name="a configuration is refused", act=_changes("aliases:", "alias:")),
    State(name="a restart is refused", act=_changes("interval_seconds: 1", "interval_seconds: 2")),
    State(name="the configuration is gone", act=_loses_its_file),
    State(name="the web configuration is refused", web=_WEB_PASSWORD, act=_breaks_web),
    State(name="a storm of SIGHUP", act=_storm),
    State(name="SIGINT", ask=_tells(signal.SIGINT)),
    State(name="SIGTERM beside SIGINT", ask=_tells(signal.SIGTERM, signal.SIGINT)),
    State(name="SIGTERM after SIGHUP", ask=_tells(signal.SIGHUP, signal.SIGTERM)),
    State(name="SIGTERM before SIGHUP", ask=_tells(signal.SIGTERM, signal.SIGHUP)),
    State(name="SIGTERM while it is suspended", ask=_stops_first),
    State(name="everything at once", driver=_FOREVER, web=_WEB_PASSWORD, act=_everybody),
)
