// Read models with their partitions, and rebuilding each with progress.

import { el } from "./dom.js";
import { action } from "./action.js";
import { each } from "./batch.js";
import { count, duration, moment, one, rate } from "./figures.js";
import { question } from "./question.js";
import { say } from "./said.js";
import { ask } from "./service.js";
import { Table } from "./table.js";
import { mark, write } from "./text.js";

const OPEN = new Set(["requested", "running", "ready"]);
const TEXT =
  "A new generation is built beside the live one, while commands keep coming and readers keep reading. Then it is put in service in one step.";

export const isOpen = (rebuild) => OPEN.has(rebuild?.state);

/** Asks first; `changed` is called once rebuilds are requested. */
export async function rebuild(names, changed) {
  const yes = await question({ title: `Rebuild ${names.join(" and ")}?`, text: TEXT, action: "Rebuild" });
  if (yes === null) return null;
  const told = await each(names, (name) => ask("ops/rebuilds", { read_model: name }).then(() => "rebuild requested"));
  changed();
  return told;
}

function outcome({ state, error, result, finished_at: at, phase }) {
  if (state === "requested") return "↻ requested, waiting for a process that projects";
  if (state === "running" || state === "ready") return `↻ ${phase ?? state}`;
  if (state === "succeeded") {
    const told = result ? ` · ${one(result.commits, "commit")} in ${duration(result.seconds)}, ${one(result.differences, "difference")}` : "";
    return `✓ rebuilt ${moment(at)}${told}`;
  }
  return `⚠ ${state} ${moment(at)}${error ? `: ${error}` : ""}`;
}

class Progress {
  #words = el("span", { class: "words" });
  #pace = el("span", { class: "pace" });
  #bar;

  constructor(name) {
    this.#bar = el("progress", { "aria-label": `Rebuild of ${name}`, hidden: true });
    this.element = el("span", { class: "progress" }, this.#words, this.#bar, this.#pace);
  }

  show({ rebuild }) {
    const running = isOpen(rebuild);
    write(this.#words, rebuild ? outcome(rebuild) : "");
    mark(this.#words, "alarm", rebuild?.state === "failed");
    this.#bar.hidden = !running;
    const known = running && rebuild.total > 0;
    if (known) {
      this.#bar.max = rebuild.total;
      this.#bar.value = rebuild.done;
    } else {
      this.#bar.removeAttribute("value");
    }
    const left = rebuild?.left_s === null || rebuild?.left_s === undefined ? "" : `, ${duration(rebuild.left_s)} left`;
    write(this.#pace, known ? `${count(rebuild.done)} of ${count(rebuild.total)} at ${rate(rebuild.per_s)}/s${left}` : "");
  }
}

export class Rebuilds {
  #changed;
  #table;
  #models = [];
  #rebuilds = new Map();

  /** `changed` is called when something was done. */
  constructor(section, changed) {
    this.#changed = changed;
    const columns = [
      { title: "Read model", text: ({ name }) => name },
      { title: "Generation", kind: "number", text: ({ generation }) => `g${generation}` },
      { title: "Version", kind: "number", text: ({ version }) => count(version) },
      { title: "Applied", kind: "number", text: ({ applied }) => count(applied) },
      { title: "Behind", kind: "number", text: ({ lag }) => count(lag) },
      { title: "Rebuild", kind: "reason", make: ({ name }) => progress(name) },
      { title: "Actions", kind: "actions", make: ({ name }) => this.#buttons(name) },
    ];
    this.#table = new Table("Read models", columns, ({ name }) => name, "There is no read model yet.");
    section.append(this.#table.element);
  }

  models(models) {
    this.#models = models;
    this.#show();
  }

  show({ rebuilds }) {
    for (const rebuild of rebuilds) this.#tell(this.#rebuilds.get(rebuild.read_model), rebuild);
    this.#rebuilds = new Map(rebuilds.map((rebuild) => [rebuild.read_model, rebuild]));
    this.#show();
  }

  #show() {
    this.#table.show(this.#models.map((model) => ({ ...model, rebuild: this.#rebuilds.get(model.name) })));
  }

  /** The end of one is said; its progress can be looked at. */
  #tell(before, rebuild) {
    if (isOpen(before) && !isOpen(rebuild)) say(`${rebuild.read_model}: ${outcome(rebuild)}`);
  }

  #buttons(name) {
    const start = action("Rebuild", name, () => rebuild([name], this.#changed));
    const stop = action("Stop", `the rebuild of ${name}`, () => this.#stop(name));
    const show = ({ rebuild }) => {
      const [shown, other] = isOpen(rebuild) ? [stop, start] : [start, stop];
      const focused = document.activeElement === other;
      shown.hidden = false;
      other.hidden = true;
      if (focused) shown.focus();
    };
    return { element: el("span", { class: "buttons" }, start, stop), show };
  }

  async #stop(name) {
    await ask(`ops/rebuilds/${encodeURIComponent(name)}/stop`, {});
    this.#changed();
    return `${name}: the rebuild is being stopped`;
  }
}

function progress(name) {
  const made = new Progress(name);
  return { element: made.element, show: (shown) => made.show(shown) };
}
