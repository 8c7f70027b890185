-- Prints what wrk saw as one line of JSON. Without a request function here, wrk sends the same bytes each time.
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "p99": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, latency:percentile(99), errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
