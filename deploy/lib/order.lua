-- For wrk: places orders, each with an Idempotency-Key of its own. Started by deploy/bench.
--
--   wrk … -s order.lua URL -- RUN WAIT LINES SKUS DECLINED SOLD_OUT THINK
--
-- RUN makes keys unique over all runs. WAIT in seconds: 0 lets the shop answer 202 at once. LINES per order, over SKUS
-- products. DECLINED and SOLD_OUT in percent. THINK: milliseconds a connection rests between two orders, on average.

local threads = 0

function setup(thread)
   threads = threads + 1
   thread:set("number", threads)
end

-- Most of the text is made beforehand: what wrk computes is taken from the cores that the shop runs on.
local variants = 5000

local function body(lines, skus, declined, sold_out)
   local list, taken = {}, {}
   while #list < lines do
      local sku = math.random(skus)
      if not taken[sku] then
         taken[sku] = true
         list[#list + 1] = string.format('{"sku":"bench-%03d","quantity":%d}', sku, math.random(3))
      end
   end
   if math.random() * 100 < sold_out then
      list[1] = '{"sku":"bench-none","quantity":1}'
   end
   local token = math.random() * 100 < declined and "tok_declined" or "tok_ok"
   local customer = math.random(1000)
   return string.format(
      '{"customerId":"customer-%d","email":"customer-%d@example.com","lines":[%s],"paymentToken":"%s"}',
      customer, customer, table.concat(list, ","), token)
end

function init(args)
   local wait, lines, skus = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
   local declined, sold_out, think = tonumber(args[5]), tonumber(args[6]), tonumber(args[7])
   math.randomseed(os.time() * 64 + number)
   local head = "POST /v1/orders HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nContent-Type: application/json\r\n"
   if wait > 0 then head = head .. "Prefer: wait=" .. wait .. "\r\n" end
   prefix = head .. "Idempotency-Key: " .. args[1] .. "-" .. number .. "-"
   suffixes = {}
   for i = 1, variants do
      local text = body(lines, skus, declined, sold_out)
      suffixes[i] = "\r\nContent-Length: " .. #text .. "\r\n\r\n" .. text
   end
   placed = 0
   if think > 0 then
      -- wrk asks for a pause only where this function exists. Uniform, so that connections don't march in step.
      function delay() return math.random(0, 2 * think) end
   end
end

function request()
   placed = placed + 1
   return prefix .. placed .. suffixes[math.random(variants)]
end

-- One line for deploy/bench: answers, seconds, failed answers, failed connections; p50, p95 and p99 in milliseconds.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format("result %d %.3f %d %d %.1f %.1f %.1f\n",
      summary.requests, summary.duration / 1e6, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout,
      latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
