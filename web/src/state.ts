// What the page knows, and who wants to hear of changes. Refetching is gathered: many events, few requests.
import { all, get, type Demand, type Link, type Page, type Site, type Summary } from "./api";

const GATHER_MS = 300;        // events that come together are answered by one refetch
const SITES_EVERY_MS = 2000;  // the list of sites is the largest; it is read less often
const PAGE_SIZE = 100;
const HISTORY_MAX = 600;

export interface Filter { state: string; name: string; tenant: string }
export interface Sample { time: number; running: number; pending: number; chips: number }

class State extends EventTarget {
	summary: Summary | null = null;
	sites: Site[] = [];
	links: Link[] = [];
	demands: Demand[] = [];
	more = false;
	filter: Filter = { state: "", name: "", tenant: "" };
	pages = 1;
	history: Sample[] = [];
	private timer = 0;
	private sitesAt = 0;
	private sitesDirty = true;
	private busy = false;
	private again = false;

	touch(sites: boolean): void {
		this.sitesDirty ||= sites;
		if (!this.timer) this.timer = window.setTimeout(() => void this.refresh(), GATHER_MS);
	}

	async refresh(): Promise<void> {
		this.timer = 0;
		if (this.busy) {
			this.again = true;
			return;
		}
		this.busy = true;
		try {
			await Promise.all([this.readSummary(), this.readDemands(), this.readSites()]);
		} catch {
			// The stream says that the platform is away; what is shown stays until it is back.
		}
		this.busy = false;
		this.dispatchEvent(new Event("change"));
		if (this.again) {
			this.again = false;
			this.touch(false);
		}
	}

	async readLinks(): Promise<void> {
		this.links = await all<Link>("/v1/links");
		this.dispatchEvent(new Event("links"));
	}

	site(name: string): Site | undefined {
		return this.sites.find((site) => site.name === name);
	}

	private async readSummary(): Promise<void> {
		const summary = await get<Summary>("/v1/summary");
		this.summary = summary;
		const chips = summary.tiers.reduce((sum, tier) => sum + tier.chips - tier.chips_free, 0);
		this.history.push({ time: Date.now() / 1000, running: summary.demands["running"] ?? 0, pending: summary.demands["pending"] ?? 0, chips });
		if (this.history.length > HISTORY_MAX) this.history.shift();
	}

	private async readDemands(): Promise<void> {
		const query = new URLSearchParams({ order: "newest", limit: String(Math.min(PAGE_SIZE * this.pages, 1000)) });
		for (const [key, value] of Object.entries(this.filter)) if (value) query.set(key, value);
		const page = await get<Page<Demand>>(`/v1/demands?${query}`);
		this.demands = page.items;
		this.more = page.next !== "";
	}

	private async readSites(): Promise<void> {
		const wait = this.sitesAt + SITES_EVERY_MS - Date.now();
		if (!this.sitesDirty) return;
		if (wait > 0) {
			window.setTimeout(() => this.touch(true), wait);
			return;
		}
		this.sitesDirty = false;
		this.sitesAt = Date.now();
		this.sites = await all<Site>("/v1/sites");
	}
}

export const state = new State();

export const ended = (demandState: string): boolean => ["succeeded", "failed", "timed-out", "cancelled"].includes(demandState);

// The share in use of what is scarcer at the site; null when it offers nothing yet.
export function load(site: Site): number | null {
	const cpu = site.cpu_milli > 0 ? 1 - site.cpu_free_milli / site.cpu_milli : null;
	const chips = site.chips > 0 ? 1 - site.chips_free / site.chips : null;
	return cpu === null ? chips : Math.max(cpu, chips ?? 0);
}

export function conditionText(site: Site): string {
	return site.draining ? `${site.condition}, draining` : site.condition;
}
