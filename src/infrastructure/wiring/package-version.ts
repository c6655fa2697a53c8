// Which RKMS this is, as its package says: the nearest package.json above, whether this file runs as source or compiled.
import { existsSync, readFileSync } from 'node:fs';

const above = ['../../../package.json', '../../../../package.json'].map(
  (path) => new URL(path, import.meta.url),
);

export function packageVersion(): string {
  const manifest = above.find((url) => existsSync(url));
  if (manifest === undefined) throw new Error('the package.json of RKMS is not where it was installed');
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version;
}
