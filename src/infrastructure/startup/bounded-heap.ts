// Keeps the memory of the process small. V8 sizes its heap by the memory of the machine: the young generation may grow to
// 128 MiB, and the old one is collected only when it has doubled. For RKMS that is garbage, and no gain in speed.
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** The size at which the young generation stops growing (bytes). */
const youngBytes = 32 * 1_048_576;
/**
 * Once the process has more memory than this (bytes), the old generation is collected when it has grown by a fifth, until the
 * process has less than the second. Before, V8 decides: a fifth of little is soon there, and so many collections made the slowest
 * answers four times as slow.
 */
const muchMemory = 260 * 1_048_576;
const littleMemory = 220 * 1_048_576;
const oldGrowth = 20;

/**
 * Call it once, before much is loaded. V8 takes no limits after its start, but reads the factors by which the generations grow
 * at each collection: the young one stops growing at its size, and may grow again when V8 has made it smaller.
 */
export function boundHeap(): void {
  const young = flag('semi-space-growth-factor');
  const old = flag('heap-growing-percent');
  young(1);
  new PerformanceObserver(() => {
    young(youngSize() < youngBytes ? 2 : 1);
    const memory = process.memoryUsage.rss();
    if (memory > muchMemory) old(oldGrowth);
    else if (memory < littleMemory) old(0);
  }).observe({ entryTypes: ['gc'] });
}

/** Sets a flag of V8 when its value changes; 0 is V8's own choice. */
function flag(name: string): (value: number) => void {
  let present = 0;
  return (value) => {
    if (value !== present) setFlagsFromString(`--${name}=${value}`);
    present = value;
  };
}

const youngSize = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
