// What can be wrong with the form of a request, before its caller is authorised. A client can correct each of these.

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
  /** What exactly was wrong, if the kind does not say it. Never contains text of the request. */
  readonly detail?: string;
}

/** An unexpected exception. The caller gets no details; the log has them. */
export interface InternalFailure {
  readonly kind: 'internal';
}
