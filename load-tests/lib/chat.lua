-- wrk script: one chat completion after the other, with the keys of a file in turn.
-- Environment: BENCH_BODY (JSON), BENCH_KEYS (file, one key a line; may be empty: no authorization header).
local thread_count = 0

function setup(thread)
  thread:set("thread_index", thread_count)
  thread_count = thread_count + 1
end

function init(args)
  local body = os.getenv("BENCH_BODY")
  local path = os.getenv("BENCH_KEYS")
  requests = {}
  if path and path ~= "" then
    for key in io.lines(path) do
      requests[#requests + 1] = wrk.format("POST", nil, {
        ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. key }, body)
    end
  else
    requests[1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, body)
  end
  -- Threads start at different keys, so that they do not march in step.
  next_request = math.floor(#requests * thread_index / 2)
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

-- One line for the script: requests, duration (us), p50 (us), p99 (us), answers that were no 2xx, socket errors.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
