-- Prints what wrk saw as one line of JSON. Its arguments say what is asked for beside the plain GET of the address:
-- "post BYTES", or "targets FILE" with a host and a path on each line, taken in turn.
function init(arguments)
  if arguments[1] == "post" then
    wrk.method = "POST"
    wrk.body = string.rep("x", tonumber(arguments[2]))
  elseif arguments[1] == "targets" then
    local requests = {}
    for line in io.lines(arguments[2]) do
      local host, path = line:match("(%S+) (%S+)")
      requests[#requests + 1] = wrk.format("GET", path, { Host = host })
    end
    local turn = 0
    -- Without this function wrk sends the same bytes each time.
    function request()
      turn = turn % #requests + 1
      return requests[turn]
    end
  end
end

done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "p99": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, latency:percentile(99), errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
