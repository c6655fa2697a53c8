// What the event `request.answered` will say about a request, collected while it is served. Never holds a key, the id of
// a key, or a credential: the event is logged.
import type { RequestAnswered } from '../../../ports/telemetry.js';
import type { HttpFailure } from './problems.js';

type Recorded = Pick<
  RequestAnswered,
  'requestId' | 'traceId' | 'route' | 'status' | 'callerLeft' | 'caller' | 'authentication' | 'served' | 'bug'
>;

export type RequestState = { -readonly [Fact in keyof Recorded]: Recorded[Fact] } & { failure?: HttpFailure };

/** The route in logs and metrics of a request for an unknown path. */
export const unknownRoute = 'unknown';
