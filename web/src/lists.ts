// What stands beside the map: the summary, and the lists of demands, sites and chips.
import type { Demand, Site, Summary } from "./api";
import { byId, h, keyed, replace, type Child } from "./dom";
import { cores, count, duration, percent } from "./format";
import { conditionText, DEMANDS_MAX, ended, load, state } from "./state";

const STATES = ["live", "ended", "pending", "placed", "running", "stopping", "succeeded", "failed", "timed-out", "cancelled"];
const CONDITIONS = ["up", "suspect", "lost", "unseen", "draining"];
const TIERS = ["hub", "regional", "edge"];
const SITES_SHOWN = 400;

export function pill(text: string): HTMLElement {
	return h("span", { class: `pill state-${text}` }, text);
}

export function conditionPill(site: Site): HTMLElement {
	return h("span", { class: `pill state-${site.draining ? "draining" : site.condition}` }, conditionText(site));
}

export function siteLink(name: string): HTMLElement {
	return h("a", { href: `#/sites/${encodeURIComponent(name)}`, "data-key": `to-${name}` }, name);
}

export function engineTag(engine: string): HTMLElement {
	return h("span", { class: engine === "simulated" ? "tag" : "tag real" }, engine);
}

export function meter(share: number, label: string): HTMLElement {
	const bar = h("i");
	bar.style.width = `${(share * 100).toFixed(1)}%`;
	return h("div", { class: "meter", role: "img", "aria-label": label }, bar);
}

/* --- summary ----------------------------------------------------------------------------------- */

function box(id: string, title: string, value: string, note: string, share: number | null): HTMLElement {
	return h(
		"div",
		{ class: "box", id: `box-${id}` },
		h("span", { class: "name" }, title),
		h("span", { class: "value" }, value),
		h("span", { class: "note" }, note),
		share === null ? null : meter(share, `${title}: ${percent(share)}`),
	);
}

function demandBox(demands: Summary["demands"]): HTMLElement {
	const of = (name: string): number => demands[name] ?? 0;
	const parts: [number, string][] = [
		[of("placed"), "starting"],
		[of("stopping"), "ending"],
		[of("succeeded"), "succeeded"],
		[of("failed") + of("timed-out"), "failed"],
		[of("cancelled"), "cancelled"],
	];
	return box(
		"demands",
		"Demands",
		`${count(of("running"))} running`,
		[
			`${count(of("pending"))} pending`,
			...parts.filter(([value]) => value).map(([value, word]) => `${count(value)} ${word}`),
		].join(", "),
		null,
	);
}

export function drawSummary(): void {
	const s = state.summary;
	if (!s) return;
	const known = s.chips_domestic + s.chips_foreign;
	byId("network-title").textContent = s.title || s.network;
	byId("note").textContent = s.note;
	document.title = s.network ? `${s.network}: weir` : "weir";
	byId("version").textContent = `weir ${s.version}`;
	replace(
		byId("summary"),
		box(
			"sites",
			"Sites up",
			`${count(s.sites_up)} / ${count(s.sites)}`,
			`${count(s.sites_simulated)} simulated${s.sites_draining ? `, ${count(s.sites_draining)} draining` : ""}`,
			s.sites ? s.sites_up / s.sites : null,
		),
		...s.tiers.map((t) =>
			box(
				t.tier,
				`Chips free, ${t.tier}`,
				count(t.chips_free),
				`of ${count(t.chips)}; ${cores(t.cpu_free_milli)} cores free`,
				t.chips ? t.chips_free / t.chips : null,
			),
		),
		box(
			"domestic",
			"Domestic chips",
			known ? percent(s.chips_domestic / known) : "none",
			`${count(s.chips_domestic)} of ${count(known)}`,
			known ? s.chips_domestic / known : null,
		),
		demandBox(s.demands),
	);
}

/* --- demands ----------------------------------------------------------------------------------- */

// How long it has run, or waited when it never ran.
function when(demand: Demand): string {
	const until = ended(demand.state) ? demand.ended_us : Date.now() * 1000;
	return duration(until - (demand.started_us || demand.accepted_us));
}

// What of a demand its row shows, without the time that goes by.
function demandSign(demand: Demand): string {
	return [
		demand.state,
		demand.reason,
		demand.progress_permille,
		demand.sites,
		demand.running_count,
		engines(sitesOf(demand)),
	].join("\n");
}

const sitesOf = (demand: Demand): string[] =>
	demand.sites
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name);

function engines(names: string[]): string {
	return [...new Set(names.map((name) => state.site(name)?.engine ?? ""))].filter((engine) => engine).join(", ");
}

