import { describe, expect, it } from 'vitest';
import { isEmpty, matcher, namesFit, parseFilter, withLevels, withStates } from './filter';
import { storeOf } from './sample';

const store = storeOf(
  { host: 'web-1.fra', level: 2, cpu: 92.3, memory: 40, receivedMs: 99_000 },
  { host: 'web-2.ams', level: 0, cpu: 12.3, disk: 81, receivedMs: 95_000 },
  { host: 'db.fra', level: 1, cpu: 30, receivedBps: 12e6, receivedMs: 10_000 },
);
store.tell(0, { host: 'web-1.fra', labels: { role: 'web', place: 'Frankfurt am Main' } });

/** Names of the hosts that a text lets through. */
function found(text: string): string {
  const fits = matcher(parseFilter(text), store, 100_000);
  return [...store.all()]
    .filter(fits)
    .map((index) => store.info(index)?.host)
    .join(' ');
}

const everyone = 'web-1.fra web-2.ams db.fra';

describe('a filter', () => {
  it.each([
    ['', everyone],
    ['  ', everyone],
    ['FRA  web', 'web-1.fra'],
    ['"web-1"', 'web-1.fra'],
    ['web-*', 'web-1.fra web-2.ams'],
    ['*.fra', 'web-1.fra db.fra'],
    ['web', 'web-1.fra web-2.ams'],
    ['w.b', ''],
    ['w.b*', ''],
    ['level:high', 'web-1.fra'],
    ['level:HIGH,medium', 'web-1.fra db.fra'],
    ['level:high level:medium', 'web-1.fra db.fra'],
    ['cpu>80', 'web-1.fra'],
    ['cpu>=12.3 cpu<=12.3', 'web-2.ams'],
    ['cpu=12.3', 'web-2.ams'],
    ['CPU<50%', 'web-2.ams db.fra'],
    ['disk<50', ''],
    ['memory>=40', 'web-1.fra'],
    ['received>10M', 'db.fra'],
    ['received>10MB/s', 'db.fra'],
    ['received>10k cpu>50', ''],
    ['state:silent', 'db.fra'],
    ['state:late', 'web-2.ams'],
    ['state:fresh,late', 'web-1.fra web-2.ams'],
    ['label:role', 'web-1.fra'],
    ['label:role=WEB', 'web-1.fra'],
    ['label:role=db', ''],
    ['label:place="frankfurt am main"', 'web-1.fra'],
    ['label:constructor', ''],
    ['level:high cpu>80 fra', 'web-1.fra'],
    // What cannot be read is left out; the rest still filters.
    ['level:urgent fra', 'web-1.fra db.fra'],
  ])('%j finds %j', (text, names) => {
    expect(found(text)).toBe(names);
  });

  it.each([
    ['level:urgent', 'level'],
    ['level:', 'level'],
    ['state:dead', 'state'],
    ['cpu>a', 'number'],
    ['cpu>', 'number'],
    ['cpu>8O', 'number'],
    ['speed>3', 'unknown-figure'],
    ['constructor>3', 'unknown-figure'],
    ['colour:red', 'unknown-key'],
    ['label:', 'label'],
    ['label:=web', 'label'],
  ])('says why it cannot read %j', (term, kind) => {
    expect(parseFilter(`web ${term}`).problems).toEqual([{ term, kind }]);
  });

  it('takes what is quoted as a name, even half quoted', () => {
    expect(parseFilter('"level:high" "half').names).toEqual(['level:high', 'half']);
    expect(parseFilter('""').names).toEqual([]);
  });

  it('fits a name to many stars in no time', () => {
    const name = 'a'.repeat(200);
    const { names } = parseFilter(`${'*'.repeat(40)}x ${'*a'.repeat(40)}x`);
    const startMs = performance.now();
    expect(namesFit({ ...parseFilter(''), names }, name)).toBe(false);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('lets no part of a name stand for two parts of a pattern', () => {
    const fits = (pattern: string) => namesFit(parseFilter(pattern), 'web-1.fra');
    expect(['w*b*fra', 'web-1.fra*', '*', 'w**a', '*1*.*'].map(fits)).not.toContain(false);
    expect(['web-1.f*.fra', 'web*web*', '*fra*a', 'w*x*a'].map(fits)).not.toContain(true);
  });

  it('knows whether it hides anything', () => {
    expect(isEmpty(parseFilter(' '))).toBe(true);
    expect(isEmpty(parseFilter('level:urgent'))).toBe(true);
    expect(isEmpty(parseFilter('a'))).toBe(false);
  });
});

describe('the text of a filter', () => {
  it('gets other levels and states, and keeps what else was typed', () => {
    expect(withLevels('web "a b" Level:low cpu>8', ['HIGH', 'MEDIUM'])).toBe(
      'level:high,medium web "a b" cpu>8',
    );
    expect(withLevels('level:high web', [])).toBe('web');
    expect(withStates('level:high', ['silent'])).toBe('state:silent level:high');
  });
});
