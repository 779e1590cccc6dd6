"""Where one fault happens: an alias, its lane, the door of its gateway, its key, and what the cluster says of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from anyio.from_thread import BlockingPortal

from e2e.faults.front import Front, certificate, server_tls
from e2e.faults.plays import well
from e2e.faults.stub import Play, Stub
from e2e.faults.watch import Handed, Watch, watching
from e2e.path import PROJECTOR, Deployment, Lane
from exporter.config_path import Kind
from exporter.metric import Metric

INTERVAL: Final = 1.5
TIMEOUT: Final = 1.5
KEY: Final = "sk-canary-7f3a9c0d5e"
LANE_KEY: Final = "sk-lane-canary-41b7e2"
_PROVIDERS: Final[Mapping[Kind, str]] = {"rerank": "hosted_vllm", "tools": "hosted_vllm"}
_MODES: Final[Mapping[Kind, str]] = {
    "rerank": "rerank",
    "embeddings": "embedding",
    "speech": "audio_transcription",
}
_UNMEASURED: Final = {"first_token_seconds": TIMEOUT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a scene is made of and how its fault is made."""

    make: "Callable[[Scene], AbstractContextManager[None]]"
    kind: Kind = "chat"
    model: str = ""  # of the true lane; empty: a stub
    handed: Callable[[str], dict[str, Any]] = lambda _: {}
    alias: Mapping[str, Any] = field(default_factory=dict)  # more of the alias's configuration
    is_alone: bool = False  # it touches what others need
    is_slow: bool = False  # who is told to ask less often keeps away for half a minute
    is_encrypted: bool = False
    has_fallback: bool = False
    has_metrics_door: bool = False
    shows: tuple[Metric, str, str] | None = None  # what else must hold of the alias or the lane: family, label, value
    is_transcribed: bool = False  # what is well is a stub that transcribes; the lane itself is not understood
    astray: Callable[["Scene"], Deployment | None] | None = None  # where the gateway that goes astray sends the alias


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """The true gateways: the one that is well, another that goes astray, and what both are told."""

    url: str
    astray: str
    stop: Callable[[], AbstractContextManager[None]]
    kill: Callable[[], AbstractContextManager[None]]


class Scene:
    """One alias and all that is its own; `world` is what it shares."""

    def __init__(self, name: str, plan: Plan, directory: Path, portal: BlockingPortal) -> None:
        self.name = name
        self.plan = plan
        self.alias = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        self.directory = directory / self.alias
        self.directory.mkdir()
        self.key_file = self._file("key", KEY)
        self.handed = Handed(plan.handed(self.alias))
        self.front = Front(portal, "")
        self.metrics = Front(portal, "")
        self.gateways: Gateways | None = None
        self.good, self.old, self.ca_file = self.directory / "good.pem", self.directory / "old.pem", ""
        if plan.is_encrypted:
            self._certify()
        self._portal = portal
        self._stage = ExitStack()
        self._watch: Watch | None = None

    @cached_property
    def lane(self) -> Lane:
        """The true lane."""
        projector = PROJECTOR if self.plan.is_transcribed else ""
        return Lane(self.alias, self.plan.model, self.directory / "lane", projector=projector)

    @cached_property
    def stub(self) -> Stub:
        """The lane that is none."""
        return Stub(well)

    @property
    def lane_url(self) -> str:
        """Where the lane is."""
        return self.lane.url if self.plan.model else self.stub.url

    @property
    def true(self) -> Gateways:
        """The true gateways."""
        if self.gateways is None:
            raise AssertionError("expected gateways that run, found none")
        return self.gateways

    @property
    def watch(self) -> Watch:
        """Who watches."""
        if self._watch is None:
            raise AssertionError("expected a watcher that runs, found none")
        return self._watch

    def deployment(self, url: str = "", identity: str = "") -> Deployment:
        """Return where the gateway sends the alias."""
        provider = _PROVIDERS.get(self.plan.kind, "openai")
        model = "whisper-1" if self.plan.kind == "speech" else self.alias
        return Deployment(
            alias=self.alias,
            model=f"{provider}/{model}",
            url=url or self.lane_url,
            id=identity or self.alias,
            key=LANE_KEY,
            mode=_MODES.get(self.plan.kind, ""),
        )

    def right(self) -> Deployment:
        """Return where the gateway that is well sends the alias."""
        return self.deployment(url=self.stub.url if self.plan.is_transcribed else "")

    @contextmanager
    def set_up(self) -> Iterator[None]:
        """Run the lane while the context is open; the gateway may ask for it as soon as it starts."""
        with ExitStack() as stack:
            if self.plan.model:
                stack.enter_context(self.lane.serving())
            if self.plan.is_transcribed or not self.plan.model:
                stack.enter_context(self.stub.listening())
            yield

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Open the doors and watch the alias while the context is open."""
        self.front.target = self.true.url
        self.metrics.target = self.lane_url
        tls = server_tls(self.good) if self.plan.is_encrypted else None
        with self.front.opened(tls), self.metrics.opened() if self.plan.has_metrics_door else ExitStack():
            try:
                self.watch_again()
                yield
            finally:
                self._stage.close()

    def watch_again(self, **gateway: str) -> None:
        """Begin to watch anew, as an exporter whose configuration was changed."""
        self._stage.close()
        config = self.config(**gateway)
        self._watch = self._stage.enter_context(
            watching(self._portal, self.directory / "lanewatch.yaml", config, self.handed)
        )

    def config(self, **gateway: str) -> dict[str, Any]:
        """Return the configuration of who watches; `gateway` is said otherwise than as it should be."""
        lane = {"name": self.alias, "url": self.lane_url, "model_id": self.alias, "key_file": self.lane_key_file}
        if self.plan.has_metrics_door:
            lane["metrics_url"] = f"{self.metrics.url()}/metrics"
        alias = {"name": self.alias, "kind": self.plan.kind, "lane": self.alias}
        times = {"interval_seconds": INTERVAL, "timeout_seconds": TIMEOUT, "objectives": _UNMEASURED}
        true = {
            "url": self.front.url("https" if self.plan.is_encrypted else "http"),
            "key_file": str(self.key_file),
            "ca_file": self.ca_file,
        }
        return {
            "gateway": true | gateway,
            "aliases": [alias | times | dict(self.plan.alias)],
            "lanes": [lane],
            "probes": {"look_interval_seconds": 1, "stalled_seconds": 2, "cold_seconds": 0},
        }

    @cached_property
    def lane_key_file(self) -> str:
        """The file with the key that the lane may ask for."""
        return str(self._file("lane-key", LANE_KEY))

    @contextmanager
    def holding_key(self, text: str) -> Iterator[None]:
        """Have another key in the file while the context is open."""
        self.key_file.write_text(text)
        try:
            yield
        finally:
            self.key_file.write_text(KEY)

    def playing(self, play: Play) -> AbstractContextManager[None]:
        """Let the stub play something else than a lane that is well."""
        return self.stub.playing(play)

    @contextmanager
    def replaced(self, play: Play) -> Iterator[None]:
        """Let a stub answer in the gateway's place."""
        with Stub(play).listening() as stub, self.front.leading_to(stub.url):
            yield

    def _certify(self) -> None:
        """Make a certificate that is good and one that was, both by authorities that the watcher trusts."""
        certificate(self.good, days=2)
        certificate(self.old, days=-1)
        self.ca_file = str(self._file("ca.pem", self.good.read_text() + self.old.read_text()))

    def _file(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        return path
