// What needs an operator, at the top of the page; if there is nothing, it says that.

import { el } from "./dom.js";
import { one } from "./figures.js";
import { Rows } from "./rows.js";
import { write } from "./text.js";

const PARKED = / parked streams?:/; // told from their own list

function ofSnapshot({ away, commands, read_models: models, processes }) {
  const found = (away ?? []).map((part) => ["#flow", `${part} is away: what it knows is missing here`]);
  if (commands.workers === 0) found.push(["#flow", "No process decides commands"]);
  for (const { kind, host, pid, well } of processes) {
    if (!well) found.push(["#flow", `The process ${kind} ${host}:${pid} is silent`]);
  }
  for (const { name, attention } of models) {
    for (const line of attention.filter((each) => !PARKED.test(each))) found.push(["#read-models", line.includes(name) ? line : `${name}: ${line}`]);
  }
  return found;
}

function ofQueues(queues) {
  return queues
    .filter(({ stranded }) => stranded?.total > 0)
    .map(({ queue }) => ["#queues", `Work is stranded on the queue ${queue}`]);
}

export class Attention {
  #parts = { flow: [], queues: [], dead: [], parked: [] };
  #well = el("p", { class: "well" }, "✓ Nothing needs an operator");
  #list = el("ul");
  #rows = new Rows(this.#list, ([, text]) => text, ([address, text]) => ({
    element: el("li", {}, "⚠ ", el("a", { href: address }, text)),
    show: () => {},
  }));

  constructor(section) {
    section.append(this.#well, this.#list);
  }

  snapshot(snapshot) {
    this.#set("flow", ofSnapshot(snapshot));
  }

  queues(queues) {
    this.#set("queues", ofQueues(queues));
  }

  dead(count) {
    this.#set("dead", count ? [["#dead", `${one(count, "dead letter")}: retry or discard`]] : []);
  }

  parked(count) {
    this.#set("parked", count ? [["#parked", `${one(count, "parked stream")}: mend and retry`]] : []);
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