function demandRow(demand: Demand): HTMLElement {
	const names = sitesOf(demand);
	const size =
		demand.kind === "service"
			? `${count(demand.running_count)}/${count(demand.workers)} up`
			: demand.workers > 1
				? `${count(demand.workers)} workers`
				: "";
	const moving = demand.state === "running" && demand.progress_permille >= 0;
	return h(
		"tr",
		{ "data-demand": demand.id, "data-state": demand.state, "data-href": `#/demands/${demand.id}` },
		h(
			"td",
			{ class: "main" },
			h("a", { href: `#/demands/${demand.id}`, "data-key": demand.id, title: demand.title || demand.name }, demand.name),
			h("small", {}, [demand.simulated ? "simulated" : "", demand.tenant, size].filter((part) => part).join(" · ")),
		),
		h(
			"td",
			{ class: "state" },
			pill(demand.state),
			moving
				? h("progress", {
						max: 1000,
						value: demand.progress_permille,
						"aria-label": `${demand.name}: ${percent(demand.progress_permille / 1000)} done`,
					})
				: null,
		),
		h(
			"td",
			{ class: "where" },
			...(names.length
				? [
						siteLink(names[0]),
						h(
							"small",
							{},
							[names.length > 1 ? `and ${names.length - 1} more` : "", engines(names)]
								.filter((part) => part)
								.join(" · "),
						),
					]
				: []),
		),
		h("td", { class: "number time" }),
		h("td", { class: "reason" }, h("div", { class: "clamp", title: demand.reason }, demand.reason)),
	);
}

function filterBar(): HTMLElement {
	const select = h(
		"select",
		{ "aria-label": "State" },
		h("option", { value: "" }, "all states"),
		...STATES.map((name) => h("option", { value: name }, name)),
	);
	const name = h("input", { type: "search", placeholder: "name", "aria-label": "Name, whole", spellcheck: "false" });
	const tenant = h("input", { type: "search", placeholder: "tenant", "aria-label": "Tenant", spellcheck: "false" });
	let timer = 0;
	const apply = (): void => {
		state.filter = { state: select.value, name: name.value.trim(), tenant: tenant.value.trim() };
		state.pages = 1;
		state.touch("");
	};
	select.addEventListener("change", apply);
	for (const control of [name, tenant])
		control.addEventListener("input", () => {
			clearTimeout(timer);
			timer = window.setTimeout(apply, 300);
		});
	return h("div", { class: "filters" }, select, name, tenant);
}

interface List {
	body: HTMLElement;
	below: HTMLElement;
}

// A panel's table: made once, its rows kept.
function list(host: HTMLElement, bar: HTMLElement | null, heads: string[]): List {
	const body = h("tbody", {}),
		below = h("div", { class: "below" });
	body.addEventListener("click", (event) => {
		const row = (event.target as HTMLElement).closest<HTMLElement>("tr[data-href]");
		if (row && !(event.target as HTMLElement).closest("a") && getSelection()?.isCollapsed) location.hash = row.dataset.href!;
	});
	const head = (title: string, at: number): HTMLElement => h("th", { scope: "col", class: `column-${at}` }, title);
	host.append(
		...(bar ? [bar] : []),
		h(
			"div",
			{ class: "scroll", tabindex: -1 },
			h("table", { class: `cards ${host.id}-table` }, h("thead", {}, h("tr", {}, ...heads.map(head))), body),
			below,
		),
	);
	return { body, below };
}

let demandList: List | null = null;

function belowDemands(): Child[] {
	if (state.demandsProblem) return [h("p", { class: "empty" }, state.demandsProblem)];
	if (!state.demandsRead) return [h("p", { class: "empty" }, "Reading…")];
	if (state.demands.length === 0) {
		return Object.values(state.filter).some((value) => value)
			? [h("p", { class: "empty" }, "No demand is like that.")]
			: [
					h("p", { class: "empty" }, "No demands yet. Submit one:"),
					h("pre", { class: "hint" }, "./weir run -- sh -c 'echo hello from $WEIR_SITE'"),
				];
	}
	if (!state.more) return [];
	if (state.demands.length >= DEMANDS_MAX)
		return [h("p", { class: "empty" }, `The newest ${count(DEMANDS_MAX)}; narrow by state, name or tenant to see others.`)];
	return [
		h(
			"button",
			{
				type: "button",
				"data-key": "more",
				onclick: () => {
					state.pages++;
					state.touch("");
				},
			},
			"Show more",
		),
	];
}

export function drawQueue(): void {
	demandList ??= list(byId("queue"), filterBar(), ["Demand", "State", "Site", "Time", "Why"]);
	const { body, below } = demandList;
	keyed(body, state.demands, (demand) => demand.id, demandSign, demandRow);
	state.demands.forEach((demand, at) => {
		const cell = body.children[at].querySelector(".time")!,
			text = when(demand);
		if (cell.textContent !== text) cell.textContent = text;
	});
	replace(below, ...belowDemands());
}

/* --- sites ------------------------------------------------------------------------------------- */

let siteList: List | null = null;
const siteFilter = { text: "", tier: "", condition: "" };

