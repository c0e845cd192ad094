// A small chart: how something went lately, the newest at the right edge.

import { highest, latest } from "./history.js";

const WIDTH = 200;
const HEIGHT = 40;
const AIR = 3;
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Parts without a gap. */
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point.value === null) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((run) => run.length);
}

export class Sparkline {
  #label;
  #words;
  #area = shape("path", { class: "area" });
  #lines = [shape("path", { class: "line" }), shape("path", { class: "line second" })];

  /** `words` makes a value readable. */
  constructor(label, words) {
    this.#label = label;
    this.#words = words;
    this.element = shape("svg", {
      class: "sparkline",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    });
    const floor = shape("path", { class: "floor", d: `M0 ${HEIGHT - AIR}H${WIDTH}` });
    this.element.append(floor, this.#area, ...this.#lines);
  }

  /** The first of the series has the area; both are drawn to one scale. */
  show({ now, span }, ...series) {
    const top = Math.max(...series.map(highest)) || 1;
    const x = ({ at }) => (WIDTH * (1 - (now - at) / span)).toFixed(1);
    const y = ({ value }) => (HEIGHT - AIR - (HEIGHT - 2 * AIR) * (value / top)).toFixed(1);
    const line = (run) => `M${run.map((point) => `${x(point)} ${y(point)}`).join("L")}`;
    const dot = (run) => (run.length === 1 ? "h0.1" : "");
    const under = (run) => `${line(run)}V${HEIGHT - AIR}H${x(run[0])}Z`;
    this.#area.setAttribute("d", runs(series[0]).map(under).join(""));
    for (const [index, path] of this.#lines.entries()) {
      path.setAttribute("d", runs(series[index] ?? []).map((run) => line(run) + dot(run)).join(""));
    }
    const told = series.map((points) => this.#words(latest(points))).join(" and ");
    this.element.setAttribute("aria-label", `${this.#label}: ${told} now, ${this.#words(top)} at most`);
  }
}
