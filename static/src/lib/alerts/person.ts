/** The name of whoever sits at this browser, remembered from the last time it was given. */

const STORAGE_KEY = 'resources.name';

export function recallName(): string {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? '';
  } catch {
    // A browser may forbid it; then the name is typed again.
    return '';
  }
}

export function rememberName(name: string): void {
  try {
    localStorage.setItem(STORAGE_KEY, name);
  } catch {
    // The same.
  }
}
