"""Are the lanes' servers saturated: who waits, what they work on, and whether they can be looked at."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row, Word
from dashboards.looks import COUNT, SHARE
from dashboards.series import increase, most, numbered, rate
from exporter import catalogue as c

STATES: Final = (
    Word(0, "idle", "green"),
    Word(1, "busy", "blue"),
    Word(2, "loading", "yellow"),
    Word(3, "asleep", "purple"),
    Word(4, "stalled", "orange"),
    Word(5, "wedged", "red"),
    Word(6, "stopped", "red"),
    Word(7, "down", "gray"),
    Word(8, "unknown", "gray"),
)
SCRAPES: Final = (
    Word(0, "ok", "green"),
    Word(1, "refused", "gray"),
    Word(2, "silent", "red"),
    Word(3, "forbidden", "orange"),
    Word(4, "not_served", "orange"),
    Word(5, "not_metrics", "orange"),
    Word(6, "unknown", "gray"),
)
ROW: Final = Row(
    "Is a server saturated?",
    (
        Panel(
            kind="timeseries",
            title="How many requests wait?",
            about="Requests that wait for a lane, and those it works on, by whatever engine. Waiting above 0 for long: "
            "scale on this one, not on utilisation.",
            queries=(
                Query(most("lane", c.ENGINE_WAITING), "{{lane}} waiting"),
                Query(most("lane", c.ENGINE_RUNNING), "{{lane}} running"),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How many tokens a second?",
            about="Tokens of a lane by kind, as its engine counts them: prompt (read), cached, completion.",
            queries=(Query(f"max by (lane, kind) ({rate(c.ENGINE_TOKENS)})", "{{lane}} {{kind}}"),),
            look=Look(unit="suffix: tok/s", least=0),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How full are slots and KV cache?",
            about="Share of the slots that are busy, and of the KV cache in use, where the engine tells it. Full: "
            "requests wait, or lose their cache and begin anew.",
            queries=(
                Query(
                    f"{most('lane', c.BACKEND_SLOTS, state='busy')}\n/ on (lane)\n"
                    f"sum by (lane) ({most('lane, state', c.BACKEND_SLOTS)})",
                    "{{lane}} slots",
                ),
                Query(most("lane", c.ENGINE_KV_USED), "{{lane}} KV cache"),
            ),
            look=SHARE,
            width=8,
        ),
        Panel(
            kind="state-timeline",
            title="What does each server do?",
            about="busy: and moving. stalled: busy, nothing moves; wedged: health says ok, the work is silent; "
            "stopped: takes connections, answers nothing; down: refuses, as a parked lane does.",
            queries=(Query(numbered(c.BACKEND_STATE, "state", [word.text for word in STATES], "lane"), "{{lane}}"),),
            look=Look(unit="none", words=STATES),
        ),
        Panel(
            kind="state-timeline",
            title="Can its metrics be read?",
            about="Whether it serves is another question: a lane may serve and not be scraped.",
            queries=(Query(numbered(c.BACKEND_SCRAPE, "state", [word.text for word in SCRAPES], "lane"), "{{lane}}"),),
            look=Look(unit="none", words=SCRAPES),
        ),
        Panel(
            kind="timeseries",
            title="How long has its work not moved?",
            about="Seconds since the lane's work was seen to move last. Long while requests run: it is stalled.",
            queries=(Query(f"time() - {most('lane', c.BACKEND_PROGRESS)}", "{{lane}}"),),
            look=Look(unit="s", least=0),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="What does the engine spend its time on?",
            about="Share of time by kind of work, as the engine says: prompt (reading), completion (writing).",
            queries=(Query(f"max by (lane, kind) ({rate(c.ENGINE_BUSY)})", "{{lane}} {{kind}}"),),
            look=Look(unit="percentunit", least=0),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Do requests lose their cache?",
            about="Requests between two points that lost their KV cache to others and began anew, and those that "
            "ended, by reason. Where the engine tells it: vLLM and SGLang.",
            queries=(
                Query(f"max by (lane) ({increase(c.ENGINE_PREEMPTIONS)})", "{{lane}} began anew"),
                Query(f"max by (lane, reason) ({increase(c.ENGINE_REQUESTS)})", "{{lane}} {{reason}}"),
            ),
            look=COUNT,
            width=8,
        ),
    ),
)
