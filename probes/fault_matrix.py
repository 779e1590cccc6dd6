"""The faults that are made on real parts before each release, and the cause that the verdict must name for each.

Only data: `docs/faults.md` is written from it, and tests/e2e/faults makes each fault.
"""

from dataclasses import dataclass
from typing import Final, Literal

from probes.layers import Cause

Part = Literal["real", "stub", "handed in"]
"""real: done to the true gateway, lane or watcher. stub: a server that plays the ill part, behind or instead of a
true one. handed in: records of the cluster and the card as their sources give them; gateway, lane and probes are true.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it is, how it is made, of which part, the cause that is named, and what a person sees."""

    name: str
    made: str
    part: Part
    cause: Cause
    seen: str
    at_first: tuple[
        Cause, ...
    ] = ()  # what may be named for one probe before: it was under way when the fault came, or saw it made


FAULTS: Final[tuple[Fault, ...]] = (
    # the lane's server
    Fault("lane killed", "SIGKILL to llama-server", "real", "backend_process", "it refuses connections"),
    Fault(
        "lane stopped",
        "SIGSTOP to llama-server",
        "real",
        "backend_process",
        "it takes connections, says nothing",
        at_first=("backend_work",),
    ),
    Fault(
        "main loop wedged",
        "ptrace stops the main thread of llama-server alone",
        "real",
        "backend_work",
        "`/health` says ok, the work is silent",
    ),
    Fault("lane loading", "llama-server begins anew with a huge cache", "real", "backend_process", "503 Loading model"),
    Fault("lane gone behind a fallback", "SIGKILL; the gateway has a fallback", "real", "backend_process", "200"),
    Fault(
        "context too short",
        "llama-server begins anew with the least context that it takes",
        "real",
        "backend_process",
        "the probe's few tokens do not fit",
    ),
    Fault(
        "lane wants a key",
        "llama-server begins anew with a key",
        "real",
        "alias_route",
        "401 from the lane; then LiteLLM puts it aside and answers 429 itself",
        at_first=("backend_process",),
    ),
    Fault(
        "lane of another kind",
        "a chat server begins where embeddings were served",
        "real",
        "backend_process",
        "501 from the lane, asked directly too",
        at_first=("alias_route",),  # until the lane is asked directly again
    ),
    Fault(
        "no tool is called",
        "a model begins that cannot call tools",
        "real",
        "output",
        "200 and plain text",
        at_first=("backend_process",),  # for a moment no server is there
    ),
    Fault(
        "speech not understood",
        "llama-server transcribes behind LiteLLM",
        "real",
        "gateway_translation",
        "500, while the lane itself answers well",
    ),
    Fault("lane fails", "each answer is HTTP 500", "stub", "backend_process", "500 with the lane's headers"),
    Fault(
        "retries hide it",
        "two of three answers are HTTP 500; the gateway asks three times for users",
        "stub",
        "backend_process",
        "users wait; a probe, which is never repeated, sees the 500",
    ),
    Fault("lane asked too often", "each answer is HTTP 429", "stub", "backend_work", "429 with the lane's headers"),
    Fault("death in the stream", "it closes after two tokens", "stub", "backend_process", "an error event in a 200"),
    Fault("hangs up", "it closes before any answer", "stub", "backend_process", "500"),
    Fault("stall in the stream", "it goes silent after two tokens", "stub", "backend_work", "tokens, then nothing"),
    Fault("never begins", "it takes the question and is silent", "stub", "backend_work", "408 after the time-out"),
    Fault("slow first byte", "it waits longer than promised", "stub", "first_token", "200, too late"),
    Fault("slow tokens", "it pauses before each token", "stub", "first_token", "200, tokens too far apart"),
    Fault("empty answer", "a whole stream without a token", "stub", "output", "200 and nothing in it"),
    Fault("vector of zeros", "an embedding of zeros alone", "stub", "output", "200 and no embedding"),
    Fault("lane shows a page", "HTML with status 200", "stub", "output", "what the gateway makes of it"),
    Fault("lane cuts its JSON", "half a body, told as a whole", "stub", "output", "500; the lane itself is no better"),
    # the gateway
    Fault("gateway down", "its port is shut", "real", "gateway_process", "connections are refused"),
    Fault("gateway killed", "SIGKILL to LiteLLM", "real", "gateway_process", "connections are refused"),
    Fault("gateway hung", "SIGSTOP to LiteLLM", "real", "gateway_process", "silence beyond the time-out we sent"),
    Fault("wrong key", "the key file holds another key", "real", "gateway_key", "400 or 401"),
    Fault("no key", "the key file is empty", "real", "gateway_key", "401"),
    Fault("unknown alias", "LiteLLM runs without the alias", "real", "alias_route", "400 Invalid model name"),
    Fault("wrong api_base", "LiteLLM looks for the lane where nobody is", "real", "network", "500, the lane is well"),
    Fault(
        "wrong lane answers", "LiteLLM sends the alias to another lane", "real", "alias_route", "200 by another lane"
    ),
    Fault("certificate expired", "TLS with a certificate of yesterday", "real", "gateway_process", "TLS fails"),
    Fault("name not known", "the gateway's name is one that nobody knows", "real", "network", "no address"),
    Fault("gateway fails", "HTTP 500 of its own that echoes the key", "stub", "gateway_process", "500"),
    Fault("proxy without a gateway", "HTTP 502 as a page", "stub", "gateway_process", "502"),
    Fault("login page", "HTML with status 200 instead of the gateway", "stub", "gateway_process", "HTML"),
    Fault("redirect", "302 to a login page; it is not followed", "stub", "gateway_process", "302"),
    Fault("gateway cuts its stream", "two tokens, then the end", "stub", "gateway_process", "a stream that breaks off"),
    Fault("gateway cuts its JSON", "half a body, told as a whole", "stub", "gateway_process", "no JSON"),
    Fault("gateway hangs up", "it closes before any answer", "stub", "gateway_process", "nothing"),
    Fault("asked too often", "HTTP 429 instead of the gateway", "stub", "gateway_key", "429"),
    # no fault of the way of a request
    Fault("slot busy", "a user keeps the only slot of llama-server", "real", "none", "skipped: it works for a user"),
    Fault("metrics page shut", "the metrics address refuses; llama-server serves", "real", "none", "a finding"),
    Fault("kubelet socket gone", "its source fails", "handed in", "none", "allocation is unknown"),
    Fault("API server gone", "its sources fail", "handed in", "none", "pod and node are unknown"),
    Fault("lane killed, API server gone", "SIGKILL, and the sources fail", "handed in", "backend_process", "as ever"),
    # the layers below, with a lane that was killed where they would have taken it
    Fault("node not Ready", "node condition", "handed in", "node", "its kubelet says so"),
    Fault("driver gone", "NVML fails on a lane that was killed", "handed in", "driver", "no card is read"),
    Fault("card lost", "NVML calls the card lost", "handed in", "device", "it fell off the bus"),
    Fault("Insufficient nvidia.com/gpu", "pod Pending", "handed in", "allocation", "no card is free"),
    Fault("UnexpectedAdmissionError", "pod Failed", "handed in", "allocation", "the kubelet refused it"),
    Fault("Insufficient cpu", "pod Pending", "handed in", "lane_pod", "no room for it"),
    Fault("OOMKilled", "container killed, not ready", "handed in", "lane_pod", "memory of the node"),
    Fault("CrashLoopBackOff", "container waits, not ready", "handed in", "lane_pod", "it dies as it starts"),
    Fault("ImagePullBackOff", "pod Pending", "handed in", "lane_pod", "its image does not come"),
    Fault("parked", "Deployment at 0 replicas", "handed in", "lane_pod", "the alias points at it still"),
    Fault("two lanes", "two pods on one card, ours not ready", "handed in", "lane_pod", "both want the card"),
    Fault(
        "throttled",
        "the card's clocks are held down for heat, and the lane is slow",
        "handed in",
        "first_token",
        "its first token's cause is throttling",
    ),
)
