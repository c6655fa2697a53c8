// Keeps the memory of the process small. V8 sizes its heap by the memory of the machine: the young generation may grow to
// 128 MiB, and the old one is collected only when it has doubled. For RKMS that is garbage, and no gain in speed.
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** The size at which the young generation stops growing (bytes). */
const youngBytes = 32 * 1_048_576;
/** The old generation is collected when it has grown by this much since its last collection (percent). */
const oldGrowth = 20;

/**
 * Call it once, before much is loaded. V8 takes no limit of the young generation after its start, so its growth is switched
 * off at the size, and on again when V8 has made it smaller.
 */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${oldGrowth}`);
  let factor = 1;
  const setFactor = (): void => {
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  setFactor();
  new PerformanceObserver(() => {
    const next = youngSize() < youngBytes ? 2 : 1;
    if (next === factor) return;
    factor = next;
    setFactor();
  }).observe({ entryTypes: ['gc'] });
}

const youngSize = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0;
