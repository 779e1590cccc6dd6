"""vLLM's names, 0.8.5 to 0.33, as recorded from its own metrics code.

Left out: `gpu_prefix_cache_hits`, which counts blocks in some versions and tokens in others under one name.
"""

from typing import Final

from probes.backends.rows import Row

ROWS: Final = (
    Row("waiting", ("vllm:num_requests_waiting",)),
    Row("running", ("vllm:num_requests_running",)),
    Row("kv_used_ratio", ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")),
    Row("tokens", ("vllm:prompt_tokens_by_source",), key="prompt", where=("source", "local_compute")),
    Row("tokens", ("vllm:prompt_tokens",), key="prompt"),  # of older ones: the cached are among them, and not told
    Row("tokens", ("vllm:prompt_tokens_cached",), key="cached"),
    Row("tokens", ("vllm:generation_tokens",), key="completion"),
    Row("busy_seconds", ("vllm:request_prefill_time_seconds_sum",), key="prompt"),
    Row("busy_seconds", ("vllm:request_decode_time_seconds_sum",), key="completion"),
    Row("preemptions", ("vllm:num_preemptions",)),
    Row("requests", ("vllm:request_success",), by="finished_reason"),
    Row("pulse", ("vllm:iteration_tokens_total_sum",), key="iterations"),  # moves in the midst of a long prompt too
    Row("awake", ("vllm:engine_sleep_state",), where=("sleep_state", "awake")),
)
