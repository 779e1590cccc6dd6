"""SGLang's names, as recorded from its own metrics code (0.5.23)."""

from typing import Final

from probes.backends.rows import Row

ROWS: Final = (
    Row("waiting", ("sglang:num_queue_reqs",)),
    Row("running", ("sglang:num_running_reqs",)),
    Row("kv_used_ratio", ("sglang:token_usage",)),
    Row("tokens", ("sglang:uncached_prompt_tokens_histogram_sum",), key="prompt"),
    Row("tokens", ("sglang:prompt_tokens",), key="prompt"),  # of older ones: the cached are among them
    Row("tokens", ("sglang:cached_tokens",), key="cached"),
    Row("tokens", ("sglang:generation_tokens",), key="completion"),
    Row("preemptions", ("sglang:num_retracted_requests",)),
    Row("requests", ("sglang:num_requests",), key="finished"),  # it tells no reason
    Row("requests", ("sglang:num_aborted_requests",), key="abort"),
    Row("pulse", ("sglang:realtime_tokens",), key="scheduler"),  # the others move when a request ends
)
