// The lists beside the map: summary, demands, sites, chips.
import type { Demand, Site } from "./api";
import { byId, h, replace } from "./dom";
import { clock, cores, count, duration, percent } from "./format";
import { conditionText, ended, load, state } from "./state";

const STATES = ["live", "ended", "pending", "placed", "running", "stopping", "succeeded", "failed", "timed-out", "cancelled"];
const SITES_SHOWN = 400;

export function pill(text: string): HTMLElement {
	return h("span", { class: `pill state-${text}` }, text);
}

export function siteLink(name: string): HTMLElement {
	const site = state.site(name);
	return h("a", { href: `#/sites/${name}`, "data-key": `to-${name}` }, name, site?.engine === "simulated" ? h("span", { class: "tag" }, "simulated") : null);
}

export function drawSummary(): void {
	const s = state.summary;
	if (!s) return;
	const box = (title: string, value: string, note: string): HTMLElement => h("div", { class: "box" }, h("span", { class: "name" }, title), h("span", { class: "value" }, value), h("span", { class: "note" }, note));
	const chips = s.tiers.reduce((sum, t) => sum + t.chips, 0), free = s.tiers.reduce((sum, t) => sum + t.chips_free, 0);
	const known = s.chips_domestic + s.chips_foreign;
	const demands = s.demands, live = (demands["pending"] ?? 0) + (demands["placed"] ?? 0) + (demands["running"] ?? 0) + (demands["stopping"] ?? 0);
	const done = (demands["succeeded"] ?? 0) + (demands["failed"] ?? 0) + (demands["timed-out"] ?? 0) + (demands["cancelled"] ?? 0);
	byId("network-title").textContent = s.title || s.network;
	byId("note").textContent = s.note;
	replace(byId("summary"),
		box("Sites up", `${count(s.sites_up)} / ${count(s.sites)}`, `${count(s.sites_simulated)} simulated${s.sites_draining ? `, ${s.sites_draining} draining` : ""}`),
		...s.tiers.map((t) => box(`${t.tier} chips free`, count(t.chips_free), `of ${count(t.chips)}, ${cores(t.cpu_free_milli)} cores free`)),
		box("Chips in use", chips ? percent(1 - free / chips) : "none", `${count(chips - free)} of ${count(chips)}`),
		box("Domestic chips", known ? percent(s.chips_domestic / known) : "none", `${count(s.chips_domestic)} of ${count(known)}`),
		box("Demands", `${count(demands["running"] ?? 0)} running`, `${count(demands["pending"] ?? 0)} pending, ${count(live)} live, ${count(done)} ended`));
}

function progress(demand: Demand): HTMLElement | null {
	if (demand.state !== "running" || demand.progress_permille < 0) return null;
	return h("progress", { max: 1000, value: demand.progress_permille, "aria-label": "progress" });
}

function when(demand: Demand): string {
	if (ended(demand.state)) return demand.started_us > 0 ? duration(demand.ended_us - demand.started_us) : clock(demand.ended_us);
	return duration(Date.now() * 1000 - (demand.started_us || demand.accepted_us));
}

function demandRow(demand: Demand): HTMLElement {
	const where = demand.sites ? demand.sites.split(",").slice(0, 2).map((name) => siteLink(name.trim())) : [];
	return h("tr", { "data-demand": demand.id, "data-state": demand.state },
		h("td", { class: "main" }, h("a", { href: `#/demands/${demand.id}`, "data-key": demand.id }, demand.name),
			demand.simulated ? h("span", { class: "tag" }, "simulated") : null),
		h("td", {}, pill(demand.state), progress(demand)), h("td", {}, ...where), h("td", { class: "number" }, when(demand)),
		h("td", { class: "reason" }, demand.reason));
}

function filterBar(): HTMLElement {
	const select = h("select", { "aria-label": "State", "data-key": "filter-state" }, h("option", { value: "" }, "all states"), ...STATES.map((name) => h("option", { value: name }, name)));
	const name = h("input", { type: "search", placeholder: "name", "aria-label": "Name", "data-key": "filter-name" });
	const tenant = h("input", { type: "search", placeholder: "tenant", "aria-label": "Tenant", "data-key": "filter-tenant" });
	const apply = (): void => {
		state.filter = { state: select.value, name: name.value.trim(), tenant: tenant.value.trim() };
		state.pages = 1;
		state.touch(false);
	};
	for (const control of [select, name, tenant]) control.addEventListener("change", apply);
	return h("div", { class: "filters" }, select, name, tenant);
}

