// The processes by their heartbeats.

import { el } from "./dom.js";
import { duration } from "./figures.js";
import { Rows } from "./rows.js";
import { mark, write } from "./text.js";

function chip() {
  const [kind, where, heard] = [el("b"), el("span"), el("span", { class: "heard" })];
  const element = el("li", {}, kind, " ", where, " ", heard);
  const show = (process) => {
    write(kind, process.kind);
    write(where, `${process.host}:${process.pid}`);
    write(heard, process.well ? `✓ ${duration(process.beat_age_s)} ago` : `⚠ silent for ${duration(process.beat_age_s)}`);
    mark(element, "alarm", !process.well);
  };
  return { element, show };
}

export class Processes {
  #rows;

  constructor() {
    const list = el("ul", {});
    this.element = el("div", { class: "processes" }, el("h3", {}, "Processes"), list);
    this.#rows = new Rows(list, ({ kind, host, pid }) => `${kind} ${host} ${pid}`, chip);
  }

  show(processes) {
    this.#rows.show(processes);
  }
}
