// The map: land without borders, sites by tier and load, links. Every site is a button.
import { geoConicEqualArea, geoPath, type GeoProjection } from "d3-geo";
import land from "../generated/land.json";
import type { Site } from "./api";
import { byId, h, svg } from "./dom";
import { count, percent } from "./format";
import { conditionText, load, state } from "./state";

const WIDTH = 1000, HEIGHT = 760, MARGIN = 40;
const ZOOM_MAX = 40, ZOOM_STEP = 1.6, STEPS = 5;
const RADIUS: Record<string, number> = { hub: 9, regional: 6.5, edge: 4 };

interface Mark { group: SVGGElement; shape: SVGElement; x: number; y: number; site: Site }

const marks = new Map<string, Mark>();
let root: SVGSVGElement, world: SVGGElement, links: SVGGElement, sites: SVGGElement, tip: HTMLElement;
let projection: GeoProjection | null = null;
let zoom = 1, panX = 0, panY = 0;
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
	const west = Math.min(...points.map((p) => p[0])), east = Math.max(...points.map((p) => p[0]));
	const middle = (west + east) / 2;
	return geoConicEqualArea().parallels([24, 46]).rotate([-middle, 0]).fitExtent([[MARGIN, MARGIN], [WIDTH - MARGIN, HEIGHT - MARGIN]],
		{ type: "MultiPoint", coordinates: points });
}

function place(): void {
	world.setAttribute("transform", `translate(${panX} ${panY}) scale(${zoom})`);
	const size = 1 / Math.pow(zoom, 0.8);
	for (const mark of marks.values()) mark.group.setAttribute("transform", `translate(${mark.x} ${mark.y}) scale(${size})`);
	root.style.setProperty("--line", String(1 / zoom));
}

function zoomAt(factor: number, x = WIDTH / 2, y = HEIGHT / 2): void {
	const next = Math.min(ZOOM_MAX, Math.max(1, zoom * factor));
	panX = x - ((x - panX) * next) / zoom;
	panY = y - ((y - panY) * next) / zoom;
	zoom = next;
	hold();
}

// Keeps the map from being pushed out of sight.
function hold(): void {
	panX = Math.min(WIDTH * 0.5, Math.max(WIDTH * 0.5 - WIDTH * zoom, panX));
	panY = Math.min(HEIGHT * 0.5, Math.max(HEIGHT * 0.5 - HEIGHT * zoom, panY));
	place();
}

function reset(): void {
	zoom = 1;
	panX = panY = 0;
	place();
}

function toMap(event: { clientX: number; clientY: number }): { x: number; y: number } {
	const box = root.getBoundingClientRect();
	const scale = Math.min(box.width / WIDTH, box.height / HEIGHT);
	return { x: (event.clientX - box.left - (box.width - WIDTH * scale) / 2) / scale, y: (event.clientY - box.top - (box.height - HEIGHT * scale) / 2) / scale };
}

function shapeOf(tier: string): SVGElement {
	const r = RADIUS[tier] ?? RADIUS.edge;
	if (tier === "hub") return svg("rect", { x: -r, y: -r, width: 2 * r, height: 2 * r, transform: "rotate(45)" });
	return svg("circle", { r });
}

export function describe(site: Site): string {
	const chips = site.chips > 0 ? `${count(site.chips_free)} of ${count(site.chips)} chips free` : "no chips";
	return `${site.title}, ${site.tier}, ${site.engine === "simulated" ? "simulated, " : ""}${conditionText(site)}, ${chips}`;
}

function dress(mark: Mark): void {
	const { group, site } = mark, share = load(site);
	const step = share === null ? "none" : String(Math.min(STEPS - 1, Math.floor(share * STEPS)));
	group.setAttribute("class", `site ${site.tier} ${site.engine === "simulated" ? "simulated" : "live"} is-${site.condition} load-${step}${site.draining ? " draining" : ""}`);
	group.setAttribute("aria-label", describe(site));
}

function showTip(site: Site, event: PointerEvent): void {
	const share = load(site);
	tip.replaceChildren(h("strong", {}, site.title), h("br"), `${site.tier} · ${site.region} · ${site.engine}`, h("br"), conditionText(site),
		share === null ? "" : ` · ${percent(share)} in use`);
	const box = byId("map-section").getBoundingClientRect();
	tip.style.left = `${Math.min(event.clientX - box.left + 12, box.width - 200)}px`;
	tip.style.top = `${event.clientY - box.top + 12}px`;
	tip.hidden = false;
}

function add(site: Site): void {
	const at = projection?.([Number(site.longitude), Number(site.latitude)]) ?? [0, 0];
	const shape = shapeOf(site.tier);
	const group = svg("g", { "data-site": site.name, role: "button", tabindex: -1 }, shape);
	const mark = { group, shape, x: at[0], y: at[1], site };
	group.addEventListener("click", () => open(site.name));
	group.addEventListener("pointerenter", (event) => showTip(mark.site, event));
	group.addEventListener("pointerleave", () => (tip.hidden = true));
	group.addEventListener("keydown", (event) => onKey(event, mark));
	marks.set(site.name, mark);
	sites.append(group);
}

