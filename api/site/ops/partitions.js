// Every generation of every read model, partition by partition: asked for only while it is open.

import { el } from "./dom.js";
import { count, duration, rate } from "./figures.js";
import { Poll } from "./poll.js";
import { Table } from "./table.js";

const EVERY_MS = 4000;

const COLUMNS = [
  { title: "Generation", text: (row) => `${row.read_model} g${row.generation} / ${row.partition}` },
  { title: "State", text: ({ state }) => state },
  { title: "Position", kind: "number", text: ({ position }) => count(position) },
  { title: "Head", kind: "number", text: ({ head }) => count(head) },
  { title: "Behind", kind: "number", text: ({ lag }) => count(lag) },
  { title: "For", kind: "number", text: (row) => (row.lag ? duration(row.lag_s) : "") },
  { title: "Rate/s", kind: "number", text: ({ rate: perSecond }) => rate(perSecond) },
  { title: "Parked", kind: "number", text: ({ parked }) => count(parked), alarm: ({ parked }) => parked > 0 },
  { title: "Lease", kind: "id", text: ({ holder }) => holder ?? "" },
  { title: "Last error", kind: "reason", text: ({ error }) => error ?? "", alarm: ({ error }) => Boolean(error) },
];

const rowsOf = ({ read_models: generations }) =>
  generations.flatMap(({ partitions, ...generation }) => partitions.map((partition) => ({ ...generation, ...partition })));

export class Partitions {
  #poll;
  #details;

  constructor(section, lost) {
    const key = (row) => `${row.read_model} ${row.generation} ${row.partition}`;
    const table = new Table("Partitions of the read models", COLUMNS, key, "Asking …");
    table.show([]);
    this.#details = el("details", {}, el("summary", {}, "Partitions"), table.element);
    section.append(this.#details);
    this.#poll = Poll.of(this.#details, "ops/read-models", EVERY_MS, (answer) => table.show(rowsOf(answer)), lost);
    this.#details.addEventListener("toggle", () => this.start());
  }

  start() {
    if (this.#details.open) this.#poll.now();
    else this.stop();
  }

  stop() {
    this.#poll.stop();
  }
}
