// What is known of a request while it is served, for the one event that tells of it. Holds no key, no id of one and no
// credential.
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { HttpFailure } from './problems.js';

type Told = Pick<
  RequestAnswered,
  'requestId' | 'traceId' | 'route' | 'caller' | 'authentication' | 'served' | 'bug'
>;

export type RequestState = { -readonly [Fact in keyof Told]: Told[Fact] } & { failure?: HttpFailure };

/** Of a path that nothing is at. */
export const unknownRoute = 'unknown';
