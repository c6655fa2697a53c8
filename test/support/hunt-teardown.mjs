// Jest's globalTeardown: ends the processes that failed tests left, and fails the run when a secret is found in anything
// that its tests printed or wrote.
import { hunt } from './hunt-setup.mjs';

export default () => {
  const folder = hunt.huntedFolder();
  if (folder === undefined) return;
  const left = hunt.killLeft(folder);
  if (left > 0) process.stdout.write(`${left} processes that tests had left running were killed\n`);
  const { secrets, files, bytes, hits } = hunt.endHunt(folder);
  hunt.clearHunt(folder);
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB in ${files} files`;
  process.stdout.write(`The hunt for ${secrets} secrets in ${size}: ${hits.length} hits\n`);
  // Printed as well: Jest may end before the error reaches the terminal.
  for (const hit of hits) process.stdout.write(`${hit}\n`);
  if (hits.length > 0) throw new Error(`secrets were found:\n${hits.join('\n')}`);
};
