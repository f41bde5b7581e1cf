// The panel: one site, or one demand's story. Opened by the address (#/sites/NAME, #/demands/ID), so that
// the browser's back button and links work.
import { ApiError, get, type Demand, type Page, type Site, type StoryLine, type Why } from "./api";
import { byId, h, replace, type Child } from "./dom";
import { markSelected } from "./map";
import { demandParts } from "./panel-demand";
import { LogView } from "./panel-log";
import { head } from "./panel-parts";
import { siteParts } from "./panel-site";

const GATHER_MS = 250,
	DEMANDS_SHOWN = 50;

interface Content {
	sign: string;
	title: string;
	sites: string[];
	demand: Demand | null;
	parts: () => Child[];
}

let shown = "",
	drawn = "",
	sign = "";
let opener = "";
let timer = 0;
let log: LogView, body: HTMLElement;

async function siteContent(name: string): Promise<Content> {
	const [site, page] = await Promise.all([
		get<Site>(`/v1/sites/${encodeURIComponent(name)}`),
		get<Page<Demand>>(`/v1/demands?site=${encodeURIComponent(name)}&state=live&limit=${DEMANDS_SHOWN}`),
	]);
	return {
		sign: JSON.stringify([site, page.items]),
		title: `Site ${name}`,
		sites: [name],
		demand: null,
		parts: () => siteParts(site, page.items),
	};
}

async function demandContent(id: string): Promise<Content> {
	const path = `/v1/demands/${encodeURIComponent(id)}`;
	const [demand, story] = await Promise.all([get<Demand>(path), get<{ items: StoryLine[] }>(`${path}/story`)]);
	const why = demand.state === "pending" ? await get<Why>(`${path}/why`) : null;
	return {
		sign: JSON.stringify([demand, story.items, why]),
		title: `Demand ${demand.name}`,
		sites: demand.sites
			.split(",")
			.map((name) => name.trim())
			.filter((name) => name),
		demand,
		parts: () => demandParts(demand, story.items, why, touchPanel),
	};
}

async function read(what: string): Promise<Content | null> {
	try {
		return await (what.startsWith("sites/") ? siteContent(what.slice(6)) : demandContent(what.slice(8)));
	} catch (error) {
		if (!(error instanceof ApiError)) return null; // away: what is shown stays
		return {
			sign: error.message,
			title: what,
			sites: [],
			demand: null,
			parts: () => [head(what.slice(what.indexOf("/") + 1)), h("p", { class: "empty" }, error.message)],
		};
	}
}

// Somebody who marks text here wants to copy it.
function selecting(): boolean {
	const selection = getSelection();
	return !!selection && !selection.isCollapsed && byId("panel").contains(selection.anchorNode);
}

async function draw(): Promise<void> {
	const what = shown,
		content = what ? await read(what) : null;
	if (!content || what !== shown) return;
	const panel = byId("panel"),
		fresh = drawn !== what;
	if (!fresh && (content.sign === sign || selecting())) return;
	sign = content.sign;
	drawn = what;
	panel.hidden = false;
	panel.setAttribute("aria-label", content.title);
	replace(body, ...content.parts());
	log.show(content.demand);
	markSelected(content.sites);
	if (!fresh) return;
	panel.scrollTop = 0;
	panel.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
}

// What is shown may have changed; many such calls are answered by one reading.
export function touchPanel(): void {
	if (!shown || timer) return;
	timer = window.setTimeout(() => {
		timer = 0;
		void draw();
	}, GATHER_MS);
}

export const shows = (demand: string | undefined, site: string | undefined): boolean =>
	shown === `demands/${demand}` || shown === `sites/${site}`;

function keyOf(element: Element | null): string {
	const data = (element as HTMLElement | SVGElement | null)?.dataset;
	return data?.site ? `[data-site="${CSS.escape(data.site)}"]` : data?.key ? `[data-key="${CSS.escape(data.key)}"]` : "";
}

function hide(): void {
	log.show(null);
	markSelected([]);
	drawn = sign = "";
	byId("panel").hidden = true;
	body.replaceChildren();
	if (opener) document.querySelector<HTMLElement>(opener)?.focus();
	opener = "";
}

export function route(): void {
	const found = /^#\/(sites|demands)\/([\w.-]+)$/.exec(location.hash);
	const next = found ? `${found[1]}/${found[2]}` : "";
	if (next === shown) return;
	if (!shown) opener = keyOf(document.activeElement);
	shown = next;
	document.body.classList.toggle("with-panel", next !== "");
	cover();
	if (next) void draw();
	else hide();
}

// On a narrow screen the panel covers the rest, which can't be reached then.
function cover(): void {
	const covered = shown !== "" && matchMedia("(max-width: 900px)").matches;
	for (const id of ["top", "summary", "map-section", "lists"]) byId(id).inert = covered;
}

export function startPanel(): void {
	log = new LogView();
	body = h("div", {});
	byId("panel").append(body, log.element);
	matchMedia("(max-width: 900px)").addEventListener("change", cover);
	window.addEventListener("hashchange", route);
}
