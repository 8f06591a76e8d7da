/** What the server sent that the page could not read, told to whoever opens the console. */

/** A server gone astray could otherwise fill the memory with ever new sentences. */
const TOLD_AT_MOST = 100;

export class Problems {
  readonly #told = new Set<string>();

  /** Tells each problem once: the same host tends to repeat it every second. */
  report(sentence: string): void {
    if (this.#told.has(sentence) || this.#told.size >= TOLD_AT_MOST) return;
    this.#told.add(sentence);
    console.warn(`left out what does not follow the protocol: ${sentence}`);
  }
}
