"""Tool calling: the model must call the one tool there is, with arguments that a program can read.

A lane whose template or parser does not know tools answers 200 with plain text: only a call that parses is good.
"""

from typing import Any, Final

import msgspec

from probes.found import Flaw
from probes.kinds.chat import chat_request
from probes.kinds.route import Sent
from probes.kinds.transcript import CalledTool, Transcript
from probes.question import Question

_NAME: Final = "report_status"
_PARAMETERS: Final = {
    "type": "object",
    "properties": {"state": {"type": "string", "enum": ["ok"]}, "note": {"type": "string"}},
    "required": ["state"],
}
_ENOUGH: Final = 256  # tokens: a call takes 20 to 80, and one that was cut off would look like a broken one


def say(question: Question, nonce: str) -> Sent:
    """Return the request; most templates put the tools before the question, so they begin with the nonce too."""
    text = f"{nonce} Call the tool {_NAME} with the state ok."
    function = {"name": _NAME, "description": f"{nonce} Report the state.", "parameters": _PARAMETERS}
    tools = [{"type": "function", "function": function}]
    more = {"tools": tools, "tool_choice": "auto", "max_tokens": max(question.max_tokens, _ENOUGH)}
    return chat_request(question, text, more)


def calls_the_tool(transcript: Transcript) -> Flaw | None:
    """Return what is wrong with the calls; one good call is enough."""
    if not transcript.calls:
        return "no_tool_call"
    return None if any(_is_good(call) for call in transcript.calls.values()) else "bad_tool_call"


def _is_good(call: CalledTool) -> bool:
    return call.name == _NAME and _is_object("".join(call.arguments))


def _is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True
