// Figures as people read them. What is not known is a dash.

export const UNKNOWN = "–";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export function count(value) {
  return known(value) ? value.toLocaleString("en") : UNKNOWN;
}

export function one(value, noun, nouns = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : nouns}`;
}

/** Per second: decimals only where they matter. */
export function rate(value) {
  if (!known(value)) return UNKNOWN;
  const digits = value >= 100 || value === 0 ? 0 : 1;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A duration in its largest unit: `0.4 ms`, `85 ms`, `1.2 s`, `7 min`, `3 h`, `2 d`. */
export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds === 0) return "0 s";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 2 * MINUTE) return `${Math.round(seconds)} s`;
  if (seconds < 2 * HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

/** Two durations, half and 99 of a hundred; the unit once if both have the same. */
export function percentiles(seconds) {
  const [usual, slow] = [duration(seconds?.p50), duration(seconds?.p99)];
  if (usual === UNKNOWN && slow === UNKNOWN) return UNKNOWN;
  const [, figure, unit] = usual.match(/^(.*?)( .*)?$/);
  return `${unit && slow.endsWith(unit) ? figure : usual} · ${slow}`;
}

/** A moment in UTC, to the second or finer. */
export function moment(text, { fine = false } = {}) {
  const at = new Date(text);
  if (!text || Number.isNaN(at.getTime())) return UNKNOWN;
  return at.toISOString().replace("T", " ").slice(0, fine ? 23 : 19);
}

export function secondsBetween(from, to) {
  return (new Date(to) - new Date(from)) / 1000;
}
