// Whether the service answers, in the page's head; said when it changes, not at every answer.

import { write } from "./text.js";

export class Connection {
  #element = document.getElementById("connection");

  well() {
    this.#say("well", "● Live");
  }

  away() {
    if (this.#element.className.includes("away")) return;
    const since = new Date().toISOString().slice(11, 19);
    this.#say("away", `▲ No answer since ${since} UTC; trying again`);
  }

  #say(kind, text) {
    this.#element.className = `connection ${kind}`;
    write(this.#element, text);
    document.body.classList.toggle("stale", kind === "away");
  }
}
