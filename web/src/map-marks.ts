// What stands on the map, and how it looks. A mark is a site, or a cell: many sites of a tier that lie so
// close that single ones could not be told apart. Cells exist only where more sites are in view than a
// browser draws with ease; each stands for the sites in one square of a grid that gets finer with the zoom.
import type { Site } from "./api";
import { h, svg } from "./dom";
import { count, percent } from "./format";
import type { MapView, Point } from "./map-view";
import { conditionText, load } from "./state";

export const TIERS = ["edge", "regional", "hub"]; // in the order of drawing
const RADIUS: Record<string, number> = { hub: 8, regional: 5.5, edge: 3.6 };
const LOAD_STEPS = 5;
const DRAWN_ALWAYS_MAX = 3000,
	IN_VIEW_MAX = 1500,
	CELL_PX = 26,
	BEYOND_PX = 60;

export interface Place extends Point {
	site: Site;
}
export interface Mark extends Point {
	key: string;
	group: SVGGElement;
	members: Site[];
	look: string;
	radius: number;
}
export interface Wanted extends Point {
	key: string;
	members: Site[];
}

export function loadStep(site: Site): string {
	const share = load(site);
	return share === null ? "none" : String(Math.min(LOAD_STEPS - 1, Math.floor(share * LOAD_STEPS)));
}

export function describe(site: Site): string {
	const share = load(site),
		chips = site.chips > 0 ? `${count(site.chips_free)} of ${count(site.chips)} chips free` : "no chips";
	return (
		`${site.title || site.name}, ${site.tier}, ${site.engine === "simulated" ? "simulated" : `${site.engine} engine`}, ${conditionText(site)}, ${chips}` +
		`${share === null ? "" : `, ${percent(share)} in use`}${site.placements > 0 ? `, ${count(site.placements)} placed here` : ""}`
	);
}

function square(places: Place[], view: MapView, tier: string): Wanted[] {
	const level = Math.floor(Math.log2(view.zoom) * 2),
		side = CELL_PX / 2 ** (level / 2);
	const cells = new Map<string, Place[]>();
	for (const place of places) {
		const key = `${tier}/${level}/${Math.floor(place.x / side)}/${Math.floor(place.y / side)}`;
		const cell = cells.get(key);
		if (cell) cell.push(place);
		else cells.set(key, [place]);
	}
	return [...cells].map(([key, cell]) =>
		cell.length === 1
			? single(cell[0])
			: {
					key,
					members: cell.map((place) => place.site),
					x: cell.reduce((sum, p) => sum + p.x, 0) / cell.length,
					y: cell.reduce((sum, p) => sum + p.y, 0) / cell.length,
				},
	);
}

const single = (place: Place): Wanted => ({ key: place.site.name, members: [place.site], x: place.x, y: place.y });

export const isLarge = (places: Place[]): boolean => places.length > DRAWN_ALWAYS_MAX;

// What should stand on the map now; the greater tiers first get a mark of their own.
export function choose(places: Place[], view: MapView): Wanted[] {
	if (!isLarge(places)) return places.map(single);
	const wanted: Wanted[] = [],
		seen = places.filter((place) => view.sees(place, BEYOND_PX));
	for (const tier of [...TIERS].reverse()) {
		const those = seen.filter((place) => place.site.tier === tier);
		wanted.unshift(...(wanted.length + those.length <= IN_VIEW_MAX ? those.map(single) : square(those, view, tier)));
	}
	return wanted;
}

function siteShape(tier: string): SVGElement {
	const r = RADIUS[tier] ?? RADIUS.edge;
	return tier === "hub"
		? svg("path", { d: `M0 ${-r * 1.2}L${r * 1.2} 0L0 ${r * 1.2}L${-r * 1.2} 0Z`, class: "shape" })
		: svg("circle", { r, class: "shape" });
}

function siteParts(site: Site): SVGElement[] {
	const r = RADIUS[site.tier] ?? RADIUS.edge,
		parts = [siteShape(site.tier)];
	if (site.engine !== "simulated") parts.unshift(svg("circle", { r: r * (site.tier === "hub" ? 1.2 : 1) + 3, class: "halo" }));
	if (site.draining) parts.push(svg("path", { d: `M${-r - 4} 0H${r + 4}`, class: "bar" }));
	else if (site.placements > 0) parts.push(svg("circle", { r: Math.max(1.3, r * 0.3), class: "work" }));
	return parts;
}

function siteLook(site: Site): string {
	return `site ${site.tier} ${site.engine === "simulated" ? "simulated" : "live"} is-${site.condition} load-${loadStep(site)}${site.draining ? " draining" : ""}${site.placements > 0 ? " working" : ""}`;
}

function dressSite(mark: Mark): void {
	const site = mark.members[0],
		look = siteLook(site),
		label = describe(site),
		{ group } = mark;
	if (mark.look !== look) {
		group.replaceChildren(...siteParts(site));
		group.setAttribute("class", look);
		group.dataset.site = site.name;
		mark.look = look;
		mark.radius = (RADIUS[site.tier] ?? RADIUS.edge) + (site.engine === "simulated" ? 0 : 4);
	}
	if (group.getAttribute("aria-label") !== label) group.setAttribute("aria-label", label);
}

function dressCell(mark: Mark): void {
	const { group, members } = mark,
		shares = members.map(load).filter((share) => share !== null);
	const mean = shares.length ? shares.reduce((sum, share) => sum + share, 0) / shares.length : null;
	const look = `${mean === null ? "none" : Math.min(LOAD_STEPS - 1, Math.floor(mean * LOAD_STEPS))}/${members.length}`;
	if (mark.look === look) return;
	mark.look = look;
	mark.radius = Math.min(CELL_PX / 2, 5 + 1.4 * Math.sqrt(members.length));
	group.setAttribute("class", `site cell simulated is-up load-${look.split("/")[0]}`);
	group.setAttribute(
		"aria-label",
		`${count(members.length)} ${members[0].tier} sites${mean === null ? "" : `, ${percent(mean)} in use`}; Enter zooms in`,
	);
	group.replaceChildren(
		svg("circle", { r: mark.radius, class: "shape" }),
		svg("text", { class: "count", dy: ".35em" }, members.length < 1000 ? String(members.length) : "999+"),
	);
}

export function dress(mark: Mark): void {
	if (mark.members.length === 1) dressSite(mark);
	else dressCell(mark);
}

export function legend(): HTMLElement[] {
	const sample = (text: string, site: Partial<Site>): HTMLElement => {
		const whole = {
			tier: "regional",
			engine: "simulated",
			condition: "up",
			draining: false,
			placements: 0,
			cpu_milli: 100,
			cpu_free_milli: 50,
			chips: 0,
			...site,
		} as Site;
		return h(
			"span",
			{},
			svg(
				"svg",
				{ viewBox: "-13 -13 26 26", width: 20, height: 20, "aria-hidden": "true" },
				svg("g", { class: siteLook(whole) }, ...siteParts(whole)),
			),
			text,
		);
	};
	const scale = h("span", { class: "scale" }, "load: idle");
	for (let step = 0; step < LOAD_STEPS; step++) scale.append(h("i", { class: `swatch load-${step}` }));
	scale.append("full");
	return [
		sample("hub", { tier: "hub" }),
		sample("regional", {}),
		sample("edge", { tier: "edge" }),
		sample("runs for real (others are simulated)", { engine: "local" }),
		sample("work placed", { placements: 1 }),
		sample("draining", { draining: true }),
		sample("suspect", { condition: "suspect" }),
		sample("lost", { condition: "lost" }),
		sample("not seen yet", { condition: "unseen" }),
		scale,
	];
}
