// Dead letters and failed commands: why each died, and what can be done about it.

import { el } from "./dom.js";
import { action } from "./action.js";
import { Batch, each } from "./batch.js";
import { moment } from "./figures.js";
import { More } from "./more.js";
import { question } from "./question.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { identity } from "./text.js";
import { storyLink } from "./value.js";

const CHOICES = {
  retry: {
    name: "Retry",
    text: "It is tried once more, at the end of the order. If it fails again, it comes back here.",
  },
  discard: {
    name: "Discard",
    text: "It is set aside and no longer listed. What it wanted does not happen.",
    kind: "grave",
  },
};

/** A command has a story, a letter has not. */
const named = ({ kind, id }) => (kind === "command" ? storyLink(id) : el("span", {}, identity(id)));

export class Dead {
  #changed;
  #table;
  #batch;
  more;

  /** `changed` is called when something was done. */
  constructor(section, changed) {
    this.#changed = changed;
    this.more = new More("dead letters", 50, changed);
    const choices = Object.entries(CHOICES);
    this.#batch = new Batch("dead letter", ({ id }) => id, choices.map(([choice, { name, kind }]) => [name, (ids) => this.#act(choice, ids), kind]));
    const columns = [
      this.#batch.column,
      { title: "Id", kind: "id", make: (one) => ({ element: named(one) }) },
      { title: "What", text: ({ queue, what }) => (queue === "commands" ? what : `${what} of ${queue}`) },
      { title: "Since (UTC)", kind: "time", text: ({ since }) => moment(since) },
      { title: "Reason", kind: "reason", text: ({ reason }) => reason || "not told" },
      { title: "Actions", kind: "actions", make: ({ id }) => ({ element: this.#buttons(id) }) },
    ];
    this.#table = new Table("Dead letters", columns, ({ id, since }) => `${id} ${since}`, "✓ There are none.");
    section.append(this.#batch.element, this.#table.element, this.more.element);
  }

  show({ dead, more }) {
    this.more.show(more);
    this.#table.show(dead);
    this.#batch.show(dead);
  }

  #buttons(id) {
    return el("span", { class: "buttons" }, Object.entries(CHOICES).map(([choice, { name, kind }]) => action(name, id, () => this.#act(choice, [id]), kind)));
  }

  async #act(choice, ids) {
    const { name, text, kind } = CHOICES[choice];
    const title = `${name} ${ids.length === 1 ? ids[0] : `${ids.length} dead letters`}?`;
    const reason = await question({ title, text, action: name, reason: true, grave: kind === "grave" });
    if (reason === null) return null;
    const told = await each(ids, async (id) => (await ask(`ops/dead/${encodeURIComponent(id)}/${choice}`, { reason })).result);
    document.getElementById("dead-title").focus();
    this.#changed();
    return told;
  }
}
