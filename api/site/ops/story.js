// The whole story of an order, a customer, a product or a command; told again as long as it goes on.

import { el } from "./dom.js";
import { Poll } from "./poll.js";
import { badge, commands } from "./story-commands.js";
import { models } from "./story-models.js";
import { Trouble } from "./trouble.js";
import { fields, storyLink, streamLink } from "./value.js";

const EVERY_MS = 3000;
const UNKNOWN = new Set([400, 404, 422]); // there is no such thing, or nothing could be called that
const KINDS = { order: "Order", customer: "Customer", product: "Product", command: "Command" };

function summary(story) {
  const behind = story.read_models.filter((model) => !model.up_to_date || model.parked);
  if (!story.read_models.length) return null;
  return behind.length ? badge("accepted", `${behind.length} of ${story.read_models.length} read models are not up to date`) : badge("succeeded", "every read model is up to date");
}

function state({ state: found, version }) {
  if (!found) return null;
  return el("details", { "data-key": "state" }, el("summary", {}, `The state on the write side, at version ${version}`), fields(found));
}

function told(story) {
  return [
    el("p", { class: "line whole" }, "Stream ", streamLink(story.stream), ` in partition ${story.partition} `, summary(story)),
    story.also.length ? el("p", { class: "line" }, "The same id is that of ", story.also.map((kind) => [storyLink(story.id, `a ${kind}`, kind), " "])) : null,
    el(
      "div",
      { class: "columns" },
      el("section", { class: "panel", "aria-labelledby": "happened" }, el("h3", { id: "happened" }, "What happened"), commands(story), state(story)),
      el("section", { class: "panel", "aria-labelledby": "shown" }, el("h3", { id: "shown" }, "What the read models show"), models(story)),
    ),
  ];
}

export class Story {
  #address = "";
  #text = "";
  #title = document.getElementById("story-title");
  #place = document.getElementById("story-told");
  #trouble;
  #lost;
  #poll = new Poll(
    () => this.#address,
    EVERY_MS,
    (story) => this.#show(story),
    (error) => this.#fail(error),
  );

  /** `lost` is given what concerns the token. */
  constructor(section, lost) {
    this.#trouble = new Trouble(section);
    this.#lost = lost;
  }

  start({ id, kind }) {
    const address = `ops/stories/${encodeURIComponent(id)}${kind && `?kind=${encodeURIComponent(kind)}`}`;
    if (address !== this.#address) {
      this.#address = address;
      this.#text = "";
      this.#head("Story", id);
      this.#place.replaceChildren(el("p", { role: "status" }, "Looking for it …"));
    }
    this.#poll.now();
  }

  stop() {
    this.#poll.stop();
    this.#address = "";
  }

  #head(kind, id) {
    this.#title.replaceChildren(`${kind} `, el("span", { class: "subject" }, id));
  }

  #show(story) {
    this.#trouble.end();
    const text = JSON.stringify(story);
    if (text === this.#text) return;
    const first = !this.#text;
    this.#text = text;
    this.#head(KINDS[story.kind] ?? "Story", story.id);
    const open = this.#open();
    const inside = this.#place.contains(document.activeElement);
    this.#place.replaceChildren(...told(story).filter((part) => part !== null));
    if (!first) this.#reopen(open);
    if (first || inside) this.#title.focus({ preventScroll: true });
  }

  #details() {
    return [...this.#place.querySelectorAll("details[data-key]")];
  }

  #open() {
    return new Map(this.#details().map((each) => [each.dataset.key, each.open]));
  }

  #reopen(open) {
    for (const each of this.#details()) each.open = open.get(each.dataset.key) ?? each.open;
  }

  #fail(error) {
    if (error.concernsToken) this.#lost(error);
    else if (UNKNOWN.has(error.status)) this.#unknown();
    else this.#trouble.show(error);
  }

  #unknown() {
    this.#trouble.end();
    this.#text = "";
    this.#place.replaceChildren(el("p", { class: "panel", role: "alert" }, "Nothing is known of it. An id is looked for as that of an order, a customer, a product and a command."));
  }
}
