// The queues in the domain's words, and how to see each figure in Redis.

import { el } from "./dom.js";
import { count, duration, rate } from "./figures.js";
import { Table } from "./table.js";

const COLUMNS = [
  { title: "Queue", text: ({ queue }) => queue },
  { title: "Waiting", kind: "number", text: ({ waiting }) => count(waiting) },
  { title: "In flight", kind: "number", text: (one) => count(one.in_flight) },
  { title: "Delayed", kind: "number", text: ({ delayed }) => count(delayed) },
  { title: "Dead", kind: "number", text: ({ dead }) => count(dead), alarm: ({ dead }) => dead > 0 },
  { title: "Oldest", kind: "number", text: (one) => duration(one.oldest_s) },
  { title: "In/s", kind: "number", text: (one) => rate(one.in_per_s) },
  { title: "Out/s", kind: "number", text: (one) => rate(one.out_per_s) },
  { title: "Stranded", kind: "number", text: ({ stranded }) => count(stranded?.total), alarm: ({ stranded }) => stranded?.total > 0 },
];

const EXPLAINED = [
  { title: "Figure", text: ({ figure }) => figure.replaceAll("_", " ") },
  { title: "Meaning", kind: "reason", text: ({ meaning }) => meaning },
  { title: "The same in Redis or MongoDB", kind: "shell", make: ({ commands }) => ({ element: lines(commands) }) },
];

const lines = (commands) => el("span", {}, commands.map((command) => el("code", {}, command)));

export class Queues {
  #table = new Table("Queues", COLUMNS, ({ queue }) => queue, "There is no queue yet.");
  #explained = new Table("Figures of the queue of commands", EXPLAINED, (row) => `${row.figure} ${row.meaning}`);

  constructor(section) {
    const how = el("details", {}, el("summary", {}, "What each figure means, and the redis-cli command for it"), this.#explained.element);
    section.append(this.#table.element, how);
  }

  show({ queues }) {
    this.#table.show(queues);
    this.#explained.show(queues.find(({ queue }) => queue === "commands")?.redis_cli ?? []);
  }
}
