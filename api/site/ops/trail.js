// The audit trail: who did what as an operator, the newest first. An older service has none.

import { count, moment } from "./figures.js";
import { More } from "./more.js";
import { Table } from "./table.js";

const COLUMNS = [
  { title: "When (UTC)", kind: "time", text: ({ at }) => moment(at) },
  { title: "Who", kind: "id", text: ({ who, address }) => (address ? `${who} at ${address}` : who) },
  { title: "Through", text: ({ through }) => through },
  { title: "Action", text: ({ action }) => action },
  { title: "Target", kind: "reason", text: ({ target }) => target },
  { title: "Outcome", text: ({ outcome }) => outcome },
  { title: "Times", kind: "number", text: (entry) => count(entry.count) },
];

export class Trail {
  #table = new Table("Audit trail", COLUMNS, (entry) => Object.values(entry).join(" "), "Nobody has done anything yet.");
  more;

  constructor(section, changed) {
    this.more = new More("of the audit trail", 20, changed, 100);
    section.append(this.#table.element, this.more.element);
  }

  show({ entries, next_cursor: cursor }) {
    this.more.show(cursor !== null);
    this.#table.show(entries);
  }
}
