// The tokens of a running service, from the token file. A change of the file takes effect within a second. While the file
// cannot be read, the tokens read last stay valid: an editing mistake must not lock out every caller.
import type { Clock } from '../../ports/clock.js';
import { OperatorError } from '../system/operator-error.js';
import { stampOf } from '../files/file-stamp.js';
import type { StoredToken } from './stored-token.js';
import { readTokens } from './token-entries.js';

/** How often the file is checked for a change, at most; checking is one `stat` on the path of a request. */
const recheckMs = 1_000;

export class TokenFile {
  private tokens: ReadonlyMap<string, StoredToken>;
  private stamp: string;
  private checkedMs: number;

  /** Refuses to start without a readable file; calls `onProblem` when a later change cannot be read. */
  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly onProblem: (problem: OperatorError) => void,
  ) {
    this.stamp = stampOf(path);
    this.tokens = byPublicId(readTokens(path));
    this.checkedMs = clock.monotonicMs();
  }

  find(publicId: string): StoredToken | undefined {
    this.refresh();
    return this.tokens.get(publicId);
  }

  private refresh(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.checkedMs < recheckMs) return;
    this.checkedMs = nowMs;
    const stamp = stampOf(this.path);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    try {
      this.tokens = byPublicId(readTokens(this.path));
    } catch (problem) {
      if (!(problem instanceof OperatorError)) throw problem;
      this.onProblem(problem);
    }
  }
}

const byPublicId = (tokens: readonly StoredToken[]): ReadonlyMap<string, StoredToken> =>
  new Map(tokens.map((token) => [token.publicId, token]));
