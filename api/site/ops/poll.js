// Asking again and again: at rest while nobody looks, slower while the service is away.

import { Away, ask } from "./service.js";
import { Trouble } from "./trouble.js";

const SLOWEST_MS = 10_000;

export class Poll {
  #path;
  #everyMs;
  #shown;
  #failed;
  #timer = null;
  #turn = 0; // 0 while stopped
  #failures = 0;

  /** `shown` is given each answer; `failed` each Refusal and Away. The path may be a function. */
  constructor(path, everyMs, shown, failed) {
    this.#path = typeof path === "function" ? path : () => path;
    this.#everyMs = everyMs;
    this.#shown = shown;
    this.#failed = failed;
    document.addEventListener("visibilitychange", () => {
      if (this.#turn && !document.hidden) this.now();
    });
  }

  /** A poll for a section, which says so itself when it cannot be told. `lost` is given what concerns the token,
   * `failed` all else. */
  static of(section, path, everyMs, shown, lost, failed = () => {}) {
    const trouble = new Trouble(section);
    const told = (answer) => {
      trouble.end();
      shown(answer);
    };
    return new Poll(path, everyMs, told, (error) => {
      if (error.concernsToken) return lost(error);
      trouble.show(error);
      failed(error);
    });
  }

  /** Ask at once, and then at the pace. What is still under way to an earlier question is not shown. */
  now() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    return this.#ask(this.#turn);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#turn = 0;
    this.#failures = 0;
  }

  async #ask(turn) {
    let answer;
    let error = null;
    try {
      answer = await ask(this.#path());
    } catch (caught) {
      error = caught;
    }
    if (turn !== this.#turn) return;
    this.#failures = error instanceof Away ? this.#failures + 1 : 0;
    if (!document.hidden) this.#timer = setTimeout(() => this.#ask(turn), this.#pause());
    if (error) this.#failed(error);
    else this.#shown(answer);
  }

  #pause() {
    return Math.min(this.#everyMs * 2 ** Math.min(this.#failures, 8), Math.max(SLOWEST_MS, this.#everyMs));
  }
}
