// Asking again and again: at rest while nobody looks, slower while the service is away.

import { Away, ask } from "./service.js";

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
    try {
      const answer = await ask(this.#path());
      if (turn !== this.#turn) return;
      this.#failures = 0;
      this.#shown(answer);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#failures += error instanceof Away ? 1 : 0;
      this.#failed(error);
    }
    if (turn === this.#turn && !document.hidden) {
      const pause = Math.min(this.#everyMs * 2 ** Math.min(this.#failures, 8), Math.max(SLOWEST_MS, this.#everyMs));
      this.#timer = setTimeout(() => this.#ask(turn), pause);
    }
  }
}
