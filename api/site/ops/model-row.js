// One read model in the flow: how far it is behind the log, and how long until it shows what was accepted.

import { el } from "./dom.js";
import { count, duration, percentiles } from "./figures.js";
import { Charted } from "./stage.js";
import { mark, write } from "./text.js";

const BEHIND_S = 10; // beyond what a busy system needs: somebody should look

function state({ parked, attention, lag, lag_s: lagS, rebuilding }) {
  if (parked) return ["parked", `⚠ ${count(parked)} parked`];
  if (attention.length) return ["alarm", "⚠ needs attention"];
  if (lag && lagS > BEHIND_S) return ["alarm", `⚠ ${duration(lagS)} behind`];
  if (rebuilding) return ["working", "↻ being rebuilt"];
  return ["well", "✓ well"];
}

export class ModelRow {
  #name;
  #state = el("span", { class: "state" });
  #generation = el("small");
  #behind = new Charted("Behind", (value) => `${count(value)} commits`);
  #visible = new Charted("Visible in p50 · p99", duration);

  constructor(name) {
    this.#name = name;
    this.element = el(
      "li",
      { class: "model", "data-model": name },
      el("h4", {}, name, " ", this.#generation, this.#state),
      el("div", { class: "charts" }, this.#behind.element, this.#visible.element),
    );
    this.show = this.show.bind(this);
  }

  show(model) {
    const { history } = model;
    const mine = (snapshot) => snapshot.read_models.find(({ name }) => name === this.#name);
    const [kind, words] = state(model);
    write(this.#generation, `g${model.generation}`);
    write(this.#state, words);
    for (const each of ["parked", "alarm", "working", "well"]) mark(this.#state, each, each === kind);
    const lag = history.gauge((one) => mine(one)?.lag);
    const [slow, usual] = ["p99", "p50"].map((p) => history.gauge((one) => mine(one)?.visible_seconds?.[p]));
    this.#behind.show(count(model.lag), history, lag);
    this.#visible.show(percentiles(model.visible_seconds), history, slow, usual);
  }
}
