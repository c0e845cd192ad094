// Parked streams: which event could not be folded, what waits behind it, and the button that tries again.

import { action } from "./action.js";
import { count, moment } from "./figures.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { storyLink } from "./value.js";

const WORDS = {
  mended: "mended",
  parked: "still parked",
  rebuild: "a rebuild of the read model is needed",
  busy: "busy, try again",
  refused: "refused",
};

const idOf = (stream) => stream.slice(stream.indexOf("-") + 1);

export class Parked {
  #changed;
  #table;

  /** `changed` is called when something was done. */
  constructor(section, changed) {
    this.#changed = changed;
    const columns = [
      { title: "Stream", kind: "id", make: ({ stream }) => ({ element: storyLink(idOf(stream), stream) }) },
      { title: "Read model", text: (one) => `${one.read_model} g${one.generation}` },
      { title: "Position", kind: "number", text: ({ partition, position, seq }) => `${partition} / ${count(position ?? seq)}` },
      { title: "Since (UTC)", text: ({ since }) => moment(since) },
      { title: "Reason", kind: "reason", text: ({ error }) => error },
      { title: "Waiting", kind: "number", text: ({ waiting }) => count(waiting) },
      { title: "Actions", kind: "actions", make: (one) => ({ element: this.#button(one) }) },
    ];
    const key = (one) => `${one.read_model} ${one.generation} ${one.stream}`;
    this.#table = new Table("Parked streams", columns, key, "✓ There are none.");
    section.append(this.#table.element);
  }

  show({ parked }) {
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
