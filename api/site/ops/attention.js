// What needs an operator, at the top of the page; if there is nothing, it says that.

import { el } from "./dom.js";
import { action } from "./action.js";
import { one } from "./figures.js";
import { rebuild } from "./rebuilds.js";
import { Rows } from "./rows.js";
import { write } from "./text.js";

const PARKED = / parked streams?:/; // told from their own list
const REBUILD = /^(.*): python -m read_side rebuild (\w+)$/; // for which there is a button

function ofSnapshot({ away, commands, read_models: models, processes }) {
  const found = (away ?? []).map((part) => ["#flow", `${part} is away: what it knows is missing here`]);
  if (commands.workers === 0) found.push(["#flow", "No process decides commands"]);
  for (const { kind, host, pid, well } of processes) {
    if (!well) found.push(["#flow", `The process ${kind} ${host}:${pid} is silent`]);
  }
  for (const { name, attention } of models) {
    for (const line of attention.filter((each) => !PARKED.test(each))) {
      const rebuilt = line.match(REBUILD);
      const text = rebuilt ? rebuilt[1] : line;
      found.push(["#read-models", text.includes(name) ? text : `${name}: ${text}`, rebuilt?.[2]]);
    }
  }
  return found;
}

function ofQueues(queues) {
  return queues
    .filter(({ stranded }) => stranded?.total > 0)
    .map(({ queue }) => ["#queues", `Work is stranded on the queue ${queue}`]);
}

export class Attention {
  #parts = { away: [], flow: [], queues: [], dead: [], parked: [] };
  #well = el("p", { class: "well" }, "✓ Nothing needs an operator");
  #list = el("ul");
  #rows = new Rows(this.#list, ([, text]) => text, ([address, text, model]) => ({
    element: el("li", {}, el("span", {}, "⚠ ", el("a", { href: address }, text)), model ? action("Rebuild", `${model} now`, () => rebuild([model], this.#rebuilt)) : null),
    show: () => {},
  }));
  #rebuilt;

  /** `rebuilt` is called when a rebuild was asked for. */
  constructor(section, rebuilt) {
    this.#rebuilt = rebuilt;
    section.append(this.#well, this.#list);
  }

  /** `since` when there is no answer, or "" if there was none at all. */
  away(since) {
    this.#set("away", [["#flow", `No answer${since && ` since ${since} UTC: what is shown is of then`}`]]);
  }

  snapshot(snapshot) {
    this.#parts.away = [];
    this.#set("flow", ofSnapshot(snapshot));
  }

  queues(queues) {
    this.#set("queues", ofQueues(queues));
  }

  dead(count) {
    this.#set("dead", count ? [["#dead", `${one(count, "dead letter")}: retry or discard`]] : []);
  }

  parked(count) {
    this.#set("parked", count ? [["#parked", `${one(count, "parked stream")}: mend the cause and retry`]] : []);
  }

  #set(part, found) {
    this.#parts[part] = found;
    const all = [...new Map(Object.values(this.#parts).flat().map((each) => [each[1], each])).values()];
    this.#rows.show(all);
    this.#list.hidden = !all.length;
    this.#well.hidden = Boolean(all.length);
    const title = document.getElementById("attention-title");
    write(title, all.length ? `${one(all.length, "thing needs", "things need")} an operator` : "What needs an operator");
    document.title = all.length ? `(${all.length}) Twofold operations` : "Twofold operations";
  }
}
