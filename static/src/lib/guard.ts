/** The small checks from which the guards at the door are made; `where` names the field for people. */

/** Input that does not follow the protocol; the text says where and how. */
export class ContractError extends Error {
  override readonly name: string = 'ContractError';
}

export function record(input: unknown, where: string): Record<string, unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ContractError(`${where} must be an object`);
  }
  return input as Record<string, unknown>;
}

export function list(input: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(input)) throw new ContractError(`${where} must be a list`);
  return input;
}

export function string(input: unknown, where: string): string {
  if (typeof input !== 'string') throw new ContractError(`${where} must be a string`);
  return input;
}

export function number(input: unknown, where: string): number {
  if (typeof input !== 'number' || !Number.isFinite(input)) {
    throw new ContractError(`${where} must be a number`);
  }
  return input;
}

export function positive(input: unknown, where: string): number {
  const value = number(input, where);
  if (value <= 0) throw new ContractError(`${where} must be above zero`);
  return value;
}

/** A figure just outside its range, say 100.0000001, is rounding, not a reason to hide a host. */
export function percentage(input: unknown, where: string): number {
  return Math.min(100, Math.max(0, number(input, where)));
}

/** One of the words of a state. */
export function oneOf<T extends string>(input: unknown, words: readonly T[], where: string): T {
  const word = string(input, where);
  if ((words as readonly string[]).includes(word)) return word as T;
  throw new ContractError(`${where} must not be ${JSON.stringify(word)}`);
}

/** An absent field may also be sent as `null`. */
export function optional<T>(input: unknown, parse: (value: unknown) => T): T | undefined {
  return input === undefined || input === null ? undefined : parse(input);
}

/** An absent list is an empty one. */
export function listOrNone(input: unknown, where: string): readonly unknown[] {
  return optional(input, (value) => list(value, where)) ?? [];
}

/** Only the fields that are there: what is absent stays absent instead of being `undefined`. */
export function present<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const there: Partial<Record<string, unknown>> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) there[key] = value;
  }
  return there as { [K in keyof T]?: Exclude<T[K], undefined> };
}
