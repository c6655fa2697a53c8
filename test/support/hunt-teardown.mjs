// Jest's globalTeardown: fails the run when a secret is found in anything that its tests printed or wrote.
import './hunt-setup.mjs';

export default async () => {
  const { huntedFolder, endHunt, clearHunt, killLeft } = await import('./hunted-run.ts');
  const folder = huntedFolder();
  if (folder === undefined) return;
  const left = killLeft(folder);
  if (left > 0) process.stdout.write(`${left} processes that tests had left were killed\n`);
  const { secrets, files, bytes, hits } = endHunt(folder);
  clearHunt(folder);
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB in ${files} files`;
  process.stdout.write(`The hunt for ${secrets} secrets in ${size}: ${hits.length} hits\n`);
  if (hits.length > 0) throw new Error(`secrets were found:\n${hits.join('\n')}`);
};
