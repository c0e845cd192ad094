// One box of the flow: a large figure, small charts, and facts below.

import { el } from "./dom.js";
import { Sparkline } from "./sparkline.js";
import { mark, write } from "./text.js";

let made = 0;

/** A chart with its words above it; the chart that draws a box's large figure needs none. */
export class Charted {
  #now = el("b");
  #chart;

  constructor(title, words, { bare = false } = {}) {
    this.#chart = new Sparkline(title, words);
    const above = bare ? null : el("p", {}, el("span", {}, title), " ", this.#now);
    this.element = el("div", { class: "charted" }, above, this.#chart.element);
  }

  show(text, history, ...series) {
    write(this.#now, text);
    this.#chart.show(history, ...series);
  }
}

/** Names with values, some of which lead to a place; those that are named alarming are marked. */
export class Facts {
  #values = new Map();

  constructor(names, places = {}) {
    const rows = names.map((name) => {
      const value = places[name] ? el("a", { href: places[name] }) : el("span");
      this.#values.set(name, value);
      return el("div", {}, el("dt", {}, name), el("dd", {}, value));
    });
    this.element = el("dl", { class: "facts" }, rows);
  }

  show(name, text, alarm = false) {
    write(this.#values.get(name), text);
    mark(this.#values.get(name), "alarm", alarm);
  }
}

export class Stage {
  #figure = el("b");

  constructor(name, title, unit, text, ...parts) {
    made += 1;
    const id = `stage-${made}`;
    this.element = el(
      "li",
      { class: `stage stage-${name}`, "aria-labelledby": id },
      el("h3", { id }, title),
      el("p", { class: "hint" }, text),
      unit ? el("p", { class: "figure" }, this.#figure, " ", el("span", {}, unit)) : null,
      parts.map(({ element }) => element),
    );
  }

  show(figure) {
    write(this.#figure, figure);
  }
}
