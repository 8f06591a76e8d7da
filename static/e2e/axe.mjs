/** Looks for what keeps people out, with axe-core. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What must not be there. */
const GRAVE = ['serious', 'critical'];

/** Serious and critical findings on `page` as it is now, one line each. */
export async function graveFindings(page) {
  // Through the debugger: the page's policy allows no script of ours in its document.
  const session = await page.context().newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'axe failed');
    return result.value;
  };
  try {
    // What fades in is not meant to be read before it is there.
    await run('Promise.allSettled(document.getAnimations().map(({ finished }) => finished))');
    await run(`${source}; undefined`);
    const violations = await run('axe.run().then((results) => results.violations)');
    return violations
      .filter((violation) => GRAVE.includes(violation.impact))
      .flatMap(({ id, help, nodes }) =>
        nodes.map((node) => `${id}: ${help}: ${node.target} ${node.failureSummary ?? ''}`),
      );
  } finally {
    await session.detach();
  }
}
