// The panel: one site, or one demand's story. Opened by the address (#/sites/NAME, #/demands/ID).
import { ApiError, get, post, request, type Demand, type Page, type Placement, type Site, type StoryLine, type Why } from "./api";
import { byId, h, replace } from "./dom";
import { clock, cores, count, duration, memory, percent } from "./format";
import { pill, siteLink } from "./lists";
import { markSelected } from "./map";
import { conditionText, ended, state } from "./state";

const LOG_CHARACTERS_MAX = 200_000;

let shown = "";
let opener: HTMLElement | null = null;
let logs: AbortController | null = null;
let logText = "";
let logFor = "";

export function shownDemand(): string {
	return shown.startsWith("demands/") ? shown.slice(8) : "";
}

function head(title: string, ...rest: (Node | string | null)[]): HTMLElement {
	return h("header", {}, h("h2", { tabindex: -1 }, title), h("button", { type: "button", class: "close", "data-key": "close", "aria-label": "Close", onclick: close }, "×"), h("p", {}, ...rest.filter((part) => part !== null)));
}

function rows(pairs: [string, Node | string | null][]): HTMLElement {
	return h("dl", {}, ...pairs.filter(([, value]) => value !== null && value !== "").flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function siteParts(site: Site, demands: Demand[]): HTMLElement[] {
	return [
		head(site.title, pill(conditionText(site).replace(", draining", " draining")), " ", site.engine === "simulated" ? h("span", { class: "tag" }, "simulated") : h("span", { class: "tag" }, site.engine)),
		rows([["Name", site.name], ["Tier", site.tier], ["Region", site.region], ["Operator", site.operator],
			["Since", site.condition_since_us ? clock(site.condition_since_us) : ""], ["Draining", site.draining ? site.drain_reason || "by hand" : ""],
			["Nodes", count(site.nodes)], ["Cores free", `${cores(site.cpu_free_milli)} of ${cores(site.cpu_milli)}`],
			["Memory free", `${memory(site.memory_free_mib)} of ${memory(site.memory_mib)}`],
			["Chips free", site.chips ? `${count(site.chips_free)} of ${count(site.chips)}` : "none"], ["Agent", site.agent]]),
		site.chip_uses.length ? h("table", {}, h("tbody", {}, ...site.chip_uses.map((use) => h("tr", {}, h("td", {}, use.model), h("td", { class: "number" }, `${count(use.free)} of ${count(use.count)} free`))))) : h("p", { class: "empty" }, "No chips."),
		...site.notes.map((note) => h("p", { class: "remark" }, note)),
		h("h3", {}, "Demands here"),
		demands.length ? h("ul", {}, ...demands.map((demand) => h("li", {}, h("a", { href: `#/demands/${demand.id}` }, demand.name), " ", pill(demand.state)))) : h("p", { class: "empty" }, "None at the moment."),
	];
}

function placementRow(placement: Placement): HTMLElement {
	const workers = placement.workers ?? [];
	const chips = workers.reduce((sum, worker) => sum + worker.chips.length, 0);
	const outcome = placement.outcome && placement.outcome !== "none" ? placement.outcome : placement.state;
	return h("tr", {}, h("td", {}, `${placement.replica}.${placement.attempt}`), h("td", {}, siteLink(placement.site)), h("td", {}, pill(outcome)),
		h("td", {}, workers.length ? `${workers.length} × ${workers[0].node}${workers.length > 1 ? " …" : ""}` : "", chips ? `, ${chips} ${workers[0].chip_model}` : ""),
		h("td", {}, placement.message || (placement.exit_code > 0 ? `exit ${placement.exit_code}` : placement.exit_signal > 0 ? `signal ${placement.exit_signal}` : "")));
}

function whyParts(why: Why | null): (HTMLElement | null)[] {
	if (!why) return [];
	return [h("h3", {}, "Why"), h("p", { class: "why-summary" }, why.summary),
		h("ul", { class: "why" }, ...why.groups.map((group) => h("li", { class: group.never ? "never" : "busy" }, group.sentence)))];
}

function logPart(demand: Demand): HTMLElement[] {
	const output = h("pre", { class: "log", tabindex: 0, "data-key": "log", "aria-label": "Output" }, logFor === demand.id ? logText : "");
	const button = h("button", { type: "button", "data-key": "follow", onclick: () => void followLog(demand.id) }, logs && logFor === demand.id ? "Stop" : ended(demand.state) ? "Show output" : "Follow output");
	return [h("h3", {}, "Output"), button, output];
}

function drawLog(): void {
	const output = byId("panel").querySelector<HTMLElement>("pre.log");
	if (!output) return;
	const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 30;
	output.textContent = logText;
	if (atEnd) output.scrollTop = output.scrollHeight;
}

function stopLog(): void {
	logs?.abort();
	logs = null;
}

async function followLog(id: string): Promise<void> {
	if (logs) {
		stopLog();
		void draw();
		return;
	}
	const mine = (logs = new AbortController());
	logFor = id;
	logText = "";
	void draw();
	try {
		const answer = await request(`/v1/demands/${id}/logs?follow=true`, { signal: mine.signal, headers: { Accept: "text/plain" } });
		if (!answer.ok || !answer.body) throw new ApiError(answer.status, await answer.text());
		const reader = answer.body.getReader(), decoder = new TextDecoder();
		for (;;) {
			const { value, done } = await reader.read();
			if (done) break;
			logText = (logText + decoder.decode(value, { stream: true })).slice(-LOG_CHARACTERS_MAX);
			drawLog();
		}
		if (!logText) logText = "(no output)";
	} catch (error) {
		if (mine.signal.aborted) return;
		logText += error instanceof ApiError ? `\n(${error.status}: no output can be read)` : "\n(the connection broke off)";
	}
	if (logs === mine) logs = null;
	void draw();
}

async function cancel(id: string): Promise<void> {
	try {
		await post(`/v1/demands/${id}/cancel`, {});
		state.touch(true);
	} catch (error) {
		window.alert(error instanceof Error ? error.message : "it could not be cancelled");
	}
	void draw();
}

function demandParts(demand: Demand, story: StoryLine[], why: Why | null): (HTMLElement | null)[] {
	const shape = `${demand.cpu_milli / 1000} cores, ${memory(demand.memory_mib)}${demand.chip_milli ? `, ${demand.chip_milli / 1000} chips` : ""}`;
	return [
		head(demand.name, pill(demand.state), " ", demand.simulated ? h("span", { class: "tag" }, "simulated") : null),
		h("p", { class: "reason" }, demand.reason),
		demand.title ? h("p", {}, demand.title) : null,
		demand.state === "running" && demand.progress_permille >= 0 ? h("progress", { max: 1000, value: demand.progress_permille, "aria-label": percent(demand.progress_permille / 1000) }) : null,
		rows([["Id", demand.id], ["Tenant", demand.tenant], ["Kind", demand.kind], [demand.kind === "service" ? "Replicas" : "Workers", `${count(demand.workers)} × (${shape})`],
			["Priority", String(demand.priority)], ["Accepted", clock(demand.accepted_us)], ["Started", clock(demand.started_us)],
			["Ended", demand.ended_us ? `${clock(demand.ended_us)}${demand.started_us ? `, after ${duration(demand.ended_us - demand.started_us)}` : ""}` : ""],
			["Command", demand.spec?.command?.length ? h("code", {}, demand.spec.command.join(" ")) : ""]]),
		!ended(demand.state) && demand.state !== "stopping" ? h("button", { type: "button", "data-key": "cancel", onclick: () => void cancel(demand.id) }, "Cancel it") : null,
		...whyParts(why),
		demand.placements?.length ? h("h3", {}, "Placements") : null,
		demand.placements?.length ? h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, ...demand.placements.map(placementRow)))) : null,
		h("h3", {}, "Story"),
		h("ol", { class: "story" }, ...story.map((line) => h("li", {}, h("time", {}, clock(line.time_us)), " ", line.sentence))),
		...(demand.started_us ? logPart(demand) : []),
	];
}

