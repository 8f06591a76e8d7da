/** Asks the server over HTTP: one client for whatever the socket does not tell. */

/** Nobody answered, or the answer is a refusal. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** Of the answer; `undefined` when there was none. */
  readonly status: number | undefined;
  /** What the server itself said: a proxy in between speaks otherwise. */
  readonly sentence: string | undefined;

  constructor(message: string, status?: number, sentence?: string) {
    super(message);
    this.status = status;
    this.sentence = sentence;
  }
}

/** How to reach the server: `fetch`, or what stands for it in a test. */
export type Fetch = (address: string, options: RequestInit) => Promise<Response>;

/** No longer than this does anyone wait; the server itself gives up after 5 s. */
const PATIENCE_MS = 15_000;

/**
 * The JSON of an answer, `undefined` where there is none. Throws `RequestError`, and the signal's
 * reason when the question was taken back.
 */
export async function request(
  address: string,
  options: RequestInit,
  fetch: Fetch,
): Promise<unknown> {
  const { signal } = options;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      ...options,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw new RequestError(error instanceof Error ? error.message : String(error));
  }
  const body = parsed(text);
  if (response.ok) {
    // The login of a proxy, where a question was led, is no answer of the server.
    if (body !== undefined || text === '') return body;
    throw new RequestError('something unexpected', response.status);
  }
  throw new RequestError(`status ${response.status}`, response.status, errorOf(body));
}

/** `undefined` for what is not JSON: nothing, or what a proxy in between says. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(body: unknown): string | undefined {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : '';
  return typeof error === 'string' && error !== '' ? error : undefined;
}