function siteBar(): HTMLElement {
	const search = h("input", {
		type: "search",
		placeholder: "name, city or region",
		"aria-label": "Find a site",
		spellcheck: "false",
	});
	const choice = (label: string, any: string, words: string[]): HTMLSelectElement =>
		h(
			"select",
			{ "aria-label": label },
			h("option", { value: "" }, any),
			...words.map((word) => h("option", { value: word }, word)),
		);
	const tier = choice("Tier", "all tiers", TIERS),
		condition = choice("Condition", "all conditions", CONDITIONS);
	const apply = (): void => {
		Object.assign(siteFilter, { text: search.value.trim().toLowerCase(), tier: tier.value, condition: condition.value });
		drawSites();
	};
	search.addEventListener("input", apply);
	for (const control of [tier, condition]) control.addEventListener("change", apply);
	return h("div", { class: "filters" }, search, tier, condition);
}

function siteMatches(site: Site): boolean {
	const { text, tier, condition } = siteFilter;
	return (
		(!tier || site.tier === tier) &&
		(!condition || (condition === "draining" ? site.draining : site.condition === condition)) &&
		(!text || `${site.name} ${site.title} ${site.region}`.toLowerCase().includes(text))
	);
}

// Real ones first, then by tier and name.
function siteOrder(a: Site, b: Site): number {
	return (
		Number(a.engine === "simulated") - Number(b.engine === "simulated") ||
		TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) ||
		(a.name < b.name ? -1 : 1)
	);
}

function siteSign(site: Site): string {
	return [
		site.condition,
		site.draining,
		site.chips,
		site.chips_free,
		site.cpu_milli,
		site.cpu_free_milli,
		site.engine,
		site.placements,
	].join();
}

function siteRow(site: Site): HTMLElement {
	const share = load(site);
	return h(
		"tr",
		{ "data-site-row": site.name, "data-href": `#/sites/${site.name}` },
		h("td", { class: "main" }, siteLink(site.name), h("small", {}, site.title)),
		h("td", {}, site.tier, h("small", {}, site.engine)),
		h("td", { class: "state" }, conditionPill(site)),
		h(
			"td",
			{ class: "number" },
			site.chips ? count(site.chips_free) : "none",
			site.chips ? h("small", {}, `of ${count(site.chips)}`) : null,
		),
		h(
			"td",
			{ class: "number" },
			share === null ? "" : percent(share),
			share === null ? null : meter(share, `${site.name}: ${percent(share)} in use`),
		),
		h("td", { class: "number" }, site.placements ? count(site.placements) : ""),
	);
}

export function drawSites(): void {
	const host = byId("sites");
	if (host.hidden) return;
	siteList ??= list(host, siteBar(), ["Site", "Tier", "Condition", "Chips free", "In use", "Placed"]);
	const found = state.sites.filter(siteMatches).sort(siteOrder);
	keyed(siteList.body, found.slice(0, SITES_SHOWN), (site) => site.name, siteSign, siteRow);
	replace(
		siteList.below,
		found.length === 0
			? h("p", { class: "empty" }, state.sites.length ? "No site is like that." : "This platform has no sites.")
			: null,
		found.length > SITES_SHOWN
			? h("p", { class: "empty" }, `${count(found.length - SITES_SHOWN)} more; narrow the search.`)
			: null,
	);
}

/* --- chips ------------------------------------------------------------------------------------- */

let chipList: List | null = null;

export function drawChips(): void {
	const host = byId("chips");
	if (host.hidden || !state.summary) return;
	chipList ??= list(host, null, ["Chip", "Origin", "Free", "In use", "Waited for"]);
	const chips = [...state.summary.chips].sort((a, b) => b.count - a.count || (a.model < b.model ? -1 : 1));
	keyed(
		chipList.body,
		chips,
		(chip) => chip.model,
		(chip) => `${chip.free}/${chip.count}/${chip.waiting}`,
		(chip) => {
			const used = chip.count ? 1 - chip.free / chip.count : null;
			return h(
				"tr",
				{ "data-chip": chip.model },
				h("td", { class: "main" }, chip.model, h("small", {}, chip.vendor)),
				h("td", {}, chip.origin),
				h(
					"td",
					{ class: "number" },
					chip.count ? count(chip.free) : "none",
					chip.count ? h("small", {}, `of ${count(chip.count)}`) : null,
				),
				h(
					"td",
					{ class: "number" },
					used === null ? "" : percent(used),
					used === null ? null : meter(used, `${chip.model}: ${percent(used)} in use`),
				),
				h("td", { class: "number" }, chip.waiting ? count(chip.waiting) : ""),
			);
		},
	);
	replace(chipList.below, chips.length ? null : h("p", { class: "empty" }, "The catalogue is empty."));
}

/* --- tabs -------------------------------------------------------------------------------------- */

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
