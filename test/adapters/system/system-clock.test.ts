// The real clock, as far as the application depends on it.
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { until } from '../../support/until.js';

const waited = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    systemClock.schedule(ms, resolve);
  });

describe('the clock of the machine', () => {
  it('counts waiting as idle time', async () => {
    // Whoever runs the tests works in this process, too, and can keep it busy for a whole wait.
    await until(async () => {
      const idleMs = systemClock.idleMs();
      await waited(20);
      return systemClock.idleMs() - idleMs > 15;
    });
  });

  it('counts no work as idle time', async () => {
    await waited(1);
    const [startMs, idleMs] = [systemClock.monotonicMs(), systemClock.idleMs()];
    while (systemClock.monotonicMs() - startMs < 50);
    const [tookMs, restedMs] = [systemClock.monotonicMs() - startMs, systemClock.idleMs() - idleMs];
    expect(tookMs).toBeGreaterThanOrEqual(50);
    expect(restedMs).toBeLessThan(5);
  });

  it('does not fire a cancelled timer', async () => {
    let fired = false;
    systemClock.schedule(1, () => {
      fired = true;
    })();
    await waited(10);
    expect(fired).toBe(false);
  });

  it('draws random numbers from 0 up to, not including, 1', () => {
    const drawn = Array.from({ length: 1_000 }, () => systemClock.random());
    expect([Math.min(...drawn) >= 0, Math.max(...drawn) < 1, new Set(drawn).size > 990]).toEqual([
      true,
      true,
      true,
    ]);
  });
});
