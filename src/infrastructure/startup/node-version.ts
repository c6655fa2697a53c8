// Which Node can run RKMS. Imports nothing: it is read before anything of RKMS is known to load.

export const neededNode = '22.13';

/** `version` as `22.13.0`. */
export function canRunOn(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}
