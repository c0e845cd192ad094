// That a section cannot be told now: what it shows is as it was.

import { el } from "./dom.js";
import { write } from "./text.js";

export class Trouble {
  #element = el("p", { class: "trouble", role: "status" });

  constructor(section) {
    section.append(this.#element);
  }

  show(error) {
    write(this.#element, `⚠ This cannot be told now: ${error.message}`);
  }

  end() {
    write(this.#element, "");
  }
}
