/** What is read of the kernel and of kube-apiserver. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetrics } from "../../bench/server-metrics.ts";
import { memoryOf, processorMs, threadsOf } from "../../bench/usage.ts";

test("memoryOf() agrees with what Node says of itself", () => {
  const before = process.memoryUsage().rss;
  const { rssBytes, pssBytes, anonymousBytes } = memoryOf(process.pid);
  const after = process.memoryUsage().rss;
  // The kernel adds up the one in batches, and counts the other anew.
  const [least, most] = [0.99 * Math.min(before, after), 1.01 * Math.max(before, after)];
  assert.ok(rssBytes >= least && rssBytes <= most, `${rssBytes} is not ${before} to ${after}`);
  assert.ok(anonymousBytes < rssBytes && anonymousBytes > 0.1 * rssBytes);
  assert.ok(pssBytes <= rssBytes && pssBytes >= anonymousBytes * 0.9);
});

test("processorMs() counts what was worked, and not what was waited", async () => {
  const [own, before] = [process.cpuUsage(), processorMs(process.pid)];
  for (const end = performance.now() + 100; performance.now() < end; );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const spent = processorMs(process.pid) - before;
  const { user, system } = process.cpuUsage(own);
  const expected = (user + system) / 1000;
  assert.ok(Math.abs(spent - expected) < 5 + 0.2 * expected, `${spent} ms and ${expected} ms`);
  assert.ok(threadsOf(process.pid).length > 1);
});

test("parseMetrics() sums over what is about Leases", () => {
  const text = `# HELP apiserver_request_total how often
apiserver_request_total{code="200",resource="leases",verb="GET"} 12
apiserver_request_total{code="409",resource="leases",verb="PUT"} 3
apiserver_request_total{code="200",resource="pods",verb="GET"} 100
apiserver_longrunning_requests{resource="leases",verb="WATCH"} 7
apiserver_longrunning_requests{resource="pods",verb="WATCH"} 9
`;
  assert.deepEqual(parseMetrics(text), { requests: 15, watches: 7 });
});
