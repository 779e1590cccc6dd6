"""The servers of the simulated lanes as processes of their pods, for `lanewatch demo`."""

from exporter.snapshot import PodName, Processes, ProcessInfo
from exporter.sources.simulated import FIRST_PID, LANES, SimulatedCluster, Stagehand


class SimulatedProcesses:
    """One server a running lane, in its pod."""

    def __init__(self, hand: Stagehand) -> None:
        self._cluster = SimulatedCluster(hand)

    async def read(self) -> Processes:
        """Return the server of each running lane."""
        running = [pod for pod in (await self._cluster.read()).pods if pod.phase == "Running"]
        servers = [
            ProcessInfo(
                pid=FIRST_PID + LANES.index(pod.lane),
                name="llama-server",
                container_id=f"{LANES.index(pod.lane):064x}",
                pod_uid=pod.uid,
            )
            for pod in running
        ]
        return Processes(
            by_pid={server.pid: server for server in servers},
            pods={pod.uid: PodName(namespace=pod.namespace, pod=pod.name) for pod in running},
        )
