// What the benchmarks print: one JSON object a line.
import { readFileSync } from "node:fs";

export function report(figure, times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => Number(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(3));
  console.log(JSON.stringify({ figure, count: times.length, median_ms: at(0.5), p95_ms: at(0.95) }));
}

// Resident set of a process in KiB.
export function resident(pid) {
  return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}
