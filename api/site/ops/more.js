// The button below a list that shows the newest only: it has more of them asked for.

import { el } from "./dom.js";

export class More {
  #most;
  limit;
  element;

  /** `first` are shown, and `most` are what the service gives at once. `changed` is called when more are wanted. */
  constructor(label, first, changed, most = 1000) {
    this.#most = most;
    this.limit = first;
    this.element = el("button", { type: "button", class: "more", hidden: true, "aria-label": `Show more ${label}` }, "Show more");
    this.element.addEventListener("click", () => {
      this.limit = Math.min(2 * this.limit, this.#most);
      changed();
    });
  }

  show(more) {
    this.element.hidden = !more || this.limit === this.#most;
  }
}
