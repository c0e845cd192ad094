// Dead letters and failed commands: why each died, and what can be done about it.

import { el } from "./dom.js";
import { action } from "./action.js";
import { moment } from "./figures.js";
import { question } from "./question.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { storyLink } from "./value.js";

const CHOICES = {
  retry: {
    name: "Retry",
    text: "It is tried once more, at the end of the order. If it fails again, it comes back here.",
  },
  discard: {
    name: "Discard",
    text: "It is set aside and no longer listed. What it wanted does not happen.",
    grave: true,
  },
};

/** A command has a story, a letter has not. */
const named = ({ kind, id }) => (kind === "command" ? storyLink(id) : el("span", {}, id));

export class Dead {
  #changed;
  #table;
  #more = el("p", { class: "hint", hidden: true }, "There are older ones: ", el("code", {}, "python -m bus dead list"));

  /** `changed` is called when something was done. */
  constructor(section, changed) {
    this.#changed = changed;
    const columns = [
      { title: "Id", kind: "id", make: (one) => ({ element: named(one) }) },
      { title: "What", text: ({ queue, what }) => (queue === "commands" ? what : `${what} of ${queue}`) },
      { title: "Since (UTC)", text: ({ since }) => moment(since) },
      { title: "Reason", kind: "reason", text: ({ reason }) => reason || "not told" },
      { title: "Actions", kind: "actions", make: ({ id }) => ({ element: this.#buttons(id) }) },
    ];
    this.#table = new Table("Dead letters", columns, ({ id, since }) => `${id} ${since}`, "✓ There are none.");
    section.append(this.#table.element, this.#more);
  }

  show({ dead, more }) {
    this.#more.hidden = !more;
    this.#table.show(dead);
  }

  #buttons(id) {
    const buttons = Object.keys(CHOICES).map((choice) =>
      action(CHOICES[choice].name, id, () => this.#act(choice, id), CHOICES[choice].grave ? "grave" : ""),
    );
    return el("span", { class: "buttons" }, buttons);
  }

  async #act(choice, id) {
    const { name, text, grave } = CHOICES[choice];
    const reason = await question({ title: `${name} ${id}?`, text, action: name, reason: true, grave });
    if (reason === null) return null;
    const { result } = await ask(`ops/dead/${encodeURIComponent(id)}/${choice}`, { reason });
    document.getElementById("dead-title").focus();
    this.#changed();
    return `${id}: ${result}`;
  }
}
