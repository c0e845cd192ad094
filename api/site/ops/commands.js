// The newest commands, all or those of one outcome; the address names the outcome, so that it can be linked.

import { el } from "./dom.js";
import { moment } from "./figures.js";
import { More } from "./more.js";
import { badge } from "./story-commands.js";
import { Table } from "./table.js";
import { storyLink, streamLink } from "./value.js";

const PLACE = "#commands";
const OUTCOMES = ["", "accepted", "succeeded", "rejected", "failed"];

const COLUMNS = [
  { title: "Id", kind: "id", make: ({ command_id: id }) => ({ element: storyLink(id) }) },
  { title: "What", text: ({ type }) => type },
  { title: "Outcome", make: ({ status }) => ({ element: badge(status) }) },
  { title: "Stream", kind: "id", make: ({ stream }) => ({ element: streamLink(stream) }) },
  { title: "By", kind: "id", text: ({ by }) => by },
  { title: "When (UTC)", kind: "time", text: ({ accepted_at: accepted, finished_at: finished }) => moment(finished ?? accepted) },
  { title: "Reason", kind: "reason", text: ({ problem }) => problem?.detail || problem?.title || "" },
];

export class Commands {
  #outcome = "";
  #changed;
  #buttons;
  #table = new Table("Recent commands", COLUMNS, ({ command_id: id, status }) => `${id} ${status}`, "There are none.");
  #more;

  /** `changed` is called when others are wanted. */
  constructor(section, changed) {
    this.#changed = changed;
    this.#more = new More("commands", 20, changed);
    this.#buttons = OUTCOMES.map((outcome) => el("button", { type: "button", onclick: () => this.#choose(outcome) }, outcome || "all"));
    section.append(el("div", { class: "filter", role: "group", "aria-label": "Outcome" }, this.#buttons), this.#table.element, this.#more.element);
    this.#select("");
  }

  get path() {
    return `ops/commands?limit=${this.#more.limit}${this.#outcome && `&status=${this.#outcome}`}`;
  }

  show({ commands, more }) {
    this.#more.show(more);
    this.#table.show(commands);
  }

  /** The outcome that an address names, if it names these commands. */
  place(hash) {
    const [place, outcome = ""] = hash.split("/");
    if (place === PLACE && OUTCOMES.includes(outcome)) this.#select(outcome);
  }

  #choose(outcome) {
    history.replaceState(null, "", outcome ? `${PLACE}/${outcome}` : PLACE);
    this.#select(outcome);
    this.#changed();
  }

  #select(outcome) {
    this.#outcome = outcome;
    for (const [index, button] of this.#buttons.entries()) button.setAttribute("aria-pressed", String(OUTCOMES[index] === outcome));
  }
}
