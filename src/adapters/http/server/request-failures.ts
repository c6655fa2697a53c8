// How a request can be wrong before it means anything to RKMS. Each kind tells its sender what to change.

export interface RequestFailure {
  readonly kind:
    | 'request.body-invalid'
    | 'request.body-too-large'
    | 'request.body-unexpected'
    | 'request.encoding-invalid'
    | 'request.headers-too-large'
    | 'request.id-invalid'
    | 'request.id-missing'
    | 'request.id-repeated'
    | 'request.malformed'
    | 'request.media-type-unsupported'
    | 'request.method-not-allowed'
    | 'request.parameter-unknown'
    | 'request.path-unknown'
    | 'request.too-slow'
    | 'request.uri-too-long';
  /** What exactly was wrong, where the kind alone does not tell. Never repeats what was sent. */
  readonly detail?: string;
}

/** A bug of ours, or something nobody thought of; its sender learns nothing more. */
export interface InternalFailure {
  readonly kind: 'internal';
}
