"""Measures the copies of a large cluster: 10,000 pods of 4.5 KiB, by the cluster role's own source in a process.

A server on loopback sends the pods in pages, then a thousand events a second for some seconds, then nothing. Exit 1
where a bar does not hold.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import cost
from fakes.apiserver import FakeApiServer, Reply, Request, event, pod, serving

_ROOT = Path(__file__).parents[2]
_PODS = 10_000
_EVENTS_A_SECOND = 1000
_EVENT_SECONDS = 5
_REST_SECONDS = 20.0
_PADDING = "x" * 4400
_MIB = 1 << 20
_PEAK_BAR = 130 * _MIB
_REST_BAR = 0.01


class LargeCluster(FakeApiServer):
    """Answers the first watch of pods with events, and every other with silence."""

    def __init__(self) -> None:
        super().__init__(*(large_pod(f"pod-{number}") for number in range(_PODS)))
        self.may_send = threading.Event()
        self.watch = self._answer_watch

    def _answer_watch(self, request: Request) -> Reply:
        if request.resource != "pods":
            return Reply(chunks=(), hold=True)
        self.may_send.wait(120)
        return Reply(chunks=tuple(self._changes()), hold=True)

    def _changes(self) -> "list[bytes]":
        count = _EVENTS_A_SECOND * _EVENT_SECONDS
        names = [f"pod-{number}" if number % 2 else f"fresh-{number}" for number in range(count)]
        return [event("MODIFIED", large_pod(name, 1000 + number)) for number, name in enumerate(names)]


def large_pod(name: str, version: int = 1) -> dict[str, Any]:
    """Return a pod of a usual size."""
    made = pod(name, version, llm="true")
    made["metadata"]["annotations"] = {"padding": _PADDING}
    return made


def follow(kubeconfig: str) -> None:
    """Be the cluster role: follow everything, and say what it costs."""
    import asyncio  # noqa: PLC0415  # what the measured process loads, and no more

    from exporter.config import Config  # noqa: PLC0415
    from exporter.config_cluster import Kubernetes, Pool  # noqa: PLC0415
    from exporter.sources.following import Following, api_of  # noqa: PLC0415
    from exporter.sources.kubernetes import EventsSource, KubernetesSource, NodesSource  # noqa: PLC0415

    pools = (Pool(name="gpu-llm", labels={"llm": "true"}),)
    config = Config(kubernetes=Kubernetes(kubeconfig=kubeconfig), pools=pools)
    api = api_of(config.kubernetes)
    sources: list[Following[Any]] = [KubernetesSource(config, api), NodesSource(config, api), EventsSource(config, api)]

    async def read() -> int:
        found = 0
        for source in sources:
            try:
                part = await source.read()
            except Exception:  # noqa: BLE001, S112  # on its way
                continue
            found += len(getattr(part, "pods", ()))
        return found

    for line in sys.stdin:
        wanted = int(line)
        started = time.monotonic()
        while asyncio.run(read()) != wanted and time.monotonic() < started + 100:
            time.sleep(0.05)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(
            json.dumps({"pods": asyncio.run(read()), "peak": peak, "seconds": time.monotonic() - started}), flush=True
        )
    for source in sources:
        source.stop()


def measure(server: LargeCluster, kubeconfig: Path) -> bool:
    """Print what it costs, and say whether all bars hold."""
    document = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    kubeconfig.write_text(json.dumps(document))
    command = [sys.executable, "-m", "benchmarks.reflector", "--follow", str(kubeconfig)]
    paths = os.pathsep.join([str(_ROOT), str(_ROOT / "tests")])
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        listed = _ask(process, _PODS)
        server.may_send.set()
        changed = _ask(process, _PODS + _EVENTS_A_SECOND * _EVENT_SECONDS // 2)
        before = cost.cpu_seconds([process.pid])
        time.sleep(_REST_SECONDS)
        rest = (cost.cpu_seconds([process.pid]) - before) / _REST_SECONDS
        assert process.stdin is not None
        process.stdin.close()
    print(f"list:   {listed['pods']} pods in {listed['seconds']:.1f} s, peak {listed['peak'] / _MIB:.0f} MiB")
    rate = _EVENTS_A_SECOND * _EVENT_SECONDS / changed["seconds"]
    print(f"events: {changed['pods']} pods, {rate:.0f} events/s, peak {changed['peak'] / _MIB:.0f} MiB")
    print(f"rest:   {rest:.2%} CPU")
    is_whole = changed["pods"] == _PODS + _EVENTS_A_SECOND * _EVENT_SECONDS // 2
    return is_whole and rate >= _EVENTS_A_SECOND and changed["peak"] < _PEAK_BAR and rest < _REST_BAR


def _ask(process: "subprocess.Popen[str]", pods: int) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    print(pods, file=process.stdin, flush=True)
    answer: dict[str, float] = json.loads(process.stdout.readline())
    return answer


def main() -> None:
    """Serve, follow in another process, and compare with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--follow", metavar="KUBECONFIG", help="be the process that is measured")
    arguments = parser.parse_args()
    if arguments.follow:
        follow(arguments.follow)
        return
    with serving(LargeCluster()) as server, tempfile.TemporaryDirectory() as folder:
        assert isinstance(server, LargeCluster)
        sys.exit(0 if measure(server, Path(folder) / "kubeconfig") else 1)


if __name__ == "__main__":
    main()
