// The queues in the domain's words, and how to see each figure in Redis.

import { el } from "../../docs/dom.js";
import { count, duration, rate } from "./figures.js";
import { Table } from "./table.js";

const total = (stranded) => Object.values(stranded ?? {}).reduce((sum, each) => sum + each, 0);

const COLUMNS = [
  { title: "Queue", text: ({ queue }) => queue },
  { title: "Waiting", kind: "number", text: ({ waiting }) => count(waiting) },
  { title: "In flight", kind: "number", text: (one) => count(one.in_flight) },
  { title: "Delayed", kind: "number", text: ({ delayed }) => count(delayed) },
  { title: "Dead", kind: "number", text: ({ dead }) => count(dead), alarm: ({ dead }) => dead > 0 },
  { title: "Oldest", kind: "number", text: (one) => duration(one.oldest_s) },
  { title: "In/s", kind: "number", text: (one) => rate(one.in_per_s) },
  { title: "Out/s", kind: "number", text: (one) => rate(one.out_per_s) },
  { title: "Stranded", kind: "number", text: ({ stranded }) => count(total(stranded)), alarm: ({ stranded }) => total(stranded) > 0 },
];

export class Queues {
  #table = new Table("Queues", COLUMNS, ({ queue }) => queue, "There is no queue yet.");
  #commands = el("dl", { class: "explained" });
  #told = "";

  constructor(section) {
    const how = el("details", {}, el("summary", {}, "See the same with redis-cli"), this.#commands);
    section.append(this.#table.element, how);
  }

  show({ queues }) {
    this.#table.show(queues);
    this.#explain(queues[0]?.redis_cli ?? {});
  }

  #explain(commands) {
    const told = JSON.stringify(commands);
    if (told === this.#told) return;
    this.#told = told;
    const rows = Object.entries(commands).flatMap(([figure, lines]) => [
      el("dt", {}, figure.replaceAll("_", " ")),
      [lines].flat().map((line) => el("dd", {}, el("code", {}, line))),
    ]);
    this.#commands.replaceChildren(...rows.flat());
  }
}
