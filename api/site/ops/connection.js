// Whether the service answers, in the page's head; said when it changes, not at every answer.

import { write } from "./text.js";

export class Connection {
  #element = document.getElementById("connection");
  #answeredAt = "";

  well() {
    this.#answeredAt = new Date().toISOString().slice(11, 19);
    this.#say("well", "● Live");
  }

  /** Returns since when there is no answer, or "" if there was none at all. */
  away() {
    this.#say("away", this.#answeredAt ? `▲ No answer since ${this.#answeredAt} UTC; trying again` : "▲ No answer; trying again");
    return this.#answeredAt;
  }

  #say(kind, text) {
    this.#element.className = `connection ${kind}`;
    write(this.#element, text);
  }
}
