// Who is logged in: the token is tried on the service before it is kept.

import { claimsOf, forget, keep, kept } from "./token.js";
import { ask } from "./service.js";

const STAY = { preventScroll: true };
const REASONS = {
  401: "This is not a token that the service accepts, or it has run out.",
  403: "This token is not for the role ops.",
};

export class Session {
  #form = document.getElementById("login-form");
  #token = document.getElementById("token");
  #failure = document.getElementById("login-failure");
  #who = document.getElementById("who");
  #begun;
  #ended;

  constructor(begun, ended) {
    this.#begun = begun;
    this.#ended = ended;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter(this.#token.value.trim().replace(/^bearer\s+/i, ""));
    });
    document.getElementById("leave").addEventListener("click", () => this.end());
  }

  /** With the token that this tab has, if it has one. */
  resume() {
    if (kept()) this.#begin();
    else this.#ask("");
  }

  /** The service no longer accepts the token. */
  lost(status) {
    this.end(REASONS[status]);
  }

  end(reason = "") {
    forget();
    this.#ended();
    this.#ask(reason);
  }

  async #enter(token) {
    this.#fail("");
    try {
      await ask("ops/flow", undefined, { Authorization: `Bearer ${token}` });
    } catch (error) {
      this.#fail(REASONS[error.status] ?? `The service could not be asked: ${error.message}`);
      this.#token.focus();
      return;
    }
    keep(token);
    this.#token.value = "";
    this.#begin();
    document.getElementById("content").focus(STAY); // the form that had it is gone
  }

  #begin() {
    const claims = claimsOf(kept());
    this.#who.textContent = claims ? `${claims.role} ${claims.sub}` : "";
    this.#begun();
  }

  #ask(reason) {
    this.#fail(reason);
    this.#token.focus(STAY);
  }

  #fail(reason) {
    this.#failure.textContent = reason;
    this.#token.toggleAttribute("aria-invalid", Boolean(reason));
  }
}
