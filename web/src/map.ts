// The map: land without borders, sites by tier and load, links. Every site is a button.
import { geoConicEqualArea, geoPath, type GeoProjection } from "d3-geo";
import land from "../generated/land.json";
import type { Site } from "./api";
import { byId, h, svg } from "./dom";
import { percent } from "./format";
import { drawLabels } from "./map-labels";
import { choose, dress, isLarge, legend, TIERS, type Mark, type Place } from "./map-marks";
import { MapView } from "./map-view";
import { conditionText, load, state } from "./state";

const MARGIN = 24,
	ZOOM_STEP = 1.6,
	SPAN_MIN = 1.5; // degrees that are shown at least, for a network of one city
const WIDTH_FULL = 700; // pixels of width from which marks have their full size

const marks = new Map<string, Mark>();
const selected = new Set<string>();
const layers = new Map<string, SVGGElement>(); // the sites of a tier, the greater above the lesser, and above all what runs for real
let root: SVGSVGElement,
	landLayer: SVGGElement,
	links: SVGGElement,
	rings: SVGGElement,
	sites: SVGGElement,
	labels: SVGGElement,
	tip: HTMLElement;
let view: MapView;
let projection: GeoProjection | null = null;
let places: Place[] = [];
let drawnFor = "";
let frame = 0;
let pointed: Mark | null = null; // has the tip
let open: (name: string) => void = () => undefined;

function landPath(): string {
	const rings = (land as number[][]).map((flat) => {
		const ring: [number, number][] = [];
		for (let i = 0; i < flat.length; i += 2) ring.push([flat[i], flat[i + 1]]);
		ring.push(ring[0]);
		return ring;
	});
	// Lines, not polygons: a ring's sense on the sphere does not matter then, and fill follows the path.
	return geoPath(projection).digits(1)({ type: "MultiLineString", coordinates: rings }) ?? "";
}

function fit(all: Site[]): GeoProjection {
	const points = all.map((site) => [Number(site.longitude), Number(site.latitude)] as [number, number]);
	let west = 180,
		east = -180,
		south = 90,
		north = -90;
	for (const [x, y] of points) {
		west = Math.min(west, x);
		east = Math.max(east, x);
		south = Math.min(south, y);
		north = Math.max(north, y);
	}
	const middle: [number, number] = [(west + east) / 2, (south + north) / 2];
	points.push([middle[0] - SPAN_MIN, middle[1]], [middle[0] + SPAN_MIN, middle[1]]);
	const margin = Math.min(MARGIN, view.width / 12);
	return geoConicEqualArea()
		.parallels(middle[1] > 10 ? [24, 46] : [-10, 30])
		.rotate([-middle[0], 0])
		.fitExtent(
			[
				[margin, margin],
				[view.width - margin, view.height - margin],
			],
			{ type: "MultiPoint", coordinates: points },
		);
}

const markScale = (): number => Math.max(0.62, Math.min(1, view.width / WIDTH_FULL)) * Math.min(1.9, view.zoom ** 0.22);