// Arrow keys go to the nearest site that way; one site at a time is in the tab order.
function onKey(event: KeyboardEvent, from: Mark): void {
	const ways: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
	const way = ways[event.key];
	if (event.key === "Enter" || event.key === " ") open(from.site.name);
	else if (event.key === "+" || event.key === "=") zoomAt(ZOOM_STEP, from.x * zoom + panX, from.y * zoom + panY);
	else if (event.key === "-") zoomAt(1 / ZOOM_STEP);
	else if (way) neighbour(from, way)?.group.focus();
	else return;
	event.preventDefault();
}

function neighbour(from: Mark, way: [number, number]): Mark | null {
	let best: Mark | null = null, least = Infinity;
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
	links.replaceChildren();
	for (const link of state.links) {
		const a = marks.get(link.from), b = marks.get(link.to);
		if (a && b) links.append(svg("line", { x1: a.x, y1: a.y, x2: b.x, y2: b.y, class: a.site.tier === "hub" && b.site.tier === "hub" ? "trunk" : "branch" }));
	}
}

export function drawMap(): void {
	if (state.sites.length === 0) return;
	const first = !projection;
	if (!projection) {
		projection = fit(state.sites);
		world.prepend(svg("path", { d: landPath(), class: "land" }));
	}
	// Edges first, so that hubs lie on top.
	const order = ["edge", "regional", "hub"];
	for (const site of [...state.sites].sort((a, b) => order.indexOf(a.tier) - order.indexOf(b.tier))) {
		if (!marks.has(site.name)) add(site);
		const mark = marks.get(site.name)!;
		mark.site = site;
		dress(mark);
	}
	const known = new Set(state.sites.map((site) => site.name));
	for (const [name, mark] of marks)
		if (!known.has(name)) {
			mark.group.remove();
			marks.delete(name);
		}
	if (first) {
		[...marks.values()].at(-1)?.group.setAttribute("tabindex", "0");
		drawLinks();
		place();
	}
}

export function markSelected(name: string | null): void {
	for (const [key, mark] of marks) mark.group.classList.toggle("selected", key === name);
}

function legend(): void {
	const sample = (tier: string, classes: string): SVGSVGElement => {
		const shape = shapeOf(tier);
		return svg("svg", { viewBox: "-14 -14 28 28", width: 18, height: 18, "aria-hidden": "true" }, svg("g", { class: `site ${classes}` }, shape));
	};
	const scale = h("span", { class: "scale" }, "idle ");
	for (let step = 0; step < STEPS; step++) scale.append(h("i", { class: `swatch load-${step}` }));
	scale.append(" full");
	byId("legend").replaceChildren(
		h("span", {}, sample("hub", "hub live load-2"), "hub"), h("span", {}, sample("regional", "regional live load-2"), "regional"),
		h("span", {}, sample("edge", "edge live load-2"), "edge"), h("span", {}, sample("regional", "regional simulated load-2"), "simulated"),
		h("span", {}, sample("regional", "regional live is-lost load-none"), "lost, unseen"), h("span", {}, sample("regional", "regional live draining load-2"), "draining"), scale);
}

function drag(): void {
	const pointers = new Map<number, { x: number; y: number }>();
	let moved = 0, spread = 0;
	root.addEventListener("pointerdown", (event) => {
		pointers.set(event.pointerId, toMap(event));
		moved = 0;
		spread = 0;
	});
	root.addEventListener("pointermove", (event) => {
		const from = pointers.get(event.pointerId);
		if (!from) return;
		const to = toMap(event);
		pointers.set(event.pointerId, to);
		if (pointers.size === 1) {
			moved += Math.abs(to.x - from.x) + Math.abs(to.y - from.y);
			if (moved > 6) {
				if (!root.hasPointerCapture(event.pointerId)) root.setPointerCapture(event.pointerId);
				panX += to.x - from.x;
				panY += to.y - from.y;
				hold();
			}
			return;
		}
		const [a, b] = [...pointers.values()];
		const next = Math.hypot(a.x - b.x, a.y - b.y);
		if (spread > 0) zoomAt(next / spread, (a.x + b.x) / 2, (a.y + b.y) / 2);
		spread = next;
	});
	for (const name of ["pointerup", "pointercancel", "pointerleave"] as const)
		root.addEventListener(name, (event) => pointers.delete(event.pointerId));
}

export function startMap(openSite: (name: string) => void): void {
	open = openSite;
	links = svg("g", { class: "links" });
	sites = svg("g", { role: "group", "aria-label": "Sites: arrow keys go from one to the next, Enter opens" });
	world = svg("g", {}, links, sites);
	root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "xMidYMid meet" }, world);
	tip = h("div", { class: "tip", hidden: true });
	byId("map").append(root, tip);
	root.addEventListener("wheel", (event) => {
		event.preventDefault();
		const at = toMap(event);
		zoomAt(event.deltaY < 0 ? 1.2 : 1 / 1.2, at.x, at.y);
	}, { passive: false });
	byId("zoom-in").addEventListener("click", () => zoomAt(ZOOM_STEP));
	byId("zoom-out").addEventListener("click", () => zoomAt(1 / ZOOM_STEP));
	byId("zoom-reset").addEventListener("click", reset);
	drag();
	legend();
}
