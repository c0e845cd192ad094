// The flow as it is: API, commands, log, read models; drawn from the differences of the service's snapshots.

import { el } from "./dom.js";
import { count, duration, percentiles, rate } from "./figures.js";
import { History, latest, recent } from "./history.js";
import { ModelRow } from "./model-row.js";
import { Processes } from "./processes.js";
import { Rows } from "./rows.js";
import { Charted, Facts, Stage } from "./stage.js";

const waitingIn = ({ waiting, in_flight: inFlight }) => (waiting === null ? null : waiting + inFlight);
const perSecond = (value) => `${rate(value)} a second`;

export class Flow {
  #history = new History();
  #processes = new Processes();
  #requests = new Charted("Requests a second", perSecond, { bare: true });
  #answered = new Charted("Answered in, mean", duration);
  #answering = new Facts(["Refused", "Processes"]);
  #handled = new Charted("Handled a second", perSecond);
  #depth = new Charted("Waiting and in flight", count);
  #commands = new Facts(["Handled in p50 · p99", "Rejected", "Failed or dead", "Delayed", "Oldest", "Processes"], {
    Rejected: "#commands/rejected",
    "Failed or dead": "#dead",
  });
  #commits = new Charted("Commits a second", perSecond, { bare: true });
  #log = new Facts(["Commits in all", "Partitions", "Gaps closed"]);
  #stages = {
    api: new Stage("api", "API", "requests a second", "checks and keeps", this.#requests, this.#answered, this.#answering),
    commands: new Stage("commands", "Commands", "accepted a second", "are decided in order", this.#handled, this.#depth, this.#commands),
    log: new Stage("log", "Log", "commits a second", "is the truth", this.#commits, this.#log),
  };
  #models;

  constructor(section) {
    const list = el("ul", { class: "models" });
    this.#models = new Rows(list, ({ name }) => name, ({ name }) => new ModelRow(name));
    const models = new Stage("read-models", "Read models", "", "fold the log: how far behind, and how long until it shows", { element: list });
    const { api, commands, log } = this.#stages;
    section.append(
      el("ol", { class: "pipeline" }, api.element, commands.element, log.element, models.element),
      this.#processes.element,
    );
  }

  show(snapshot) {
    const history = this.#history;
    history.add(snapshot);
    this.#showApi(history, snapshot);
    this.#showCommands(history, snapshot);
    this.#showLog(history, snapshot);
    this.#models.show(snapshot.read_models.map((model) => ({ ...model, history })));
    this.#processes.show(snapshot.processes);
  }

  #showApi(history, { api }) {
    const requests = history.rate((one) => one.api.requests);
    this.#stages.api.show(rate(recent(requests)));
    this.#requests.show("", history, requests);
    const took = history.mean((one) => one.api.seconds_sum, (one) => one.api.seconds_count);
    this.#answered.show(duration(recent(took)), history, took);
    this.#answering.show("Refused", count(api.refused));
    this.#answering.show("Processes", count(api.workers), api.workers === 0);
  }

  #showCommands(history, { commands }) {
    const accepted = history.rate((one) => one.commands.accepted);
    const handled = history.rate((one) => one.commands.succeeded + one.commands.rejected + one.commands.failed);
    const depth = history.gauge((one) => waitingIn(one.commands));
    this.#stages.commands.show(rate(recent(accepted)));
    this.#handled.show(rate(recent(handled)), history, handled);
    this.#depth.show(count(latest(depth)), history, depth);
    const facts = this.#commands;
    facts.show("Handled in p50 · p99", percentiles(commands.handled_seconds));
    facts.show("Rejected", count(commands.rejected));
    const lost = commands.dead + commands.failed_open;
    facts.show("Failed or dead", count(lost), lost > 0);
    facts.show("Delayed", count(commands.delayed));
    facts.show("Oldest", duration(commands.oldest_s));
    facts.show("Processes", count(commands.workers), commands.workers === 0);
  }

  #showLog(history, { log }) {
    const commits = history.rate((one) => one.log.commits);
    this.#stages.log.show(rate(recent(commits)));
    this.#commits.show("", history, commits);
    this.#log.show("Commits in all", count(log.commits));
    this.#log.show("Partitions", count(log.partitions));
    this.#log.show("Gaps closed", count(log.holes_closed));
  }
}
