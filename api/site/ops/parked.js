// Parked streams: which event could not be folded, what waits behind it, and the button that tries again.

import { el } from "./dom.js";
import { action } from "./action.js";
import { count, moment } from "./figures.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { streamLink } from "./value.js";

const WORDS = {
  mended: "mended",
  parked: "still parked",
  rebuild: "a rebuild of the read model is needed",
  busy: "busy, try again",
  refused: "refused",
};

export class Parked {
  #changed;
  #table;
  #more = el("p", { class: "hint", hidden: true }, "There are more: ", el("code", {}, "python -m read_side parked"));

  /** `changed` is called when something was done. */
  constructor(section, changed) {
    this.#changed = changed;
    const columns = [
      { title: "Stream", kind: "id", make: ({ stream }) => ({ element: streamLink(stream) }) },
      { title: "Read model", text: (one) => `${one.read_model} g${one.generation}` },
      { title: "Position", kind: "number", text: ({ partition, seq }) => `${partition} / ${count(seq)}` },
      { title: "Since (UTC)", text: ({ since }) => moment(since) },
      { title: "Reason", kind: "reason", text: ({ error }) => error },
      { title: "Waiting", kind: "number", text: ({ waiting }) => count(waiting) },
      { title: "Actions", kind: "actions", make: (one) => ({ element: this.#button(one) }) },
    ];
    const key = (one) => `${one.read_model} ${one.generation} ${one.stream}`;
    this.#table = new Table("Parked streams", columns, key, "✓ There are none.");
    section.append(this.#table.element, this.#more);
  }

  show({ parked, more }) {
    this.#more.hidden = !more;
    this.#table.show(parked);
  }

  #button({ read_model: model, stream }) {
    return action("Retry", `${stream} in ${model}`, async () => {
      const { results } = await ask("ops/parked/retry", { read_model: model, stream });
      if (results.every(({ result }) => result === "mended")) document.getElementById("parked-title").focus();
      this.#changed();
      const told = results.map(({ result, detail }) => (detail ? `${WORDS[result] ?? result}: ${detail}` : (WORDS[result] ?? result)));
      return `${stream} in ${model}: ${told.join("; ")}`;
    });
  }
}
