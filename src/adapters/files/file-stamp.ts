// Detects that a file was replaced or changed since it was read, with one `stat` and without reading it.
import { statSync } from 'node:fs';
import { codeOf } from './private-files.js';

/**
 * A text that differs after each change of the file, or of the target of a link. Uses ctime, not mtime: a change of the
 * permissions counts, so a file that was refused for its mode is read again once the mode is right.
 */
export function stampOf(path: string): string {
  try {
    const { ino, ctimeMs, size } = statSync(path);
    return `${ino} ${ctimeMs} ${size}`;
  } catch (cause) {
    return codeOf(cause);
  }
}
