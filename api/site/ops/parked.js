// Parked streams: one row for each, whichever read models have parked it, and the button that retries it in all.

import { el } from "./dom.js";
import { action } from "./action.js";
import { Batch, each } from "./batch.js";
import { count, moment, one } from "./figures.js";
import { More } from "./more.js";
import { rebuild } from "./rebuilds.js";
import { Rows } from "./rows.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { write } from "./text.js";
import { streamLink } from "./value.js";

const WORDS = {
  mended: "mended",
  parked: "still parked",
  rebuild: "to be rebuilt",
  busy: "being retried, look again",
  refused: "refused",
};

const unique = (values) => [...new Set(values)].sort();

/** What is listed for each generation, as one thing for each stream. */
export function byStream(parked) {
  const places = Map.groupBy(parked, ({ stream }) => stream);
  return [...places].map(([stream, its]) => ({ stream, places: its }));
}

const ofRemedy = ({ places }, remedy) => unique(places.filter((place) => place.remedy === remedy).map(({ read_model: name }) => name));

function outcome({ results }) {
  const told = Map.groupBy(results, ({ result, detail }) => `${WORDS[result] ?? result}${result === "parked" || result === "refused" ? `: ${detail}` : ""}`);
  return [...told].map(([words, its]) => `${unique(its.map(({ read_model: name }) => name)).join(", ")} ${words}`).sort().join("; ");
}

function placesOf() {
  const [summary, list] = [el("summary"), el("ul", { class: "places" })];
  const rows = new Rows(list, (place) => `${place.read_model} ${place.generation}`, () => {
    const element = el("li");
    return {
      element,
      show: (place) => write(element, `${place.read_model} g${place.generation}: partition ${place.partition}, position ${count(place.seq)}${place.remedy === "none" ? ", goes by itself" : ""}${place.own ? `: ${place.error}` : ""}`),
    };
  });
  const show = ({ places }) => {
    write(summary, one(unique(places.map(({ read_model: name }) => name)).length, "read model"));
    const own = unique(places.map(({ error }) => error)).length > 1;
    rows.show(places.map((place) => ({ ...place, own })));
  };
  return { element: el("details", {}, summary, list), show };
}

export class Parked {
  #changed;
  #rebuilt;
  #table;
  #batch;
  more;

  /** `changed` is called when something was done, `rebuilt` when a rebuild was asked for. */
  constructor(section, changed, rebuilt) {
    this.#changed = changed;
    this.#rebuilt = rebuilt;
    this.more = new More("parked streams", 200, changed);
    this.#batch = new Batch("parked stream", ({ stream }) => stream, [["Retry", (streams) => this.#retry(streams)]]);
    const columns = [
      this.#batch.column,
      { title: "Stream", kind: "id", make: ({ stream }) => ({ element: streamLink(stream) }) },
      { title: "Parked in", kind: "reason", make: placesOf },
      { title: "Since (UTC)", kind: "time", text: ({ places }) => moment(places.map(({ since }) => since).sort()[0]) },
      { title: "Reason", kind: "reason", text: ({ places }) => unique(places.map(({ error }) => error)).join("; ") },
      { title: "Waiting", kind: "number", text: ({ places }) => count(Math.max(...places.map(({ waiting }) => waiting))) },
      { title: "Actions", kind: "actions", make: (parked) => this.#button(parked) },
    ];
    this.#table = new Table("Parked streams", columns, ({ stream }) => stream, "✓ There are none.");
    section.append(this.#batch.element, this.#table.element, this.more.element);
  }

  /** Returns how many streams need somebody. */
  show({ parked, more }) {
    const streams = byStream(parked);
    this.more.show(more);
    this.#table.show(streams);
    this.#batch.show(streams);
    return streams.filter(({ places }) => places.some(({ remedy }) => remedy !== "none")).length;
  }

  /** What only a rebuild can mend has a button for that once nothing else of it is parked. */
  #button({ stream }) {
    let names = [];
    const retry = action("Retry", stream, () => this.#retry([stream]));
    const remake = action("Rebuild", `what has parked ${stream}`, () => rebuild(names, this.#rebuilt));
    const show = (parked) => {
      names = ofRemedy(parked, "rebuild");
      retry.hidden = !ofRemedy(parked, "retry").length;
      remake.hidden = !retry.hidden || !names.length;
    };
    return { element: el("span", { class: "buttons" }, retry, remake), show };
  }

  async #retry(streams) {
    const told = await each(streams, async (stream) => outcome(await ask("ops/parked/retry", { stream })));
    document.getElementById("parked-title").focus();
    this.#changed();
    return told;
  }
}
