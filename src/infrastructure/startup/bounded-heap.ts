// Keeps the memory of the process small. V8 sizes its heap by the memory of the machine: the young generation may grow to
// 128 MiB, and the old one is collected only when it has doubled. For RKMS that is garbage, and no gain in speed.
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';

/** The size at which the young generation stops growing (bytes). */
const youngBytes = 32 * 1_048_576;
/**
 * With more than this in use after a collection of the old generation (bytes), it is collected when it has grown by a fifth. With
 * less, V8 decides: a fifth of little is soon there, and the collections made the slowest answers four times as slow.
 */
const muchInUse = 96 * 1_048_576;
const oldGrowth = 20;

/**
 * Call it once, before much is loaded. V8 takes no limits after its start, but reads the factors by which the generations grow
 * at each collection: the young one stops growing at its size, and may grow again when V8 has made it smaller.
 */
export function boundHeap(): void {
  const young = flag('semi-space-growth-factor');
  const old = flag('heap-growing-percent');
  young(1);
  new PerformanceObserver((list) => {
    young(youngSize() < youngBytes ? 2 : 1);
    if (list.getEntries().some(isMajor)) old(getHeapStatistics().used_heap_size > muchInUse ? oldGrowth : 0);
  }).observe({ entryTypes: ['gc'] });
}

const isMajor = (entry: PerformanceEntry): boolean =>
  (entry as { readonly detail?: { readonly kind?: number } }).detail?.kind ===
  constants.NODE_PERFORMANCE_GC_MAJOR;

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
