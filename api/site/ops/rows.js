// Elements by key: what stays keeps its element, and with it the focus and what is open in it.

export class Rows {
  #parent;
  #key;
  #make;
  #rows = new Map();

  /** `make(item)` gives `{element, show(item)}`. */
  constructor(parent, key, make) {
    this.#parent = parent;
    this.#key = key;
    this.#make = make;
  }

  show(items) {
    const before = this.#rows;
    this.#rows = new Map(items.map((item) => [this.#key(item), before.get(this.#key(item)) ?? this.#make(item)]));
    for (const [key, row] of before) {
      if (!this.#rows.has(key)) row.element.remove();
    }
    for (const [index, item] of items.entries()) {
      const { element, show } = this.#rows.get(this.#key(item));
      if (this.#parent.children[index] !== element) this.#parent.insertBefore(element, this.#parent.children[index] ?? null);
      show(item);
    }
  }
}
