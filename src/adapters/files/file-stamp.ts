// Tells whether a file is still the one that was read, without reading it.
import { statSync } from 'node:fs';
import { codeOf } from './private-files.js';

/**
 * Differs when the file, or what its name points to, has changed. By the time of change, not of modification: it also tells
 * when the file was closed to others again.
 */
export function stampOf(path: string): string {
  try {
    const { ino, ctimeMs, size } = statSync(path);
    return `${ino} ${ctimeMs} ${size}`;
  } catch (cause) {
    return codeOf(cause);
  }
}
