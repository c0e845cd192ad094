// The snapshots of the last two minutes, and what they say of how things went.

const KEPT_MS = 120_000;
const SHORTEST_MS = 30_000;

export class History {
  #snapshots = [];

  /** The same moment twice is one snapshot: the service takes one a second for all who ask. */
  add(snapshot) {
    const at = Date.parse(snapshot.at);
    const last = this.#snapshots.at(-1);
    if (last && at <= last.at) {
      if (last.at - at < KEPT_MS) return;
      this.#snapshots = []; // another clock than before
    }
    this.#snapshots = [...this.#snapshots.filter((kept) => at - kept.at <= KEPT_MS), { at, snapshot }];
  }

  get now() {
    return this.#snapshots.at(-1)?.at ?? 0;
  }

  /** How long charts reach back: at first not as far. */
  get span() {
    return Math.max(SHORTEST_MS, this.now - (this.#snapshots[0]?.at ?? 0));
  }

  /** What was read from each: `[{at, value}]`; a value may be null. */
  gauge(read) {
    return this.#snapshots.map(({ at, snapshot }) => ({ at, value: read(snapshot) ?? null }));
  }

  /** How fast a counter went up, a second; null where it began anew. */
  rate(read) {
    return this.#between(read, (count, seconds) => count / seconds);
  }

  /** What each of the counted cost on average; null where nothing was counted. */
  mean(readSum, readCount) {
    const counts = this.#between(readCount, (count) => count);
    return this.#between(readSum, (sum) => sum).map(({ at, value }, index) => {
      const counted = counts[index].value;
      return { at, value: value !== null && counted ? value / counted : null };
    });
  }

  #between(read, made) {
    return this.#snapshots.slice(1).map(({ at, snapshot }, index) => {
      const before = this.#snapshots[index];
      const [first, second] = [read(before.snapshot), read(snapshot)];
      const seconds = (at - before.at) / 1000;
      const bad = first === undefined || first === null || second === undefined || second === null || second < first;
      return { at, value: bad ? null : made(second - first, seconds) };
    });
  }
}

export function latest(points) {
  return points.at(-1)?.value ?? null;
}

export function highest(points) {
  return points.reduce((found, { value }) => Math.max(found, value ?? 0), 0);
}

/** The mean of the last few: a figure to read should not flicker. */
export function recent(points, few = 3) {
  const values = points.slice(-few).map(({ value }) => value).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}
