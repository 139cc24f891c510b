-- POST the lines of a file in turn: wrk ... -s post.lua URL -- FILE
-- Ends with a line for benchmarks/support/load.py: requests, microseconds, p50 and p99 in microseconds, errors.

local requests, turn = {}, 0

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  -- Written out once, so that what is measured is the server.
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, body)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    "result %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status
  ))
end
