import { RuntimeError, type RuntimeErrorKind } from '../errors.ts';

const CODES: Readonly<Record<number, string>> = {
  400: 'bad_request',
  401: 'unauthorized',
  402: 'payment_required',
  403: 'forbidden',
  404: 'not_found',
  422: 'unprocessable_entity',
  429: 'too_many_requests',
  500: 'internal_error',
  503: 'service_unavailable',
};

const SPEC = '/core/v1/openapi.json';

/**
 * An answer other than success. As Lit's API does, it answers in two ways: what the request itself lacks (a key, a
 * field, an endpoint) in an object that says what to do about it, and what went wrong inside an endpoint in a bare text.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly next: string | undefined;

  constructor(status: number, message: string, next?: string) {
    super(message);
    this.status = status;
    this.next = next;
  }

  get body(): object | string {
    if (this.next === undefined) return this.message;
    return { error: CODES[this.status] ?? 'error', message: this.message, fix: this.next, docs_url: SPEC };
  }
}

const STATUS: Readonly<Record<RuntimeErrorKind, number>> = {
  input: 400,
  limit: 400,
  permission: 403,
  payment: 402,
  busy: 429,
  unavailable: 503,
  aborted: 503,
  action: 500,
  timeout: 500,
  memory: 500,
};

/** The answer for any error: whatever is not foreseen is a fault of this server, which keeps the details to itself. */
export function apiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof RuntimeError))
    return new ApiError(500, 'the server failed', 'see its own output for the reason');
  const status = STATUS[error.kind];
  return new ApiError(status, error.short, error.next ?? (status === 429 || status === 503 ? 'try again' : undefined));
}
