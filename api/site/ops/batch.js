// Several rows at once: a box at each, one for all of them, and buttons for those that are chosen.

import { el } from "./dom.js";
import { action } from "./action.js";
import { one } from "./figures.js";
import { write } from "./text.js";

const AT_ONCE = 4;

export class Batch {
  #key;
  #noun;
  #items = [];
  #chosen = new Set();
  #all = el("input", { type: "checkbox" });
  #words = el("span");
  #buttons;

  /** `key` names an item, which is one of the `noun`; `acts` are `[name, act(keys), kind]`. */
  constructor(noun, key, acts) {
    this.#key = key;
    this.#noun = noun;
    this.#buttons = el("span", { class: "buttons" }, acts.map(([name, act, kind]) => action(name, `the chosen ${noun}s`, () => act([...this.#chosen]), kind)));
    this.#all.addEventListener("change", () => this.#choose(this.#all.checked ? this.#items.map(key) : []));
    this.element = el("p", { class: "batch", hidden: true }, el("label", {}, this.#all, this.#words), this.#buttons);
  }

  /** The column of a table with the boxes. */
  get column() {
    return { title: "Chosen", kind: "pick", make: (item) => this.#box(this.#key(item)) };
  }

  show(items) {
    this.#items = items;
    const keys = new Set(items.map(this.#key));
    this.#choose([...this.#chosen].filter((key) => keys.has(key)));
    this.element.hidden = items.length < 2;
  }

  #box(key) {
    const box = el("input", { type: "checkbox", value: key, "aria-label": `Choose ${key}` });
    box.addEventListener("change", () => this.#choose(box.checked ? [...this.#chosen, key] : [...this.#chosen].filter((other) => other !== key)));
    return { element: box, show: () => (box.checked = this.#chosen.has(key)) };
  }

  #choose(keys) {
    this.#chosen = new Set(keys);
    this.#all.checked = keys.length > 0 && keys.length === this.#items.length;
    this.#all.indeterminate = keys.length > 0 && !this.#all.checked;
    this.#buttons.hidden = !keys.length;
    write(this.#words, keys.length ? `${keys.length} of ${one(this.#items.length, this.#noun)} chosen` : `Choose all ${one(this.#items.length, this.#noun)}`);
    for (const box of this.element.parentElement?.querySelectorAll(".pick input") ?? []) box.checked = this.#chosen.has(box.value);
  }
}

/** Do something to each, a few at a time; resolves to what is to be said of it, the same words once. */
export async function each(keys, act) {
  const left = [...keys];
  const told = new Map();
  const work = async () => {
    for (let key = left.shift(); key !== undefined; key = left.shift()) {
      const words = await act(key).catch((error) => error.message);
      told.set(words, [...(told.get(words) ?? []), key]);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...told].map(([words, its]) => `${its.length === 1 ? its[0] : `${its.length} of ${keys.length}`}: ${words}`).join("; ");
}