async function parts(what: string): Promise<(HTMLElement | null)[]> {
	const name = what.slice(what.indexOf("/") + 1);
	if (what.startsWith("sites/")) {
		const [site, page] = await Promise.all([get<Site>(`/v1/sites/${encodeURIComponent(name)}`), get<Page<Demand>>(`/v1/demands?site=${encodeURIComponent(name)}&state=live&limit=50`)]);
		return siteParts(site, page.items);
	}
	const path = `/v1/demands/${encodeURIComponent(name)}`;
	const [demand, story] = await Promise.all([get<Demand>(path), get<{ items: StoryLine[] }>(`${path}/story`)]);
	const why = demand.state === "pending" ? await get<Why>(`${path}/why`) : null;
	return demandParts(demand, story.items, why);
}

export async function draw(): Promise<void> {
	const what = shown;
	if (!what) return;
	const panel = byId("panel"), fresh = panel.hidden || panel.dataset.shown !== what;
	let content: (HTMLElement | null)[];
	try {
		content = await parts(what);
	} catch (error) {
		if (!(error instanceof ApiError)) return;
		content = [head(what), h("p", { class: "empty" }, error.message)];
	}
	if (what !== shown) return;
	panel.hidden = false;
	panel.dataset.shown = what;
	replace(panel, ...content);
	drawLog();
	if (fresh) panel.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
}

export function close(): void {
	location.hash = "#/";
}

export function route(): void {
	const found = /^#\/(sites|demands)\/([\w.-]+)$/.exec(location.hash);
	const next = found ? `${found[1]}/${found[2]}` : "";
	if (next === shown) return;
	if (!shown && document.activeElement instanceof HTMLElement) opener = document.activeElement;
	stopLog();
	logText = "";
	shown = next;
	markSelected(next.startsWith("sites/") ? next.slice(6) : null);
	document.body.classList.toggle("with-panel", next !== "");
	if (!next) {
		byId("panel").hidden = true;
		byId("panel").replaceChildren();
		opener?.focus();
		opener = null;
	}
	void draw();
}
