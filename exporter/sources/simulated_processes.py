"""The processes on the simulated card: the servers of the lanes in their pods, and whoever uses it besides."""

from exporter.snapshot import PodName, Processes, ProcessInfo
from exporter.sources.simulated import INTRUDER_PID, NAMESPACE, pod_name, pod_uid, servers
from exporter.sources.simulated_moment import Moment, Stagehand

_NOTEBOOK: "dict[str, PodName]" = {
    "00000000-0000-4000-8000-0000000000ff": PodName(namespace="notebooks", pod="notebook-0-simul")
}


class SimulatedProcesses:
    """One server a running lane, in its pod, and the intruder of a scenario."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Processes:
        """Return every process that holds memory of the card."""
        moment = self._hand.moment
        found = {
            process.pid: ProcessInfo(
                pid=process.pid, name="llama-server", container_id=f"{process.pid:064x}", pod_uid=pod_uid(life)
            )
            for life, process in servers(moment)
        }
        pods = {pod_uid(life): PodName(namespace=NAMESPACE, pod=pod_name(life)) for life, _ in servers(moment)}
        return Processes(by_pid=found | _intruder(moment), pods=pods | _NOTEBOOK)


def _intruder(moment: Moment) -> dict[int, ProcessInfo]:
    """Return a process of the node, or one in a pod that was given no card."""
    if not moment.stage.intruder:
        return {}
    uid = next(iter(_NOTEBOOK)) if moment.stage.intruder == "pod" else ""
    container = f"{INTRUDER_PID:064x}" if uid else ""
    return {INTRUDER_PID: ProcessInfo(pid=INTRUDER_PID, name="python3", container_id=container, pod_uid=uid)}
