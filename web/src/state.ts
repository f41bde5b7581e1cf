// What the page knows, and who wants to hear of changes. Refetching is gathered: many events, few requests,
// and less often the longer the answers take. Nothing is fetched while nobody looks.
import { all, ApiError, get, type Demand, type Link, type Page, type Site, type Summary } from "./api";

const GATHER_MS = 300; // events that come together are answered by one refetch
const CALM_MS = 5000; // without events, everything is read as often: sites fall silent without one
const SITES_EVERY_MS = 2000; // the list of sites is the largest; it is read less often
const SITES_PATIENCE = 15; // and not before so many times the last reading's time have passed
const SINGLE_SITES_MAX = 8; // so many sites that changed are read one by one, when the list is long
const LONG_LIST = 1000;
const PAGE_SIZE = 100;
export const DEMANDS_MAX = 1000;
const HISTORY_MAX = 1200;

export interface Filter {
	state: string;
	name: string;
	tenant: string;
}
export interface Sample {
	time: number;
	running: number;
	pending: number;
	chips: number;
}

const ENDED = ["succeeded", "failed", "timed-out", "cancelled"];
export const ended = (demandState: string): boolean => ENDED.includes(demandState);

class State extends EventTarget {
	summary: Summary | null = null;
	sites: Site[] = [];
	links: Link[] = [];
	demands: Demand[] = [];
	demandsRead = false;
	demandsProblem = "";
	more = false;
	filter: Filter = { state: "", name: "", tenant: "" };
	pages = 1;
	history: Sample[] = [];
	private timer = 0;
	private sitesNext = 0;
	private allSites = true;
	private changedSites = new Set<string>();
	private byName = new Map<string, Site>();
	private busy = false;
	private again = false;

	// Something changed: at this site, at all perhaps ("*"), at none ("").
	touch(site: string): void {
		if (site === "*") this.allSites = true;
		else if (site) this.changedSites.add(site);
		if (!this.timer && !document.hidden) this.timer = window.setTimeout(() => void this.refresh(), GATHER_MS);
	}

	start(): void {
		window.setInterval(() => this.touch("*"), CALM_MS);
		document.addEventListener("visibilitychange", () => this.touch("*"));
	}

	site(name: string): Site | undefined {
		return this.byName.get(name);
	}

	async readLinks(): Promise<void> {
		this.links = await all<Link>("/v1/links");
		this.dispatchEvent(new Event("links"));
	}

	private async refresh(): Promise<void> {
		this.timer = 0;
		if (this.busy) {
			this.again = true;
			return;
		}
		this.busy = true;
		// The stream says whether the platform is away; what is shown stays until it is back.
		await Promise.allSettled(
			[this.readSummary(), this.readDemands(), this.readSites()].map((part) =>
				part.then(() => this.dispatchEvent(new Event("change"))),
			),
		);
		this.busy = false;
		if (this.again) {
			this.again = false;
			this.touch("");
		}
	}

	private async readSummary(): Promise<void> {
		const summary = await get<Summary>("/v1/summary");
		this.summary = summary;
		const chips = summary.tiers.reduce((sum, tier) => sum + tier.chips, 0),
			free = summary.tiers.reduce((sum, tier) => sum + tier.chips_free, 0);
		this.history.push({
			time: Date.now() / 1000,
			running: summary.demands["running"] ?? 0,
			pending: summary.demands["pending"] ?? 0,
			chips: chips ? (100 * (chips - free)) / chips : 0,
		});
		if (this.history.length > HISTORY_MAX) this.history.shift();
	}

	private async readDemands(): Promise<void> {
		const query = new URLSearchParams({ order: "newest", limit: String(Math.min(PAGE_SIZE * this.pages, DEMANDS_MAX)) }),
			asked = this.filter;
		for (const [key, value] of Object.entries(asked)) if (value) query.set(key, value);
		try {
			const page = await get<Page<Demand>>(`/v1/demands?${query}`);
			if (asked !== this.filter) return; // of an older question
			this.demands = page.items;
			this.more = page.next !== "";
			this.demandsProblem = "";
			this.demandsRead = true;
		} catch (error) {
			if (!(error instanceof ApiError) || error.status !== 400) throw error;
			this.demands = [];
			this.more = false;
			this.demandsProblem = error.message;
		}
	}

	private async readSites(): Promise<void> {
		const changed = [...this.changedSites],
			begun = Date.now();
		const single = this.sites.length > LONG_LIST && changed.length <= SINGLE_SITES_MAX;
		if (this.allSites || (changed.length && !single)) {
			if (begun >= this.sitesNext) {
				this.allSites = false;
				this.changedSites.clear();
				this.take(await all<Site>("/v1/sites"));
				this.sitesNext = Date.now() + Math.max(SITES_EVERY_MS, SITES_PATIENCE * (Date.now() - begun));
				return;
			}
			if (!this.allSites || this.sites.length <= LONG_LIST) window.setTimeout(() => this.touch(""), this.sitesNext - begun);
		}
		if (!single || !changed.length) return;
		this.changedSites.clear();
		const fresh = new Map(
			(await Promise.all(changed.map((name) => get<Site>(`/v1/sites/${encodeURIComponent(name)}`)))).map((site) => [
				site.name,
				site,
			]),
		);
		this.take(this.sites.map((site) => fresh.get(site.name) ?? site));
	}

	private take(sites: Site[]): void {
		this.sites = sites;
		this.byName = new Map(sites.map((site) => [site.name, site]));
	}
}

export const state = new State();

// The share in use of what is scarcer at the site; null when it offers nothing, or is not known to.
export function load(site: Site): number | null {
	if (site.condition === "unseen") return null;
	const cpu = site.cpu_milli > 0 ? 1 - site.cpu_free_milli / site.cpu_milli : null;
	const chips = site.chips > 0 ? 1 - site.chips_free / site.chips : null;
	return cpu === null ? chips : Math.max(cpu, chips ?? 0);
}

export function conditionText(site: Site): string {
	const condition = site.condition === "unseen" ? "not seen yet" : site.condition;
	return site.draining ? `${condition}, draining` : condition;
}