let table: HTMLElement | null = null;

export function drawQueue(): void {
	if (!table) {
		table = h("div", { class: "scroll" });
		byId("queue").append(filterBar(), table);
	}
	const more = h("button", { type: "button", "data-key": "more", onclick: () => { state.pages++; state.touch(false); } }, "More");
	replace(table,
		h("table", { class: "cards" }, h("thead", {}, h("tr", {}, ...["Demand", "State", "Site", "Time", "Why"].map((title) => h("th", { scope: "col" }, title)))),
			h("tbody", {}, ...state.demands.map(demandRow))),
		state.demands.length === 0 ? h("p", { class: "empty" }, "No demands. Submit one: ./weir run -- sh -c 'echo hello from $WEIR_SITE'") : null,
		state.more ? more : null);
}

let wanted = "";
let siteTable: HTMLElement | null = null;

function siteRow(site: Site): HTMLElement {
	const share = load(site);
	return h("tr", { "data-site-row": site.name },
		h("td", { class: "main" }, h("a", { href: `#/sites/${site.name}`, "data-key": `row-${site.name}` }, site.title), site.engine === "simulated" ? h("span", { class: "tag" }, "simulated") : null),
		h("td", {}, site.tier), h("td", {}, pill(conditionText(site).replace(", draining", " draining"))), h("td", { class: "number" }, site.chips > 0 ? `${count(site.chips_free)} / ${count(site.chips)}` : "none"),
		h("td", { class: "number" }, share === null ? "" : percent(share)));
}

export function drawSites(): void {
	const host = byId("sites");
	if (host.hidden) return;
	if (!siteTable) {
		const search = h("input", { type: "search", placeholder: "name, title or region", "aria-label": "Find a site", "data-key": "find-site" });
		search.addEventListener("input", () => { wanted = search.value.toLowerCase(); drawSites(); });
		siteTable = h("div", { class: "scroll" });
		host.append(h("div", { class: "filters" }, search), siteTable);
	}
	const found = state.sites.filter((site) => !wanted || `${site.name} ${site.title} ${site.region}`.toLowerCase().includes(wanted));
	replace(siteTable,
		h("table", { class: "cards" }, h("thead", {}, h("tr", {}, ...["Site", "Tier", "Condition", "Chips free", "In use"].map((title) => h("th", { scope: "col" }, title)))),
			h("tbody", {}, ...found.slice(0, SITES_SHOWN).map(siteRow))),
		found.length > SITES_SHOWN ? h("p", { class: "empty" }, `${found.length - SITES_SHOWN} more; narrow the search`) : null);
}

export function drawChips(): void {
	const host = byId("chips");
	if (host.hidden || !state.summary) return;
	replace(host, h("div", { class: "scroll" },
		h("table", { class: "cards" }, h("thead", {}, h("tr", {}, ...["Chip", "Vendor", "Origin", "Free", "Waiting"].map((title) => h("th", { scope: "col" }, title)))),
			h("tbody", {}, ...state.summary.chips.map((chip) => h("tr", {}, h("td", { class: "main" }, chip.model), h("td", {}, chip.vendor), h("td", {}, chip.origin),
				h("td", { class: "number" }, `${count(chip.free)} / ${count(chip.count)}`), h("td", { class: "number" }, chip.waiting ? count(chip.waiting) : "")))))));
}

export function startTabs(): void {
	const names = ["queue", "sites", "chips"];
	const show = (name: string): void => {
		for (const other of names) {
			const tab = byId(`tab-${other}`);
			tab.setAttribute("aria-selected", String(other === name));
			tab.tabIndex = other === name ? 0 : -1;
			byId(other).hidden = other !== name;
		}
		drawSites();
		drawChips();
	};
	names.forEach((name, at) => {
		const tab = byId(`tab-${name}`);
		tab.addEventListener("click", () => show(name));
		tab.addEventListener("keydown", (event) => {
			const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
			if (!step) return;
			const next = names[(at + step + names.length) % names.length];
			show(next);
			byId(`tab-${next}`).focus();
		});
	});
}