function put(): void {
	frame = 0;
	const scale = markScale(),
		transform = view.transform();
	landLayer.setAttribute("transform", transform);
	links.setAttribute("transform", transform);
	for (const mark of marks.values()) {
		const { x, y } = view.toScreen(mark);
		mark.group.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${scale.toFixed(2)})`);
	}
	rings.replaceChildren(
		...[...marks.values()]
			.filter((mark) => selected.size && mark.members.some((site) => selected.has(site.name)))
			.map((mark) => {
				const { x, y } = view.toScreen(mark);
				return svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: (mark.radius + 7) * scale });
			}),
	);
	drawLabels(labels, marks.values(), view, scale, selected);
}

function update(): void {
	if (!projection) return;
	const wanted = choose(places, view),
		kept = new Set<string>();
	for (const { key, members, x, y } of wanted) {
		kept.add(key);
		let mark = marks.get(key);
		if (!mark) {
			mark = make(key);
			(layers.get(members[0].engine === "simulated" ? members[0].tier : "live") ?? sites).append(mark.group);
		}
		Object.assign(mark, { members, x, y });
		dress(mark);
	}
	for (const [key, mark] of marks)
		if (!kept.has(key)) {
			if (pointed === mark) point(null);
			mark.group.remove();
			marks.delete(key);
		}
	if (!sites.querySelector('[tabindex="0"]')) [...marks.values()].at(-1)?.group.setAttribute("tabindex", "0");
	put();
}

function schedule(): void {
	if (!frame && projection) frame = requestAnimationFrame(isLarge(places) ? update : put);
}

// Says what a mark is, at a point of the window, and makes its links stand out.
function point(mark: Mark | null, x = 0, y = 0): void {
	pointed = mark;
	tip.hidden = !mark;
	const name = mark?.members[0].name;
	for (const line of links.children)
		line.classList.toggle(
			"lit",
			!!name && ((line as SVGElement).dataset.from === name || (line as SVGElement).dataset.to === name),
		);
	if (!mark) return;
	const site = mark.members[0],
		share = load(site),
		box = byId("map-section").getBoundingClientRect();
	if (mark.members.length > 1) tip.replaceChildren(h("span", {}, mark.group.getAttribute("aria-label") ?? ""));
	else
		tip.replaceChildren(
			h("strong", {}, site.title || site.name),
			h("span", {}, `${site.tier} · ${site.region} · ${site.engine}`),
			h("span", {}, `${conditionText(site)}${share === null ? "" : ` · ${percent(share)} in use`}`),
			h("span", {}, site.placements ? `${site.placements} placed here` : ""),
		);
	tip.style.left = `${Math.max(4, Math.min(x - box.left + 14, box.width - tip.offsetWidth - 4))}px`;
	tip.style.top = `${Math.max(4, Math.min(y - box.top + 14, box.height - tip.offsetHeight - 4))}px`;
}

function activate(mark: Mark): void {
	if (mark.members.length === 1) open(mark.members[0].name);
	else view.zoomAt(3, view.toScreen(mark));
}

function make(key: string): Mark {
	const group = svg("g", { role: "button", tabindex: -1 });
	const mark: Mark = { key, group, members: [], look: "", radius: 0, x: 0, y: 0 };
	const hide = (): void => point(null);
	group.addEventListener("click", () => activate(mark));
	group.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && point(mark, event.clientX, event.clientY));
	group.addEventListener("pointerleave", hide);
	group.addEventListener("focus", () => {
		if (!group.matches(":focus-visible")) return;
		if (!view.sees(mark)) view.bringIn(mark);
		const at = view.toScreen(mark),
			box = root.getBoundingClientRect();
		point(mark, box.left + at.x, box.top + at.y);
	});
	group.addEventListener("blur", hide);
	group.addEventListener("keydown", (event) => onKey(event, mark));
	marks.set(key, mark);
	return mark;
}

// Arrow keys go to the nearest mark that way; one mark at a time is in the tab order.
function onKey(event: KeyboardEvent, from: Mark): void {
	const ways: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
	const way = ways[event.key];
	if (event.key === "Enter" || event.key === " ") activate(from);
	else if (event.key === "+" || event.key === "=") view.zoomAt(ZOOM_STEP, view.toScreen(from));
	else if (event.key === "-") view.zoomAt(1 / ZOOM_STEP, view.toScreen(from));
	else if (event.key === "0") view.reset();
	else if (way) neighbour(from, way)?.group.focus();
	else return;
	event.preventDefault();
}

function neighbour(from: Mark, way: [number, number]): Mark | null {
	let best: Mark | null = null,
		least = Infinity;
	for (const mark of marks.values()) {
		const ahead = (mark.x - from.x) * way[0] + (mark.y - from.y) * way[1];
		const aside = Math.abs((mark.x - from.x) * way[1]) + Math.abs((mark.y - from.y) * way[0]);
		if (mark === from || ahead <= 0.01) continue;
		const cost = ahead + 2.5 * aside;
		if (cost < least) [best, least] = [mark, cost];
	}
	if (best) {
		from.group.setAttribute("tabindex", "-1");
		best.group.setAttribute("tabindex", "0");
	}
	return best;
}

export function drawLinks(): void {
	const at = new Map(places.map((place) => [place.site.name, place]));
	const lines: SVGElement[] = [];
	for (const link of state.links) {
		const a = at.get(link.from),
			b = at.get(link.to);
		if (a && b)
			lines.push(
				svg("line", {
					x1: a.x.toFixed(2),
					y1: a.y.toFixed(2),
					x2: b.x.toFixed(2),
					y2: b.y.toFixed(2),
					"data-from": link.from,
					"data-to": link.to,
					class: a.site.tier === "hub" && b.site.tier === "hub" ? "trunk" : "branch",
				}),
			);
	}
	links.replaceChildren(...lines);
}

function project(): void {
	projection = fit(state.sites);
	landLayer.replaceChildren(svg("path", { d: landPath(), class: "land" }));
	drawnFor = "";
}

export function drawMap(): void {
	byId("map-empty").hidden = state.sites.length > 0 || !state.summary;
	if (state.sites.length === 0 || view.width === 0) return;
	if (!projection) project();
	const drawn = state.sites.map((site) => site.name + site.latitude + site.longitude).join();
	if (drawn === drawnFor) {
		const now = new Map(state.sites.map((site) => [site.name, site]));
		for (const place of places) place.site = now.get(place.site.name) ?? place.site;
	} else {
		if (drawnFor) project(); // another network
		places = state.sites
			.map((site) => {
				const at = projection?.([Number(site.longitude), Number(site.latitude)]) ?? [0, 0];
				return { site, x: at[0], y: at[1] };
			})
			.sort((a, b) => TIERS.indexOf(a.site.tier) - TIERS.indexOf(b.site.tier));
		drawnFor = drawn;
		drawLinks();
	}
	update();
}

export function markSelected(names: string[]): void {
	selected.clear();
	for (const name of names) selected.add(name);
	if (projection) put();
}

export function startMap(openSite: (name: string) => void): void {
	open = openSite;
	landLayer = svg("g", { "aria-hidden": "true" });
	links = svg("g", { class: "links", "aria-hidden": "true" });
	rings = svg("g", { class: "rings", "aria-hidden": "true" });
	sites = svg("g", {
		role: "group",
		"aria-label": "Sites: arrow keys go from one to the next, Enter opens, plus and minus zoom",
	});
	for (const tier of [...TIERS, "live"]) layers.set(tier, sites.appendChild(svg("g", {})));
	labels = svg("g", { class: "labels", "aria-hidden": "true" });
	root = svg("svg", {}, landLayer, links, rings, sites, labels);
	tip = h("div", { class: "tip", hidden: true });
	byId("map").append(root, tip);
	view = new MapView(root, schedule);
	new ResizeObserver(() => {
		const box = byId("map").getBoundingClientRect();
		if (box.width === view.width && box.height === view.height) return;
		view.resize(box.width, box.height);
		projection = null;
		drawMap();
	}).observe(byId("map"));
	byId("zoom-in").addEventListener("click", () => view.zoomAt(ZOOM_STEP));
	byId("zoom-out").addEventListener("click", () => view.zoomAt(1 / ZOOM_STEP));
	byId("zoom-reset").addEventListener("click", () => view.reset());
	byId("legend").replaceChildren(...legend());
}
