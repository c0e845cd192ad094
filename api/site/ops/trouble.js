// What a section shows is of some moment: if it is not told anew, it says since when, and its figures turn grey.

import { el } from "./dom.js";
import { write } from "./text.js";

export class Trouble {
  #section;
  #element = el("p", { class: "trouble", role: "status" });
  #toldAt = "";

  constructor(section) {
    this.#section = section;
    const title = section.querySelector("h2, summary");
    if (title) title.after(this.#element);
    else section.prepend(this.#element);
  }

  show(error) {
    this.#section.classList.add("old");
    write(this.#element, `⚠ ${this.#toldAt ? `As of ${this.#toldAt} UTC; it` : "This"} cannot be told now: ${error.message}`);
  }

  end() {
    this.#toldAt = new Date().toISOString().slice(11, 19);
    this.#section.classList.remove("old");
    write(this.#element, "");
  }
}
