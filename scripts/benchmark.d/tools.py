"""The programs that the benchmark drives: what has to exist, and the Debian package that brings it."""

from pathlib import Path

STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

MEASURING = {"haproxy": "haproxy", "nginx": "nginx", "wrk": "wrk", STREAM_MODULE: "libnginx-mod-stream"}
PROFILING = {"perf": "linux-perf", "strace": "strace"}
