/** What is on the screen of a page. */
export type Look = { type: 'look'; rows: Array<number>; detail: Array<string> };
